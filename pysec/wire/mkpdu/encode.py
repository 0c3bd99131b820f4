"""Why this exists: receivers should take the sets of an MKPDU in any order, and not all do; a sender keeps to one.

The standard's order (802.1X-2020 11.11.3): basic, then the others by rising type, then live peers, potential peers,
and the ICV indicator. Many devices send them plainly rising: `rising` does the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pysec.errors import UsageError
from pysec.types import CipherSuite
from pysec.wire.eapol import MAX_BODY_OCTETS
from pysec.wire.mkpdu import sets
from pysec.wire.mkpdu.sets import (
    ICV_OCTETS,
    NO_KI,
    BasicSet,
    DistributedSak,
    KiPn,
    MkPdu,
    PeerList,
    SakUse,
)

UNUSED_PN: Final = 1
"""What stands beside a KI of zeros. Some receivers refuse 0."""


def encode(pdu: MkPdu, icv: bytes, *, rising: bool = False) -> bytes:
    """The EAPOL-MKA body of an MKPDU, its ICV included (802.1X-2020 11.11.3).

    The ICV covers the frame up to itself, so it can be computed once this has been called with 16 octets of anything.
    UsageError if the ICV has not 16 octets or the body does not fit a frame.
    """
    if len(icv) != ICV_OCTETS:
        raise UsageError(f"ICV: {len(icv)} octets, must be {ICV_OCTETS}")
    found = dict(_sets(pdu))
    order = sorted(found, key=lambda kind: (_place(kind, rising), kind))
    body = _basic(pdu.version, pdu.basic) + b"".join(found[kind] for kind in order)
    if pdu.icv_indicator:
        body += _head(sets.ICV_INDICATOR, 0, 0, ICV_OCTETS)
    body += icv
    if len(body) > MAX_BODY_OCTETS:
        raise UsageError(f"MKPDU: {len(body)} octets, at most {MAX_BODY_OCTETS} fit a frame")
    return body


def _place(kind: int, rising: bool) -> int:
    return 1 if kind in (sets.LIVE_PEERS, sets.POTENTIAL_PEERS) and not rising else 0


def _head(kind: int, octet2: int, nibble3: int, length: int) -> bytes:
    return bytes((kind, octet2, nibble3 << 4 | length >> 8, length & 0xFF))


def _set(kind: int, body: bytes, octet2: int = 0, nibble3: int = 0) -> tuple[int, bytes]:
    return kind, _head(kind, octet2, nibble3, len(body)) + body + bytes(-len(body) % 4)


def _sets(pdu: MkPdu) -> Iterator[tuple[int, bytes]]:
    """Every set but the basic one, by its type."""
    if pdu.live is not None:
        yield _set(sets.LIVE_PEERS, _peers(pdu.live), pdu.live.key_server_ssci or 0)
    if pdu.potential is not None:
        yield _set(sets.POTENTIAL_PEERS, _peers(pdu.potential))
    if pdu.sak_use is not None:
        yield _sak_use(pdu.sak_use)
    if pdu.distributed_sak is not None:
        yield _distributed_sak(pdu.distributed_sak)
    if (cak := pdu.distributed_cak) is not None:
        yield _set(sets.DISTRIBUTED_CAK, cak.wrapped + cak.ckn.octets)
    if pdu.kmd is not None:
        yield _set(sets.KMD, _utf8(pdu.kmd))
    if pdu.announcement is not None:
        yield _set(sets.ANNOUNCEMENT, pdu.announcement.octets)
    if (xpn := pdu.xpn) is not None:
        body = xpn.latest_high.to_bytes(4, "big") + xpn.old_high.to_bytes(4, "big")
        yield _set(sets.XPN, body, xpn.suspension_time_s)
    for other in pdu.unknown:
        yield _set(other.type, other.body, other.octet2, other.nibble3)


def _basic(version: int, basic: BasicSet) -> bytes:
    flags = basic.is_key_server << 3 | basic.macsec_desired << 2 | basic.macsec_capability
    body = basic.sci.octets + basic.mi.octets + basic.mn.to_bytes(4, "big") + basic.agility + basic.ckn.octets
    head = _head(version, basic.key_server_priority, flags, len(body))
    return head + body + bytes(-len(body) % 4)


def _peers(peers: PeerList) -> bytes:
    return b"".join(peer.mi.octets + peer.mn.to_bytes(4, "big") for peer in peers.peers)


def _sak_use(use: SakUse) -> tuple[int, bytes]:
    octet2 = use.latest_an.value << 6 | use.latest_tx << 5 | use.latest_rx << 4
    octet2 |= use.old_an.value << 2 | use.old_tx << 1 | use.old_rx
    nibble3 = use.plain_tx << 3 | use.plain_rx << 2 | int(use.delay_protect)
    body = b"" if use.empty else _ki_pn(use.latest) + _ki_pn(use.old)
    return _set(sets.SAK_USE, body, octet2, nibble3)


def _ki_pn(key: KiPn | None) -> bytes:
    if key is None:
        return NO_KI.octets + UNUSED_PN.to_bytes(4, "big")
    return key.ki.octets + key.lowest_pn.to_bytes(4, "big")


def _distributed_sak(sak: DistributedSak) -> tuple[int, bytes]:
    octet2 = sak.an.value << 6 | sak.confidentiality_offset << 4
    if sak.kn is None:
        return _set(sets.DISTRIBUTED_SAK, b"", octet2)
    suite = sak.cipher_suite
    if suite is CipherSuite.GCM_AES_128:
        named = b""
    else:
        named = suite.identifier if isinstance(suite, CipherSuite) else suite or b""
    return _set(sets.DISTRIBUTED_SAK, sak.kn.octets + named + sak.wrapped, octet2)


def _utf8(text: str) -> bytes:
    try:
        octets = text.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError("Key Management Domain: not Unicode text") from None
    if len(octets) > 4095:
        raise UsageError("Key Management Domain: more than 4095 octets")
    return octets
