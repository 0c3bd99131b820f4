"""A perfect LAN with a clock that is moved by hand: ports with fake data planes, every frame heard by all others."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pysec.drivers import FakeDriver
from pysec.mka.config import KayConfig
from pysec.mka.keys import Cak
from pysec.pae import PaeConfig, PortAccessEntity, PortEvent
from pysec.secret import Secret
from pysec.types import CipherSuite, Ckn, Sci

CKN = Ckn(b"lan of the tests")
SUITES = (CipherSuite.GCM_AES_128,)


def cak(octet: int = 7, ckn: Ckn = CKN) -> Cak:
    return Cak.from_octets(Secret(bytes([octet]) * 16), ckn)


def kay_config(priority: int = 16, **changes: object) -> KayConfig:
    return replace(KayConfig(key_server_priority=priority, cipher_suites=SUITES), **changes)  # type: ignore[arg-type]


@dataclass
class Station:
    pae: PortAccessEntity
    driver: FakeDriver
    events: list[PortEvent] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def reasons(self, name: str) -> list[str]:
        return [event.reason for event in self.events if event.name == name]


@dataclass
class Lan:
    """deliver: whether a frame from one station reaches another; all by default."""

    now: float = 1000.0
    stations: list[Station] = field(default_factory=list)
    deliver: Callable[[Station, Station], bool] = lambda source, target: True
    on_step: Callable[[], None] = lambda: None
    seed: int = 1
    frames: list[bytes] = field(default_factory=list)

    def add(
        self,
        config: PaeConfig | None = None,
        *,
        key: Cak | None = None,
        driver: FakeDriver | None = None,
        number: int | None = None,
    ) -> Station:
        number = len(self.stations) + 1 if number is None else number
        sci = Sci.of(f"02000000{number:04x}", 1)
        driver = driver or FakeDriver(sci)
        rng = random.Random(self.seed * 1000 + number)
        pae = PortAccessEntity(config or PaeConfig(kay=kay_config()), sci, driver, rng.randbytes, self.now)
        station = Station(pae, driver)
        self.stations.append(station)
        pae.add_cak(key or cak(), self.now)
        pae.set_port_enabled(True, self.now)
        return station

    def _exchange(self) -> bool:
        moved = False
        for station in list(self.stations):
            for frame in station.pae.frames_to_send(self.now):
                moved = True
                self.frames.append(frame)
                for other in list(self.stations):
                    if other is not station and self.deliver(station, other):
                        other.pae.receive(frame, self.now)
            while (event := station.pae.next_event()) is not None:
                station.events.append(event)
        self.on_step()
        return moved

    def run(self, seconds: float) -> None:
        """Let time pass, from timer to timer."""
        end = self.now + seconds
        while True:
            for _ in range(50):
                if not self._exchange():
                    break
            else:
                raise AssertionError("the stations never stop talking")
            due = [at for s in self.stations if (at := s.pae.next_timer()) is not None]
            step = max(min(due, default=end), self.now + 1e-6)
            if step > end:
                self.now = end
                return
            self.now = step
            for station in self.stations:
                if (at := station.pae.next_timer()) is not None and at <= self.now:
                    station.pae.handle_timer(self.now)


def pair(config: PaeConfig | None = None, other: PaeConfig | None = None) -> tuple[Lan, Station, Station]:
    """Two stations, the first of which becomes key server, and what they do in the first second."""
    lan = Lan()
    first = lan.add(config or PaeConfig(kay=kay_config(1)))
    second = lan.add(other or PaeConfig(kay=kay_config(2)))
    lan.run(1)
    return lan, first, second
