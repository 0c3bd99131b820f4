"""Why this exists: a proof is worth what it finds, so each is shown a copy of the core with one fault planted in it.

`plant` copies csrc/ and replaces one passage. The passage must stand there exactly once: a canary whose fault is no
longer planted would sing for ever. `compile_so` and `compile_program` turn a tree into something to run.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
CSRC = REPO / "csrc"
CFLAGS = ("-std=gnu11", "-O3", "-fno-strict-aliasing", "-fstack-protector-strong", "-fPIC", "-pthread", "-gdwarf-4")


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


def compiler(name: str = "gcc") -> str:
    """The compiler, or a skip that names it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def sources(csrc: Path, folders: Sequence[str] | None = None, machine: str | None = None) -> list[Path]:
    """The C files that build.py would compile for this machine, or those of some folders of csrc/."""
    foreign = "arm64" if (machine or platform.machine()) in ("x86_64", "AMD64") else "x86"
    every = (path for folder in folders or (".",) for path in (csrc / folder).rglob("*.c"))
    return sorted(path for path in every if not path.stem.startswith(foreign))


def _run(command: list[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


@cache
def _objects() -> Path:
    """Where objects lie while the tests run. A planted fault changes one file; the others need no second compiling."""
    folder = Path(tempfile.mkdtemp(prefix="pysec-objects-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _compile(csrc: Path, files: list[Path], flags: list[str], cc: str) -> list[str]:
    """The object of each file. Its name is a digest of all that it was made from."""
    headers = hashlib.sha256(" ".join([cc, *flags]).encode())
    for path in sorted(csrc.rglob("*.h")):
        headers.update(f"{path.relative_to(csrc)} ".encode() + path.read_bytes())

    def one(path: Path) -> str:
        made_from = headers.copy()
        made_from.update(f"{path.name} ".encode() + path.read_bytes())
        out = _objects() / f"{made_from.hexdigest()}.o"
        if not out.exists():
            part = out.with_suffix(f".{threading.get_ident()}")
            _run([compiler(cc), *flags, f"-I{csrc}", "-c", "-o", str(part), str(path)], csrc)
            part.rename(out)
        return str(out)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, files))


def compile_so(
    csrc: Path,
    out: Path,
    extra_flags: Sequence[str] = (),
    *,
    folders: Sequence[str] | None = None,
    cc: str = "gcc",
) -> Path:
    """Compile a csrc tree (or some folders of it) to the shared library `out`, every symbol visible; return out."""
    objects = _compile(csrc, sources(csrc, folders), [*CFLAGS, *extra_flags], cc)
    _run([compiler(cc), "-shared", "-pthread", *extra_flags, "-o", str(out), *objects], csrc)
    return out


def compile_program(
    csrc: Path,
    main: Path,
    out: Path,
    extra_flags: Sequence[str] = (),
    *,
    folders: Sequence[str] | None = None,
    cc: str = "gcc",
    machine: str | None = None,
) -> Path:
    """Compile one C program together with a csrc tree (or some folders of it); return out."""
    objects = _compile(csrc, [main, *sources(csrc, folders, machine)], [*CFLAGS, *extra_flags], cc)
    _run([compiler(cc), "-pthread", *extra_flags, "-o", str(out), *objects], csrc)
    return out
