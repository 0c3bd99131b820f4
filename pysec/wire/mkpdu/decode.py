"""Why this exists: an MKPDU comes from anybody who can reach the wire, until its ICV has been verified.

So it is read in two steps. `peek` looks at bounds and at the basic set, which says whose ICV to verify: it costs no
more than that. `decode` reads the rest, and is for MKPDUs whose ICV has been verified. Sets may come in any order
behind the basic one; those of an unknown type are kept unread.

Lengths, the place of the ICV and the refusal of what is too short are those of 802.1X-2020 11.11.2 and 11.11.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pysec.errors import ProtocolError, UsageError
from pysec.types import An, CipherSuite, Ckn, ConfidentialityOffset, Ki, Kn, MacsecCapability, Mi, Sci
from pysec.wire.mkpdu import sets
from pysec.wire.mkpdu.announcement import Announcement
from pysec.wire.mkpdu.sets import (
    ICV_OCTETS,
    NO_KI,
    BasicSet,
    DistributedCak,
    DistributedSak,
    KiPn,
    MkPdu,
    PeerEntry,
    PeerList,
    SakUse,
    UnknownSet,
    Xpn,
)

MIN_BODY_OCTETS: Final = 32
_BASIC_FIXED: Final = 28
_HEAD: Final = 4


@dataclass(frozen=True, slots=True)
class Peek:
    """What an MKPDU says before anything of it can be believed."""

    version: int
    basic: BasicSet
    covered: bytes = field(repr=False)
    """The body less the ICV: what the ICV covers, behind the frame's 18 octets of header."""
    icv: bytes
    basic_octets: int
    """Octets of the basic set with its head and padding: where the next set begins."""

    @property
    def ckn(self) -> Ckn:
        """Whose ICV to verify."""
        return self.basic.ckn


@dataclass(frozen=True, slots=True)
class RawSet:
    """A set as it lies in the body: its head taken apart, its body unread."""

    type: int
    octet2: int
    nibble3: int
    body: bytes


def peek(body: bytes) -> Peek:
    """Bounds and the basic set of an EAPOL-MKA body (802.1X-2020 11.11.2; ProtocolError).

    The ICV is the last 16 octets. Only the one Algorithm Agility is accepted: with another one nobody knows where the
    ICV begins and how to verify it.
    """
    if len(body) < MIN_BODY_OCTETS or len(body) % 4:
        raise ProtocolError(f"MKPDU: {len(body)} octets, must be 32 or more and a multiple of 4")
    length = (body[2] & 0x0F) << 8 | body[3]
    end = _HEAD + length + -length % 4
    if end + ICV_OCTETS > len(body):
        raise ProtocolError("MKPDU: the basic set and the ICV do not fit")
    if length <= _BASIC_FIXED:
        raise ProtocolError(f"MKPDU: a basic set of {length} octets has no CKN")
    try:
        basic = BasicSet(
            key_server_priority=body[1],
            is_key_server=bool(body[2] & 0x80),
            macsec_desired=bool(body[2] & 0x40),
            macsec_capability=MacsecCapability(body[2] >> 4 & 3),
            sci=Sci.parse(bytes(body[4:12])),
            mi=Mi(bytes(body[12:24])),
            mn=int.from_bytes(body[24:28], "big"),
            agility=bytes(body[28:32]),
            ckn=Ckn(bytes(body[32 : _HEAD + length])),
        )
    except UsageError as error:  # what a value refuses is the peer's fault here
        raise ProtocolError(f"MKPDU: {error}") from None
    if body[0] == 0:
        raise ProtocolError("MKPDU: MKA version 0")
    if basic.agility != sets.AGILITY:
        raise ProtocolError(f"MKPDU: algorithm agility {basic.agility.hex()} is not known")
    return Peek(body[0], basic, bytes(body[:-ICV_OCTETS]), bytes(body[-ICV_OCTETS:]), end)


def decode(body: bytes | Peek, *, cak_octets: int = 16) -> MkPdu:
    """Everything in an EAPOL-MKA body (802.1X-2020 11.11.3; ProtocolError). Verify its ICV first: see `peek`.

    body: its octets, or what `peek` made of them, which saves looking at them twice.

    cak_octets: the length of the CAK that the ICV was verified with. The set that distributes a CAK does not tell
    where the wrapped key ends; it is of the same length as the one that wraps it.
    """
    found = body if isinstance(body, Peek) else peek(body)
    try:
        return MkPdu(found.version, found.basic, **_contents(found, cak_octets))
    except UsageError as error:  # what a value refuses is the peer's fault here
        raise ProtocolError(f"MKPDU: {error}") from None


def _contents(found: Peek, cak_octets: int) -> dict[str, Any]:
    """The fields of an MkPdu behind the basic set (ProtocolError, UsageError)."""
    fields: dict[str, Any] = {}
    unknown = []
    seen: set[int] = set()
    for raw in raw_sets(found):
        if raw.type in seen:
            raise ProtocolError(f"MKPDU: set {raw.type} comes twice")
        seen.add(raw.type)
        if raw.type == sets.ICV_INDICATOR:
            fields["icv_indicator"] = True
        elif raw.type == sets.LIVE_PEERS:
            fields["live"] = _peers(raw, raw.octet2 if found.version >= 3 else 0)
        elif raw.type == sets.DISTRIBUTED_CAK:
            fields["distributed_cak"] = _distributed_cak(raw, cak_octets)
        elif reader := _READERS.get(raw.type):
            name, read = reader
            fields[name] = read(raw)
        else:
            unknown.append(UnknownSet(raw.type, raw.octet2, raw.nibble3, raw.body))
    return {**fields, "unknown": tuple(sorted(unknown, key=lambda raw: raw.type))}


