"""Why this exists: a SAK is taken from one station only, and under conditions that keep a wrong one out.

`take` has the rules one after another (802.1X-2020 9.8, 9.10): from the key server that we have elected, which lists us
as live; a SAK that we have already is not installed again; a suite and an offset that we may use; all members can be
numbered, if the suite is an XPN suite; and a KI never names two SAKs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pysec.errors import CryptoError, ProtocolError, UsageError
from pysec.mka.events import PlainDistributed, PnDelayProtect, SakMembers, SakReady, SakRefused
from pysec.mka.peers import Peer
from pysec.mka.port import UNUSED_PN
from pysec.mka.sak import Sak, SakMember, number_by_position, number_by_sci
from pysec.mka.xpn import xpn_salt
from pysec.secret import Secret
from pysec.types import PN_SPACE, CipherSuite, Ki
from pysec.wire.mkpdu import DistributedSak, MkPdu

if TYPE_CHECKING:
    from pysec.mka.participant import Participant

Members = tuple[SakMember, ...]
# A key server may make its next SAK wait for an MKA Life Time (802.1X-2020 9.8), ours for one and a half, and hellos
# may be lost.
STRANDED_LIFE_TIMES = 3.0
# From this MKA version on members say their packet numbers in full, and key servers do not forget new members.
XPN_SET_VERSION = 3


class KeyClient:
    """What a participant does with the SAK of another station."""

    def __init__(self, participant: Participant) -> None:
        self._p = participant
        self._refused: Ki | None = None
        self.waiting = ""
        """Why a SAK that was distributed was not taken yet, for people."""
        self._stranded_since: float | None = None

    def may_take_from(self, peer: Peer, pdu: MkPdu) -> bool:
        """Whether the peer may give us a SAK: it is the key server, and we are live to it (802.1X-2020 9.8)."""
        p = self._p
        return (
            peer.is_live
            and not p.is_server
            and p.server is not None
            and p.server.mi == peer.mi
            and p.lists_us_live(pdu)
        )

    def is_same(self, sak: Sak, ki: Ki, distributed: DistributedSak) -> bool:
        """Whether a SAK is distributed again that we have: a SAK is its KI, whatever the AN."""
        return sak.ki == ki

    def take(self, peer: Peer, pdu: MkPdu, now: float) -> bool:
        """Take the SAK of an MKPDU (802.1X-2020 9.8); whether we now have one that we had not, or are plain.

        ProtocolError if it is wrong. It is no error that a SAK cannot be taken yet: the key server repeats it.
        """
        p, distributed = self._p, pdu.distributed_sak
        if distributed is None:
            return False
        if not self.may_take_from(peer, pdu):
            p.port.counters["SAK not from the key server"] += 1
            return False
        if distributed.kn is None:
            return self._take_plain(peer)
        ki = Ki.of(peer.mi, distributed.kn)
        if p.sak is not None and self.is_same(p.sak, ki, distributed):
            present = p.sak.an, p.sak.cipher_suite, p.sak.confidentiality_offset
            if present != (distributed.an, distributed.cipher_suite, distributed.confidentiality_offset):
                raise ProtocolError(f"SAK {ki.mka_text}: distributed again with another AN, cipher suite or offset")
            if not self._is_missing(p.sak, now):
                return False
            self._install(peer, ki, distributed, p.sak.members, now)
            return True
        suite = distributed.cipher_suite
        if reason := self.refusal(distributed):
            self._refuse(ki, reason)
            return False
        assert isinstance(suite, CipherSuite)
        members = self.members(peer, pdu, suite)
        if members is None:
            self.waiting = "the SCI of a member is not known yet"
            return False
        self._install(peer, ki, distributed, members, now)
        return True

    def _is_missing(self, sak: Sak, now: float) -> bool:
        """Whether our SecY has had a Life Time for the SAK and does not use it: something has gone wrong there. As long
        as it was not seen with us, the key server repeats it, and we announce it again."""
        port = self._p.port
        return port.use_of(sak.ki) is None and now - sak.made_at >= port.config.life_time_s

    def _take_plain(self, peer: Peer) -> bool:
        p = self._p
        if p.is_plain:
            return False
        p.is_plain = True
        p.put_aside()
        p.port.emit(PlainDistributed(f"{peer.sci} says that MACsec is not to be used", is_key_server=False))
        return True

    def refusal(self, distributed: DistributedSak) -> str:
        """Why we may not use a SAK, by our configuration (802.1X-2020 9.7); empty if we may."""
        config, suite = self._p.port.config, distributed.cipher_suite
        if not isinstance(suite, CipherSuite):
            return "its cipher suite is not known"
        if suite not in config.cipher_suites:
            return f"{suite} is not on our list of cipher suites"
        if not config.may_use(distributed.confidentiality_offset):
            return "it is for integrity only, and we want confidentiality"
        if suite.is_xpn and distributed.confidentiality_offset.octets:
            return f"{suite} has no confidentiality offset"
        return ""

    def _refuse(self, ki: Ki, reason: str) -> None:
        self.waiting = reason
        if self._refused != ki:
            self._refused = ki
            self._p.port.emit(SakRefused(reason, ki))

    def members(self, peer: Peer, pdu: MkPdu, suite: CipherSuite) -> Members | None:
        """The members of a SAK as the key server sees them: itself and its live peers; None if they cannot be numbered
        yet (802.1X-2020 11.11.3).

        A version 3 key server says where it stands among them. Otherwise every SCI must be known: a number that is one
        off is worth nothing.
        """
        p = self._p
        assert pdu.live is not None
        live = [entry.mi for entry in pdu.live.peers]
        scis = {known.mi: known.sci for known in p.peers if known.sci is not None}
        scis[p.member.mi] = p.port.sci
        try:
            if suite.is_xpn and pdu.live.key_server_ssci is not None:
                return number_by_position(peer.mi, live, pdu.live.key_server_ssci, scis)
            mis = dict.fromkeys([peer.mi, *live])
            if not suite.is_xpn:
                return tuple(SakMember(mi, scis.get(mi)) for mi in mis)
            return number_by_sci({mi: scis[mi] for mi in mis}) if scis.keys() >= mis.keys() else None
        except UsageError as error:
            raise ProtocolError(f"MKPDU: {error}") from None

    def _install(self, peer: Peer, ki: Ki, distributed: DistributedSak, members: Members, now: float) -> None:
        p, suite = self._p, distributed.cipher_suite
        assert isinstance(suite, CipherSuite)
        sak = self._unwrap(distributed, suite, ki)
        was_known = p.known_saks.admit(ki, sak, suite)
        reason = f"distributed by {peer.sci}"
        assert peer.sci is not None
        offset = distributed.confidentiality_offset
        p.sak = Sak(ki, distributed.an, suite, offset, peer.sci, members, now, reason)
        p.is_plain, self.waiting, self._refused = False, "", None
        p.port.satisfied(distributed.an)
        salt = xpn_salt(ki.mi.octets, ki.kn.value) if suite.is_xpn else None
        known = p.sak.known_members
        p.port.emit(SakReady(reason, ki, distributed.an, sak, salt, suite, offset, known, False, was_known))

    def _unwrap(self, distributed: DistributedSak, suite: CipherSuite, ki: Ki) -> Secret:
        try:
            sak = self._p.cak.unwrap(distributed.wrapped)
        except CryptoError:
            raise ProtocolError(f"SAK {ki.mka_text}: does not unwrap") from None
        if len(sak) != suite.sak_octets:
            sak.erase()
            raise ProtocolError(f"SAK {ki.mka_text}: of the wrong length for {suite}")
        return sak

    def take_up_again(self) -> None:
        """The key server reports a SAK that we had given up, and our SecY still uses it: then nothing was lost.

        We had given it up when we lost the server; perhaps we have been key server in between, and made a SAK that is
        of no account now.
        """
        p, past = self._p, self._p.past_sak
        if past is None or past.is_ours or p.is_plain or p.server_peer is None:
            return
        if p.sak is not None and not p.sak.is_ours:
            return
        if p.server_peer.receives_with(past.ki) and p.port.use_of(past.ki) is not None:
            p.sak = past

    @property
    def stranded(self) -> str:
        """Why only a new SAK can help us, of which the key server knows nothing; empty if that is not so.

        It transmits with a SAK that we do not have, and says nothing more of it: we have lost the SAK, and to the
        server we were never away; or it has forgotten us: hostap's does forget a member that comes within 6 s of a
        SAK. Or our packet numbers are used up, and the server makes no other SAK: MKPDUs of version 1 and 2 cannot
        tell it with an XPN suite, and some never replace a SAK for that.
        """
        p, server = self._p, self._p.server_peer
        if server is None or not server.is_live:
            return ""
        if p.sak is not None and not self.has_lapsed(p.sak):
            is_spent = p.sak.ki == p.port.spent
            return "the packet numbers of the SAK are used up, and the key server makes no other" if is_spent else ""
        if not server.transmits or server.distributes or p.is_plain or self.waiting:
            return ""
        return "the key server uses a SAK that we do not have, and does not distribute it"

    def has_lapsed(self, sak: Sak) -> bool:
        """Whether we made it when we took ourselves for the key server, and our SecY has let go of it: the server is
        another, which was no peer of its SAs (802.1X-2020 12.4)."""
        return sak.is_ours and self._p.port.use_of(sak.ki) is None

    def watch(self, now: float) -> None:
        """Do not stay stranded: under a new MI we are a new member, for which a SAK must be made (802.1X-2020 9.4.2,
        9.8). The project's."""
        why = self.stranded
        if not why:
            self._stranded_since = None
        elif self._stranded_since is None:
            self._stranded_since = now
        elif now >= self._stranded_since + self._patience_s:
            self._stranded_since = now
            if silence_s := self.silence_s():
                self._p.renew_mi(f"{why}; it must forget us first: silent for {silence_s:g} s", now)
                self._p.hello.fall_silent(now + silence_s)
            else:
                self._p.renew_mi(why, now)

    def silence_s(self) -> float:
        """For how long to be silent, before a key server can be asked for a SAK by a new MI; 0 if it need not be.

        hostap's makes a SAK when a member goes, and forgets one that comes in the next 6 s. It takes our old MI for
        gone when the new one is there: with a third member about, the SAK that is made without us would always be too
        young for the one that we want. So it must miss us, and that SAK must have become old: a Life Time and a Hello
        Time for each. Its MKPDUs are of MKA version 1.
        """
        p, server = self._p, self._p.server_peer
        if server is None or server.mka_version >= XPN_SET_VERSION or len(p.peers.live) < 2 or not p.retained:
            return 0.0
        config = p.port.config
        return 2 * (config.life_time_s + config.hello_time_s)

    @property
    def _patience_s(self) -> float:
        return STRANDED_LIFE_TIMES * self._p.port.config.life_time_s

    def next_timer(self) -> float | None:
        """When we have been stranded for too long."""
        return None if self._stranded_since is None else self._stranded_since + self._patience_s

    def note_use(self, peer: Peer) -> None:
        """A peer reports the SAK that we took: then it is a member, even if it was not live to the key server when we
        were given the SAK. With an XPN suite a member has a number, and who has none makes a new SAK necessary."""
        p, sak = self._p, self._p.sak
        if sak is None or sak.is_ours or sak.cipher_suite.is_xpn or peer.mi in sak.member_mis:
            return
        if peer.sci is not None and peer.receives_with(sak.ki):
            p.sak = replace(sak, members=(*sak.members, SakMember(peer.mi, peer.sci)))
            self.say_members()

    def say_members(self) -> None:
        """More of the members of the SAK are known by their SCI."""
        p = self._p
        assert p.sak is not None
        p.port.emit(SakMembers("the SCI of a member has become known", p.sak.ki, p.sak.known_members))

    # ---- delay protection

    def note_delay_protect(self, peer: Peer, pdu: MkPdu) -> None:
        """The lowest PNs that a peer may still be heard with, of its latest and its old SAK (802.1X-2020 9.10)."""
        use = peer.sak_use
        if use is None or not use.delay_protect or peer.sci is None:
            return
        high = (pdu.xpn.latest_high, pdu.xpn.old_high) if pdu.xpn is not None else (None, None)
        lowest: dict[Ki, int] = {}
        for slot, high_half in zip((use.latest, use.old), high, strict=True):
            if slot is None or slot.ki not in self._p.known_saks:
                continue
            pn = slot.lowest_pn + (high_half or 0) * PN_SPACE
            before = lowest[slot.ki] = peer.lowest_pns.get(slot.ki, UNUSED_PN)
            low_half_only = high_half is None and self._is_xpn(slot.ki)
            if pn > before or (low_half_only and pn != before):
                lowest[slot.ki] = pn
                why = "a peer bounds the delay of its frames"
                self._p.port.emit(PnDelayProtect(why, slot.ki, peer.sci, pn, low_half_only))
        peer.lowest_pns = lowest

    def _is_xpn(self, ki: Ki) -> bool:
        suite = self._p.known_saks.suite_of(ki)
        return suite is not None and suite.is_xpn
