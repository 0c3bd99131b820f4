"""Why this exists: everything else in MKA rests on who is there, and that question has many wrong answers.

A peer is an MI. It is in one of two states (802.1X-2020 9.4.3):

    potential   an MKPDU of it with a good ICV was received, or a live peer lists it as live. It may be a replay: it
                has no rights, and is only listed so that it may show that it hears us.
    live        it has listed our MI with an MN that we sent within the last MKA Life Time, so it hears us now.

    not known -> potential   heard, or listed as live by a live peer
    not known, potential -> live   it lists us, with a recent MN
    live -> potential   it is heard, but has not shown for an MKA Life Time that it hears us
    any -> not known    not heard for an MKA Life Time; displaced; the bound of the table

What makes a peer live must come again within each MKA Life Time: a peer that is merely heard does not stay live.

Rules that others break, each a method of its own:
- `is_fresh`: the MN of an MI must rise, or the MKPDU is a replay, of no effect. Only MKPDUs heard from the peer itself
  count; what a third party says of its MN does not (`hearsay`).
- `displace`: a station that restarts has a new MI and its old SCI. The new MI is taken in as any other; once it is live
  the old one goes, at once, and is not listened to for an MKA Life Time. A replay of an old MI is never live, so it
  can neither displace nor lock out anybody.
- The table is bounded. A further potential peer takes the place of the one heard least recently: whoever floods us with
  replays cannot keep a station out that goes on sending.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pysec.mka.config import KayConfig
from pysec.mka.election import Candidate
from pysec.types import CipherSuite, Ki, MacsecCapability, Mi, Sci
from pysec.wire.mkpdu import Announcement, BasicSet, PeerEntry, PeerList, SakUse


@dataclass(slots=True)
class Peer:
    """What is known of one MI. Times are those of the caller's clock."""

    mi: Mi
    expires_at: float
    sci: Sci | None = None
    """None: known by hearsay only."""
    mn: int = 0
    """The greatest that was heard from it; for one known by hearsay, the one that was told."""
    live_until: float | None = None
    """None: potential."""
    heard_at: float = 0.0
    priority: int = 255
    is_key_server: bool = False
    macsec_desired: bool = False
    macsec_capability: MacsecCapability = MacsecCapability.NONE
    mka_version: int = 0
    suites: tuple[CipherSuite, ...] | None = None
    """None: it has not announced any."""
    announced: Announcement | None = None
    """What the suites were read from."""
    said: tuple[object, ...] = ()
    """What it said last, but for numbers that differ each time: see `Participant.is_news`."""
    lists: frozenset[Mi] = frozenset()
    """Whom its last MKPDU listed as live."""
    distributes: bool = False
    """Whether its last MKPDU distributed a SAK."""
    sak_use: SakUse | None = None
    lowest_pns: dict[Ki, int] = field(default_factory=dict)
    """What delay protection has come to, for the SAKs that it reports."""
    bound_from: float | None = None
    """What is still taken of its frames was sent after this; None: it does not bound their delay."""
    _candidate: Candidate | None = None

    @property
    def is_live(self) -> bool:
        """Whether it hears us."""
        return self.live_until is not None

    @property
    def is_heard(self) -> bool:
        """Whether an MKPDU of its own was received."""
        return self.sci is not None

    @property
    def ends_at(self) -> float:
        """When something becomes of it if it is not heard again."""
        return self.expires_at if self.live_until is None else min(self.live_until, self.expires_at)

    def receives_with(self, ki: Ki) -> bool:
        """Whether it reports that it receives with this SAK, as the latest or as the old one (802.1X-2020 9.10)."""
        use = self.sak_use
        return use is not None and (
            (use.latest is not None and use.latest.ki == ki and use.latest_rx)
            or (use.old is not None and use.old.ki == ki and use.old_rx)
        )

    def transmits_with(self, ki: Ki) -> bool:
        """Whether it reports that it transmits with this SAK, as the latest or as the old one (802.1X-2020 9.10)."""
        use = self.sak_use
        return use is not None and (
            (use.latest is not None and use.latest.ki == ki and use.latest_tx)
            or (use.old is not None and use.old.ki == ki and use.old_tx)
        )

    @property
    def transmits(self) -> bool:
        """Whether it reports that it transmits with any SAK."""
        use = self.sak_use
        return use is not None and (use.latest_tx or use.old_tx)

    def candidate(self) -> Candidate:
        """As the election sees it; it must have been heard."""
        assert self.sci is not None
        made = self._candidate
        if made is None or (made.priority, made.sci, made.is_willing) != (self.priority, self.sci, self.is_key_server):
            made = self._candidate = Candidate(self.priority, self.sci, self.mi, self.is_key_server)
        return made


@dataclass(frozen=True, slots=True)
class Expired:
    """What became of a peer whose time was up."""

    peer: Peer
    was_live: bool
    is_gone: bool


