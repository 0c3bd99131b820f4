"""Why this exists: to time the core without Python in the loop, C has to do it; Python only says what and when.

Compiles a program of bench/c with the core, with the compiler and the flags of build.py, and talks to it over a pipe.
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
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
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


def _digest(files: Iterable[Path], *words: object) -> str:
    found = hashlib.sha256(repr((compiler(), CFLAGS, words)).encode())
    for path in files:
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _compile(what: str, *words: str | Path) -> None:
    done = subprocess.run([*compiler(), *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DriverError(f"{what} does not compile: {done.stderr.strip()[-2000:]}")


def _replace(fresh: Path, target: Path) -> Path:
    """Put a finished file into its place, and take its predecessors away."""
    fresh.rename(target)
    for old in BUILT.glob(f"{target.name.rpartition('-')[0]}-*"):
        if old != target:
            old.unlink(missing_ok=True)
    return target


def core() -> Path:
    """The core as one object, compiled unless it was, from the same sources with the same flags (DriverError)."""
    sources = [ROOT / source for source in SOURCES]
    core_object = BUILT / f"core-{_digest([*sources, *sorted((ROOT / 'csrc').rglob('*.h'))])}.o"
    if core_object.exists():
        return core_object
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT) as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = [Path(folder) / f"{number}.o" for number in range(len(sources))]
        common = [*CFLAGS, "-I", str(ROOT / "csrc"), "-c"]
        for job in [
            pool.submit(_compile, "the core", *common, source, "-o", out)
            for source, out in zip(sources, objects, strict=True)
        ]:
            job.result()
        fresh = Path(folder) / "core.o"
        _compile("the core", "-r", "-nostdlib", *objects, "-o", fresh)
        return _replace(fresh, core_object)


def build(name: str = "secy_bench", *more: str) -> Path:
    """Compile a harness of bench/c, with more files from there, and the core (DriverError)."""
    core_object, folder_c = core(), ROOT / "bench" / "c"
    sources = [folder_c / f"{stem}.c" for stem in (name, *more)]
    program = BUILT / f"{name}-{_digest([*sources, *sorted(folder_c.glob('*.h'))], core_object.name)}"
    if program.exists():
        return program
    with tempfile.TemporaryDirectory(dir=BUILT) as folder:
        fresh = Path(folder) / name
        given: list[str | Path] = [*sources, core_object, "-pthread", "-ldl", "-o", fresh]
        _compile("the bench's C harness", *CFLAGS, "-I", ROOT / "csrc", *given)
        return _replace(fresh, program)


def build_shared(name: str, source: Path, library: str) -> Path:
    """Compile a peer, a shared object that needs one library (DriverError)."""
    shared = BUILT / f"{name}-{_digest([source, *sorted((ROOT / 'bench' / 'c').glob('*.h'))], library)}.so"
    if shared.exists():
        return shared
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT) as folder:
        fresh = Path(folder) / name
        include = ["-I", str(ROOT / "csrc"), "-I", str(ROOT / "bench" / "c")]
        flags = [*CFLAGS, "-fvisibility=default", "-fPIC", "-shared"]
        _compile(name, *flags, *include, source, f"-l{library}", "-o", fresh)
        return _replace(fresh, shared)


def compiles_with(header: str, library: str) -> bool:
    """Whether a header and its library are installed, as far as the compiler can see."""
    command = [*compiler(), "-x", "c", "-", "-o", os.devnull, f"-l{library}"]
    program = f"#include <{header}>\nint main(void) {{ return 0; }}\n"
    return subprocess.run(command, input=program, capture_output=True, text=True, check=False).returncode == 0


class Harness:
    """A running program of bench/c: commands in, answers out, a line each."""

    def __init__(self, program: Path | None = None) -> None:
        command = [program or build()]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

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
