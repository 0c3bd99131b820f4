"""Why this exists: what every test may rely on, and what the run says about itself at its end.

- `vectors_dir`, `repo_root`: where data lies; a test that needs vectors skips, with the reason, without them.
- `root`: such tests skip, with the reason, where there is no root, no namespace or no TAP device.
- hypothesis without a deadline: no test here asserts a time.
- test modules are known by their whole path, so that tests/unit and tests/property may both have a test_replay.py.
- `--require-native PATH`: the run stops at once unless the compiled module lies under PATH; `--require-symbol` names
  a symbol that it must hold (`make sanitize` asks for one of AddressSanitizer's).
- the seconds of each suite, in front of pytest's closing line.
- several workers (pytest-xdist): workers.py says which tests one of them must do.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
import pytest

REPO = Path(__file__).resolve().parent.parent
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from tests.workers import is_early, make_scheduler  # noqa: E402 - where the line above leads

hypothesis.settings.register_profile("pysec", deadline=None, derandomize=True, print_blob=True, database=None)
hypothesis.settings.load_profile("pysec")

_seconds: Counter[str] = Counter()
_tests: Counter[str] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our two options."""
    parser.addoption("--require-native", metavar="PATH", help="stop unless pysec._native was loaded from below PATH")
    parser.addoption("--require-symbol", metavar="NAME", help="and unless this name stands in it")


def native_fault(below: Path, symbol: str | None) -> str | None:
    """What is wrong with the compiled module that this Python would load; None if it is the one wanted."""
    try:
        spec = importlib.util.find_spec("pysec._native")
    except ImportError as error:
        return f"pysec cannot be imported: {error}"
    if spec is None or spec.origin is None:
        return "pysec._native is not there"
    origin = Path(spec.origin).resolve()
    if not origin.is_relative_to(below.resolve()):
        return f"pysec._native would come from {origin.parent}, not from below {below}"
    if symbol and symbol.encode() not in origin.read_bytes():
        return f"pysec._native is not the build asked for: {symbol} is not in it"
    try:
        importlib.import_module("pysec._native")
    except ImportError as error:
        return f"pysec._native does not load: {error}"
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks that pyproject.toml does not, and refuse the wrong build."""
    config.option.importmode = "importlib"
    config.addinivalue_line("markers", "soak: proofs by repetition; left to make soak and a slice in CI")
    config.addinivalue_line("markers", "target: a canary that its own make target runs first; make test leaves it out")
    config.addinivalue_line("markers", "interop: real peers in a guest; left to make interop and a slice in CI")
    config.addinivalue_line("markers", "slice: the few interop tests that the gate runs")
    config.addinivalue_line("markers", "frame: of the project's build and repository, not of the code it ships")
    below = config.getoption("--require-native")
    if below:
        fault = native_fault(Path(below), config.getoption("--require-symbol"))
        if fault:
            raise pytest.UsageError(fault)


def no_root_reason() -> str | None:
    """Why tests with namespaces cannot run here; None if they can."""
    if os.geteuid() != 0:
        return "needs root"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "needs /dev/net/tun"
    try:
        made = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return "needs unshare (util-linux)"
    return None if made else "needs network namespaces, which this system refuses"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whichever --dist is asked for."""
    return make_scheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests come first. Skip what needs root where there is none."""
    items.sort(key=lambda item: not is_early(item.nodeid))
    rooted = [item for item in items if item.get_closest_marker("root")]
    reason = no_root_reason() if rooted else None
    if reason:
        for item in rooted:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add a test's time to its suite: the folder under tests/, or the top folder elsewhere."""
    parts = Path(report.nodeid.split("::")[0]).parts
    suite = parts[1] if len(parts) > 2 and parts[0] == "tests" else parts[0]
    _seconds[suite] += report.duration
    _tests[suite] += report.when == "call"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the time of each suite."""
    if not _seconds:
        return
    terminalreporter.section("time of each suite")
    for suite, seconds in _seconds.most_common():
        terminalreporter.write_line(f"{suite:12} {_tests[suite]:6} tests {seconds:9.1f} s")


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The folder that holds pyproject.toml."""
    return REPO


@pytest.fixture(scope="session")
def vectors_dir() -> Path:
    """The folder of shared vectors: PYSEC_VECTORS, or beside the checkout."""
    given = os.environ.get("PYSEC_VECTORS")
    found = Path(given) if given else REPO.parent / "shared" / "vectors"
    if not (found / "macsec").is_dir():
        pytest.skip("no shared vectors here: name their folder in PYSEC_VECTORS")
    return found
