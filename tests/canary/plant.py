"""Why this exists: a proof is worth what it finds, so each is shown a copy of the core with one fault planted in it.

`plant` copies csrc/ and replaces one passage. The passage must stand there exactly once: a canary whose fault is no
longer planted would sing for ever. `compile_so` and `compile_program` turn a tree into something to run; objects.py
keeps what they compile.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pysec import gcm_implementations
from tests.canary.objects import REPO, compile_all, compiler, run

CSRC = REPO / "csrc"
CFLAGS = ("-std=gnu11", "-O3", "-fno-strict-aliasing", "-fstack-protector-strong", "-fPIC", "-pthread")
# Where a report names a line; more of it costs as much as compiling the kernels.
LINES = ("-gdwarf-4", "-g1")
# One build for all that look at the core with the sanitizers of memory, one for all that look for races. At -O1 they
# see every access.
SANITIZED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", *LINES)
RACES = ("-O1", "-fsanitize=thread", *LINES)


def plant(tmp_path: Path, file: str, old: str, new: str) -> Path:
    """Copy csrc/ below tmp_path, replace `old` by `new` in one file of it (`gcm/gcm.c`), return the copy's folder.

    A second fault goes into the same copy: `plant` again with the same tmp_path.
    """
    copy = tmp_path / "csrc"
    if not copy.exists():
        shutil.copytree(CSRC, copy, ignore=shutil.ignore_patterns("*.o", "*.so", "*.a"))
    target = copy / file
    text = target.read_text("utf-8")
    found = text.count(old)
    assert found == 1, f"the text to replace stands {found} times in csrc/{file}: {old!r}"
    target.write_text(text.replace(old, new), "utf-8")
    return copy


@cache
def idle_files() -> frozenset[str]:
    """The kernels for wide vectors whose instructions this CPU lacks; tests/c/gcm_idle.c says why it matters."""
    wide = {"vaes256", "vaes512", "zen512"}
    found = (info for info in gcm_implementations() if info.name in wide)
    return frozenset(f"x86_{info.name}.c" for info in found if (info.why_not or "").startswith("this CPU or system"))


def sources(csrc: Path, folders: Sequence[str] | None = None, machine: str | None = None) -> list[Path]:
    """The C files that build.py would compile for this machine, or those of some folders of csrc/, but for those that
    cannot run here."""
    native = {"x86_64": "x86", "AMD64": "x86", "aarch64": "arm64", "arm64": "arm64"}.get(machine or platform.machine())
    foreign = tuple({"x86", "arm64"} - {native})
    every = (path for folder in folders or (".",) for path in (csrc / folder).rglob("*.c"))
    files = sorted(path for path in every if not path.name.startswith(foreign))
    if native != "x86":
        return files
    busy = [path for path in files if path.name not in idle_files()]
    return busy if busy == files else [*busy, REPO / "tests" / "c" / "gcm_idle.c"]


def compile_so(
    csrc: Path,
    out: Path,
    extra_flags: Sequence[str] = (),
    *,
    folders: Sequence[str] | None = None,
    cc: str = "gcc",
) -> Path:
    """Compile a csrc tree (or some folders of it) to the shared library `out`, every symbol visible; return out."""
    objects = compile_all(csrc, sources(csrc, folders), [*CFLAGS, *extra_flags], cc)
    run([compiler(cc), "-shared", "-pthread", *extra_flags, "-o", str(out), *objects], csrc)
    return out


def compile_program(
    csrc: Path,
    main: Path,
    out: Path,
    extra_flags: Sequence[str] = (),
    *,
    main_flags: Sequence[str] = (),
    link_flags: Sequence[str] = (),
    folders: Sequence[str] | None = None,
    cc: str = "gcc",
    machine: str | None = None,
) -> Path:
    """Compile one C program together with a csrc tree (or some folders of it); return out.

    extra_flags are for all of it. What only the program (main_flags) or only the linker (link_flags) is told leaves
    the objects of the core to whoever else has them.
    """
    flags = [*CFLAGS, *extra_flags]
    objects = compile_all(csrc, [main], [*flags, *main_flags], cc)
    objects += compile_all(csrc, sources(csrc, folders, machine), flags, cc)
    run([compiler(cc), "-pthread", *extra_flags, *link_flags, "-o", str(out), *objects], csrc)
    return out
