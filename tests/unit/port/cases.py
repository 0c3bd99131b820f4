"""Programs that answer what they read from stdin, built with sanitizers, on csrc as it is or planted."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.canary.plant import CSRC, REPO, compiler
from tests.fuzz.programs import SANITIZERS, can_sanitize
from tests.model.segments import Answers

PARTS = ("segment.c", "merge.c", "inet.c")


def build(tmp_path: Path, csrc: Path = CSRC, *, program: str = "segment_cases", parts: tuple[str, ...] = PARTS) -> Path:
    """Compile a program of tests/c with these files of the port; with ASan and UBSan if this gcc has them."""
    kinds = ["-fsanitize=address,undefined", *SANITIZERS] if can_sanitize("gcc", "address,undefined") else []
    out = tmp_path / program
    files = [str(REPO / f"tests/c/{program}.c"), *(str(csrc / "port" / name) for name in parts)]
    command = [compiler(), "-std=gnu11", "-O1", *kinds, "-I", str(csrc), "-o", str(out), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def ask(program: Path, records: list[bytes]) -> Answers:
    """Its answers to these; an AssertionError with what it said if it failed."""
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([str(program)], input=b"".join(records), capture_output=True, check=False, env=env)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    return Answers(done.stdout)
