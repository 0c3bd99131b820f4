"""Why this exists: a number without its machine is a rumour. The card is the first line of every results file."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from bench.harness import CFLAGS, compiler
from pysec import gcm_implementations
from pysec.dataplane import default_gcm

ROOT = Path(__file__).resolve().parent.parent

# Those that AES-GCM implementations look at, on x86 and on Arm.
FLAGS = (
    *("aes", "pclmulqdq", "ssse3", "sse4_1", "avx", "avx2", "bmi2", "vaes", "vpclmulqdq", "gfni"),
    *("avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512ifma", "avx512vbmi", "avx512_vbmi2", "hypervisor"),
    *("pmull", "sha3", "sve", "sve2", "sveaes", "svepmull"),
)


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _cpuinfo() -> dict[str, str]:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _openssl() -> str | None:
    try:
        from cryptography.hazmat.backends.openssl import backend
    except ImportError:
        return None
    return str(backend.openssl_version_text())


def machine_card() -> dict[str, Any]:
    """CPU, flags, kernel, compiler, Python, commit, date and GCM implementations."""
    cpu = _cpuinfo()
    flags = set((cpu.get("flags") or cpu.get("Features") or "").split())
    cc = compiler()
    return {
        "cpu": cpu.get("model name") or platform.processor() or platform.machine(),
        "cpu_id": "/".join(cpu.get(k, "?") for k in ("vendor_id", "cpu family", "model", "stepping")),
        "cpus": os.cpu_count(),
        "pinned_to": sorted(os.sched_getaffinity(0)),
        "flags": [flag for flag in FLAGS if flag in flags],
        "kernel": f"{platform.system()} {platform.release()}",
        "compiler": _output(*cc, "--version").partition("\n")[0],
        "cflags": " ".join(CFLAGS),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: _version(name) for name in ("numpy", "cffi", "cryptography", "scapy")},
        "openssl": _openssl(),
        "commit": _output("git", "rev-parse", "HEAD") or None,
        "dirty": bool(_output("git", "status", "--porcelain")),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "load_1min": os.getloadavg()[0],
        "impls": [impl.name for impl in gcm_implementations() if impl.why_not is None],
        "impl_default": default_gcm(),
    }
