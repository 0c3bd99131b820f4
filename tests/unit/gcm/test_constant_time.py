"""No branch and no address depends on a secret, in the portable implementation and in the AES-NI one.

The key and the plaintext are poisoned, and valgrind's memcheck reports whatever depends on them (tests/c/gcm_ct.c says
how). Set-up, sealing, opening and AES on one block are covered, on good tags and on bad ones, with the code that each
compiler makes: a compiler may turn a mask into a branch. What memcheck cannot see is an instruction whose time
depends on its operands; the only candidates here are multiplications, for which portable.c says where it holds.

Valgrind knows no instructions beyond AVX2. For an implementation that it cannot run, read the compiled code instead:
every conditional jump of its functions tests a length or a number of rounds, every index is made from those.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.canary.plant import CSRC, compile_program
from tests.unit.gcm.driver import FOLDERS
from tests.unit.gcm.programs import PROGRAMS, run_program

PROOF = "-DPYSEC_CONSTANT_TIME_PROOF"
FOUND = 99


def prove(csrc: Path, name: str, out: Path, *, cc: str = "gcc", flags: tuple[str, ...] = ()) -> tuple[int, str]:
    """Run the proof on a tree: exit status (0 held, FOUND if memcheck reported anything) and what was said."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        pytest.skip("valgrind is not installed")
    program = compile_program(csrc, PROGRAMS / "gcm_ct.c", out, [PROOF, *flags], folders=FOLDERS, cc=cc)
    command = [valgrind, "-q", f"--error-exitcode={FOUND}", "--error-limit=no", "--undef-value-errors=yes"]
    done = run_program([*command, str(program), name])
    said = done.stdout + done.stderr
    if done.returncode == 2 and "no such implementation here" in said:
        pytest.skip(f"{name} cannot run under valgrind on this machine")
    return done.returncode, said


@pytest.mark.parametrize("name", ["portable", "aesni"])
@pytest.mark.parametrize("cc", ["gcc", pytest.param("clang", marks=pytest.mark.slow)])
def test_nothing_depends_on_a_secret(tmp_path: Path, name: str, cc: str) -> None:
    status, said = prove(CSRC, name, tmp_path / "proof", cc=cc)
    assert status == 0, said
    assert f"{name}: expanded, sealed and opened with secrets poisoned; 0 reports" in said
