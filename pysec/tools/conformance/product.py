"""Why this exists: what is under test must be the product itself, and a canary must be able to swap it for a faulty
one.

`Product` holds the product's own classes and the GCM implementation that was asked for. `receive` and `send` take one
frame through a SecY and tell everything that can be observed of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pysec.dataplane import Counters, FrameArena, GcmKey, Reason, SecY, SecYConfig, Verdict, xpn_recover
from pysec.errors import PysecError
from pysec.mka.aes import MacKey, WrapKey
from pysec.mka.kdf import kdf
from pysec.mka.keys import Cak
from pysec.tools.stations import KeyedSa, SecYMaker, receiving_secy, transmitting_secy
from pysec.types import CipherSuite
from pysec.wire import mkpdu
from pysec.wire.mkpdu import MkPdu

IN_VERDICTS = tuple(v for v in Verdict if v.name.startswith("IN_"))
_ROOM = 64


@dataclass(frozen=True)
class Received:
    """All that can be seen of one received frame."""

    verdict: Verdict
    reason: Reason
    pn: int
    sci: int
    frame: bytes | None
    """What was delivered; None if nothing was."""
    moved: dict[Verdict, int]
    """The in-pkts counters that moved, and by how much."""


@dataclass(frozen=True)
class Product:
    """The product under test."""

    gcm: str | None = None
    """The GCM implementation; None for the best one."""
    make_secy: SecYMaker = SecY
    make_gcm_key: Callable[..., GcmKey] = GcmKey
    recover: Callable[[int, int], int] = xpn_recover
    cak: type[Cak] = Cak
    mac_key: type[MacKey] = MacKey
    wrap_key: type[WrapKey] = WrapKey
    kdf: Callable[[bytes, str, bytes, int], bytes] = kdf
    decode: Callable[..., MkPdu] = mkpdu.decode
    encode: Callable[..., bytes] = mkpdu.encode

    def receiver(self, suite: CipherSuite, sas: Sequence[KeyedSa], config: SecYConfig) -> SecY:
        """A receiver with these SAs alone."""
        return receiving_secy(suite, sas, config, gcm=self.gcm, make=self.make_secy)

    def sender(self, suite: CipherSuite, sa: KeyedSa, config: SecYConfig, *, confidentiality: bool) -> SecY:
        """A sender with this SA."""
        return transmitting_secy(suite, sa, config, confidentiality=confidentiality, gcm=self.gcm, make=self.make_secy)


def receive(secy: SecY, frame: bytes) -> Received:
    """Take one frame through a receiver."""
    arena = FrameArena(1, len(frame) + _ROOM)
    arena.fill([frame])
    before = secy.counters()
    secy.validate(arena)
    after = secy.counters()
    row = arena.frames[0]
    delivered = arena.delivered()
    return Received(
        Verdict(int(row["verdict"])),
        Reason(int(row["reason"])),
        int(row["pn"]),
        int(row["sci"]),
        bytes(delivered[0]) if delivered else None,
        _moved(before, after),
    )


def _moved(before: Counters, after: Counters) -> dict[Verdict, int]:
    steps = {v: after.packets(v) - before.packets(v) for v in IN_VERDICTS}
    return {v: n for v, n in steps.items() if n}


def send(secy: SecY, frame: bytes) -> bytes | str:
    """Take one frame through a sender: what it makes of it, or in one line why it sent nothing."""
    try:
        return secy.protect_frame(frame)
    except PysecError as error:
        return str(error)
