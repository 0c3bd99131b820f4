"""Rules that are here because of an implementation that is everywhere: hostap's. Each was seen in tests/interop first.

802.1X-2020 9.4.2, 9.8, 9.10.
"""

from __future__ import annotations

import pytest

from pysec.mka.choice import Secure
from pysec.mka.config import KayConfig
from pysec.mka.events import MiChanged, SakReady
from pysec.mka.kay import Kay, KeyUse
from pysec.mka.keyclient import KeyClient
from pysec.mka.keyserver import KeyServer
from pysec.mka.participant import Participant
from pysec.mka.peers import Expired, Peer, PeerTable
from pysec.mka.sak import Sak
from pysec.types import CipherSuite, Ki, Mi, Sci
from pysec.wire.mkpdu import DistributedSak, MkPdu
from tests.unit.mka.lan import Lan, Sent, Station


class ForgetfulServer(KeyServer):
    """Distributes each SAK until it has been transmitted with once, and is never moved to do so again."""

    done: Ki | None = None

    def note_use(self, peer: Peer, pdu: MkPdu) -> None:
        """What members report is of no interest."""

    def distributed(self) -> DistributedSak | None:
        """Not again."""
        sak = self._p.sak
        if sak is not None and self.is_complete:
            self.done = sak.ki
        return None if sak is not None and sak.ki == self.done else super().distributed()


class ForgetfulParticipant(Participant):
    """With such a server."""

    key_server_type = ForgetfulServer


class ForgetfulKay(Kay):
    """With such a participant."""

    participant_type = ForgetfulParticipant


class ServerOfHostap(KeyServer):
    """Makes a SAK when its live peers are others than before, at most every 6 s; a wish that is met earlier is lost.

    802.1X-2020 9.8 lets it wait, and only while there are potential peers.
    """

    _seen: frozenset[Mi] = frozenset()

    def need(self, choice: Secure) -> str:
        before, self._seen = self._seen, frozenset(peer.mi for peer in self._p.peers.live)
        return "the live peers are others" if self._seen != before else ""

    def make_if_due(self, choice: Secure, reason: str, now: float) -> None:
        if self._distributed_at is None or now - self._distributed_at >= self._p.port.config.life_time_s:
            an = self._free_an(now)
            assert an is not None
            self._make(choice, an, reason, now)


class PeersOfHostap(PeerTable):
    """A new MI is not listened to while an old one has its SCI, which is given 3 s to be heard again.

    What a timer does there, when it takes peers away and makes the SAK for those that are left, happens here as time
    goes by; so the new MI is kept out for as long as that may take.
    """

    _now = 0.0

    def __init__(self, config: KayConfig) -> None:
        super().__init__(config)
        self._gone: dict[Sci | None, float] = {}

    def expire(self, now: float) -> list[Expired]:
        self._now, done = now, super().expire(now)
        self._gone.update({one.peer.sci: now for one in done if one.is_gone})
        return done

    def is_locked_out(self, mi: Mi, sci: Sci) -> bool:
        old = [peer for peer in self if peer.sci == sci and peer.mi != mi]
        for peer in old:
            peer.expires_at = min(peer.expires_at, self._now + 3)
        return bool(old) or self._gone.get(sci, self._now - 9) > self._now - 0.5


class ParticipantOfHostap(Participant):
    """With such a server and such a table."""

    key_server_type = ServerOfHostap
    peer_table_type = PeersOfHostap


class KayOfHostap(Kay):
    """With such a participant; of MKA version 1."""

    participant_type = ParticipantOfHostap


class NeverSilent(KeyClient):
    """The planted fault: a new MI alone."""

    def silence_s(self) -> float:
        return 0.0


class NeverSilentParticipant(Participant):
    """With such a client."""

    key_client_type = NeverSilent


class NeverSilentKay(Kay):
    """With such a participant."""

    participant_type = NeverSilentParticipant


OF_HOSTAP = KayConfig(mka_version=1, announce_cipher_suites=False, cipher_suites=(CipherSuite.GCM_AES_128,))


