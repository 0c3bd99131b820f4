"""Why this exists: to watch, on one's own machine, that a link protected by pysec is what it is said to be.

Two hosts, a cable between them, a listener on the cable: set up here, told in `wire_story`, and taken down here again,
however it ends. `Plant` is for the canaries: with any one fault planted, a check must fail.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysec.errors import DriverError
from pysec.lab.hosts import Lan, MemoryLan, NamespaceLan
from pysec.lab.netns import why_unavailable
from pysec.lab.report import Check, Story
from pysec.lab.wire_story import Plant, WireOptions, WireStory

__all__ = ["Plant", "WireOptions", "WireResult", "run"]


@dataclass(frozen=True, slots=True)
class WireResult:
    """What came of it."""

    mode: str  # namespaces or memory
    why_memory: str | None
    checks: tuple[Check, ...]
    traffic: dict[str, float]
    counters: dict[str, dict[str, int]]

    @property
    def ok(self) -> bool:
        """Whether every claim held."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "ok": self.ok,
            "mode": self.mode,
            "why_memory": self.why_memory,
            "checks": [check.as_json() for check in self.checks],
            **self.traffic,
            "counters": self.counters,
        }


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Take things down without being interrupted: it takes a moment only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {which: signal.signal(which, signal.SIG_IGN) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for which, handler in handlers.items():
            signal.signal(which, handler)


def _belongings() -> tuple[set[str], int]:
    """What of this process could be left behind: descriptors and threads of a port."""
    threads = 0
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            threads += (task / "comm").read_text().startswith("pysec-")
    return set(os.listdir("/proc/self/fd")), threads


def _build(stack: contextlib.ExitStack, options: WireOptions, plant: Plant) -> tuple[Lan, str | None]:
    """The two hosts, in namespaces if this system lets us; else in memory, and why."""
    why = "asked for" if options.memory else why_unavailable()
    if why is None:
        attempt = stack.enter_context(contextlib.ExitStack())
        try:
            return NamespaceLan(attempt), None
        except (DriverError, OSError) as error:
            attempt.close()
            why = str(error)
    return MemoryLan(stack, plant.wire), why


def run(options: WireOptions, out: Callable[[str], None], plant: Plant | None = None) -> WireResult:
    """Tell the scenario line by line to `out`, and return its checks. Leaves nothing behind, however it ends."""
    plant = plant or Plant()
    story = Story(out)
    fds, threads = _belongings()
    stack = contextlib.ExitStack()
    try:
        lan, why = _build(stack, options, plant)
        story.say("Two hosts, A and B, a cable, and pysec at both ends protecting every frame (MACsec, IEEE 802.1AE).")
        if why is None:
            story.say(
                "The hosts are network namespaces, the cable is a veth pair; what a host sends goes through a TAP "
                "interface to pysec, and protected to the cable."
            )
        else:
            story.say(f"No namespaces here ({why}): the hosts and the cable are in memory, the rest is the same.")
        gcm = lan.a.secy.status().gcm
        story.say(
            f"Cipher suite GCM-AES-128 ({gcm}). The hosts share one key beforehand; all others they agree by MKA."
        )
        scenario = WireStory(lan, story, options, plant, stack)
        scenario.tell()
        counters = {host.name: host.secy.counters().as_dict() for host in (lan.a, lan.b)}
    finally:
        with _undisturbed():
            stack.close()
    fds_after, threads_after = _belongings()
    story.heading("8  Afterwards")
    left = len(fds_after - fds) + max(0, threads_after - threads)
    story.check(
        "nothing-left",
        left == 0,
        "Taken down: no thread and no descriptor is left of it, and what lives by its descriptors (namespaces, "
        "interfaces, cable) is gone with them.",
    )
    return WireResult(lan.mode, why, tuple(story.checks), scenario.traffic, counters)