def raw_sets(found: Peek) -> Iterator[RawSet]:
    """The sets behind the basic one, in the order of the wire (ProtocolError if one ends past the ICV's beginning).

    The body of the ICV indicator is the ICV itself: it ends the MKPDU, and its own body here is empty.
    """
    covered, at = found.covered, found.basic_octets
    while at < len(covered):
        length = (covered[at + 2] & 0x0F) << 8 | covered[at + 3]
        start = at + _HEAD
        if covered[at] == sets.ICV_INDICATOR:
            if length != ICV_OCTETS or start != len(covered):
                raise ProtocolError("MKPDU: the ICV indicator must come last and announce 16 octets")
            length = 0
        end = start + length + -length % 4
        if end > len(covered):
            raise ProtocolError(f"MKPDU: set {covered[at]} ends past the ICV's beginning")
        yield RawSet(covered[at], covered[at + 1], covered[at + 2] >> 4, bytes(covered[start : start + length]))
        at = end


def _peers(raw: RawSet, key_server_ssci: int = 0) -> PeerList:
    body = raw.body
    if len(body) % 16:
        raise ProtocolError(f"MKPDU: a peer list of {len(body)} octets is no list of entries of 16")
    starts = range(0, len(body), 16)
    peers = tuple(PeerEntry(Mi(body[i : i + 12]), _number(body, i + 12)) for i in starts)
    return PeerList(peers, key_server_ssci or None)


def _sak_use(raw: RawSet) -> SakUse:
    body = raw.body
    if len(body) not in (0, 40):
        raise ProtocolError(f"MKPDU: a SAK use set of {len(body)} octets, must be 0 or 40")
    return SakUse(
        latest_an=An(raw.octet2 >> 6),
        latest_tx=bool(raw.octet2 & 0x20),
        latest_rx=bool(raw.octet2 & 0x10),
        old_an=An(raw.octet2 >> 2 & 3),
        old_tx=bool(raw.octet2 & 0x02),
        old_rx=bool(raw.octet2 & 0x01),
        plain_tx=bool(raw.nibble3 & 8),
        plain_rx=bool(raw.nibble3 & 4),
        delay_protect=bool(raw.nibble3 & 1),
        latest=_ki_pn(body[:20]),
        old=_ki_pn(body[20:]),
        empty=not body,
    )


def _ki_pn(octets: bytes) -> KiPn | None:
    if not octets or octets[:16] == NO_KI.octets:
        return None
    return KiPn(Ki(octets[:16]), _number(octets, 16))


def _distributed_sak(raw: RawSet) -> DistributedSak:
    body = raw.body
    if not body:
        return DistributedSak(An(raw.octet2 >> 6), ConfidentialityOffset(raw.octet2 >> 4 & 3), None, None, b"")
    if len(body) < 28:
        raise ProtocolError(f"MKPDU: a distributed SAK of {len(body)} octets, must be 0, 28 or more")
    suite: CipherSuite | bytes = CipherSuite.GCM_AES_128
    wrapped = body[4:]
    if len(body) != 28:  # 28: GCM-AES-128, which is not named
        suite, wrapped = CipherSuite.of_identifier(body[4:12]) or body[4:12], body[12:]
    offset = ConfidentialityOffset(raw.octet2 >> 4 & 3)
    return DistributedSak(An(raw.octet2 >> 6), offset, Kn(_number(body, 0)), suite, wrapped)


def _distributed_cak(raw: RawSet, cak_octets: int) -> DistributedCak:
    return DistributedCak(raw.body[: cak_octets + 8], Ckn(raw.body[cak_octets + 8 :]))


def _kmd(raw: RawSet) -> str:
    try:
        return raw.body.decode("utf-8")
    except UnicodeDecodeError:
        raise ProtocolError("MKPDU: the Key Management Domain is not UTF-8") from None


def _xpn(raw: RawSet) -> Xpn:
    if len(raw.body) != 8:
        raise ProtocolError(f"MKPDU: an XPN set of {len(raw.body)} octets, must be 8")
    return Xpn(raw.octet2, _number(raw.body, 0), _number(raw.body, 4))


def _number(octets: bytes, at: int) -> int:
    return int.from_bytes(octets[at : at + 4], "big")


_READERS: Final[dict[int, tuple[str, Callable[[RawSet], object]]]] = {
    sets.POTENTIAL_PEERS: ("potential", _peers),
    sets.SAK_USE: ("sak_use", _sak_use),
    sets.DISTRIBUTED_SAK: ("distributed_sak", _distributed_sak),
    sets.KMD: ("kmd", _kmd),
    sets.ANNOUNCEMENT: ("announcement", lambda raw: Announcement.decode(raw.body)),
    sets.XPN: ("xpn", _xpn),
}
