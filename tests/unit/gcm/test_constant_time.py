"""No branch and no address depends on a secret, in any implementation.

The key and the plaintext are poisoned, and whatever depends on them is reported (tests/c/gcm_ct.c says how). Set-up,
sealing, opening and AES on one block are covered, on good tags and on bad ones, in mixed bursts and in runs of one
size, with the code that each compiler makes: a compiler may turn a mask into a branch.

Two watch. Valgrind's memcheck does where it knows the instructions: portable and aesni. It knows none beyond AVX2, so
taint.py follows the others, step by step on the CPU itself, and aesni once more, so that the two can be compared. It
also tells which instructions no step has met. What neither can see is an instruction whose time depends on its
operands; the only candidates here are multiplications, for which portable.c says where it holds.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.canary.plant import LINES, compile_program
from tests.unit.gcm import paths
from tests.unit.gcm.programs import CSRC, FOLDERS, PROGRAMS, implementations, run_program
from tests.unit.gcm.taint import Taint, iced

PROOF = ("-DPYSEC_CONSTANT_TIME_PROOF", *LINES)
FOUND = 99
BOTH = ["gcc", pytest.param("clang", marks=pytest.mark.soak)]
# How valgrind sees a CPU: without VAES and AVX-512. A step costs some 20 us where a trap leaves the virtual machine.
VALGRIND_KNOWS = ("portable", "aesni", "arm64")
STEPPED = [name for name in implementations() if name not in {"portable", "arm64"}]
SLICE, MOST = "12", 0.85
# The kernels for bursts are made anew for each number of blocks and vectors; gcm_ct.c calls for most of these copies.
MOST_OF_BURSTS = 0.75


def prove(csrc: Path, name: str, out: Path, *, cc: str = "gcc", flags: tuple[str, ...] = ()) -> tuple[int, str]:
    """Run memcheck's proof on a tree: exit status (0 held, FOUND if it reported anything) and what was said."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        pytest.skip("valgrind is not installed")
    program = compile_program(csrc, PROGRAMS / "gcm_ct.c", out, [*PROOF, *flags], folders=FOLDERS, cc=cc)
    command = [valgrind, "-q", f"--error-exitcode={FOUND}", "--error-limit=no", "--undef-value-errors=yes"]
    done = run_program([*command, str(program), name])
    said = done.stdout + done.stderr
    if done.returncode == 2 and "no such implementation here" in said:
        pytest.skip(f"{name} cannot run under valgrind on this machine")
    return done.returncode, said


def follow(program: Path, *arguments: str) -> tuple[Taint, int, str]:
    """Run a program of steps.h and follow its steps; with its exit status and what it said."""
    if iced is None:
        pytest.skip("the package iced-x86 is not installed")
    if platform.machine() not in {"x86_64", "AMD64"}:
        pytest.skip("steps are taken on x86-64")
    taint = Taint(program)
    command = [str(program), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        taint.follow(running.stdout)
        said = running.stderr.read().decode()
    return taint, running.returncode, said


def step_through(
    csrc: Path, name: str, out: Path, *, cc: str = "gcc", flags: tuple[str, ...] = (), every: str = SLICE
) -> Taint:
    """Run taint.py's proof on a tree."""
    program = compile_program(
        csrc,
        PROGRAMS / "gcm_ct.c",
        out,
        [*PROOF, *flags],
        main_flags=["-DPYSEC_STEPS"],
        link_flags=["-static", "-no-pie"],
        folders=FOLDERS,
        cc=cc,
    )
    taint, status, said = follow(program, name, every)
    if status == 2 and "no such implementation here" in said:
        pytest.skip(f"{name} cannot run on this machine")
    assert status == 0, said
    assert taint.num_steps > 10_000, "the steps were not written down"
    return taint


@pytest.mark.slow
@pytest.mark.parametrize("name", VALGRIND_KNOWS)
@pytest.mark.parametrize("cc", BOTH)
def test_nothing_depends_on_a_secret(tmp_path: Path, name: str, cc: str) -> None:
    status, said = prove(CSRC, name, tmp_path / "proof", cc=cc)
    assert status == 0, said
    assert f"{name}: expanded, sealed and opened with secrets poisoned; 0 reports" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in STEPPED if name not in VALGRIND_KNOWS])
def test_no_step_depends_on_a_secret(tmp_path: Path, name: str) -> None:
    taint = step_through(CSRC, name, tmp_path / "proof")
    assert not taint.reports, taint.said()


@pytest.mark.soak
@pytest.mark.parametrize("name", STEPPED)
@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_no_step_of_any_depends_on_a_secret(tmp_path: Path, name: str, cc: str) -> None:
    """Every burst; and few instructions are left that no step has met."""
    taint = step_through(CSRC, name, tmp_path / "proof", cc=cc, every="1")
    assert not taint.reports, taint.said()
    num, missed = paths.not_taken(taint.program, [f"x86_{name}.c"], taint.decoder.steps)
    assert num > 1000
    most = MOST_OF_BURSTS if name.startswith(("vaes", "zen")) else MOST
    assert sum(missed.values()) < (1 - most) * num, f"of {num} instructions were not met, by function: {missed}"
