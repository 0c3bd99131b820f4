"""Why this exists: people who test networks think in scapy packets, and should not have to leave them for MACsec.

`protect` and `validate` take and give scapy packets and let a SecY do the work, so packet numbers, replay protection
and counters are those of the product. (scapy's own MACsecSA keeps no replay state.) A protected packet is shown with
scapy's MACsec layer, which is the SecTAG; what the SecTAG hides stays Raw.

    wire = protect(Ether(dst=..., src=...) / IP(dst="192.0.2.1") / UDP(), alice)
    wire[MACsec].PN
    plain = validate(wire, bob)      # None if bob refused it

scapy is an extra: pip install pysec-macsec[scapy]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from pysec.dataplane import Action, FrameArena, SecY

try:
    from scapy.contrib.macsec import MACsec
    from scapy.layers.l2 import Ether
    from scapy.packet import Packet
except ImportError as error:
    raise ImportError("pysec.scapy needs scapy: pip install pysec-macsec[scapy]", name="scapy") from error

__all__ = ["MACsec", "protect", "protect_all", "validate", "validate_all"]

_BURST: Final = 64
_ROOM: Final = 64  # more than the SecTAG in front and the ICV behind a frame


def protect(pkt: Packet, secy: SecY) -> Packet:
    """Protect one Ethernet packet. UsageError or KeyExhausted if the SecY does not send it."""
    return _packet(secy.protect_frame(bytes(pkt)), pkt)


def validate(pkt: Packet, secy: SecY) -> Packet | None:
    """Validate one packet from the wire. None if the controlled port does not get it: the counters say why."""
    _, frame = secy.validate_frame(bytes(pkt))
    return None if frame is None else _packet(frame, pkt)


def protect_all(pkts: Iterable[Packet], secy: SecY) -> list[Packet | None]:
    """Protect many, in bursts. None stands for a packet that was not sent (no transmit SA, no PN left, too long)."""
    return list(_in_bursts(pkts, secy.protect, Action.COMMON))


def validate_all(pkts: Iterable[Packet], secy: SecY) -> list[Packet | None]:
    """Validate many, in bursts. None stands for a packet that the controlled port does not get."""
    return list(_in_bursts(pkts, secy.validate, Action.CONTROLLED))


def _in_bursts(pkts: Iterable[Packet], work: Callable[[FrameArena], object], wanted: Action) -> Iterator[Packet | None]:
    source = iter(pkts)
    while burst := list(islice(source, _BURST)):
        frames = [bytes(pkt) for pkt in burst]
        arena = FrameArena(len(frames), max(map(len, frames)) + _ROOM)
        arena.fill(frames)
        work(arena)
        for pkt, frame, action in zip(burst, arena.to_list(), arena.actions, strict=True):
            yield _packet(frame, pkt) if action == wanted else None


def _packet(frame: bytes, model: Packet) -> Packet:
    """The frame as scapy shows it, with the time of the packet that it came from."""
    packet = Ether(frame)
    packet.time = model.time
    return packet
