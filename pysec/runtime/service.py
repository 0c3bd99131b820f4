"""Why this exists: a switch has many ports, and one process is to run all of them without one thread for each.

Coming up costs a port far more than staying up. If a thousand did so at once, a busy machine would be late with the
hellos of those that are up already, their peers would take them for dead, and they would have to come up again. So
ports are started a few at a time, as long as the loop keeps its appointments.

Thousands of ports are millions of objects that stay, and Python's garbage collector goes through them again and again:
a quarter of what they cost. `freeze_after_s` keeps them out of its sight.
"""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable
from typing import Final

from pysec.errors import UsageError
from pysec.pae import PortAccessEntity, PortEvent
from pysec.protocols import L2Link
from pysec.runtime.runner import PortRunner

# So many ports at a time, so often, and none while the loop is later than this.
_STARTED_AT_ONCE: Final = 16
_START_INTERVAL_S: Final = 0.01
_LATE_S: Final = 0.02


class Service:
    """Ports by name, all in one asyncio loop."""

    def __init__(
        self,
        on_event: Callable[[str, PortEvent], None] | None = None,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        freeze_after_s: float | None = None,
    ) -> None:
        """on_event: takes the name of the port and what happened there. freeze_after_s: so long after the last port was
        started or removed, all objects of the process are collected once and then kept from the garbage collector
        (`gc.freeze`). It stops the loop for that moment, and it is the whole process's collector: so None, never, is
        the default."""
        self._freeze_after_s = freeze_after_s
        self._next_freeze: asyncio.TimerHandle | None = None
        self._loop = loop or asyncio.get_running_loop()
        self._on_event = on_event
        self.ports: dict[str, PortRunner] = {}
        self._to_start: deque[str] = deque()
        self._next_start: asyncio.TimerHandle | None = None

    def add(self, name: str, pae: PortAccessEntity, link: L2Link) -> PortRunner:
        """Run a port from its turn on (UsageError if there is one of this name). Its link is the service's from now."""
        if name in self.ports:
            raise UsageError(f"port {name}: there is one of this name")
        tell = self._on_event
        runner = PortRunner(
            pae, link, loop=self._loop, on_event=None if tell is None else lambda event: tell(name, event)
        )
        self.ports[name] = runner
        self._to_start.append(name)
        if self._next_start is None:
            self._next_start = self._loop.call_at(self._loop.time(), self._start_some)
        return runner

    def _start_some(self) -> None:
        due = self._next_start.when() if self._next_start is not None else self._loop.time()
        for _ in range(_STARTED_AT_ONCE if self._loop.time() - due < _LATE_S else 1):
            if not self._to_start:
                break
            name = self._to_start.popleft()
            if name in self.ports:
                self.ports[name].start()
        self._next_start = None
        if self._to_start:
            self._next_start = self._loop.call_at(self._loop.time() + _START_INTERVAL_S, self._start_some)
        else:
            self._freeze_later()

    def _freeze_later(self) -> None:
        """The ports are others."""
        if self._freeze_after_s is None:
            return
        if self._next_freeze is not None:
            self._next_freeze.cancel()
        self._next_freeze = self._loop.call_later(self._freeze_after_s, self._freeze)

    def _freeze(self) -> None:
        """What was frozen before is looked at once more: ports that were removed are among it."""
        self._next_freeze = None
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def remove(self, name: str) -> None:
        """End a port: it closes, its keys go, and so does its link (UsageError if there is none)."""
        if name not in self.ports:
            raise UsageError(f"port {name}: there is none of this name")
        runner = self.ports.pop(name)
        runner.stop()
        runner.pae.close(runner.now)
        runner.drain()
        runner.link.close()
        self._freeze_later()

    def close(self) -> None:
        """End every port."""
        self._to_start.clear()
        if self._next_start is not None:
            self._next_start.cancel()
            self._next_start = None
        for name in list(self.ports):
            self.remove(name)
        if self._freeze_after_s is not None:
            if self._next_freeze is not None:
                self._next_freeze.cancel()
                self._next_freeze = None
            gc.unfreeze()
