"""Why this exists: the C programs under tests/c, run with a limit and with what they said; and on which core.

The tests of this folder look at csrc/ of this checkout, or at the tree that PYSEC_CSRC names: one that somebody is at
work on, without the tests being there.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tests.canary import plant

PROGRAMS = plant.REPO / "tests/c"
CSRC = Path(os.environ.get("PYSEC_CSRC") or plant.CSRC).resolve()
FOLDERS = ("base", "gcm")


def implementations() -> list[str]:
    """The name of every implementation that the sources define, whether this machine can run it or not. Read from the
    text, since the tests' parameters must be known before anything is compiled."""
    found = {
        name: None
        for path in sorted((CSRC / "gcm").glob("*.[ch]"))
        for name in re.findall(r'\.name = "(\w+)"', path.read_text("utf-8"))
    }
    return sorted(found, key=lambda name: (name != "portable", name))


def run_program(
    command: Sequence[str | Path], limit_s: float = 300, stdin: IO[bytes] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it; a negative returncode is the signal that ended it."""
    words = [str(word) for word in command]
    # Without what a sanitizer preloads: these programs are not built for it, or bring their own.
    env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return subprocess.run(words, stdin=stdin, capture_output=True, text=True, check=False, timeout=limit_s, env=env)
