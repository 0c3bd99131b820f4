"""Why this exists: one link of a service: its settings, its port while there is one, and what is known of it.

A port that fails leaves its link closed, and is tried again after a while: whoever runs a plant wants the link back
without being called. Once a second the counters are read, so that rates, the last refusal and the time to the next
rekey can be told.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pysec import keyfile
from pysec.dataplane import Counters
from pysec.dataplane.verdicts import Reason, Verdict
from pysec.errors import InternalError, PysecError
from pysec.mgmt.settings import Link, link_config
from pysec.mka.keys import Cak
from pysec.pae import PortEvent, Source
from pysec.runtime.single import SinglePort

_REMEMBERED: Final = 200
_FIRST_RETRY_S, _LAST_RETRY_S = 1.0, 30.0
REFUSED: Final = tuple(
    verdict
    for verdict in Verdict
    if verdict and not verdict.delivered and verdict not in (Verdict.IN_KAY, Verdict.OUT_BYPASS, Verdict.IN_BYPASS)
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Frames that were refused last: when (wall time), by which counter, and why."""

    at: float
    verdict: Verdict
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """What a link had counted at a time (of the loop's clock)."""

    at: float
    counters: Counters
    next_pn: int | None


class ManagedLink:
    """A link that a service runs. `port` is None while it has failed and is not tried again yet."""

    def __init__(self, link: Link, tell: Callable[[str, PortEvent], None]) -> None:
        """Nothing is opened yet. tell: is shown each event with the link's name."""
        self.link, self.config = link, link_config(link)
        self.name = self.config.interface
        self.events: deque[tuple[float, PortEvent]] = deque(maxlen=_REMEMBERED)
        self.port: SinglePort | None = None
        self.failure = ""
        self.retry_at: float | None = None
        self.up_since = time.time()
        self.restarts = 0
        self.refusal: Refusal | None = None
        self.samples: deque[Sample] = deque(maxlen=11)
        self._tell = tell
        self._cak: Cak | None = None
        self._task: asyncio.Task[None] | None = None
        self._retry_s = _FIRST_RETRY_S

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def start(self) -> None:
        """Open the port and run it (UsageError, DriverError, KeyStoreError, FormatError, OSError; nothing is left)."""
        self._open()
        self._task = self._loop.create_task(self._stay())

    def start_patiently(self) -> None:
        """The same, but what stands in the way now is tried again later."""
        try:
            self._open()
        except (PysecError, OSError) as error:
            self._note_failure(error)
        self._task = self._loop.create_task(self._stay())

    def _open(self) -> None:
        self._cak = keyfile.read_cak(self.link["key"].value)
        try:
            self.port = SinglePort(self.config, self._cak, self._hear)
            self.port.start()
        except BaseException:
            port, self.port = self.port, None
            try:
                if port is not None:
                    port.close()
            finally:
                self._cak.erase()
            raise
        self.failure, self.retry_at = "", None
        self.samples.clear()

    async def _stay(self) -> None:
        """Wait for a failure, and begin again after it."""
        while True:
            if self.port is not None:
                await self.port.ended.wait()
                self._end_failed()
            await asyncio.sleep(max(0.0, (self.retry_at or 0.0) - self._loop.time()))
            try:
                self._open()
                self.restarts += 1
                self._say("restarted", f"after a failure, for the {self.restarts}. time")
            except (PysecError, OSError) as error:
                self._note_failure(error)
            except Exception as error:  # its words may be anything, even a key: its kind has to do
                self._note_failure(InternalError(f"{type(error).__name__}; please report it"))

    def _end_failed(self) -> None:
        port, self.port = self.port, None
        assert port is not None
        self._note_failure(port.failure or InternalError("the port ended by itself; please report it"))
        try:
            port.close()
        except (PysecError, OSError) as error:
            self._say("warning", str(error))
        finally:
            self._erase()

    def _note_failure(self, error: Exception) -> None:
        said = str(error)
        if isinstance(error, OSError) and error.filename and error.strerror:
            said = f"{error.filename}: {error.strerror}"
        if said != self.failure:
            self._retry_s = _FIRST_RETRY_S
            self._say("failed", f"{said}; the link stays closed, and is tried again")
        self.failure = said
        self.retry_at = self._loop.time() + self._retry_s
        self._retry_s = min(self._retry_s * 2, _LAST_RETRY_S)

    def stop(self, leave_closed: bool = False) -> None:
        """End it: the port closes, keys are wiped, the interface is the host's own again, unless leave_closed."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        port, self.port = self.port, None
        try:
            if port is not None:
                port.close(leave_closed)
        finally:
            self._erase()

    def _erase(self) -> None:
        if self._cak is not None:
            self._cak.erase()
            self._cak = None

    # ---- what is known of it

    def _say(self, name: str, reason: str) -> None:
        self._hear(PortEvent(self._loop.time(), Source.PORT, name, reason))

    def _hear(self, event: PortEvent) -> None:
        if event.source is Source.PORT and event.name == "secured":
            self._retry_s = _FIRST_RETRY_S
        self.events.append((time.time(), event))
        self._tell(self.name, event)

    def sample(self) -> None:
        """Read the counters; to be called once a second."""
        if self.port is None or not self.port.is_attached:
            return
        try:
            counters, status = self.port.driver.counters(), self.port.status()
        except PysecError:
            return
        if self.samples:
            self._look_for_refusals(self.samples[-1].counters, counters)
        self.samples.append(Sample(self._loop.time(), counters, status.next_pn))

    def _look_for_refusals(self, before: Counters, now: Counters) -> None:
        risen = {verdict: now[verdict] - before[verdict] for verdict in REFUSED if now[verdict] > before[verdict]}
        if not risen:
            return
        reasons = tuple(
            reason.text
            for reason in Reason
            if reason and now.packets_by_reason[reason] > before.packets_by_reason[reason]
        )
        self.refusal = Refusal(time.time(), max(risen, key=lambda verdict: risen[verdict]), reasons)
