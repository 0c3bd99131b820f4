"""Several KaYs on a LAN that exists in memory, with a clock that is turned by hand.

A `Station` stands for all that is around a KaY: it does with a SAK what the Controlled Port machine and a SecY do, in a
few lines, and keeps every event. `Lan` hands frames on, at once and in order unless a test wants otherwise.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pysec.mka.events import AllReceiving, ConnectChanged, Event, PeersChanged, SakReady, ServerTransmitting
from pysec.mka.kay import Kay, KayConfig, KeyUse
from pysec.mka.keys import Cak
from pysec.mka.participant import Participant
from pysec.secret import Secret
from pysec.types import Ckn, Ki, MacAddress, MacsecCapability, Mi, Sci
from pysec.wire import eapol, mkpdu
from pysec.wire.mkpdu import AGILITY, ICV_OCTETS, BasicSet, MkPdu, PeerEntry, PeerList

E = TypeVar("E", bound=Event)
RETIRE_S = 3.0


def cak(name: str = "01", fill: int = 0x11, octets: int = 16) -> Cak:
    """A CAK for tests."""
    return Cak.from_octets(Secret(bytes([fill]) * octets), Ckn.parse(name))


def sci(number: int, port: int = 1) -> Sci:
    """SCIs that are ordered by their number."""
    return Sci.of(MacAddress(bytes.fromhex("525400000a") + bytes([number])), port)


@dataclass(eq=False)
class Station:
    """A KaY, and what a port does around it."""

    kay: Kay
    events: list[Event] = field(default_factory=list)
    saks: dict[Ki, tuple[bytes, SakReady]] = field(default_factory=dict)
    is_alive: bool = True
    installs: bool = True
    retire_at: float | None = None

    def drain(self, now: float) -> None:
        """Act on the events."""
        while (event := self.kay.next_event()) is not None:
            self.events.append(event)
            if isinstance(event, SakReady):
                self.saks[event.ki] = (bytes(event.sak.reveal()), event)
                if self.installs:
                    self._use(event.ki, event, tx=False, now=now)
            elif isinstance(event, AllReceiving | ServerTransmitting) and event.ki in self.saks and self.installs:
                self._use(event.ki, self.saks[event.ki][1], tx=True, now=now)

    def _use(self, ki: Ki, ready: SakReady, *, tx: bool, now: float) -> None:
        latest, old = self.kay.port.latest, self.kay.port.old
        if latest is not None and latest.ki != ki:
            old, latest = latest, None
        if old is not None and old.ki == ki:
            return
        self.retire_at = now + RETIRE_S if tx else None
        if tx:
            old = None if old is None else KeyUse(old.ki, old.an, old.rx, False)
        self.kay.set_sak_use(KeyUse(ki, ready.an, True, tx), old, False, False)

    def retire(self, now: float) -> None:
        """In steady state the SAK in use is the old one (RETIRE)."""
        if self.retire_at is not None and now >= self.retire_at:
            self.retire_at = None
            self.kay.set_sak_use(None, self.kay.port.latest, False, False)

    def said(self, kind: type[E]) -> list[E]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def participant(self) -> Participant:
        """The only participant."""
        (found,) = self.kay.participants.values()
        return found

    @property
    def ki(self) -> Ki:
        """The SAK that was agreed last."""
        found = self.kay.principal
        assert found is not None
        assert found.sak is not None
        return found.sak.ki

    @property
    def transmits_with(self) -> Ki | None:
        """The SAK that the port sends with."""
        port = self.kay.port
        return next((use.ki for use in (port.latest, port.old) if use is not None and use.tx), None)

    @property
    def connect(self) -> str:
        """How the port may be used."""
        said = self.said(ConnectChanged)
        return said[-1].connect.value if said else "PENDING"

    @property
    def scis(self) -> frozenset[Sci]:
        """The receive SCs wanted."""
        said = self.said(PeersChanged)
        return said[-1].scis if said else frozenset()


@dataclass
class Sent:
    """A frame as it went over the LAN."""

    at: float
    sender: Station
    header: bytes
    body: bytes

    @property
    def pdu(self) -> MkPdu:
        """What it says."""
        return mkpdu.decode(self.body)


class Lan:
    """The LAN and the clock."""

    def __init__(self, seed: int = 1) -> None:
        self.now = 1000.0
        self.random = random.Random(seed)
        self.stations: list[Station] = []
        self.sent: list[Sent] = []
        self.passes: Callable[[Station, Station, Sent], bool] = lambda sender, receiver, sent: True

    def rng(self, octets: int) -> bytes:
        """Octets that can be had again."""
        return self.random.randbytes(octets)

    def station(
        self, number: int, *caks: Cak, config: KayConfig | None = None, kay_type: type[Kay] = Kay, port: int = 1
    ) -> Station:
        """Add a station; with no CAK given it has the usual one."""
        made = Station(kay_type(config or KayConfig(), sci(number, port), self.rng))
        for one in caks or (cak(),):
            made.kay.add_cak(one, self.now)
        self.stations.append(made)
        return made

    def restart(self, old: Station, **kwargs: Any) -> Station:
        """The station is switched off, and on again: same SCI, new MI, no memory."""
        old.is_alive = False
        self.stations.remove(old)
        value = old.kay.port.sci
        return self.station(value.mac.octets[5], port=value.port, config=old.kay.config, **kwargs)

    def kill(self, station: Station) -> None:
        """The station is switched off."""
        station.is_alive = False
        self.stations.remove(station)

    def settle(self) -> None:
        """Hand on what is due now, until nobody has anything to say."""
        for _ in range(200):
            frames = []
            for station in self.stations:
                station.kay.handle_timer(self.now)
                station.retire(self.now)
                station.drain(self.now)
                for body in station.kay.pdus_to_send(self.now):
                    header = eapol.header(len(body), station.kay.port.sci.mac)
                    frames.append(Sent(self.now, station, header, body))
                station.drain(self.now)
            if not frames:
                return
            for sent in frames:
                self.carry(sent)
        raise AssertionError("the stations do not come to rest")

    def carry(self, sent: Sent) -> None:
        """Give one frame to everybody else."""
        self.sent.append(sent)
        for station in self.stations:
            if station is not sent.sender and self.passes(sent.sender, station, sent):
                station.kay.receive_mkpdu(sent.body, self.now, header=sent.header)
                station.drain(self.now)

    def run(self, seconds: float) -> None:
        """Let time pass, from one timer to the next."""
        end = self.now + seconds
        self.settle()
        while self.now < end:
            timers = [station.kay.next_timer() for station in self.stations]
            timers += [station.retire_at for station in self.stations]
            due = min((when for when in timers if when is not None), default=end)
            assert due > self.now, "what is due now has been done, so no timer may be due again"
            self.now = min(end, due)
            self.settle()

    def by(self, station: Station) -> list[Sent]:
        """What a station has sent."""
        return [sent for sent in self.sent if sent.sender is station]


def forge(pdu: MkPdu, key: Cak, source: MacAddress) -> tuple[bytes, bytes]:
    """Header and body of an MKPDU of a tester's own, with a good ICV."""
    body = mkpdu.encode(pdu, bytes(ICV_OCTETS))
    header = eapol.header(len(body), source)
    covered = body[:-ICV_OCTETS]
    return header, covered + key.icv(header + covered)