def third_soon_after_a_sak(kay_type: type[Kay] = Kay, after_s: float = 3.0) -> tuple[Lan, Station]:
    """Two of hostap's with a SAK of this age, and a third, which is live within its first 6 s and forgotten."""
    lan = Lan()
    lan.station(1, config=OF_HOSTAP, kay_type=KayOfHostap)
    lan.station(2, config=OF_HOSTAP, kay_type=KayOfHostap)
    lan.run(after_s)
    third = lan.station(3, kay_type=kay_type)
    lan.run(3)
    assert len(third.participant.peers.live) == 2
    lan.run(10)
    assert not third.said(SakReady), "forgotten"
    return lan, third


def all_use_one_sak(lan: Lan) -> bool:
    kis = {station.transmits_with for station in lan.stations}
    return len(kis) == 1 and None not in kis


@pytest.mark.parametrize("after_s", [0.5, 2.0, 3.0])
def test_a_third_member_whom_the_server_has_forgotten_comes_in_later(after_s: float) -> None:
    lan, third = third_soon_after_a_sak(after_s=after_s)
    lan.run(40)
    assert all_use_one_sak(lan)
    assert third.connect == "SECURE"
    (changed,) = third.said(MiChanged)
    assert "silent for 16 s" in changed.reason
    lan.run(60)
    assert len(third.said(MiChanged)) == 1
    assert all_use_one_sak(lan)


class ClingsToItsOwn(KeyClient):
    """The planted fault: a SAK that was its own is one that it has, whatever its SecY says."""

    def has_lapsed(self, sak: Sak) -> bool:
        return False


class ClingingParticipant(Participant):
    """With such a client."""

    key_client_type = ClingsToItsOwn


class ClingingKay(Kay):
    """With such a participant."""

    participant_type = ClingingParticipant


def forgotten_after_it_was_key_server_itself(kay_type: type[Kay]) -> tuple[Lan, Station]:
    """The third hears the key server last: it takes itself for one, as the other member points to somebody unknown."""
    lan = Lan()
    server = lan.station(1, config=OF_HOSTAP, kay_type=KayOfHostap)
    lan.station(2, config=OF_HOSTAP, kay_type=KayOfHostap)
    lan.run(2)
    third = lan.station(3, kay_type=kay_type)
    lan.passes = lambda sender, receiver, sent: {sender, receiver} != {server, third}
    lan.run(1)
    assert third.participant.is_server
    assert third.said(SakReady)[-1].is_key_server
    lan.passes = lambda sender, receiver, sent: True
    lan.run(1)
    assert third.participant.server_peer is not None
    third.kay.set_sak_use(None, None, False, False)  # as the Controlled Port machine does: none of its peers serves
    lan.run(50)
    return lan, third


def test_who_took_itself_for_the_key_server_before_comes_in_too() -> None:
    lan, third = forgotten_after_it_was_key_server_itself(Kay)
    assert all_use_one_sak(lan)
    assert len(third.said(MiChanged)) == 1


def test_the_canary_who_clings_to_its_own_sak_does_not() -> None:
    lan, third = forgotten_after_it_was_key_server_itself(ClingingKay)
    assert not all_use_one_sak(lan)
    assert not third.said(MiChanged)


def test_it_has_said_nothing_meanwhile() -> None:
    lan, third = third_soon_after_a_sak()
    while not third.said(MiChanged):
        lan.run(0.5)
    begun, before = lan.now, len(lan.by(third))
    lan.run(15)
    assert len(lan.by(third)) == before
    lan.run(2)
    assert len(lan.by(third)) > before
    assert min(sent.at for sent in lan.by(third)[before:]) >= begun + 15


def test_the_canary_a_new_mi_alone_does_not_help_against_such_a_server() -> None:
    lan, third = third_soon_after_a_sak(NeverSilentKay)
    lan.run(120)
    assert len(third.said(MiChanged)) > 3
    assert not third.said(SakReady)


def test_against_a_server_of_version_3_nobody_falls_silent() -> None:
    lan = Lan()
    a, b = lan.station(1, kay_type=ForgetfulKay), lan.station(2)
    lan.station(3)
    lan.run(20)
    silence_one_way(lan, a, b, 6.5)
    lan.run(30)
    assert all("silent" not in event.reason for event in b.said(MiChanged))
    assert b.connect == "SECURE"


