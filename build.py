"""The cffi builder: pyproject.toml has setuptools run `ffibuilder` from here.

API mode and the stable ABI: the result is one abi3 module, `pysec._native`, that any CPython from 3.11 on loads.
Declarations come from the public C headers themselves (between their CFFI marks), so they cannot drift apart.
Nothing is linked but libc: gcc and the Python headers are all that a build needs.
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parent
CSRC = ROOT / "csrc"
HEADERS = ("pysec.h", "pysec_port.h")
CPUS = {"x86": ("x86_64", "AMD64"), "arm64": ("aarch64", "arm64")}  # the machines for which files of that name are
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wvla", "-Wstrict-prototypes", "-Wno-unused-parameter"]
CFLAGS = ["-std=gnu11", "-O3", "-fvisibility=hidden", "-fno-strict-aliasing", "-fstack-protector-strong"]


def declarations() -> str:
    """What lies between the CFFI marks of the public headers."""
    found = []
    for name in HEADERS:
        path = CSRC / name
        if path.exists():
            found += re.findall(r"/\* CFFI BEGIN \*/(.*?)/\* CFFI END \*/", path.read_text("utf-8"), re.S)
    return "\n".join(found)


def sources() -> list[str]:
    """Every C file of the core, relative to the project's root, as setuptools wants it."""
    machine = os.environ.get("PYSEC_MACHINE", platform.machine())
    foreign = tuple(name for name, machines in CPUS.items() if machine not in machines)
    found = (p.relative_to(ROOT).as_posix() for p in CSRC.rglob("*.c"))
    return sorted(p for p in found if not Path(p).name.startswith(foreign))


ffibuilder = FFI()
ffibuilder.cdef(declarations())
ffibuilder.set_source(
    "pysec._native",
    "\n".join(f'#include "{name}"' for name in HEADERS if (CSRC / name).exists()),
    sources=sources(),
    include_dirs=[str(CSRC.relative_to(ROOT)) if Path.cwd() == ROOT else str(CSRC)],
    # Python's own flags ask for debugging information, which is half the work on the kernels, and most of the module.
    extra_compile_args=[*CFLAGS, *WARNINGS, "-g0", *os.environ.get("PYSEC_CFLAGS", "").split()],
    extra_link_args=["-pthread", *os.environ.get("PYSEC_LDFLAGS", "").split()],
    py_limited_api=True,
    define_macros=[("Py_LIMITED_API", "0x030B0000")],
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
