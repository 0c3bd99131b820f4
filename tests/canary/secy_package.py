"""Why this exists: the comparison of core and oracle is made through Python, so its canaries need a whole package: a
copy of pysec/ with a compiled module made of a csrc/ in which a fault is planted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.canary.objects import REPO, compile_all, compiler, run
from tests.canary.plant import CFLAGS, sources


def _emit_wrapper(out: Path) -> None:
    """Write what cffi makes of the public headers."""
    script = "import sys, build; build.ffibuilder.emit_c_code(sys.argv[1])"
    run([sys.executable, "-c", script, str(out)], REPO)


def make_package(tmp_path: Path, csrc: Path) -> Path:
    """Compile csrc into a copy of the package; return the folder to put on the path."""
    home = tmp_path / "home"
    shutil.copytree(REPO / "pysec", home / "pysec", ignore=shutil.ignore_patterns("*.so", "_native.c", "__pycache__"))
    wrapper = tmp_path / "_native.c"
    _emit_wrapper(wrapper)
    flags = [*CFLAGS, "-O1", "-DPy_LIMITED_API=0x030B0000", f"-I{sysconfig.get_path('include')}"]
    objects = compile_all(csrc, sources(csrc), [*CFLAGS], "gcc") + compile_all(csrc, [wrapper], flags, "gcc")
    out = home / "pysec" / "_native.abi3.so"
    run([compiler("gcc"), "-shared", "-pthread", "-o", str(out), *objects], csrc)
    return home


def run_tests(home: Path, *selection: str) -> tuple[int, str]:
    """Run tests of this project against the package in home; the exit status of pytest and what it said."""
    command = [
        sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-c", str(REPO / "pyproject.toml"),
        "--rootdir", str(REPO), "--require-native", str(home), *(str(REPO / path) for path in selection),
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": f"{home}{os.pathsep}{REPO}", "PYSEC_HYPOTHESIS": "canary"}
    environment.pop("PYSEC_REQUIRE_SYMBOL", None)
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
