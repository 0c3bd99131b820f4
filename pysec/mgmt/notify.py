"""Why this exists: systemd is told when a service is ready, its state, and that it is alive (sd_notify, watchdog)."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(words: str) -> None:
    """Tell the service manager, if there is one (`READY=1`, `STATUS=...`, `WATCHDOG=1`)."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
        end.sendto(words.encode(), address)


def watchdog_s() -> float | None:
    """How often the service manager wants to hear that we live: half of its patience; None if it does not."""
    told = os.environ.get("WATCHDOG_USEC", "")
    is_ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(told) / 2e6 if told.isdecimal() and int(told) > 0 and is_ours else None
