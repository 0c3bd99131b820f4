"""Why this exists: what a kernel can do is best asked by doing it, in a namespace where it does no harm."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import Final

from pysec.errors import DriverError

CLONE_NEWNET: Final = 0x40000000


def elsewhere(attempt: Callable[[], None]) -> None:
    """Do something in a thread that has a network namespace to itself, which ends with it; what it raises is raised
    here (DriverError if the system makes no namespace)."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
                raise DriverError(f"network namespace: {os.strerror(ctypes.get_errno())}")
            attempt()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