def silence_one_way(lan: Lan, sender: Station, receiver: Station, seconds: float) -> None:
    """Nothing from one reaches the other, which closes its port and lets go of its SAs."""
    lan.passes = lambda s, r, sent: not (s is sender and r is receiver)
    lan.run(seconds)
    receiver.kay.set_sak_use(None, None, False, False)
    lan.run(0.1)
    lan.passes = lambda s, r, sent: True


def test_who_has_lost_the_sak_of_a_server_that_has_not_noticed_becomes_a_new_member() -> None:
    lan = Lan()
    a, b = lan.station(1, kay_type=ForgetfulKay), lan.station(2)
    lan.run(20)
    ki = a.ki
    silence_one_way(lan, a, b, 6.5)
    assert b.connect == "PENDING"
    assert b.participant.peers.live == []
    lan.run(30)
    assert [event.reason for event in b.said(MiChanged)] == [
        "the key server uses a SAK that we do not have, and does not distribute it"
    ]
    assert b.connect == "SECURE"
    assert a.ki == b.ki != ki


def test_who_waits_for_a_sak_that_it_may_not_take_stays_as_it_is() -> None:
    # A server that has not distributed anything yet, or says something of its SAK, is waited for.
    lan = Lan()
    lan.station(1)
    b = lan.station(2)
    lan.run(60)
    assert b.said(MiChanged) == []


def joined_late(lan: Lan) -> tuple[Station, Station, Station]:
    """Two with a SAK, and a third which the second does not hear."""
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    c = lan.station(3)
    lan.passes = lambda sender, receiver, sent: not (sender is c and receiver is b)
    return a, b, c


def test_a_sak_for_a_new_member_waits_until_the_members_know_each_other() -> None:
    lan = Lan()
    a, b, c = joined_late(lan)
    lan.run(5)
    assert len(a.said(SakReady)) == 1
    lan.passes = lambda sender, receiver, sent: True
    lan.run(2.5)
    assert len(a.said(SakReady)) == 2
    assert a.ki == b.ki == c.ki
    assert len(a.said(SakReady)[-1].members) == 3


def test_it_does_not_wait_for_ever() -> None:
    lan = Lan()
    a, b, c = joined_late(lan)
    lan.run(8.5)
    assert len(a.said(SakReady)) == 1
    lan.run(1)
    assert len(a.said(SakReady)) == 2
    lan.run(5)
    assert a.ki == c.ki == b.ki


def test_a_new_key_for_known_members_does_not_wait() -> None:
    lan = Lan()
    a, b, c = (lan.station(number) for number in (1, 2, 3))
    lan.run(20)
    before = a.ki
    lan.passes = lambda sender, receiver, sent: not (sender is c and receiver is b)
    lan.run(5)
    a.kay.request_sak("asked for", lan.now)
    lan.run(0.5)
    assert a.ki != before


def test_the_server_calls_its_sak_the_latest_until_all_transmit_with_it() -> None:
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    b.installs = False
    heard: list[Sent] = []
    while not a.said(SakReady):
        lan.run(0.1)
    sak = a.said(SakReady)[0]
    # With nothing older to wait for, the Controlled Port machine is in RETIRE at once.
    a.kay.set_sak_use(None, KeyUse(sak.ki, sak.an, True, True), False, False)
    begun = len(lan.sent)
    lan.run(5)
    heard = [sent for sent in lan.sent[begun:] if sent.sender is a]
    uses = [sent.pdu.sak_use for sent in heard]
    assert uses
    assert all(use is not None and use.latest is not None and use.latest.ki == sak.ki for use in uses)
    assert all(use is not None and use.latest_tx and use.latest_rx and use.old is None for use in uses)
    b.kay.set_sak_use(KeyUse(sak.ki, sak.an, True, True), None, False, False)
    lan.run(5)
    use = [sent for sent in lan.sent if sent.sender is a][-1].pdu.sak_use
    assert use is not None
    assert use.latest is None
    assert use.old is not None
