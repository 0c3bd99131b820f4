"""Why this exists: tests run the fuzz targets too, with libFuzzer or without, on csrc as it is or planted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.canary.objects import compiler
from tests.canary.plant import LINES, SANITIZED, compile_program

HERE = Path(__file__).resolve().parent
TARGETS = ("sectag", "validate", "segment")
SANITIZERS = ("-O1", "-fno-sanitize-recover=all", *LINES)


def make_corpus(folder: Path) -> Path:
    """Write the start corpus of all targets; returns its folder."""
    subprocess.run([sys.executable, str(HERE / "make_corpus.py"), str(folder)], check=True, capture_output=True)
    return folder


@cache
def can_sanitize(cc: str, kinds: str) -> bool:
    """Whether a compiler can link a program with these sanitizers."""
    text = "int LLVMFuzzerTestOneInput(const char *p, unsigned long n) { return !p && n; }\n"
    text += "" if "fuzzer" in kinds else "int main(void) { return 0; }\n"
    command = [compiler(cc), f"-fsanitize={kinds}", "-x", "c", "-", "-o", os.devnull]
    return subprocess.run(command, input=text, text=True, capture_output=True, check=False).returncode == 0


def build(csrc: Path, target: str, out: Path) -> Path:
    """A target that runs over the files it is given, with AddressSanitizer and UBSan if gcc has them."""
    flags = SANITIZED if can_sanitize("gcc", "address,undefined") else ("-O1", *LINES)
    return compile_program(csrc, HERE / f"fuzz_{target}.c", out, flags, main_flags=["-DPYSEC_STANDALONE"])


def build_fuzzer(csrc: Path, target: str, out: Path) -> Path:
    """A target with libFuzzer, or a skip with the reason."""
    kinds = "fuzzer,address,undefined"
    if not can_sanitize("clang", kinds):
        pytest.skip("this clang has no libFuzzer (libclang-rt-dev)")
    return compile_program(csrc, HERE / f"fuzz_{target}.c", out, [f"-fsanitize={kinds}", *SANITIZERS], cc="clang")


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a target, its verdicts listed at the end."""
    env = {**os.environ, "PYSEC_FUZZ_VERDICTS": "1", "ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=4"}
    return subprocess.run(command, capture_output=True, text=True, errors="replace", env=env, check=False)


def verdicts(output: str) -> dict[str, int]:
    """How often each verdict was given in a run."""
    return {name: int(count) for name, count in re.findall(r"^verdict (\S+) (\d+)$", output, re.M)}
