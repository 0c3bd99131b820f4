"""Why this exists: compiling the kernels of AES-GCM is most of what the tests cost, so nothing is compiled twice.

An object lies under a digest of all that it was made from: the compiler and its version, the flags, the file, and
every header of the tree that it includes. So a planted fault costs the files that it touches and no others; and suites,
workers of one run, and runs one after the other share what they have in common.

They lie in build/objects, or in the folder that PYSEC_OBJECTS names. What has not been asked for in KEPT_S is thrown
out, and, beyond MOST_OCTETS, what was asked for longest ago.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
KEPT_S = 14 * 86400
MOST_OCTETS = 1 << 30
IN_USE_S = 3600  # nobody's object is thrown out between its making and its linking


def folder() -> Path:
    """Where objects lie."""
    return Path(os.environ.get("PYSEC_OBJECTS") or REPO / "build" / "objects")


def compiler(name: str = "gcc") -> str:
    """The compiler, or a skip that names it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(command: list[str], cwd: Path) -> None:
    """Run a compiler or a linker. What `make sanitize` preloads into its tests is not for them."""
    env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


@cache
def version(path: str) -> str:
    """What a compiler says of itself, and for which machine it compiles."""
    words = ("--version", "-dumpmachine")
    said = [subprocess.run([path, word], capture_output=True, text=True, check=True).stdout for word in words]
    return "".join([path, *said])


def made_from(csrc: Path, path: Path) -> list[Path]:
    """A C file, and every header of the tree that it includes, directly or not."""
    found, open_ends = [path], [path]
    while open_ends:
        here = open_ends.pop()
        for name in re.findall(rb'^\s*#\s*include\s+"([^"]+)"', here.read_bytes(), re.M):
            for header in (here.parent / name.decode(), csrc / name.decode()):
                if header.is_file():
                    if (header := header.resolve()) not in found:
                        found.append(header)
                        open_ends.append(header)
                    break
    return sorted(found)


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """One compiler for one object, whoever else wants it: they wait, and take it."""
    with (folder() / f"{name[:2]}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def compile_one(csrc: Path, path: Path, flags: list[str], cc: str) -> Path:
    """The object of a C file, made unless it is there."""
    digest = hashlib.sha256("\0".join([version(compiler(cc)), *flags, path.name]).encode())
    for file in made_from(csrc, path):
        # A program of the tests is the same one whichever tree it is compiled with.
        name = file.relative_to(csrc) if file.is_relative_to(csrc) else file.name
        digest.update(f"{name} {file.stat().st_size} ".encode() + file.read_bytes())
    out = folder() / f"{digest.hexdigest()}.o"
    with _alone(out.name):
        if out.exists():
            os.utime(out)
            return out
        part = out.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        try:
            run([compiler(cc), *flags, f"-I{csrc}", "-c", "-o", str(part), str(path)], csrc)
            part.rename(out)
        finally:
            part.unlink(missing_ok=True)
    return out


def compile_all(csrc: Path, files: list[Path], flags: list[str], cc: str) -> list[str]:
    """The object of each file, in the order of the files; the largest are begun with."""
    csrc = csrc.resolve()
    folder().mkdir(parents=True, exist_ok=True)
    _tidy_once()
    paths = [path.resolve() for path in files]
    largest_first = sorted(paths, key=lambda path: -sum(file.stat().st_size for file in made_from(csrc, path)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = dict(
            zip(largest_first, pool.map(lambda path: compile_one(csrc, path, flags, cc), largest_first), strict=True)
        )
    return [str(objects[path]) for path in paths]


@cache
def _tidy_once() -> None:
    tidy(folder(), time.time())


def tidy(where: Path, now: float) -> None:
    """Throw out what nobody has asked for in a long time, and what is too much."""
    left = []
    for path in where.iterdir():
        with contextlib.suppress(OSError):
            if path.suffix != ".lock":
                status = path.stat()
                left.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in left)
    for used, size, path in sorted(left):
        age = now - used
        if age > KEPT_S or (total > MOST_OCTETS and age > IN_USE_S):
            path.unlink(missing_ok=True)
            total -= size
