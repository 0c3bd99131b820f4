"""Why this exists: "is this link protected, by which key, and if not why" needs an answer that can be printed.

A tree of frozen values without secrets, made by `of` from a KaY at one moment. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pysec.mka.events import Connect
from pysec.mka.peers import Peer
from pysec.mka.port import KeyUse
from pysec.types import An, CipherSuite, Ckn, ConfidentialityOffset, Ki, MacsecCapability, Mi, Sci, Ssci

if TYPE_CHECKING:
    from pysec.mka.kay import Kay
    from pysec.mka.participant import Participant


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """A peer. sci is None, and the rest says nothing, as long as it is known by hearsay only."""

    mi: Mi
    sci: Sci | None
    mn: int
    is_live: bool
    key_server_priority: int
    is_key_server: bool
    """Whether its MKPDUs say so."""
    macsec_capability: MacsecCapability
    mka_version: int
    cipher_suites: tuple[CipherSuite, ...] | None
    seconds_left: float
    """Until it is gone if it is not heard again."""
    delay_bound_s: float | None
    """A frame of it that is taken now was sent no longer ago than this; None: it does not bound the delay."""


@dataclass(frozen=True, slots=True)
class SakStatus:
    """The SAK that was agreed last."""

    ki: Ki
    kn: int
    an: An
    cipher_suite: CipherSuite
    confidentiality_offset: ConfidentialityOffset
    made_by: Sci
    members: tuple[tuple[Sci, Ssci | None], ...]
    age_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class ParticipantStatus:
    """A participant."""

    ckn: Ckn
    is_principal: bool
    mi: Mi
    mn: int
    key_server_priority: int
    key_server: Sci | None
    is_key_server: bool
    peers: tuple[PeerStatus, ...]
    sak: SakStatus | None
    waiting: str
    """Why a SAK that is needed is not there; empty if none is."""


@dataclass(frozen=True, slots=True)
class KayStatus:
    """A KaY."""

    sci: Sci
    connect: Connect
    why_not_secured: str
    """Empty if connect is SECURE."""
    participants: tuple[ParticipantStatus, ...]
    latest: KeyUse | None
    old: KeyUse | None
    wanted: str
    """Why a new SAK is wanted; empty if none is."""
    last_refusal: str
    counters: Mapping[str, int]


def of(kay: Kay, now: float) -> KayStatus:
    """The state of a KaY now."""
    port = kay.port
    return KayStatus(
        sci=port.sci,
        connect=kay.connect,
        why_not_secured=kay.why_not_secured,
        participants=tuple(_participant(found, found is kay.principal, now) for found in kay.participants.values()),
        latest=port.latest,
        old=port.old,
        wanted=port.wanted or "",
        last_refusal=kay.last_refusal,
        counters=dict(port.counters),
    )


def _participant(found: Participant, is_principal: bool, now: float) -> ParticipantStatus:
    return ParticipantStatus(
        ckn=found.ckn,
        is_principal=is_principal,
        mi=found.member.mi,
        mn=found.member.mn,
        key_server_priority=found.priority,
        key_server=None if found.server is None else found.server.sci,
        is_key_server=found.is_server,
        peers=tuple(_peer(peer, now) for peer in found.peers),
        sak=_sak(found, now),
        waiting=found.key_server.waiting if found.is_server else found.key_client.waiting,
    )


def _peer(peer: Peer, now: float) -> PeerStatus:
    return PeerStatus(
        mi=peer.mi,
        sci=peer.sci,
        mn=peer.mn,
        is_live=peer.is_live,
        key_server_priority=peer.priority,
        is_key_server=peer.is_key_server,
        macsec_capability=peer.macsec_capability,
        mka_version=peer.mka_version,
        cipher_suites=peer.suites,
        seconds_left=max(0.0, peer.ends_at - now),
        delay_bound_s=None if peer.bound_from is None else now - peer.bound_from,
    )


def _sak(found: Participant, now: float) -> SakStatus | None:
    sak = found.sak
    if sak is None:
        return None
    return SakStatus(
        ki=sak.ki,
        kn=sak.ki.kn.value,
        an=sak.an,
        cipher_suite=sak.cipher_suite,
        confidentiality_offset=sak.confidentiality_offset,
        made_by=sak.server,
        members=sak.known_members,
        age_s=now - sak.made_at,
        reason=sak.reason,
    )
