"""Why this exists: to time the core without Python in the loop, C has to do it; Python only says what and when.

Compiles bench/c/secy_bench.c with the core, with the flags of build.py, and talks to it over a pipe.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path

from bench.rows import Row
from bench.timing import Sample
from pysec.errors import DriverError
from pysec.types import CipherSuite

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "build" / "bench"


def _load_builder() -> tuple[list[str], list[str]]:
    spec = importlib.util.spec_from_file_location("pysec_build", ROOT / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    extra = os.environ.get("PYSEC_CFLAGS", "").split()
    return [*module.CFLAGS, *extra], list(module.sources())


CFLAGS, SOURCES = _load_builder()


def compiler() -> list[str]:
    """The C compiler: CC, or the one that Python was built with, or cc."""
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    pythons = str(sysconfig.get_config_var("CC") or "cc").split()[0]
    return [pythons if shutil.which(pythons) else "cc"]


def build() -> Path:
    """Compile the harness unless it was, from the same sources with the same flags (DriverError)."""
    sources = [ROOT / "bench" / "c" / "secy_bench.c", *(ROOT / source for source in SOURCES)]
    headers = sorted((ROOT / "csrc").rglob("*.h"))
    digest = hashlib.sha256(repr((compiler(), CFLAGS)).encode())
    for path in [*sources, *headers]:
        digest.update(path.name.encode() + path.read_bytes())
    program = BUILT / f"secy_bench-{digest.hexdigest()[:16]}"
    if program.exists():
        return program
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT) as folder:
        fresh = Path(folder) / "secy_bench"
        files = [str(path) for path in sources]
        command = [*compiler(), *CFLAGS, "-I", str(ROOT / "csrc"), *files, "-pthread", "-o", str(fresh)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DriverError(f"the bench's C harness does not compile: {done.stderr.strip()[-2000:]}")
        fresh.rename(program)
    for old in BUILT.glob("secy_bench-*"):
        if old != program:
            old.unlink(missing_ok=True)
    return program


class Harness:
    """The running program."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([build()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, line: str) -> list[str]:
        """One command, and the words of its answer (DriverError)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        word, _, rest = self._process.stdout.readline().strip().partition(" ")
        if word != "ok":
            raise DriverError(f"the bench's C harness: {rest or 'it ended'}, when asked to {line!r}")
        return rest.split()

    def close(self) -> None:
        """End the program."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


class CCase:
    """The SecY, called from C."""

    def __init__(self, harness: Harness, row: Row, suite: CipherSuite, impl: str | None) -> None:
        number = list(CipherSuite).index(suite)
        answer = harness.ask(f"open {row.op} {number} {row.frame_octets} {row.burst} {row.scs} {impl or '-'}")
        self.row = row
        self._harness, self._id, row.impl = harness, answer[0], answer[1]

    def sample(self, at_least_ns: int) -> Sample:
        """Work until so much time was spent in what is timed."""
        ns, frames, ghz = self._harness.ask(f"sample {self._id} {at_least_ns}")
        return Sample(int(ns), int(frames), float(ghz) or None)

    def close(self) -> None:
        """Free what the case holds."""
        self._harness.ask(f"close {self._id}")
