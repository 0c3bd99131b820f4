"""Why this exists: to start Python anew for each mistake in a command line costs a second each, and shows no more."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

from bench.__main__ import main


@contextlib.contextmanager
def as_we_were() -> Iterator[None]:
    """A bench pins its process to one CPU, and minds SIGTERM."""
    cpus, handler = os.sched_getaffinity(0), signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)
        signal.signal(signal.SIGTERM, handler)


def status(arguments: list[str]) -> int:
    """The exit status of `python -m bench`, run in this process: what would be a traceback there is raised here."""
    with as_we_were():
        try:
            return main(arguments)
        except SystemExit as end:  # argparse's
            return int(end.code or 0)
