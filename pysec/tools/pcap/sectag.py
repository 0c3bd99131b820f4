"""Why this exists: `dissect` shows the SecTAG of frames that the SecY refuses, and of captures without keys.

It only reads fields and decides nothing: whether a frame is good is the SecY's verdict alone.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

SECTAG_ETHERTYPE: Final = 0x88E5
VLAN_ETHERTYPES: Final = frozenset((0x8100, 0x88A8))
ES_PORT: Final = 1
SCB_PORT: Final = 0


@dataclass(frozen=True, slots=True)
class SecTag:
    """The fields of a SecTAG (802.1AE-2018 9.3 and what follows it)."""

    offset: int
    """Octets before its EtherType."""
    tci_an: int
    sl: int
    pn: int
    """The 32 bits in the tag."""
    explicit_sci: int | None

    @property
    def v(self) -> bool:
        """The version bit, which must be clear."""
        return bool(self.tci_an & 0x80)

    @property
    def es(self) -> bool:
        """End station: the SCI is the source address and port 1."""
        return bool(self.tci_an & 0x40)

    @property
    def sc(self) -> bool:
        """The SCI is in the tag."""
        return bool(self.tci_an & 0x20)

    @property
    def scb(self) -> bool:
        """Single copy broadcast: the SCI is the source address and port 0."""
        return bool(self.tci_an & 0x10)

    @property
    def e(self) -> bool:
        """The user data is encrypted."""
        return bool(self.tci_an & 0x08)

    @property
    def c(self) -> bool:
        """The user data is changed."""
        return bool(self.tci_an & 0x04)

    @property
    def an(self) -> int:
        """The association number."""
        return self.tci_an & 3

    @property
    def octets(self) -> int:
        """How long the SecTAG is: 8 octets, 16 with an SCI."""
        return 16 if self.sc else 8

    @property
    def says(self) -> str:
        """What E and C say of the user data."""
        return {(1, 1): "encrypted", (0, 0): "integrity only", (1, 0): "for the KaY"}.get(
            (int(self.e), int(self.c)), "changed, not encrypted"
        )

    def sci(self, source: bytes) -> int | None:
        """The SCI in the tag, or that which ES or SCB imply; None if neither does."""
        if self.sc:
            return self.explicit_sci
        if self.scb or self.es:
            return int.from_bytes(source, "big") << 16 | (SCB_PORT if self.scb else ES_PORT)
        return None


def ethertype_offset(frame: bytes, clear_tags: int) -> int:
    """Where the EtherType is, after at most that many VLAN tags."""
    offset = 12
    for _ in range(clear_tags):
        if len(frame) < offset + 6 or int.from_bytes(frame[offset : offset + 2], "big") not in VLAN_ETHERTYPES:
            break
        offset += 4
    return offset


def find_sectag(frame: bytes, clear_tags: int = 0) -> SecTag | None:
    """The SecTAG of a frame, after at most `clear_tags` VLAN tags; None if there is none, or not all of it."""
    offset = ethertype_offset(frame, clear_tags)
    if len(frame) < offset + 8 or int.from_bytes(frame[offset : offset + 2], "big") != SECTAG_ETHERTYPE:
        return None
    tci_an, sl, pn = struct.unpack_from(">BBI", frame, offset + 2)
    sci: int | None = None
    if tci_an & 0x20:
        if len(frame) < offset + 16:
            return None
        sci = int.from_bytes(frame[offset + 8 : offset + 16], "big")
    return SecTag(offset, tci_an, sl, pn, sci)
