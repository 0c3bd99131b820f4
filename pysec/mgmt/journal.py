"""Why this exists: what happens at a link is looked for months later, by machine, so it is written with its fields.

To the system's journal by its native protocol where there is one (a datagram of `NAME=value` lines to
`/run/systemd/journal/socket`), else as one JSON object a line, into a file that is kept short, or on the standard
error. Never a key: events have none.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final, TextIO

from pysec.pae import PortEvent, Source

MAX_LOG_OCTETS: Final = 1 << 20
SOCKET: Final = "/run/systemd/journal/socket"
# syslog's severities: a link that is not protected any more is a warning, a failure an error, all else is told.
_WARNING, _NOTICE, _INFO, _ERROR = 4, 5, 6, 3
_PRIORITIES: Final = {"failed": _ERROR, "closed": _WARNING, "in-clear": _WARNING, "warning": _WARNING, "gone": _WARNING}

Journal = Callable[[str, PortEvent], None]


def fields(link: str, event: PortEvent) -> dict[str, str]:
    """The journal's fields of an event."""
    priority = _INFO
    if event.source is Source.PORT:
        priority = _PRIORITIES.get(event.name, _NOTICE)
    return {
        "MESSAGE": f"{link}: {event.source.value} {event.name}: {event.reason}",
        "PRIORITY": str(priority),
        "SYSLOG_IDENTIFIER": "pysec",
        "PYSEC_LINK": link,
        "PYSEC_SOURCE": event.source.value,
        "PYSEC_EVENT": event.name,
        "PYSEC_REASON": event.reason,
    }


class SystemJournal:
    """The journal of systemd."""

    def __init__(self, path: str = SOCKET) -> None:
        """Connect (OSError if there is none)."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        self.lost = 0

    def __call__(self, link: str, event: PortEvent) -> None:
        """Write an event; one for which there is no room is lost, and counted."""
        lines = [f"{name}={' '.join(value.split())}\n" for name, value in fields(link, event).items()]
        try:
            self._socket.send("".join(lines).encode())
        except OSError:
            self.lost += 1


class _OwnFile(RotatingFileHandler):
    """A file for its owner alone, and no link to another one; so is each that follows it."""

    def _open(self) -> TextIOWrapper:
        fd = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        return open(fd, "a", encoding="utf-8")


class Lines:
    """JSON lines, for where there is no journal: into a file of at most 1 MiB, with the one before it, or a stream."""

    def __init__(self, out: TextIO | Path) -> None:
        """Open it (OSError)."""
        self._handler: logging.StreamHandler[Any]
        if isinstance(out, Path):
            self._handler = _OwnFile(out, maxBytes=MAX_LOG_OCTETS, backupCount=1)
        else:
            self._handler = logging.StreamHandler(out)

    def __call__(self, link: str, event: PortEvent) -> None:
        """Write an event; each step in the data plane is for the journal alone, which sorts by priority."""
        if event.name == "step-done":
            return
        line = json.dumps({"time": round(time.time(), 6)} | fields(link, event))
        self._handler.emit(logging.makeLogRecord({"msg": line}))


def open_journal(log: Path | None = None) -> Journal:
    """A log file if one is named, the system's journal if the system has started us under it, or the standard error."""
    if log is not None:
        return Lines(log)
    if "JOURNAL_STREAM" in os.environ:
        with contextlib.suppress(OSError):
            return SystemJournal()
    return Lines(sys.stderr)
