"""On arm64 the portable implementation is the one: it is compiled for that machine and run there, under qemu."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.canary.plant import CSRC, compile_program, compiler
from tests.unit.gcm.driver import FOLDERS
from tests.unit.gcm.programs import PROGRAMS, run_program

CC = "aarch64-linux-gnu-gcc"
SYSROOT = Path("/usr/aarch64-linux-gnu")
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wvla", "-Wstrict-prototypes", "-Werror")


@pytest.mark.slow
@pytest.mark.parametrize("program", ["gcm_kat", "gcm_guard"])
def test_it_answers_right_on_arm64(tmp_path: Path, program: str) -> None:
    compiler(CC)
    qemu = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if qemu is None:
        pytest.skip("qemu-aarch64 is not installed")
    if not (SYSROOT / "lib").is_dir():
        pytest.skip("no arm64 C library under /usr/aarch64-linux-gnu")
    main = PROGRAMS / f"{program}.c"
    built = compile_program(CSRC, main, tmp_path / program, WARNINGS, folders=FOLDERS, cc=CC, machine="aarch64")
    done = run_program([qemu, "-L", SYSROOT, built])
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    assert "portable: " in done.stdout
