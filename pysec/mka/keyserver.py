"""Why this exists: making a SAK and getting it to everybody is the key server's part, and its rules are about when.

When a new SAK is needed is asked of the state, not remembered from an event, so that it cannot be forgotten (`need`):
a live peer is no member of the present one, the suite or the offset is another now, a member has lost it, and so on.
Only what the state does not show - a timer, a packet number, an operator - is a wish, kept in `PortState.wanted`.

When it may be made (802.1X-2020 9.8): there is a live peer, and no potential one, or the last SAK was distributed at
least an MKA Life Time ago (`guard_ends`); and an AN is free. Until then the need stays. Where there are three or more,
a SAK for a new member also waits, for a bounded time, until the members have come to know each other (`strangers`):
some make receive SAs for those only whom they know when a SAK comes. That is the project's.

Whom it is for: those that were live when it was made, and nobody else. While there is another live peer it is not
distributed: a station that has restarted under its old SCI would use packet numbers again that it has used before.
With an XPN suite the members are numbered, so there it must be exactly those.

It is distributed until every member reports that it transmits with it (802.1X-2020 9.10).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pysec.mka.choice import Choice, Plain, Secure, choose, included
from pysec.mka.events import PlainDistributed, RekeyRequested, SakReady
from pysec.mka.peers import Peer
from pysec.mka.sak import Sak, SakMember, next_an, number_by_sci
from pysec.mka.xpn import xpn_salt
from pysec.secret import Secret
from pysec.types import PN_SPACE, An, Ki, Mi
from pysec.wire.mkpdu import DistributedSak, MkPdu

if TYPE_CHECKING:
    from pysec.mka.participant import Participant

# A member that has used a SAK and then does not speak of it so many times in a row has lost it.
LOST_AFTER_REPORTS = 2
# For so long a new member waits until the others know it: hostap's takes a new MI when it meets others that use a SAK
# already, and they listen to that only when the old one has gone.
ACQUAINTANCE_LIFE_TIMES = 1.5


class KeyServer:
    """What a participant does when it is the key server, and the principal."""

    def __init__(self, participant: Participant) -> None:
        self._p = participant
        self._kn = 0
        self._distributed_at: float | None = None
        self._blocked_since: float | None = None
        self._strangers_among: frozenset[Mi] = frozenset()
        self._strangers_since: float | None = None
        self._silent: dict[Mi, int] = {}
        """Members that have used our SAK, and how often since then they have not spoken of it."""
        self.choice: Choice | None = None
        self.waiting = ""
        """Why a SAK that is needed was not made yet, for people."""
        self._waits_for = ""

    # ---- deciding

    def act(self, now: float) -> None:
        """Do what is due. To be called of the principal only (802.1X-2020 9.8)."""
        p = self._p
        self.waiting = ""
        if not p.is_server or not p.peers.live:
            self.choice = None
            return
        self.choice = choose(p.port.config, p.peers.live)
        if isinstance(self.choice, Secure):
            p.is_plain = False
            self._renew_by_age(now)
            if reason := self.need(self.choice):
                self.make_if_due(self.choice, reason, now)
            return
        p.put_aside()
        self.waiting = self.choice.reason
        if isinstance(self.choice, Plain) and not p.is_plain:
            p.port.emit(PlainDistributed(self.choice.reason, is_key_server=True))
            p.hello.hurry(now)
        p.is_plain = isinstance(self.choice, Plain)

    def _renew_by_age(self, now: float) -> None:
        period, sak = self._p.port.config.rekey_period_s, self._p.sak
        if period is not None and sak is not None and sak.is_ours and now >= sak.made_at + period:
            self._p.port.want_sak(f"the SAK is {period:g} s old")

    def need(self, choice: Secure) -> str:
        """Why a new SAK is needed (802.1X-2020 9.8); empty if it is not."""
        p, sak = self._p, self._p.sak
        if sak is None:
            return "there was no SAK yet"
        if not sak.is_ours or sak.ki.mi != p.member.mi:
            return "the SAK before it was not made by us under our present MI"
        for peer in p.peers.live:
            if peer.mi not in sak.member_mis:
                return f"{peer.sci} has come to life"
        if (sak.cipher_suite, sak.confidentiality_offset) != (choice.suite, choice.offset):
            return f"{choice.suite} with offset {choice.offset.octets} instead of {sak.cipher_suite}"
        for peer in self.members:
            if self._silent.get(peer.mi, 0) >= LOST_AFTER_REPORTS:
                return f"{peer.sci} has lost the SAK"
        if sak.cipher_suite.is_xpn and not self.is_complete and not self._is_numbered_by(sak):
            return "a member has gone before everybody had the SAK, and the others are numbered with it"
        return p.port.wanted or ""

    @property
    def members(self) -> list[Peer]:
        """The live peers that are expected to use a SAK."""
        return included(self._p.port.config, self._p.peers.live)

    def _is_numbered_by(self, sak: Sak) -> bool:
        return sak.member_mis == {self._p.member.mi, *(peer.mi for peer in self._p.peers.live)}

    # ---- making

    def guard_ends(self, now: float) -> float:
        """When a new SAK may be made (802.1X-2020 9.8)."""
        if self._distributed_at is None or not self._p.peers.potential:
            return now
        return self._distributed_at + self._p.port.config.life_time_s

    def make_if_due(self, choice: Secure, reason: str, now: float) -> None:
        """Make a SAK, or say why not yet."""
        strangers = self.strangers()
        if self.guard_ends(now) > now:
            self._wait(f"{reason}; the last SAK is younger than an MKA Life Time, and there are potential peers")
        elif strangers is not None and self.acquaintance_ends(now) > now:
            self._wait(f"{reason}; {strangers[0].sci} does not list {strangers[1].sci} as live yet")
        elif (an := self._free_an(now)) is None:
            self._wait(f"{reason}; all four ANs are in use")
        else:
            self._make(choice, an, reason, now)

    def strangers(self) -> tuple[Peer, Peer] | None:
        """Two live peers, of which the first does not list the second as live, if somebody is to join; or None."""
        sak, live = self._p.sak, self._p.peers.live
        if sak is not None and all(peer.mi in sak.member_mis for peer in live):
            return None
        pairs = ((one, other) for one in live for other in live if one is not other and other.mi not in one.lists)
        return next(pairs, None)

    def acquaintance_ends(self, now: float) -> float:
        """When a SAK is made though there are strangers: some time after the last of them has come to life; if nobody
        has a SAK yet, after the first."""
        among = frozenset(peer.mi for peer in self._p.peers.live)
        if self._strangers_since is None or (self._p.sak is not None and among != self._strangers_among):
            self._strangers_since = now
        self._strangers_among = among
        return self._strangers_since + ACQUAINTANCE_LIFE_TIMES * self._p.port.config.life_time_s

    def _wait(self, why: str) -> None:
        self.waiting = why
        if why != self._waits_for:
            self._waits_for = why
            self._p.port.emit(RekeyRequested(why))

    def _free_an(self, now: float) -> An | None:
        """The next AN that neither our SAs nor a peer's use (802.1X-2020 9.9).

        Peers that go on reporting old keys cannot block us for longer than an MKA Life Time.
        """
        port = self._p.port
        an = next_an(port.last_an, port.ans_in_use | self._reported_ans())
        if an is not None:
            self._blocked_since = None
            return an
        if self._blocked_since is None:
            self._blocked_since = now
        if now < self._blocked_since + port.config.life_time_s:  # written as in next_timer: sums and differences round
            return None
        return next_an(port.last_an, port.ans_in_use)

    def _reported_ans(self) -> set[An]:
        ans = set()
        for peer in self._p.peers.live:
            if (use := peer.sak_use) is not None:
                ans |= {use.latest_an} if use.latest is not None else set()
                ans |= {use.old_an} if use.old is not None else set()
        return ans

    def next_kn(self, now: float) -> int:
        """A Key Number that was not used under this MI (802.1X-2020 9.8); with a new MI they begin again."""
        if self._kn >= PN_SPACE - 1:
            self._p.renew_mi("its Key Numbers are used up", now)
        self._kn += 1
        return self._kn

    def restart_numbers(self) -> None:
        """There is a new MI: its first Key Number is 1."""
        self._kn = 0

    def _make(self, choice: Secure, an: An, reason: str, now: float) -> None:
        p = self._p
        kn = self.next_kn(now)
        ki = Ki.of(p.member.mi, kn)
        scis = {p.member.mi: p.port.sci, **{peer.mi: peer.sci for peer in p.peers.live if peer.sci is not None}}
        xpn = choice.suite.is_xpn
        members = number_by_sci(scis) if xpn else tuple(SakMember(mi, sci) for mi, sci in scis.items())
        sak = self.draw(choice, list(scis), kn)
        p.known_saks.admit(ki, sak, choice.suite)
        if p.sak is not None and not p.sak.is_ours:
            p.past_sak = p.sak
        p.sak = Sak(ki, an, choice.suite, choice.offset, p.port.sci, members, now, reason, wrapped=p.cak.wrap(sak))
        p.port.satisfied(an)
        self._distributed_at, self._blocked_since, self._strangers_since = now, None, None
        self.waiting = self._waits_for = ""
        self._silent.clear()
        salt = xpn_salt(p.member.mi.octets, kn) if xpn else None
        p.port.emit(
            SakReady(reason, ki, an, sak, salt, choice.suite, choice.offset, p.sak.known_members, is_key_server=True)
        )
        p.hello.hurry(now)

    def draw(self, choice: Secure, mis: list[Mi], kn: int) -> Secret:
        """A fresh SAK (802.1X-2020 9.8.1)."""
        nonce = self._p.port.rng(choice.suite.sak_octets)
        return self._p.cak.derive_sak(nonce, mis, kn, choice.suite)

    # ---- distributing

    def distributed(self) -> DistributedSak | None:
        """The set that goes into the next MKPDU (802.1X-2020 9.8.3)."""
        p, sak = self._p, self._p.sak
        if not p.is_server:
            return None
        if p.is_plain:
            return DistributedSak.plain()
        if sak is None or sak.wrapped is None or sak.ki.mi != p.member.mi or self.is_complete:
            return None
        if not self.may_distribute(sak):
            return None
        return DistributedSak(sak.an, sak.confidentiality_offset, sak.ki.kn, sak.cipher_suite, sak.wrapped)

    def may_distribute(self, sak: Sak) -> bool:
        """Whether everybody who would take the SAK is one of its members, numbered as they will number themselves, and
        has not had it and lost it."""
        live = {peer.mi for peer in self._p.peers.live}
        if any(self.misses(peer) for peer in self._p.peers.live):
            return False
        return self._is_numbered_by(sak) if sak.cipher_suite.is_xpn else live <= sak.member_mis

    @property
    def is_complete(self) -> bool:
        """Whether every member reports that it transmits with our SAK."""
        sak, members = self._p.sak, self.members
        return sak is not None and bool(members) and all(peer.transmits_with(sak.ki) for peer in members)

    def is_awaited(self, ki: Ki) -> bool:
        """Whether this is our SAK, and there are members that do not transmit with it yet."""
        p = self._p
        return p.is_server and p.sak is not None and p.sak.is_ours and p.sak.ki == ki and not self.is_complete

    # ---- what members report

    def note_use(self, peer: Peer, pdu: MkPdu) -> None:
        """A member has said which SAKs it uses: has it lost ours, or are its packet numbers running out?"""
        p, sak, use = self._p, self._p.sak, peer.sak_use
        if sak is None or use is None:
            return
        if any(slot is not None and slot.ki == sak.ki for slot in (use.latest, use.old)):
            self._silent[peer.mi] = 0
        elif peer.mi in self._silent:
            self._silent[peer.mi] += 1
        high = (pdu.xpn.latest_high, pdu.xpn.old_high) if pdu.xpn is not None else (0, 0)
        for slot, high_half in zip((use.latest, use.old), high, strict=True):
            if slot is not None and slot.ki == sak.ki:
                is_known = not sak.cipher_suite.is_xpn or pdu.xpn is not None
                pn = slot.lowest_pn + (high_half * PN_SPACE if sak.cipher_suite.is_xpn else 0)
                if is_known and p.is_server:
                    self.check_threshold(pn, f"{peer.sci}")

    def misses(self, peer: Peer) -> bool:
        """Whether a member has stopped speaking of our SAK."""
        return self._silent.get(peer.mi, 0) > 0

    def check_threshold(self, pn: int, who: str) -> None:
        """Somebody has come to this PN with the present SAK: is it time for a new one (802.1X-2020 9.8)?"""
        port, sak = self._p.port, self._p.sak
        if sak is not None and pn >= port.config.pn_threshold_of(sak.cipher_suite):
            port.want_sak(f"{who} has come to PN {pn}")

    def note_loss(self, peer: Peer) -> None:
        """A live peer has gone."""
        port = self._p.port
        if port.config.rekey_on_peer_loss and self._p.is_server and self._p.peers.live:
            port.want_sak(f"{peer.sci} has gone")

    def next_timer(self, now: float) -> float | None:
        """When something of ours is due."""
        p = self._p
        if not p.is_server or not p.peers.live or not isinstance(self.choice, Secure):
            return None
        times = []
        period = p.port.config.rekey_period_s
        if period is not None and p.sak is not None and p.sak.is_ours:
            times.append(p.sak.made_at + period)
        if self.waiting:
            times.append(self.guard_ends(now))
            if self._strangers_since is not None:
                times.append(self._strangers_since + ACQUAINTANCE_LIFE_TIMES * p.port.config.life_time_s)
            if self._blocked_since is not None:
                times.append(self._blocked_since + p.port.config.life_time_s)
        return min((when for when in times if when > now), default=None)
