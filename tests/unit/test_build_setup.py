"""Set-up is done once: what is remembered is what the result was made from, and nothing else sets it off again."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.frame


@pytest.fixture
def setup(repo_root: Path, tmp_path: Path) -> ModuleType:
    """tools/setup.py in a tree of its own."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "csrc" / "base").mkdir(parents=True)
    (tmp_path / "csrc" / "base" / "a.c").write_text("int a;\n", "utf-8")
    for name in ("build.py", "setup.py", "pyproject.toml", "tools/setup.py"):
        shutil.copy(repo_root / name, tmp_path / name)
    spec = importlib.util.spec_from_file_location("pysec_setup", tmp_path / "tools" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHANGES: dict[str, Callable[[Path], object]] = {
    "a source": lambda root: (root / "csrc/base/a.c").write_text("int b;\n", "utf-8"),
    "a new header": lambda root: (root / "csrc/base/a.h").write_text("", "utf-8"),
    "a source renamed": lambda root: (root / "csrc/base/a.c").rename(root / "csrc/base/b.c"),
    "build.py": lambda root: (root / "build.py").write_text("", "utf-8"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_makes_the_core_anew(setup: ModuleType, change: str) -> None:
    before = setup.core_inputs()
    CHANGES[change](setup.ROOT)
    assert setup.core_inputs() != before


def test_flags_of_the_environment_make_it_anew(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    before = setup.core_inputs()
    monkeypatch.setenv("PYSEC_CFLAGS", "-DX")
    assert setup.core_inputs() != before


def test_a_time_stamp_or_a_note_does_not(setup: ModuleType) -> None:
    before = setup.core_inputs()
    os.utime(setup.ROOT / "csrc/base/a.c", (1, 1))
    (setup.ROOT / "csrc" / "notes.md").write_text("x", "utf-8")
    assert setup.core_inputs() == before


def test_testing_needs_more_than_running(setup: ModuleType) -> None:
    run, dev = set(setup.requirements("run")), set(setup.requirements("dev"))
    assert run < dev
    assert any(name.startswith("cffi") for name in run)
    assert any(name.startswith("pytest") for name in dev - run)


def test_a_damaged_stamp_counts_for_nothing(setup: ModuleType) -> None:
    setup.VENV.mkdir()
    setup.save_stamp({"core": "x"})
    assert setup.load_stamp() == {"core": "x"}
    for text in ("{", "[1]", ""):
        setup.STAMP.write_text(text, "utf-8")
        assert setup.load_stamp() == {}


def test_an_environment_of_another_place_is_not_taken(setup: ModuleType) -> None:
    assert not setup.made_here()
    (setup.VENV / "bin").mkdir(parents=True)
    (setup.VENV / "bin" / "python").symlink_to(sys.executable)
    for line, ours in ((f"command = python3 -m venv {setup.VENV}", True), ("command = python3 -m venv /tmp/x", False)):
        (setup.VENV / "pyvenv.cfg").write_text(line + "\n", "utf-8")
        assert setup.made_here() is (ours and setup.made_here())
    assert not setup.made_here()


@pytest.mark.slow
def test_an_index_that_is_not_there_ends_in_one_line(setup: ModuleType) -> None:
    env = {**os.environ, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        env.pop(name, None)
    command = [sys.executable, str(setup.ROOT / "tools" / "setup.py"), "run"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last == (
        "pysec: pip could not install what pyproject.toml names; is there a network or an index? "
        "(log: build/log/pip.log)"
    )
    assert (setup.VENV / "bin" / "python").exists()  # that part is kept
