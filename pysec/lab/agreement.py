"""Why this exists: the hosts of a scenario agree their keys as two machines would, by MKA over their own cable.

One asyncio loop in one thread drives the port entities of all hosts; the scenario, in its own thread, asks and waits.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pysec.drivers import SoftwareDriver
from pysec.mka.keys import Cak
from pysec.pae import PaeConfig, PortAccessEntity, PortEvent, PortStatus
from pysec.runtime import PortRunner, SocketLink
from pysec.sa.plan import SakMaterial
from pysec.secret import Secret
from pysec.types import Ckn, Ki, Sci

T = TypeVar("T")
ASK_S: Final = 10.0
POLL_S: Final = 0.005
CKN: Final = Ckn(b"pysec lab")


@dataclass
class Member:
    """A host's part: its data plane, the link that carries its MKPDUs, and what has been told."""

    name: str
    sci: Sci
    driver: SoftwareDriver
    link: SocketLink
    config: PaeConfig
    key: Secret
    events: list[PortEvent] = field(default_factory=list)
    runner: PortRunner | None = None


class Agreement:
    """MKA among some hosts. Make it, `start` it, and close it in the end."""

    def __init__(self, members: list[Member]) -> None:
        """The members' keys are copied; `close` erases the copies."""
        self._members = {member.name: member for member in members}
        self._caks: list[Cak] = []
        self._saks: dict[Ki, Secret] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="pysec-lab-mka", daemon=True)
        self._thread.start()

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def ask(self, question: Callable[[], T]) -> T:
        """Have something done in the loop's thread, between two of its turns, and give what came of it."""
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()

        def turn() -> None:
            try:
                answer.set_result(question())
            except BaseException as error:  # whatever it is, the asker is to have it
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(turn)
        return answer.result(ASK_S)

    def wait(self, condition: Callable[[], bool], at_most_s: float) -> bool:
        """Wait until something holds, as the loop's thread sees it; whether it did."""
        end = time.monotonic() + at_most_s
        while not self.ask(condition):
            if time.monotonic() > end:
                return False
            time.sleep(POLL_S)
        return True

    def start(self) -> float:
        """The cable is plugged in; the time of that, in the time of the events."""

        def begin() -> float:
            now = self._loop.time()
            for member in self._members.values():
                self._start(member, now)
            return now

        return self.ask(begin)

    def _start(self, member: Member, now: float) -> None:
        cak = Cak.from_octets(member.key, CKN)
        self._caks.append(cak)
        pae = PortAccessEntity(
            member.config, member.sci, member.driver, secrets.token_bytes, now, on_sak=self._note_sak
        )
        pae.add_cak(cak, now)
        pae.set_port_enabled(True, now)
        member.runner = PortRunner(pae, member.link, loop=self._loop, on_event=member.events.append)
        member.runner.start()

    def _note_sak(self, sak: SakMaterial) -> None:
        self._saks.setdefault(sak.ki, Secret(sak.sak.reveal()))

    def runner(self, name: str) -> PortRunner:
        """The runner of a member that was started; to be used in the loop's thread."""
        runner = self._members[name].runner
        assert runner is not None
        return runner

    def status(self, name: str) -> PortStatus:
        """How a member's port is."""
        return self.ask(self.runner(name).pae.status)

    def sak(self, ki: Ki | None) -> Secret | None:
        """A SAK that was agreed, for the listener's proof; this object's own, to be erased with it."""
        return None if ki is None else self._saks.get(ki)

    def events(self, name: str) -> list[PortEvent]:
        """What has been told of a member so far."""
        return self.ask(lambda: list(self._members[name].events))

    def request_sak(self, name: str, reason: str) -> None:
        """Have a member ask for a new SAK."""

        def request() -> None:
            runner = self.runner(name)
            runner.pae.request_sak(reason, runner.now)
            runner.pump()

        self.ask(request)

    def settled_on_one_key(self, not_on: Ki | None = None) -> bool:
        """Whether all are secured with one SAK, another than this, and hold no other; in the loop's thread."""
        used = set()
        for member in self._members.values():
            status = self.runner(member.name).pae.status()
            kis = {ki for _, ki in status.receiving} | {status.ki}
            if not status.secured or len(kis) != 1 or len(member.driver.read().keys) != 1:
                return False
            used |= kis
        return len(used) == 1 and not_on not in used

    def pause(self) -> None:
        """Send and hear nothing any more, so that counters can be read; what is open stays open."""

        def stop() -> None:
            for member in self._members.values():
                if member.runner is not None:
                    member.runner.stop()

        self.ask(stop)

    def close(self) -> None:
        """End every port, and the thread; erase every key."""

        def end() -> None:
            for member in self._members.values():
                if member.runner is not None:
                    member.runner.stop()
                    member.runner.pae.close(self._loop.time())

        try:
            self.ask(end)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            for cak in self._caks:
                cak.erase()
            for sak in self._saks.values():
                sak.erase()
