"""Every implementation against OpenSSL (and so against every other): SP 800-38D 7.1 (seal) and SP 800-38D 7.2 (open).

suites.py says which bursts, gcm_cases.c runs them. By hand, on one implementation, from a tree of one's own:

    PYSEC_CSRC=/path/to/csrc .venv/bin/python -m pytest tests/unit/gcm -k vaes512
    PYSEC_CSRC=/path/to/csrc .venv/bin/python -m pytest tests/unit/gcm/test_gcm_cases.py -k 'vaes512 and size_classes'

or without pytest, as when a debugger is wanted (the suites are the functions of suites.py; `sample` is short):

    .venv/bin/python -m tests.unit.gcm.test_gcm_cases size_classes >cases
    gcc -O3 -g -Icsrc -pthread -o gcm_cases tests/c/gcm_cases.c csrc/base/*.c csrc/gcm/[!a]*.c
    ./gcm_cases vaes512 <cases
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.canary.plant import SANITIZED, compile_program
from tests.unit.gcm import arm64, suites
from tests.unit.gcm.cases import Cases
from tests.unit.gcm.driver import Library
from tests.unit.gcm.programs import CSRC, FOLDERS, PROGRAMS, implementations, run_program

Suite = Callable[[Cases], None]
CasesOf = Callable[[Suite], Path]


def run_cases(command: list[str | Path], cases: Path) -> str:
    """Give a program a file of cases, and return its last line if nothing was wrong."""
    with cases.open("rb") as stdin:
        done = run_program(command, stdin=stdin)
    said = f"exit status {done.returncode}\n{done.stdout}{done.stderr[-3000:]}"
    assert done.returncode == 0, said
    last = done.stdout.splitlines()[-1]
    assert last.startswith("ok: "), said
    return last


# Thousands of messages each; `make check` has the others.
MANY = (suites.burst_sizes, suites.random_bursts, suites.data_lengths)


@pytest.mark.parametrize(
    "suite",
    [pytest.param(suite, id=suite.__name__, marks=[pytest.mark.slow] * (suite in MANY)) for suite in suites.SUITES],
)
def test_suite(gcm_cases: Path, cases_of: CasesOf, name: str, suite: Suite) -> None:
    assert run_cases([gcm_cases, name], cases_of(suite)).endswith(f" octets: {name}")


@pytest.mark.soak
@pytest.mark.parametrize("suite", suites.SOAKS, ids=lambda suite: suite.__name__)
def test_long_suite(gcm_cases: Path, cases_of: CasesOf, name: str, suite: Suite) -> None:
    assert run_cases([gcm_cases, name], cases_of(suite)).endswith(f" octets: {name}")


def test_no_implementation_is_forgotten(library: Library) -> None:
    """The parameters of these tests are read from the text of the sources; here is what the build holds."""
    assert set(library.statuses()) <= set(implementations())


@pytest.mark.parametrize("cc", ["gcc", pytest.param("clang", marks=pytest.mark.soak)])
def test_a_sample_with_sanitizers(tmp_path: Path, cases_of: CasesOf, name: str, cc: str) -> None:
    main = PROGRAMS / "gcm_cases.c"
    flags = SANITIZED if cc == "gcc" else (*SANITIZED, "-O0")  # which clang compiles in half the time
    program = compile_program(CSRC, main, tmp_path / "sanitized", flags, folders=FOLDERS, cc=cc)
    run_cases([program, name], cases_of(suites.sample))


@pytest.mark.slow
@pytest.mark.parametrize("here", implementations())
def test_a_sample_on_arm64(tmp_path: Path, cases_of: CasesOf, here: str) -> None:
    """Under qemu, whatever that build offers. The cases, and what must come of them, are the same as here."""
    command = [*arm64.qemu(), arm64.build(CSRC, "gcm_cases", tmp_path / "gcm_cases")]
    found = dict(line.split("\t") for line in run_program([*command, "--list"]).stdout.splitlines())
    assert "portable" in found
    if found.get(here, "") != "usable" and "known answers" not in found.get(here, ""):
        pytest.skip(f"{here} on arm64: {found.get(here, 'not in that build')}")
    run_cases([*command, here], cases_of(suites.sample))


@pytest.mark.slow
def test_a_sample_under_valgrind(gcm_cases: Path, cases_of: CasesOf, name: str) -> None:
    """No octet is read that was not written, whatever memory holds: what a page's end or a sanitizer cannot show."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        pytest.skip("valgrind is not installed")
    command = [valgrind, "-q", "--error-exitcode=99", gcm_cases]
    found = dict(line.split("\t") for line in run_program([*command, "--list"]).stdout.splitlines())
    if found.get(name) != "usable":
        pytest.skip(f"{name} cannot run under valgrind: {found.get(name)}")
    run_cases([*command, name], cases_of(suites.sample))


def test_each_length_is_there(tmp_path: Path) -> None:
    """What data_lengths and aad_lengths say of themselves."""

    class Lengths(Cases):
        def burst(self, lengths: list[tuple[int, int]], *args: object, **more: object) -> None:  # type: ignore[override]
            seen[self.num_messages] |= set(lengths)

        def key(self, key: bytes | int) -> None:
            assert isinstance(key, int)
            self.num_messages = key

    every = set(range(9301))
    with (tmp_path / "none").open("wb") as out:
        for suite, part in ((suites.data_lengths, 1), (suites.aad_lengths, 0)):
            seen: dict[int, set[tuple[int, int]]] = {16: set(), 32: set()}
            suite(Lengths(out, 1))
            for lengths in seen.values():
                assert {message[part] for message in lengths} >= every


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"X", "no such record"),
        (b"P\x10\0\0\0short", "ends in the middle"),
        (b"K\x18\0\0\0" + bytes(24), "neither 16 nor 32"),
        (b"P\0\0\0\0B\1\0\0\0" + bytes(8 + 32 + 16), "before any key"),
        (b"B\1\0\0\0" + bytes(8 + 32 + 16), "before any pool"),
        (b"P\0\0\0\0K\x10\0\0\0" + bytes(16) + b"B\1\0\0\0" + bytes(12) + b"\1" + bytes(35), "beyond the pool"),
        (b"P\0\0\0\0K\x10\0\0\0" + bytes(16) + b"B\0\0\0\0" + bytes(8), "cannot be"),
    ],
)
def test_what_is_no_case_is_refused(gcm_cases: Path, tmp_path: Path, stream: bytes, said: str) -> None:
    (tmp_path / "cases").write_bytes(stream)
    with (tmp_path / "cases").open("rb") as stdin:
        done = run_program([gcm_cases], stdin=stdin)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_name_that_cannot_be_had_is_told(gcm_cases: Path) -> None:
    done = run_program([gcm_cases, "no such"])
    assert done.returncode == 77
    assert "no such: not in this build" in done.stderr


if __name__ == "__main__":
    getattr(suites, sys.argv[1])(Cases(sys.stdout.buffer, seed=1))