class Puppet:
    """A peer that does what a test says, and nothing by itself; it holds the CAK."""

    def __init__(self, lan: Lan, number: int, *, key: Cak | None = None, mi: Mi | None = None, **basic: object) -> None:
        self.lan, self.key, self.sci = lan, key or cak(), sci(number)
        self.mi, self.mn = mi or Mi(lan.rng(12)), 0
        self.version = 3
        self.basic: dict[str, object] = {
            "key_server_priority": 100,
            "is_key_server": False,
            "macsec_desired": True,
            "macsec_capability": MacsecCapability.OFFSETS,
            **basic,
        }

    def pdu(self, *, mn: int | None = None, **sets: Any) -> MkPdu:
        """The next MKPDU, or one with an MN of the test's choice."""
        self.mn = self.mn + 1 if mn is None else mn
        basic = BasicSet(
            sci=self.sci, mi=self.mi, mn=self.mn, agility=AGILITY, ckn=self.key.ckn,
            **self.basic,  # type: ignore[arg-type]
        )  # fmt: skip
        return MkPdu(version=self.version, basic=basic, **sets)

    def frame(self, mn: int | None = None, **sets: object) -> tuple[bytes, bytes]:
        """Header and body of the next frame."""
        return forge(self.pdu(mn=mn, **sets), self.key, self.sci.mac)

    def send(self, *stations: Station, mn: int | None = None, **sets: object) -> tuple[bytes, bytes]:
        """Send the next frame to some stations, or to all; its header and body."""
        header, body = self.frame(mn, **sets)
        for station in stations or self.lan.stations:
            station.kay.receive_mkpdu(body, self.lan.now, header=header)
            station.drain(self.lan.now)
        return header, body

    def lists(self, *stations: Station, others: tuple[PeerEntry, ...] = (), ssci: int | None = None) -> PeerList:
        """A list of what was last heard of stations."""
        heard = (PeerEntry(s.participant.member.mi, s.participant.member.mn) for s in stations)
        return PeerList((*heard, *others), ssci)

    def greet(self, station: Station, **sets: object) -> None:
        """Become live to a station: hear it, and list it."""
        self.lan.settle()
        self.send(station, live=self.lists(station), **sets)
        self.lan.settle()
