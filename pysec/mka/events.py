"""Why this exists: what a KaY has to say is a list of facts, each with a reason that a person can read.

Frozen values without behaviour; `Kay.next_event` hands them out in the order in which they came to be. Where an event
has a CKN it speaks of one participant; the others speak of the port, that is, of the principal participant.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from pysec.secret import Secret
from pysec.types import An, CipherSuite, Ckn, ConfidentialityOffset, Ki, Mi, Sci, Ssci


class Connect(enum.Enum):
    """How the port may be used, as far as key agreement can tell (802.1X-2020 12.4). Logon has the last word."""

    PENDING = "PENDING"
    """Not: nothing is agreed."""
    UNAUTHENTICATED = "UNAUTHENTICATED"
    """Never said by a KaY: it is for Logon to say."""
    AUTHENTICATED = "AUTHENTICATED"
    """The peers hold the CAK, and the key server has decided against MACsec."""
    SECURE = "SECURE"
    """With the SAK that was announced."""


@dataclass(frozen=True, slots=True)
class Event:
    """What all events have."""

    reason: str
    """One line for people: what made it so."""


@dataclass(frozen=True, slots=True)
class PeerPotential(Event):
    """Somebody who holds the CAK was heard, and has not shown that he hears us."""

    ckn: Ckn
    mi: Mi
    sci: Sci


@dataclass(frozen=True, slots=True)
class PeerLive(Event):
    """A peer has shown that he hears us now."""

    ckn: Ckn
    mi: Mi
    sci: Sci


@dataclass(frozen=True, slots=True)
class PeerLost(Event):
    """A live peer is live no longer."""

    ckn: Ckn
    mi: Mi
    sci: Sci


@dataclass(frozen=True, slots=True)
class DuplicateSci(Event):
    """Two stations use one SCI, or one has restarted: the newer MI stands."""

    ckn: Ckn
    sci: Sci
    old: Mi
    new: Mi


@dataclass(frozen=True, slots=True)
class MiChanged(Event):
    """We have a new Member Identifier."""

    ckn: Ckn
    old: Mi
    new: Mi


@dataclass(frozen=True, slots=True)
class PrincipalChanged(Event):
    """Another participant is the principal; None: no participant has a live peer."""

    ckn: Ckn | None


@dataclass(frozen=True, slots=True)
class ParticipantDeleted(Event):
    """A participant has ended, and its CAK is not used any more."""

    ckn: Ckn


@dataclass(frozen=True, slots=True)
class KeyServerElected(Event):
    """Another key server; None: nobody is willing.

    has_sa: whether the SAK in use has it for a member. If not, that is the chgdServer of the Controlled Port machine.
    """

    sci: Sci | None
    is_self: bool
    has_sa: bool


@dataclass(frozen=True, slots=True)
class ConnectChanged(Event):
    """How the port may be used, from now on."""

    connect: Connect


@dataclass(frozen=True, slots=True)
class SakReady(Event):
    """A SAK was made, or received, and is to be installed.

    sak: 16 or 32 octets; the receiver of the event owns it and erases it. salt: 12 octets with an XPN suite. members:
    every SCI that uses the SAK and is known, our own among them, with its SSCI if the suite is an XPN suite. known: the
    KI has been announced before, with this SAK; packet numbers go on where they were.
    """

    ki: Ki
    an: An
    sak: Secret = field(repr=False)
    salt: bytes | None
    cipher_suite: CipherSuite
    confidentiality_offset: ConfidentialityOffset
    members: tuple[tuple[Sci, Ssci | None], ...]
    is_key_server: bool
    known: bool = False


@dataclass(frozen=True, slots=True)
class SakMembers(Event):
    """A member of an announced SAK has become known by its SCI: all that are known now."""

    ki: Ki
    members: tuple[tuple[Sci, Ssci | None], ...]


@dataclass(frozen=True, slots=True)
class SakRefused(Event):
    """The key server distributes a SAK that we do not take; said once for each KI."""

    ki: Ki


@dataclass(frozen=True, slots=True)
class PlainDistributed(Event):
    """The key server, perhaps ourselves, has decided that MACsec is not to be used."""

    is_key_server: bool


@dataclass(frozen=True, slots=True)
class AllReceiving(Event):
    """Every live peer receives with this SAK."""

    ki: Ki


@dataclass(frozen=True, slots=True)
class ServerTransmitting(Event):
    """The key server transmits with this SAK."""

    ki: Ki


@dataclass(frozen=True, slots=True)
class PeersChanged(Event):
    """The SCIs that the SecY is to have receive SCs for."""

    scis: frozenset[Sci]


@dataclass(frozen=True, slots=True)
class RekeyRequested(Event):
    """A new SAK is wanted. It comes as soon as the key server may make one."""


@dataclass(frozen=True, slots=True)
class MkpduRefused(Event):
    """MKPDUs were refused. Not every one becomes an event; `counters` has them all, by cause, since the beginning."""

    source: str
    counters: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PnDelayProtect(Event):
    """A peer says that frames with lower PNs are late: raise the lowest acceptable PN of its SA (802.1X-2020 9.10).

    low_half_only: the suite has 64-bit PNs and the peer told the low 32 bits only; the high half is that of the data
    plane's own PN for this SA.
    """

    ki: Ki
    sci: Sci
    lowest_pn: int
    low_half_only: bool = False
