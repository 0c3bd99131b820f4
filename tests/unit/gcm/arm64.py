"""Why this exists: csrc/gcm compiled for arm64 and run under qemu, for want of such a machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.canary.plant import CFLAGS, compile_program, compiler
from tests.unit.gcm.programs import FOLDERS, PROGRAMS, run_program

GCC = "aarch64-linux-gnu-gcc"
SYSROOT = Path("/usr/aarch64-linux-gnu")
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wvla", "-Wstrict-prototypes", "-Werror")
COMPILERS = ("gcc", "clang")
SECRETS = range(6)  # numbers for gcm_secrets.c


def qemu() -> list[str | Path]:
    """The words in front of a program, or a skip that says what is missing."""
    found = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if found is None:
        pytest.skip("qemu-aarch64 is not installed")
    if not (SYSROOT / "lib").is_dir():
        pytest.skip("no arm64 C library under /usr/aarch64-linux-gnu")
    return [found, "-L", SYSROOT]


def build(
    csrc: Path,
    program: str,
    out: Path,
    flags: Sequence[str] = (),
    *,
    main_flags: Sequence[str] = (),
    cc: str = "gcc",
) -> Path:
    """A program of tests/c for arm64, by either compiler. clang takes the headers and the linker of gcc's."""
    compiler(GCC)
    main = PROGRAMS / f"{program}.c"
    if cc == "clang":
        flags, cc = ("--target=aarch64-linux-gnu", *flags), compiler("clang")
    else:
        flags, cc = (*WARNINGS, *flags), GCC
    return compile_program(csrc, main, out, flags, main_flags=main_flags, folders=FOLDERS, cc=cc, machine="aarch64")


def traces(csrc: Path, name: str, folder: Path, flags: Sequence[str] = (), *, cc: str = "gcc") -> list[bytes]:
    """What gcm_secrets.c executed and touched, for each number of SECRETS (qemu_trace.c has the format)."""
    command = qemu()
    program = build(csrc, "gcm_secrets", folder / "secrets", flags, cc=cc)
    plugin, out = folder / "trace.so", folder / "trace"
    source = PROGRAMS / "qemu_trace.c"
    subprocess.run([compiler(), *CFLAGS, *WARNINGS, "-shared", "-o", plugin, source], check=True)
    found = []
    for number in SECRETS:
        done = run_program([*command, "-plugin", f"{plugin},out={out}", program, name, str(number)])
        said = done.stdout + done.stderr
        if done.returncode == 1 and "plugin" in said:
            pytest.skip(f"this qemu does not take the plugin: {said.strip()}")
        assert done.returncode == 0, f"exit status {done.returncode}\n{said}"
        found.append(out.read_bytes())
    return found


def first_difference(one: bytes, other: bytes) -> str | None:
    """Where two traces part: the last instruction that both executed. None if they are the same."""
    if one == other:
        return None
    words = [memoryview(trace).cast("Q") for trace in (one, other)]
    shortest = min(map(len, words))
    at = next((i for i in range(shortest) if words[0][i] != words[1][i]), shortest)
    last = next(word for word in reversed(words[0][:at]) if not word >> 63)
    return f"entry {at}: the runs part behind the instruction at {last:#x}"
