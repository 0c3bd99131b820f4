"""Why this exists: the parameter sets of an MKPDU (802.1X-2020 11.11.3) as values that check themselves.

Each class is one set. What it refuses (UsageError) cannot be put into octets, or does not name anything; what a
participant should make of a value is the engines' matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pysec.errors import UsageError
from pysec.types import An, CipherSuite, Ckn, ConfidentialityOffset, Ki, Kn, MacsecCapability, Mi, Sci
from pysec.wire.mkpdu.announcement import Announcement

AGILITY: Final = bytes.fromhex("0080c201")
"""The one Algorithm Agility there is: AES-CMAC for the ICV, the KDF over it, AES Key Wrap (802.1X-2020 11.11.3)."""
ICV_OCTETS: Final = 16
MAX_PEERS: Final = 4095 // 16
NO_KI: Final = Ki(bytes(16))
"""16 zeros where there is no key."""

LIVE_PEERS: Final = 1
POTENTIAL_PEERS: Final = 2
SAK_USE: Final = 3
DISTRIBUTED_SAK: Final = 4
DISTRIBUTED_CAK: Final = 5
KMD: Final = 6
ANNOUNCEMENT: Final = 7
XPN: Final = 8
ICV_INDICATOR: Final = 255
_AN_0: Final = An(0)
KNOWN_TYPES: Final = frozenset((*range(1, 9), ICV_INDICATOR))


def _bits(value: int, bits: int, what: str) -> None:
    if not 0 <= value < 1 << bits:
        raise UsageError(f"{what}: {value}, must be a {bits}-bit number")


@dataclass(frozen=True, slots=True)
class BasicSet:
    """Who sends this, in which CA, with which wishes. The MKA version that shares its first octet is the MKPDU's."""

    key_server_priority: int
    """0 to 255; the least wins, 255 never."""
    is_key_server: bool
    macsec_desired: bool
    macsec_capability: MacsecCapability
    sci: Sci
    mi: Mi
    mn: int
    """Member Number: rises with every MKPDU of this MI, from 1."""
    agility: bytes
    ckn: Ckn

    def __post_init__(self) -> None:
        _bits(self.key_server_priority, 8, "key server priority")
        _bits(self.mn, 32, "MN")
        if len(self.agility) != 4:
            raise UsageError(f"algorithm agility: {len(self.agility)} octets, must be 4")


@dataclass(frozen=True, slots=True)
class PeerEntry:
    """A peer, and the last Member Number heard of it."""

    mi: Mi
    mn: int

    def __post_init__(self) -> None:
        _bits(self.mn, 32, "MN")


@dataclass(frozen=True, slots=True)
class PeerList:
    """The live or the potential peers of the sender."""

    peers: tuple[PeerEntry, ...]
    key_server_ssci: int | None = None
    """Live peers of a version 3 key server that distributes a SAK of an XPN suite: the low octet of its own SSCI. The
    peers then stand in the order of their SSCIs."""

    def __post_init__(self) -> None:
        if len(self.peers) > MAX_PEERS:
            raise UsageError(f"peer list: {len(self.peers)} peers, at most {MAX_PEERS} fit")
        if self.key_server_ssci is not None and not 1 <= self.key_server_ssci <= 255:
            raise UsageError(f"peer list: key server's SSCI {self.key_server_ssci}, must be 1 to 255")


@dataclass(frozen=True, slots=True)
class KiPn:
    """A key in use, and the low 32 bits of the lowest PN that the sender has used with it of late (LLPN, OLPN)."""

    ki: Ki
    lowest_pn: int

    def __post_init__(self) -> None:
        _bits(self.lowest_pn, 32, "lowest PN")
        if self.ki == NO_KI:
            raise UsageError("SAK use: a KI of zeros names no key")


@dataclass(frozen=True, slots=True)
class SakUse:
    """Which SAKs the sender uses, and how far it has come with them."""

    latest_an: An = _AN_0
    latest_tx: bool = False
    latest_rx: bool = False
    old_an: An = _AN_0
    old_tx: bool = False
    old_rx: bool = False
    plain_tx: bool = False
    plain_rx: bool = False
    delay_protect: bool = False
    latest: KiPn | None = None
    old: KiPn | None = None
    empty: bool = False
    """A body of 0 octets: the sender does not do MACsec. Such a set has no keys."""

    def __post_init__(self) -> None:
        if self.empty and (self.latest or self.old):
            raise UsageError("SAK use: a body of 0 octets has no room for a key")


