"""Why this exists: an announcement set carries TLVs of its own (802.1X-2020 11.12), of which MKA needs one: the
cipher suites that a participant has.

A TLV has a type of 7 bits and a length of 9. The known ones are 111 access information, 112 MACsec cipher suites, 113
Key Management Domain, 114 NID, 126 and 127 of organizations; all others are kept as they came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pysec.errors import ProtocolError, UsageError
from pysec.types import CipherSuite

ACCESS_INFORMATION: Final = 111
CIPHER_SUITES: Final = 112
KEY_MANAGEMENT_DOMAIN: Final = 113
NETWORK_IDENTIFIER: Final = 114
ORGANIZATION_SET: Final = 126
ORGANIZATION: Final = 127
MAX_TLV_OCTETS: Final = 511
MAX_OCTETS: Final = 4095
_ENTRY: Final = 10


@dataclass(frozen=True, slots=True)
class Tlv:
    """One TLV: its type, 0 to 127, and up to 511 octets."""

    type: int
    value: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.type <= 127 or len(self.value) > MAX_TLV_OCTETS:
            raise UsageError("announcement: a TLV has a type of 7 bits and at most 511 octets")

    @property
    def octets(self) -> bytes:
        """As on the wire."""
        return (self.type << 9 | len(self.value)).to_bytes(2, "big") + self.value


@dataclass(frozen=True, slots=True)
class SuiteOffer:
    """A cipher suite that a participant has, and what its SecY can do with it (the codes of MacsecCapability)."""

    suite: CipherSuite | bytes
    """8 octets where the suite is none of ours."""
    capability: int

    def __post_init__(self) -> None:
        if not 0 <= self.capability <= 0xFFFF or (isinstance(self.suite, bytes) and len(self.suite) != 8):
            raise UsageError("announcement: a suite has an identifier of 8 octets and a capability of 16 bits")


@dataclass(frozen=True, slots=True)
class Announcement:
    """The TLVs of an announcement set, in their order."""

    tlvs: tuple[Tlv, ...]

    def __post_init__(self) -> None:
        if sum(2 + len(tlv.value) for tlv in self.tlvs) > MAX_OCTETS:
            raise UsageError(f"announcement: at most {MAX_OCTETS} octets")

    @classmethod
    def of_suites(cls, offers: tuple[SuiteOffer, ...]) -> Announcement:
        """An announcement of cipher suites alone."""
        return cls((Tlv(CIPHER_SUITES, b"".join(_offer_octets(offer) for offer in offers)),))

    @property
    def suites(self) -> tuple[SuiteOffer, ...]:
        """The cipher suites that are announced, in the announcer's order; a suite of ours is a CipherSuite."""
        return tuple(offer for tlv in self.tlvs if tlv.type == CIPHER_SUITES for offer in _offers(tlv.value))

    @property
    def octets(self) -> bytes:
        """As on the wire."""
        return b"".join(tlv.octets for tlv in self.tlvs)

    @classmethod
    def decode(cls, octets: bytes) -> Announcement:
        """Read the TLVs of a set (ProtocolError if one ends past the set's end, or suites are cut)."""
        tlvs = []
        at = 0
        while at < len(octets):
            if len(octets) - at < 2:
                raise ProtocolError("announcement: ends within the head of a TLV")
            head = int.from_bytes(octets[at : at + 2], "big")
            end = at + 2 + (head & 0x1FF)
            if end > len(octets):
                raise ProtocolError(f"announcement: TLV {head >> 9} ends past the set")
            tlvs.append(Tlv(head >> 9, bytes(octets[at + 2 : end])))
            if tlvs[-1].type == CIPHER_SUITES and len(tlvs[-1].value) % _ENTRY:
                raise ProtocolError("announcement: the list of cipher suites is cut")
            at = end
        return cls(tuple(tlvs))


def _offer_octets(offer: SuiteOffer) -> bytes:
    identifier = offer.suite.identifier if isinstance(offer.suite, CipherSuite) else offer.suite
    return offer.capability.to_bytes(2, "big") + identifier


def _offers(octets: bytes) -> Iterator[SuiteOffer]:
    for at in range(0, len(octets) - _ENTRY + 1, _ENTRY):
        identifier = octets[at + 2 : at + _ENTRY]
        suite = CipherSuite.of_identifier(identifier)
        yield SuiteOffer(suite or identifier, int.from_bytes(octets[at : at + 2], "big"))
