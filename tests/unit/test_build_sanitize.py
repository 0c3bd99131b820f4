"""The sanitised build finds what it is there to find, from Python, and is silent about the code as it is.

`make sanitize` runs this first.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.canary.plant import CSRC, plant
from tests.fuzz.programs import can_sanitize

pytestmark = [pytest.mark.frame, pytest.mark.slow, pytest.mark.target]

# A key set up, used and freed; a frame with a packet number whose highest bit is set, through validate.
SCRIPT = """
from pysec import GcmKey, Sci, SecY
key = GcmKey(bytes(16))
key.seal([b"x" * 100])
del key
with SecY(Sci(0x0200000000020001)) as secy:
    secy.validate_frame(bytes(12) + bytes.fromhex("88e50c00ffffffff") + bytes(64))
print("reached the end")
"""
PLANTED = {
    "one octet wiped too many": ("base/secret.c", "memset(p, 0, len);", "memset(p, 0, len + 1);", "AddressSanitizer"),
    "a shift into the sign": (
        "base/bytes.h",
        "return (uint32_t)p[0] << 24 |",
        "return (uint32_t)(p[0] << 24) |",
        "runtime error: left shift",
    ),
}


def run(repo: Path, csrc: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build a module from a tree and run the script with it."""
    tool = ["sh", str(repo / "tools" / "sanitize.sh")]
    built = subprocess.run([*tool, "build", str(csrc), str(folder)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    command = [*tool, "python", str(folder), "-c", SCRIPT]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def sanitizers() -> None:
    """Skip where gcc has none."""
    if not can_sanitize("gcc", "address,undefined"):
        pytest.skip("this gcc has no AddressSanitizer (libasan)")


def test_the_core_as_it_is_gives_no_report(repo_root: Path, tmp_path: Path) -> None:
    done = run(repo_root, CSRC, tmp_path)
    assert (done.returncode, done.stdout) == (0, "reached the end\n"), done.stderr


@pytest.mark.parametrize("fault", PLANTED)
def test_canary_a_planted_fault_is_found(repo_root: Path, tmp_path: Path, fault: str) -> None:
    file, old, new, report = PLANTED[fault]
    done = run(repo_root, plant(tmp_path, file, old, new), tmp_path / "built")
    assert done.returncode != 0
    assert "reached the end" not in done.stdout
    assert report in done.stderr
