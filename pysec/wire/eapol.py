"""Why this exists: MKA, EAP and announcements all travel in EAPOL frames (802.1X-2020 11.3), and the ICV of an MKPDU
covers the frame from its destination address on.

`parse` bounds every length and accepts what a MAC pads behind the body; `header` makes the octets in front of a body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pysec.errors import ProtocolError, UsageError
from pysec.types import MacAddress

ETHERTYPE: Final = 0x888E
WAN_ETHERTYPE: Final = 0x876F
"""What some carriers' customers use in place of 888E, so that the carrier's switches do not take the frames."""
PAE_GROUP_ADDRESS: Final = MacAddress(bytes.fromhex("0180c2000003"))
"""The group address that bridges do not forward (802.1X-2020 11.1.1)."""
VERSION: Final = 3
TYPE_MKA: Final = 5
HEADER_OCTETS: Final = 18
MAX_BODY_OCTETS: Final = 1500 - 4
"""What fits an Ethernet frame of ordinary length behind the EAPOL header."""


@dataclass(frozen=True, slots=True)
class EapolFrame:
    """An EAPOL frame: addresses, header and body, without padding."""

    destination: MacAddress
    source: MacAddress
    ethertype: int
    version: int
    type: int
    body: bytes

    @property
    def header(self) -> bytes:
        """The 18 octets in front of the body, as they were received."""
        lead = self.destination.octets + self.source.octets + self.ethertype.to_bytes(2, "big")
        return lead + bytes((self.version, self.type)) + len(self.body).to_bytes(2, "big")


def header(
    body_len: int,
    source: MacAddress,
    *,
    destination: MacAddress = PAE_GROUP_ADDRESS,
    ethertype: int = ETHERTYPE,
    version: int = VERSION,
    type: int = TYPE_MKA,
) -> bytes:
    """The 18 octets in front of a body of `body_len` octets (802.1X-2020 11.3; UsageError past MAX_BODY_OCTETS)."""
    if not 0 <= body_len <= MAX_BODY_OCTETS:
        raise UsageError(f"EAPOL: a body of {body_len} octets, must be 0 to {MAX_BODY_OCTETS}")
    lead = destination.octets + source.octets + ethertype.to_bytes(2, "big")
    return lead + bytes((version, type)) + body_len.to_bytes(2, "big")


# The same few stations speak hello after hello.
_address = lru_cache(4096)(MacAddress)


def is_eapol(frame: bytes, ethertypes: tuple[int, ...] = (ETHERTYPE,)) -> bool:
    """Whether the frame's EtherType is one of these."""
    return len(frame) >= 14 and int.from_bytes(frame[12:14], "big") in ethertypes


def parse(frame: bytes, ethertypes: tuple[int, ...] = (ETHERTYPE,)) -> EapolFrame:
    """Read a frame, from its destination address on (802.1X-2020 11.3).

    Octets behind the body are padding and dropped. A version above ours is read as ours (11.4). ProtocolError if it is
    no EAPOL frame, or ends before its body does.
    """
    if len(frame) < HEADER_OCTETS:
        raise ProtocolError(f"EAPOL: a frame of {len(frame)} octets is shorter than the header")
    ethertype = int.from_bytes(frame[12:14], "big")
    if ethertype not in ethertypes:
        raise ProtocolError(f"EAPOL: EtherType {ethertype:04x} is not EAPOL's")
    body_len = int.from_bytes(frame[16:18], "big")
    if body_len > len(frame) - HEADER_OCTETS:
        raise ProtocolError(f"EAPOL: the body should have {body_len} octets, {len(frame) - HEADER_OCTETS} are there")
    body = bytes(frame[HEADER_OCTETS : HEADER_OCTETS + body_len])
    source, destination = _address(bytes(frame[6:12])), _address(bytes(frame[:6]))
    return EapolFrame(destination, source, ethertype, frame[14], frame[15], body)
