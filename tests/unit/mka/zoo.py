"""A zoo of faults: KaYs that are wrong in one rule each, as others have been wrong.

`ZOO` has a Kay subclass for each. `test_kay_zoo` shows for every one a case in which it fails and ours does not: so the
rules are wanted, and the tests would notice their absence. A simulator can set them loose among stations.
"""

from __future__ import annotations

from pysec.mka.choice import Secure
from pysec.mka.election import Candidate
from pysec.mka.kay import Kay
from pysec.mka.keyclient import KeyClient, Members
from pysec.mka.keyserver import KeyServer
from pysec.mka.member import Member
from pysec.mka.participant import Participant
from pysec.mka.peers import Peer, PeerTable
from pysec.mka.sak import KnownSaks, Sak, SakMember, number_by_sci
from pysec.secret import Secret
from pysec.types import CipherSuite, Ki, Mi, Sci
from pysec.wire.mkpdu import BasicSet, DistributedSak, MkPdu, Peek, PeerList

ZOO: dict[str, type[Kay]] = {}


def add(name: str, kay: type[Kay] = Kay, participant: type[Participant] = Participant, **types: type) -> None:
    """Put a KaY into the zoo whose parts are of these types."""
    wrong_participant = type(f"Participant_{name}", (participant,), types)
    ZOO[name] = type(f"Kay_{name}", (kay,), {"participant_type": wrong_participant})


class LosesRequests(KeyServer):
    """A new SAK that may not be made yet is forgotten."""

    def make_if_due(self, choice: Secure, reason: str, now: float) -> None:
        if self.guard_ends(now) > now:
            self.forgotten = {*getattr(self, "forgotten", set()), reason}
            self._p.port.wanted = None
            return
        super().make_if_due(choice, reason, now)

    def need(self, choice: Secure) -> str:
        reason = super().need(choice)
        return "" if reason in getattr(self, "forgotten", set()) else reason


class OwnMkpduResetsMi(Participant):
    """Whatever comes with our MI is taken for another's."""

    def own_mi(self, basic: BasicSet, now: float) -> str:
        self.renew_mi("seen on the wire", now)
        return "own MKPDU"


class ElectsByMac(Participant):
    """Of two ports of one address, whoever is looked at first wins: oneself."""

    def elected(self, candidates: list[Candidate]) -> Candidate | None:
        return min(
            (found for found in reversed(candidates) if found.is_willing and found.priority != 255),
            key=lambda found: (found.priority, found.sci.mac),
            default=None,
        )


class MnBeforeIcv(Kay):
    """The MN is noted before the ICV has been verified."""

    def is_authentic(self, participant: Participant, found: Peek, header: bytes) -> bool:
        peer = participant.peers.get(found.basic.mi)
        is_good = super().is_authentic(participant, found, header)
        if peer is not None and not is_good:
            peer.mn = max(peer.mn, found.basic.mn)
        return is_good


class SaksByAn(KeyClient):
    """A SAK with the AN of the present one is taken for the present one."""

    def is_same(self, sak: Sak, ki: Ki, distributed: DistributedSak) -> bool:
        return sak.an == distributed.an


class LastTwoMns(Member):
    """Only the last two MNs are recent."""

    def is_recent(self, mn: int, now: float) -> bool:
        return self.mn - 1 <= mn <= self.mn


class BelievesThirdParties(PeerTable):
    """An MN that another peer lists counts as heard."""

    def hearsay(self, teller: Mi, live: PeerList, own: Mi, now: float) -> None:
        super().hearsay(teller, live, own, now)
        for entry in live.peers:
            if (peer := self.get(entry.mi)) is not None:
                peer.mn = entry.mn


class TakesFromAnybody(KeyClient):
    """Any live peer may give us a SAK."""

    def may_take_from(self, peer: Peer, pdu: MkPdu) -> bool:
        return peer.is_live


class RemembersItsMi(Participant):
    """After a restart the MI is the old one, and Key Numbers begin again."""

    mis: dict[tuple[Sci, bytes], Mi] = {}  # noqa: RUF012 - it is to outlive the object

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.member.mi = self.mis.setdefault((self.port.sci, self.ckn.octets), self.member.mi)
        self.elect(self.created_at)


class LocksOutDuplicates(PeerTable):
    """An SCI that is in the table is not let in under another MI."""

    def is_locked_out(self, mi: Mi, sci: Sci) -> bool:
        return any(peer.sci == sci and peer.mi != mi for peer in self)


class TakesReplays(PeerTable):
    """The MN need not rise."""

    def is_fresh(self, mi: Mi, mn: int) -> bool:
        return True


class GivesOldSaks(KeyServer):
    """The present SAK is distributed to whoever is live."""

    def may_distribute(self, sak: Sak) -> bool:
        return True


class HeardIsLive(Participant):
    """Whoever is heard is live."""

    def hears_us(self, pdu: MkPdu, now: float) -> bool:
        return True


class NumbersWhomItKnows(KeyClient):
    """Members that were not heard are left out when SSCIs are given."""

    def members(self, peer: Peer, pdu: MkPdu, suite: CipherSuite) -> Members | None:
        scis = {known.mi: known.sci for known in self._p.peers if known.sci is not None}
        scis[self._p.member.mi] = self._p.port.sci
        return number_by_sci(scis) if suite.is_xpn else tuple(SakMember(mi, sci) for mi, sci in scis.items())


class ForgetsKis(KnownSaks):
    """A KI may come again with another SAK."""

    def admit(self, ki: Ki, sak: Secret, suite: CipherSuite) -> bool:
        self._seen.pop(ki, None)
        return super().admit(ki, sak, suite)


class ReinstallsKis(Participant):
    """The memory of KIs does not look at the SAK."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.known_saks = ForgetsKis(self.port.config.max_known_saks, bytes(16))


add("lost-request", key_server_type=LosesRequests)
add("own-mkpdu-resets-mi", participant=OwnMkpduResetsMi)
add("election-by-mac", participant=ElectsByMac)
add("mn-before-icv", kay=MnBeforeIcv)
add("saks-by-an", key_client_type=SaksByAn)
add("last-two-mns", member_type=LastTwoMns)
add("third-party-mn", peer_table_type=BelievesThirdParties)
add("sak-from-anybody", key_client_type=TakesFromAnybody)
add("same-mi-after-restart", participant=RemembersItsMi)
add("duplicate-sci-locks-out", peer_table_type=LocksOutDuplicates)
add("replays-taken", peer_table_type=TakesReplays)
add("old-sak-for-new-member", key_server_type=GivesOldSaks)
add("heard-is-live", participant=HeardIsLive)
add("sscis-of-the-known", key_client_type=NumbersWhomItKnows)
add("ki-with-another-sak", participant=ReinstallsKis)
