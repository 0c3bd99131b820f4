"""Both implementations that arm64 has, `arm64` and `portable`: compiled for that machine and run there, under qemu.

Constant time is shown by traces: with other keys and other plaintexts the same instructions are executed, in the same
order, on the same addresses. That is what valgrind shows of x86-64, but only for the secrets that were tried, of which
there are six, two of them all noughts and all ones; a branch that one set of secrets in a million takes goes unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.gcm import suites
from tests.unit.gcm.arm64 import COMPILERS, build, first_difference, qemu, traces
from tests.unit.gcm.cases import Cases
from tests.unit.gcm.programs import CSRC, run_program
from tests.unit.gcm.test_gcm_cases import run_cases

Suite = Callable[[Cases], None]
CasesOf = Callable[[Suite], Path]
NAMES = ("portable", "arm64")
AES, PMULL = 1 << 3, 1 << 4  # of AT_HWCAP

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.parametrize("program", ["gcm_kat", "gcm_guard"])
def test_it_answers_right(tmp_path: Path, program: str, cc: str) -> None:
    done = run_program([*qemu(), build(CSRC, program, tmp_path / program, cc=cc)])
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    said = "usable, 0 of" if program == "gcm_kat" else "messages between forbidden pages"
    lines = done.stdout.splitlines()
    assert {name for name in NAMES for line in lines if line.startswith(f"{name}: ") and said in line} == set(NAMES)


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_stays_on_the_stack(tmp_path: Path, name: str, cc: str) -> None:
    done = run_program([*qemu(), build(CSRC, "gcm_stack", tmp_path / "stack", cc=cc), name])
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_bursts(tmp_path: Path, cases_of: CasesOf, name: str, cc: str) -> None:
    program = build(CSRC, "gcm_cases", tmp_path / "cases", cc=cc)
    run_cases([*qemu(), program, name], cases_of(suites.sample))


@pytest.mark.soak
def test_every_suite_of_bursts(tmp_path: Path, cases_of: CasesOf) -> None:
    program = build(CSRC, "gcm_cases", tmp_path / "cases")
    for suite in suites.SUITES:
        run_cases([*qemu(), program, "arm64"], cases_of(suite))


@pytest.mark.parametrize("hwcap", [0, AES, PMULL, AES | PMULL])
def test_it_is_used_where_the_system_reports_both(tmp_path: Path, hwcap: int) -> None:
    """Whatever the system says, portable can be used."""
    done = run_program([*qemu(), build(CSRC, "gcm_hwcap", tmp_path / "kat", main_flags=[f"-DHWCAP={hwcap}"])])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "portable: usable, 0 of" in done.stdout
    if hwcap == AES | PMULL:
        assert "arm64: usable, 0 of" in done.stdout
    else:
        assert "arm64: this CPU has no AES or no PMULL instructions, or the system does not report them" in done.stdout


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_depends_on_a_secret(tmp_path: Path, name: str, cc: str) -> None:
    first, *others = traces(CSRC, name, tmp_path, cc=cc)
    assert len(first) > 1_000_000
    for other in others:
        assert first_difference(first, other) is None
