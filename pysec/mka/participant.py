"""Why this exists: a participant is one CAK's part in a connectivity association, and the only thing that knows it.

It has a Member Identifier of its own, its own table of peers, and its own view of who the key server is. What an MKPDU
says is taken in in this order, whatever order its sets came in (802.1X-2020 9.4, 9.8, 9.10):

    note_peers   who sent it, does he hear us, whom does he hear    -> peers, then the election
    note_sak     the SAK that the key server distributes            -> keyclient
    note_use     which SAKs the sender uses, and how far            -> progress, delay protection

The key server's part is in `keyserver`, the taking of a SAK in `keyclient`. `kay` calls all of these.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pysec.errors import ProtocolError
from pysec.mka.config import NEVER_KEY_SERVER
from pysec.mka.election import Candidate, elect, may_stand
from pysec.mka.events import DuplicateSci, MiChanged, PeerLive, PeerLost, PeerPotential
from pysec.mka.keyclient import KeyClient
from pysec.mka.keys import Cak
from pysec.mka.keyserver import KeyServer
from pysec.mka.member import Member
from pysec.mka.message import PduMaker
from pysec.mka.pacing import HelloTimer, TokenBucket
from pysec.mka.peers import Peer, PeerTable
from pysec.mka.port import UNUSED_PN, PortState
from pysec.mka.sak import KnownSaks, Sak, SakMember
from pysec.types import CipherSuite, Ckn
from pysec.wire.mkpdu import BasicSet, MkPdu

# How long before an MKPDU the lowest PN in it was in use at most (802.1X-2020 9.10).
LOWEST_PN_AGE_S: Final = 2.0

# For so long after the key server was lost, a peer that still follows it counts as willing: its next MKPDU, or the
# one after that if the first is lost, says what it has made of the loss.
GRACE_HELLOS = 1.5


class Participant:
    """An actor with one CAK (802.1X-2020 9.14). Rules are methods, so that a test can break one at a time."""

    member_type: type[Member] = Member
    peer_table_type: type[PeerTable] = PeerTable
    key_server_type: type[KeyServer] = KeyServer
    key_client_type: type[KeyClient] = KeyClient

    def __init__(
        self,
        cak: Cak,
        port: PortState,
        now: float,
        *,
        key_server_priority: int | None = None,
        rank: int = 0,
        not_after: float | None = None,
        retained: bool = True,
    ) -> None:
        config = port.config
        self.cak, self.port = cak, port
        self.priority = config.key_server_priority if key_server_priority is None else key_server_priority
        self.rank, self.not_after, self.retained = rank, not_after, retained
        self.created_at = self.alone_since = now
        self.member = self.member_type(port.rng, config.life_time_s)
        self.peers = self.peer_table_type(config)
        self.hello = HelloTimer(config, now)
        self.server: Candidate | None = None
        self._grace_ends: float | None = None
        self.live_since: float | None = None
        self.sak: Sak | None = None
        self.past_sak: Sak | None = None
        self.is_plain = False
        self.known_saks = KnownSaks(config.max_known_saks, port.rng(16))
        self.key_server = self.key_server_type(self)
        self.key_client = self.key_client_type(self)
        self.maker = PduMaker(self)
        self._mi_bucket = TokenBucket(1, config.life_time_s)
        self._duplicate_bucket = TokenBucket(1, config.life_time_s)
        self.elect(now)

    @property
    def ckn(self) -> Ckn:
        """The name of the CAK."""
        return self.cak.ckn

    @property
    def is_server(self) -> bool:
        """Whether we have elected ourselves."""
        return self.server is not None and self.server.mi == self.member.mi

    @property
    def server_peer(self) -> Peer | None:
        """The key server, if it is a peer."""
        return None if self.server is None else self.peers.get(self.server.mi)

    # ---- receiving

    def note_peers(self, pdu: MkPdu, now: float) -> Peer | None:
        """Take in who sent an MKPDU and whom he hears (802.1X-2020 9.4). The peer, or None if it is of no effect."""
        basic = pdu.basic
        if cause := self.of_no_effect(basic, now):
            self.port.counters[cause] += 1
            return None
        known = self.peers.get(basic.mi)
        if known is not None and known.sci not in (None, basic.sci):
            raise ProtocolError(f"MKPDU: MI {basic.mi} was that of SCI {known.sci}, and is now that of {basic.sci}")
        is_new = known is None or not known.is_heard
        peer = self.peers.hear(basic, pdu.version, now)
        if pdu.announcement is not None and pdu.announcement != peer.announced:
            offers = (offer.suite for offer in pdu.announcement.suites)
            peer.suites = tuple(suite for suite in offers if isinstance(suite, CipherSuite))
            peer.announced = pdu.announcement
        peer.lists = frozenset(entry.mi for entry in pdu.live.peers) if pdu.live is not None else frozenset()
        peer.distributes = pdu.distributed_sak is not None
        hears_us = self.hears_us(pdu, now)
        if hears_us and not peer.is_live and not self.peers.has_room_for_live():
            self.port.counters["no room for a live peer"] += 1
            hears_us = False
        if hears_us:
            if self.peers.prove(peer, now):
                self._became_live(peer, now)
            if self.has_missed_one(pdu, now):
                self.hello.hurry(now)
        elif is_new:
            self.port.emit(
                PeerPotential("heard with a good ICV, and does not list us yet", self.ckn, peer.mi, basic.sci)
            )
            self.hello.hurry(now)
        if is_new:
            self._name_members(peer)
        if peer.is_live and pdu.live is not None:
            self.peers.hearsay(peer.mi, pdu.live, self.member.mi, now)
        return peer

    def of_no_effect(self, basic: BasicSet, now: float) -> str:
        """Why an MKPDU with a good ICV is not taken in at all; empty if it is (802.1X-2020 9.4.2)."""
        if basic.mi == self.member.mi:
            return self.own_mi(basic, now)
        if basic.sci == self.port.sci:
            return self._own_sci(basic, now)
        if self.peers.is_displaced(basic.mi, now):
            return "displaced MI"
        if not self.peers.is_fresh(basic.mi, basic.mn):
            return "MN does not rise"
        if self.peers.is_locked_out(basic.mi, basic.sci):
            return "SCI in use"
        return ""

    def own_mi(self, basic: BasicSet, now: float) -> str:
        """An MKPDU with our own MI: ours, come back or replayed, unless we cannot have sent it (802.1X-2020 9.4.2)."""
        if basic.sci == self.port.sci and basic.mn <= self.member.mn:
            return "own MKPDU"
        if self._mi_bucket.take(now):
            self.renew_mi("another station uses our MI", now)
        return "own MI used by another"

    def _own_sci(self, basic: BasicSet, now: float) -> str:
        if self._duplicate_bucket.take(now):
            why = "another station uses our SCI, or what we sent before a restart is replayed"
            self.port.emit(DuplicateSci(why, self.ckn, basic.sci, basic.mi, self.member.mi))
        return "own SCI used by another"

    def hears_us(self, pdu: MkPdu, now: float) -> bool:
        """Whether the sender lists us with a recent MN, in either list (802.1X-2020 9.4.3)."""
        mn = self._listed_mn(pdu)
        return mn is not None and self.member.is_recent(mn, now)

    def _listed_mn(self, pdu: MkPdu) -> int | None:
        """The last MN that the sender has heard of us, as it says."""
        for peers in (pdu.live, pdu.potential):
            for entry in peers.peers if peers is not None else ():
                if entry.mi == self.member.mi:
                    return entry.mn
        return None

    def has_missed_one(self, pdu: MkPdu, now: float) -> bool:
        """Whether the sender has missed our last MKPDU: then it gets another now. A Life Time of three Hello Times does
        not outlast two losses in a row."""
        mn = self._listed_mn(pdu)
        return mn is not None and self.member.has_missed(mn, now, self.port.config.hello_time_s / 4)

    def lists_us_live(self, pdu: MkPdu) -> bool:
        """Whether we are live to the sender: SAKs that it distributes are for its live peers (802.1X-2020 9.8)."""
        return pdu.live is not None and any(entry.mi == self.member.mi for entry in pdu.live.peers)

    def _became_live(self, peer: Peer, now: float) -> None:
        assert peer.sci is not None
        for old in self.peers.displace(peer, now):
            self.port.emit(DuplicateSci("a new MI has come to life", self.ckn, peer.sci, old.mi, peer.mi))
            self.port.emit(PeerLost("another MI has taken its SCI", self.ckn, old.mi, peer.sci))
        if self.live_since is None:
            self.live_since = now
        self.port.emit(PeerLive("lists our MI with a recent MN", self.ckn, peer.mi, peer.sci))
        self.hello.hurry(now)

    def _name_members(self, peer: Peer) -> None:
        """The SCI of a peer is known now; a SAK that was numbered by MI can be completed."""
        if self.sak is None or peer.mi not in self.sak.member_mis:
            return
        members = tuple(
            SakMember(member.mi, peer.sci, member.ssci) if member.mi == peer.mi else member
            for member in self.sak.members
        )
        if members != self.sak.members:
            self.sak = replace(self.sak, members=members)
            self.key_client.say_members()

    def is_news(self, peer: Peer, pdu: MkPdu) -> bool:
        """Whether a peer says anything that it did not say the last time. In steady state it does not, and there is
        nothing to conclude."""
        basic, use = pdu.basic, pdu.sak_use
        wishes = basic.key_server_priority, basic.is_key_server, basic.macsec_desired, basic.macsec_capability
        said: tuple[object, ...] = (*wishes, pdu.version, pdu.announcement, peer.lists, peer.distributes)
        if use is not None:
            said += use.latest and use.latest.ki, use.latest_an, use.latest_rx, use.latest_tx
            said += use.old and use.old.ki, use.old_an, use.old_rx, use.old_tx
        before, peer.said = peer.said, said
        return said != before or pdu.distributed_sak is not None or self.key_server.misses(peer)

    def note_use(self, peer: Peer, pdu: MkPdu, now: float) -> None:
        """Take in which SAKs a peer uses (802.1X-2020 9.10). A peer that says nothing of it has said nothing new."""
        if not peer.is_live or pdu.sak_use is None:
            return
        peer.sak_use = pdu.sak_use
        self.key_client.note_use(peer)
        self.key_client.note_delay_protect(peer, pdu)
        self._note_bound(peer, pdu)
        self.key_server.note_use(peer, pdu)

    def _note_bound(self, peer: Peer, pdu: MkPdu) -> None:
        """How old a frame can be that is still taken from a peer (802.1X-2020 9.10).

        An MKPDU that lists our MN was made after we had sent that; the lowest PN in it was in use at most so long
        before. So a frame with this PN or a greater one cannot be older than that, however long anybody holds it."""
        use = pdu.sak_use
        slots = () if use is None or not use.delay_protect else (use.latest, use.old)
        told = [peer.lowest_pns.get(slot.ki, UNUSED_PN) for slot in slots if slot is not None]
        if not told or UNUSED_PN in told:  # it has not said how far it has come, or not yet
            peer.bound_from = None
            return
        mn = self._listed_mn(pdu)
        sent = None if mn is None else self.member.sent_at(mn)
        if sent is not None:
            peer.bound_from = sent - LOWEST_PN_AGE_S

    # ---- time and the election

    def expire(self, now: float) -> None:
        """Let go of peers that were not heard, or do not hear us (802.1X-2020 9.4.3)."""
        life = f"{self.port.config.life_time_s:g} s"
        for done in self.peers.expire(now):
            peer = done.peer
            if not done.was_live or peer.sci is None:
                continue
            why = f"not heard for {life}" if done.is_gone else f"heard, but has not listed us for {life}"
            self.port.emit(PeerLost(why, self.ckn, peer.mi, peer.sci))
            self.key_server.note_loss(peer)
        if self.live_since is not None and not self.peers.live:
            self._alone(now)

    def _alone(self, now: float) -> None:
        self.live_since, self.alone_since = None, now
        self.is_plain = False
        self.put_aside()
        self.hello.start(now)

    def put_aside(self) -> None:
        """The SAK is not agreed any more, by this participant at least."""
        self.sak, self.past_sak = None, self.sak or self.past_sak

    def is_abandoned(self, now: float) -> bool:
        """Whether there has been no live peer for an MKA Life Time (802.1X-2020 9.14)."""
        return self.live_since is None and now >= self.alone_since + self.port.config.life_time_s

    def elect(self, now: float) -> bool:
        """Elect the key server among the live (802.1X-2020 9.5); whether it is another one than before."""
        candidates = [peer.candidate() for peer in self.peers.live]
        if self.priority != NEVER_KEY_SERVER:
            candidates.append(Candidate(self.priority, self.port.sci, self.member.mi, True))
        if self.in_grace(candidates, now):
            candidates = [replace(found, is_willing=True) for found in candidates]
        before, self.server = self.server, self.elected(candidates)
        was, now_is = before and before.mi, self.server and self.server.mi
        if was != now_is:
            self.hello.hurry(now)
        return was != now_is

    def elected(self, candidates: list[Candidate]) -> Candidate | None:
        """The election itself."""
        return elect(candidates)

    def in_grace(self, candidates: list[Candidate], now: float) -> bool:
        """Whether the peers may not have noticed yet what has become of the key server, and still point to it.

        Their flags then say whom they have chosen, not what they are willing to do. Without this, a member that
        notices first makes itself key server for a moment, and a SAK that nobody takes.
        """
        present = self.server
        if present is None or any(found.mi == present.mi and may_stand(found) for found in candidates):
            self._grace_ends = None
        elif self._grace_ends is None:
            self._grace_ends = now + GRACE_HELLOS * self.port.config.hello_time_s
        return self._grace_ends is not None and now < self._grace_ends

    def renew_mi(self, reason: str, now: float) -> None:
        """Take a new MI (802.1X-2020 9.4.2); Key Numbers begin again, as they count under an MI."""
        old = self.member.mi
        self.member.renew()
        self.key_server.restart_numbers()
        self.port.emit(MiChanged(reason, self.ckn, old, self.member.mi))
        self.elect(now)
        self.hello.hurry(now)

    def next_change(self, now: float) -> float | None:
        """When something becomes of this participant by itself. Hellos are beside it: they change nothing."""
        grace = self._grace_ends
        times = [
            self.peers.next_expiry(),
            self.not_after,
            self.key_server.next_timer(now),
            self.key_client.next_timer(),
            grace if grace is not None and grace > now else None,
            None if self.retained or self.live_since is not None else self.alone_since + self.port.config.life_time_s,
        ]
        return min((when for when in times if when is not None), default=None)

    # ---- sending

    @property
    def hello_time_s(self) -> float:
        """The interval between MKPDUs: bounded while our delay protection is in use (802.1X-2020 9.10)."""
        config = self.port.config
        protects = config.delay_protect and self.sak is not None
        return config.bounded_hello_time_s if protects else config.hello_time_s

    def send(self, now: float, is_principal: bool) -> bytes:
        """The body of the MKPDU that is due."""
        if self.member.is_worn:
            self.renew_mi("its MNs are used up", now)
        body = self.maker.make(now, is_principal)
        self.hello.sent(now, self.hello_time_s)
        return body
