"""Why this exists: the dull part. Receive, send what is due, tell what happened, set one timer again.

No thread, and one timer for a port. A timer that was set too early is left to run out and found to be early: setting
it anew at every MKPDU would cost more than that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from pysec.errors import InternalError, PysecError
from pysec.pae import PortAccessEntity, PortEvent, Source
from pysec.protocols import L2Link

# Frames of one port that are taken before others have their turn.
_BATCH: Final = 32
# No timer is finer: whatever an engine asks for, the process is not kept busy by one port.
_FINEST_S: Final = 0.001


class PortRunner:
    """One port entity over one link, in an asyncio loop. Time is the loop's own, which is monotonic."""

    def __init__(
        self,
        pae: PortAccessEntity,
        link: L2Link,
        *,
        on_event: Callable[[PortEvent], None] | None = None,
        on_failure: Callable[[PysecError], None] | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """on_event: takes the port's events, in order. on_failure: the link has failed for good, or we are at fault
        (InternalError); the port has been closed then, and the runner stands still."""
        self.pae, self.link = pae, link
        self._loop = loop or asyncio.get_running_loop()
        self._on_event = on_event or (lambda event: None)
        self._on_failure = on_failure or (lambda error: None)
        self._timer: asyncio.TimerHandle | None = None
        self._running = False

    @property
    def now(self) -> float:
        """The time that the port lives in."""
        return self._loop.time()

    @property
    def is_running(self) -> bool:
        """Whether it listens."""
        return self._running

    def start(self) -> None:
        """Begin to listen, and send what is due."""
        self._running = True
        self._loop.add_reader(self.link.fileno(), self._readable)
        self.pump()

    def stop(self) -> None:
        """Stop listening; the port and the link are left as they are. It may be started again."""
        if not self._running:
            return
        self._running = False
        self._loop.remove_reader(self.link.fileno())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def pump(self) -> None:
        """Send what is due, tell what has happened, set the timer; to be called after any verb of the port."""
        self._guarded(self._send)
        self.drain()
        self._arm(self.now, self.pae.next_timer())

    def _send(self) -> None:
        for frame in self.pae.frames_to_send(self.now):
            self.link.send(frame)

    def drain(self) -> None:
        """Tell what has happened."""
        while (event := self.pae.next_event()) is not None:
            self._on_event(event)

    def _readable(self) -> None:
        self._guarded(self._receive)
        self.pump()

    def _receive(self) -> None:
        now = self.now
        for _ in range(_BATCH):
            frame = self.link.receive()
            if frame is None:
                return
            self.pae.receive(frame, now)

    def _arm(self, now: float, at: float | None) -> None:
        if not self._running or at is None:
            return
        at = max(at, now + _FINEST_S)
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._due)

    def _due(self) -> None:
        self._timer = None
        at = self.pae.next_timer()
        if at is not None and at > self.now:  # it was for something that has been put off since
            self._arm(self.now, at)
            return
        if at is not None:
            self._guarded(self._handle_timer)
        self.pump()

    def _handle_timer(self) -> None:
        self.pae.handle_timer(self.now)

    def _guarded(self, step: Callable[[], None]) -> None:
        """One port's failure is the end of that port, and of no other; and it is not left open by it."""
        try:
            step()
        except PysecError as error:
            self._fail(error)
        except Exception as error:
            # Its words may be anything, even a key: its kind has to do.
            self._fail(InternalError(f"port {self.pae.sci}: {type(error).__name__}; please report it"))

    def _fail(self, error: PysecError) -> None:
        if not self._running:
            return
        self.stop()
        self._on_event(PortEvent(self.now, Source.PORT, "failed", str(error)))
        with contextlib.suppress(Exception):
            self.pae.close(self.now)
        self.drain()
        self._on_failure(error)
