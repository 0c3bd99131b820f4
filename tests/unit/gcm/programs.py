"""Why this exists: the C programs under tests/c, run with a limit and with what they said."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.canary.plant import REPO

PROGRAMS = REPO / "tests/c"


def run_program(command: Sequence[str | Path], limit_s: float = 300) -> subprocess.CompletedProcess[str]:
    """Run it; a negative returncode is the signal that ended it."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=limit_s)
