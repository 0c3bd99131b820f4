"""Why this exists: a process that holds keys must not leave them in a core dump, or lay them open to a debugger."""

from __future__ import annotations

import contextlib
import ctypes
import resource
from typing import Final

PR_SET_DUMPABLE: Final = 4


def keep_memory_private() -> bool:
    """No core dumps of this process and its children, and no debugger of the same user; whether the system agreed."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return bool(ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
