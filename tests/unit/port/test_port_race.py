"""Ports under ThreadSanitizer and AddressSanitizer: numbers flow while keys roll, and ports are freed in full traffic.

Canaries: counters that two threads write without care, a stop that does not wait for its threads, and a burst of
which the last frame is forgotten must each be found.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.canary.plant import CSRC, RACES, SANITIZED, compile_program, plant

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).with_name("port_race.c")


def build(tmp_path: Path, csrc: Path, sanitizer: str) -> Path:
    """Compile the program with the whole core."""
    out = tmp_path / f"race-{sanitizer.split(',', maxsplit=1)[0]}"
    try:
        return compile_program(csrc, PROGRAM, out, RACES if sanitizer == "thread" else SANITIZED)
    except AssertionError as error:
        if "cannot find" not in str(error):
            raise
        pytest.skip(f"this gcc has no {sanitizer} sanitizer")


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it where ThreadSanitizer can place its shadow memory."""
    prefix = ["setarch", "-R"] if shutil.which("setarch") else []
    done = subprocess.run([*prefix, str(program), *arguments], capture_output=True, text=True, timeout=60, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("ThreadSanitizer does not run in this address space")
    return done


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_ports_in_full_traffic(tmp_path: Path, sanitizer: str) -> None:
    program = build(tmp_path, CSRC, sanitizer)
    for arguments in ((), ("hasty",)):
        done = run(program, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "runtime error" not in done.stderr


BARE = "tally->frames_in++;"
FAULTS = {
    "a burst forgets its last frame": [("port/burst.c", "        next += done;", "        next += done + (done > 3);")],
    "a stop does not wait": [("port/port.c", "        wake_and_join(port, 2);", "        wake_and_join(port, 1);")],
    "counters without care": [
        ("port/tally.h", "    _Atomic uint64_t frames_in;", "    uint64_t frames_in;"),
        ("port/port.c", "tally_get(&tally->frames_in);", "tally->frames_in;"),
        ("port/burst.c", "{\n            tally_add(&tally->frames_in, 1);", "{\n            " + BARE),
        ("port/burst.c", "\n\n    tally_add(&tally->frames_in, 1);", "\n\n    " + BARE),
    ],
}


@pytest.mark.soak
@pytest.mark.parametrize("fault", FAULTS)
def test_canary(tmp_path: Path, fault: str) -> None:
    for file, old, new in FAULTS[fault]:
        csrc = plant(tmp_path, file, old, new)
    program = build(tmp_path, csrc, "thread")
    assert found(program) or found(program, "hasty"), "the planted fault was not found"


def found(program: Path, *arguments: str) -> bool:
    """Whether the program failed, or never came to an end."""
    try:
        return run(program, *arguments).returncode != 0
    except subprocess.TimeoutExpired:
        return True