@dataclass(frozen=True, slots=True)
class DistributedSak:
    """A SAK for all live peers, wrapped in the KEK; without one the key server says that MACsec is not to be used."""

    an: An
    confidentiality_offset: ConfidentialityOffset
    kn: Kn | None
    cipher_suite: CipherSuite | bytes | None
    """8 octets where the suite is none of ours."""
    wrapped: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.kn is None:
            if self.cipher_suite is not None or self.wrapped:
                raise UsageError("distributed SAK: without a KN there is no suite and no SAK")
            return
        suite = self.cipher_suite
        if suite is None or not (isinstance(suite, CipherSuite) or len(suite) == 8):
            raise UsageError("distributed SAK: a cipher suite has an identifier of 8 octets")
        if isinstance(suite, CipherSuite) and len(self.wrapped) != suite.sak_octets + 8:
            raise UsageError(f"distributed SAK: {len(self.wrapped)} octets, {suite} has {suite.sak_octets + 8}")
        if len(self.wrapped) < 24 or len(self.wrapped) % 8:
            raise UsageError(f"distributed SAK: {len(self.wrapped)} octets are no wrapped key")

    @classmethod
    def plain(cls) -> DistributedSak:
        """The set that says: no MACsec."""
        return cls(An(0), ConfidentialityOffset.INTEGRITY_ONLY, None, None, b"")

    @property
    def is_plain(self) -> bool:
        """Whether it says that MACsec is not to be used."""
        return self.kn is None


@dataclass(frozen=True, slots=True)
class DistributedCak:
    """A CAK for a group, wrapped in the KEK, and its name."""

    wrapped: bytes = field(repr=False)
    ckn: Ckn

    def __post_init__(self) -> None:
        if len(self.wrapped) not in (24, 40):
            raise UsageError(f"distributed CAK: {len(self.wrapped)} octets, a wrapped CAK has 24 or 40")


@dataclass(frozen=True, slots=True)
class Xpn:
    """The high halves of the packet numbers in the SAK use set, and how long the sender wants to be missed."""

    suspension_time_s: int = 0
    latest_high: int = 0
    old_high: int = 0

    def __post_init__(self) -> None:
        _bits(self.suspension_time_s, 8, "MKA suspension time")
        _bits(self.latest_high, 32, "latest PN, high half")
        _bits(self.old_high, 32, "old PN, high half")


@dataclass(frozen=True, slots=True)
class UnknownSet:
    """A set of a type that nobody has told us of, kept as it came."""

    type: int
    octet2: int
    nibble3: int
    """The high half of the third octet."""
    body: bytes

    def __post_init__(self) -> None:
        _bits(self.type, 8, "set type")
        _bits(self.octet2, 8, "second octet")
        _bits(self.nibble3, 4, "high half of the third octet")
        _bits(len(self.body), 12, "octets of a set")
        if self.type in KNOWN_TYPES:
            raise UsageError(f"set type {self.type} is a known one")


@dataclass(frozen=True, slots=True)
class MkPdu:
    """An MKPDU less its ICV: at most one set of each type."""

    version: int
    """The MKA version that the sender speaks; 1 to 3 are those of 2010, 2014 and 2020."""
    basic: BasicSet
    live: PeerList | None = None
    potential: PeerList | None = None
    sak_use: SakUse | None = None
    distributed_sak: DistributedSak | None = None
    distributed_cak: DistributedCak | None = None
    kmd: str | None = None
    """Key Management Domain."""
    announcement: Announcement | None = None
    xpn: Xpn | None = None
    icv_indicator: bool = False
    """Whether a set announces the ICV."""
    unknown: tuple[UnknownSet, ...] = ()
    """By rising type."""

    def __post_init__(self) -> None:
        if not 1 <= self.version <= 255:
            raise UsageError(f"MKA version {self.version}, must be 1 to 255")
        if self.potential and self.potential.key_server_ssci is not None:
            raise UsageError("potential peers: only the live peers have the key server's SSCI with them")
        if self.version < 3 and self.live and self.live.key_server_ssci is not None:
            raise UsageError("live peers: the key server's SSCI came with MKA version 3")
        kinds = [found.type for found in self.unknown]
        if kinds != sorted(set(kinds)):
            raise UsageError("unknown sets: must be of rising types")