class PeerTable:
    """The peers of one participant."""

    def __init__(self, config: KayConfig) -> None:
        self._config = config
        self._peers: dict[Mi, Peer] = {}
        self._live: list[Peer] | None = None
        self.changes = 0
        """How often a peer has come, gone, come to life or ceased to be live."""
        self._displaced: dict[Mi, float] = {}

    def __iter__(self) -> Iterator[Peer]:
        return iter(self._peers.values())

    def get(self, mi: Mi) -> Peer | None:
        """The peer of this MI."""
        return self._peers.get(mi)

    @property
    def live(self) -> list[Peer]:
        """The live peers. It is asked for all the time and seldom changes, so it is kept."""
        if self._live is None:
            self._live = [peer for peer in self._peers.values() if peer.is_live]
        return self._live

    @property
    def potential(self) -> list[Peer]:
        """The potential peers."""
        return [peer for peer in self._peers.values() if not peer.is_live]

    # ---- the rules

    def is_fresh(self, mi: Mi, mn: int) -> bool:
        """Whether this MN is above every one that was heard from the MI (802.1X-2020 9.4.2)."""
        peer = self._peers.get(mi)
        return mn > (peer.mn if peer is not None and peer.is_heard else 0)

    def is_displaced(self, mi: Mi, now: float) -> bool:
        """Whether another MI has taken this one's SCI of late."""
        return self._displaced.get(mi, now) > now

    def is_locked_out(self, mi: Mi, sci: Sci) -> bool:
        """Whether another MI with this SCI keeps the MI out: never; it is the newer that stands (802.1X-2020 9.4.3)."""
        return False

    def hear(self, basic: BasicSet, version: int, now: float) -> Peer:
        """Take down what an MKPDU of a peer says of the peer itself; whether it is live is not touched."""
        peer = self._peers.get(basic.mi)
        if peer is None:
            peer = self._add(basic.mi, now)
        peer.sci, peer.mn, peer.mka_version = basic.sci, basic.mn, version
        peer.priority, peer.is_key_server = basic.key_server_priority, basic.is_key_server
        peer.macsec_desired, peer.macsec_capability = basic.macsec_desired, basic.macsec_capability
        peer.heard_at = now
        peer.expires_at = now + self._config.life_time_s
        return peer

    def has_room_for_live(self) -> bool:
        """Whether one more live peer is within the bound."""
        return len(self.live) < self._config.max_live_peers

    def prove(self, peer: Peer, now: float) -> bool:
        """The peer has shown that it hears us (802.1X-2020 9.4.3). Whether it was not live before."""
        is_new = not peer.is_live
        peer.live_until = now + self._config.life_time_s
        if is_new:
            self._changed()
        return is_new

    def hearsay(self, teller: Mi, live: PeerList, own: Mi, now: float) -> None:
        """A live peer lists its live peers: who is unknown becomes potential (802.1X-2020 9.4.3).

        Of a peer that was heard, nothing that a third party says is taken, its MN least of all.
        """
        for entry in live.peers:
            if entry.mi in (own, teller) or self.is_displaced(entry.mi, now):
                continue
            peer = self._peers.get(entry.mi)
            if peer is None:
                peer = self._add(entry.mi, now)
            if not peer.is_heard:
                peer.mn, peer.heard_at = entry.mn, now
                peer.expires_at = now + self._config.life_time_s

    def displace(self, new: Peer, now: float) -> list[Peer]:
        """A peer has become live: live ones with its SCI go. Those that did (802.1X-2020 9.4.3)."""
        old = [peer for peer in self.live if peer.sci == new.sci and peer is not new]
        for peer in old:
            del self._peers[peer.mi]
            self._displaced[peer.mi] = now + self._config.life_time_s
        self._changed()
        return old

    def expire(self, now: float) -> list[Expired]:
        """Let go of peers whose time is up (802.1X-2020 9.4.3)."""
        if self._displaced:
            self._displaced = {mi: until for mi, until in self._displaced.items() if until > now}
        done: list[Expired] = []
        if all(peer.ends_at > now for peer in self._peers.values()):
            return done
        self._changed()
        for peer in list(self._peers.values()):
            was_live, is_gone = peer.is_live, peer.expires_at <= now
            if is_gone:
                del self._peers[peer.mi]
            if is_gone or (peer.live_until is not None and peer.live_until <= now):
                peer.live_until = None
                done.append(Expired(peer, was_live, is_gone))
        return done

    def next_expiry(self) -> float | None:
        """When the next peer's time is up."""
        return min((peer.ends_at for peer in self._peers.values()), default=None)

    def _add(self, mi: Mi, now: float) -> Peer:
        potential = self.potential
        if len(potential) >= self._config.max_potential_peers:
            del self._peers[min(potential, key=lambda peer: peer.heard_at).mi]
        self._changed()
        self._peers[mi] = Peer(mi, now)
        return self._peers[mi]

    def _changed(self) -> None:
        self._live = None
        self.changes += 1


def in_ssci_order(peers: Iterable[Peer]) -> list[Peer]:
    """Peers that were heard, in the order of their SSCIs: the greatest SCI first (802.1X-2020 11.11.3)."""
    return sorted((peer for peer in peers if peer.sci is not None), key=lambda peer: peer.sci or Sci(0), reverse=True)


def entries(peers: Iterable[Peer]) -> tuple[PeerEntry, ...]:
    """Peers as a list of an MKPDU."""
    return tuple(PeerEntry(peer.mi, peer.mn) for peer in peers)
