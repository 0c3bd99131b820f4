"""Two stations come up: how fast, in which order of events, and what an idle link says.

802.1X-2020 9.4, 9.10, 9.15, 12.4.
"""

from __future__ import annotations

import pytest

from pysec.errors import UsageError
from pysec.mka.events import (
    AllReceiving,
    ConnectChanged,
    KeyServerElected,
    PeerLive,
    PeersChanged,
    SakReady,
    ServerTransmitting,
)
from pysec.mka.kay import Kay, KayConfig, KeyUse
from pysec.types import An, CipherSuite, Ki, MacAddress
from tests.unit.mka.lan import Lan, Puppet, Station, cak, sci


def test_two_stations_agree_a_sak_without_a_timer() -> None:
    """802.1X-2020 9.8, 9.10: one SAK, received by all before it is sent with; answers do not wait for a hello."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.settle()
    assert (a.connect, b.connect) == ("SECURE", "SECURE")
    assert a.ki == b.ki == a.transmits_with == b.transmits_with
    assert a.saks[a.ki][0] == b.saks[b.ki][0]
    assert len(lan.sent) <= 10


def test_the_events_come_in_an_order_that_can_be_acted_on() -> None:
    """802.1X-2020 9.10: key server and receive SCs first, then the SAK, and sending after receiving."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.settle()
    both = [PeerLive, KeyServerElected, PeersChanged, SakReady, ConnectChanged]
    for station, last in ((a, AllReceiving), (b, ServerTransmitting)):
        kinds = [*both, last]
        assert [type(event) for event in station.events if type(event) in kinds] == kinds
        assert all(event.reason for event in station.events)
    assert a.scis == {sci(2)}
    assert b.scis == {sci(1)}
    (ready,) = b.said(SakReady)
    assert (ready.is_key_server, ready.an, ready.known) == (False, An(0), False)
    assert "sak=" not in repr(ready)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_station_that_comes_later_is_met_within_the_ramp(order: tuple[int, int]) -> None:
    """802.1X-2020 9.15: no Hello Time is waited for, whoever is first."""
    lan = Lan()
    first = lan.station(order[0])
    lan.run(0.33)
    second = lan.station(order[1])
    lan.settle()
    assert first.ki == second.ki


def test_lost_first_frames_cost_a_step_of_the_ramp() -> None:
    """Hellos after 0, 0.1, 0.3, 0.7 and 1.5 s, then every 2 s (802.1X-2020 9.15)."""
    lan = Lan()
    a = lan.station(1)
    lan.run(8.0)
    assert [round(sent.at - 1000, 3) for sent in lan.by(a)] == [0, 0.1, 0.3, 0.7, 1.5, 3.5, 5.5, 7.5]

    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.passes = lambda sender, receiver, sent: lan.now >= 1000.05
    lan.run(0.15)
    assert a.ki == b.ki


def test_in_steady_state_each_says_one_hello_in_two_seconds() -> None:
    """802.1X-2020 9.10, 9.15: and reports the SAK in use as the old one, the latest being empty."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    before = len(lan.sent)
    lan.run(20)
    assert len(lan.sent) - before == 20
    use = lan.by(b)[-1].pdu.sak_use
    assert use is not None
    assert use.latest is None
    assert use.old is not None
    assert (use.old.ki, use.old_rx, use.old_tx) == (a.ki, True, True)
    assert lan.by(a)[-1].pdu.distributed_sak is None


def test_in_steady_state_no_timer_but_the_hello() -> None:
    """802.1X-2020 9.15: thousands of ports in one process wake up for a hello, and for nothing else."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    for _ in range(60):
        lan.run(1)
        for station in (a, b):
            assert station.kay.next_timer() == station.participant.hello.next_at


def test_bounded_hellos_with_delay_protection() -> None:
    """802.1X-2020 9.10, 9.15: every 0.5 s, with the flag set."""
    lan = Lan()
    config = KayConfig(delay_protect=True)
    a, b = lan.station(1, config=config), lan.station(2)
    lan.run(20)
    before = len(lan.by(a)), len(lan.by(b))
    lan.run(20)
    assert (len(lan.by(a)) - before[0], len(lan.by(b)) - before[1]) == (40, 10)
    assert lan.by(a)[-1].pdu.sak_use.delay_protect  # type: ignore[union-attr]
    assert not lan.by(b)[-1].pdu.sak_use.delay_protect  # type: ignore[union-attr]


def test_the_delay_that_a_peer_allows_is_known_and_grows_when_it_is_not_heard() -> None:
    """802.1X-2020 9.10: what it says was made after it had heard us, and speaks of at most 2 s before."""
    lan = Lan()
    a, b = lan.station(1, config=KayConfig(delay_protect=True)), lan.station(2)
    lan.run(20)

    def bound(station: Station) -> float | None:
        (participant,) = station.kay.status(lan.now).participants
        return participant.peers[0].delay_bound_s

    assert bound(a) is None  # b does not bound it
    assert bound(b) is None  # a has not told how far it has come
    agreed = a.kay.agreed_sak
    assert agreed is not None
    for pn in range(100, 140):
        a.kay.report_pns((agreed.ki, pn, pn + 10))
        lan.run(0.5)
        found = bound(b)
        assert found is not None or pn == 100
    # At most 2 s before an MKPDU of every half second, which has heard our last one of every 2 s.
    assert found is not None
    assert 2.0 <= found <= 4.6
    lan.passes = lambda sender, receiver, sent: False
    lan.run(1)
    later = bound(b)
    assert later is not None
    assert 0.9 <= later - found <= 1.6


def test_hurried_answers_have_a_bound_and_are_not_lost() -> None:
    """Something new in every millisecond: the bucket lets eight pass, then ten a second (802.1X-2020 9.4)."""
    lan = Lan()
    a, _ = lan.station(1), lan.station(2)
    lan.run(20)
    before = len(lan.by(a))
    use = a.kay.port.old
    assert use is not None
    for step in range(1000):
        lan.now += 0.001
        a.kay.handle_timer(lan.now)
        a.kay.set_sak_use(None, KeyUse(use.ki, use.an, rx=True, tx=bool(step % 2)), False, False)
        lan.settle()
    sent = len(lan.by(a)) - before
    assert 8 <= sent <= 19
    a.kay.set_sak_use(None, KeyUse(use.ki, use.an, rx=False, tx=True), False, False)
    lan.run(0.11)
    said = lan.by(a)[-1].pdu.sak_use
    assert said is not None
    assert not said.old_rx


def test_the_sets_go_in_the_standards_order_or_plainly_rising() -> None:
    """802.1X-2020 11.11.3, 11.11: lists last; a knob for devices that want them first. Both are understood."""
    lan = Lan()
    a, b = lan.station(1, config=KayConfig(rising_set_order=True, icv_indicator=True)), lan.station(2)
    lan.settle()
    assert a.ki == b.ki

    def types(body: bytes) -> list[int]:
        from pysec.wire.mkpdu import peek, raw_sets

        return [raw.type for raw in raw_sets(peek(body))]

    shared = next(sent for sent in lan.by(a) if sent.pdu.distributed_sak is not None)
    assert types(shared.body) == [1, 3, 4, 7, 8, 255]
    assert types(lan.by(b)[-1].body) == [3, 7, 8, 1]


def test_what_an_mkpdu_says_of_an_unused_slot() -> None:
    """802.1X-2020 11.11.3, 9.10: PN 1, never 0, for a SAK that nothing was sent with; the lowest PN otherwise."""
    lan = Lan()
    a, _ = lan.station(1, config=KayConfig(cipher_suites=(CipherSuite.GCM_AES_128,))), lan.station(2)
    lan.run(20)
    a.kay.report_pns(None, (a.ki, 0, 1))
    lan.run(2)
    assert lan.by(a)[-1].pdu.sak_use.old.lowest_pn == 1  # type: ignore[union-attr]
    a.kay.report_pns(None, (a.ki, 77, 90))
    lan.run(2)
    assert lan.by(a)[-1].pdu.sak_use.old.lowest_pn == 77  # type: ignore[union-attr]
    assert lan.by(a)[-1].pdu.xpn is None


def test_extended_packet_numbers_go_in_two_halves() -> None:
    """802.1X-2020 11.11: the high halves in the XPN set, from version 3 on."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2, config=KayConfig(mka_version=2))
    lan.run(20)
    a.kay.report_pns(None, (a.ki, 5 << 32 | 7, 5 << 32 | 9))
    lan.run(2)
    pdu = lan.by(a)[-1].pdu
    assert pdu.sak_use.old.lowest_pn == 7  # type: ignore[union-attr]
    assert pdu.xpn.old_high == 5  # type: ignore[union-attr]
    assert lan.by(b)[-1].pdu.xpn is None


def test_a_key_of_another_ca_is_not_spoken_of() -> None:
    """802.1X-2020 9.10: a KI means something in the CA only that it was distributed in."""
    lan = Lan()
    a, _ = lan.station(1), lan.station(2)
    lan.run(20)
    a.kay.set_sak_use(None, KeyUse(Ki(b"\x07" * 16), An(2), True, True), False, False)
    lan.run(2)
    use = lan.by(a)[-1].pdu.sak_use
    assert use is not None
    assert use.old is None


def test_nothing_happens_without_a_cak() -> None:
    kay = Kay(KayConfig(), sci(1), bytes)
    assert kay.next_timer() is None
    assert kay.pdus_to_send(5.0) == []
    assert kay.status().why_not_secured == "there is no CAK"


def test_a_cak_once_and_not_too_many() -> None:
    """802.1X-2020 9.14: participants are created and deleted, one for a CKN, and bounded."""
    kay = Kay(KayConfig(max_participants=2), sci(1), lambda octets: bytes(range(octets)))
    kay.add_cak(cak("01"), 1.0)
    with pytest.raises(UsageError, match="there is a participant"):
        kay.add_cak(cak("01", 0x22), 1.0)
    kay.add_cak(cak("0100"), 1.0)
    with pytest.raises(UsageError, match="no more"):
        kay.add_cak(cak("02"), 1.0)
    kay.remove_cak(cak("0100").ckn, 1.0)
    with pytest.raises(UsageError, match="no participant"):
        kay.remove_cak(cak("0100").ckn, 1.0)
    with pytest.raises(UsageError, match="priority"):
        kay.add_cak(cak("02"), 1.0, key_server_priority=256)


def test_a_link_that_comes_up_again_is_greeted_at_once() -> None:
    lan = Lan()
    a = lan.station(1)
    lan.run(20)
    before = len(lan.by(a))
    a.kay.start_hellos(lan.now)
    lan.run(0.35)
    assert len(lan.by(a)) - before == 3


def test_status_says_who_is_there_and_by_which_key() -> None:
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    status = a.kay.status()
    assert (status.connect.value, status.why_not_secured) == ("PENDING", "no live peer")
    lan.run(20)
    status = a.kay.status()
    (participant,) = status.participants
    assert participant.is_principal
    assert participant.is_key_server
    assert participant.sak is not None
    assert (participant.sak.ki, participant.sak.kn, participant.sak.an) == (a.ki, 1, An(0))
    assert participant.sak.made_by == sci(1)
    (peer,) = participant.peers
    assert (peer.sci, peer.is_live, peer.mka_version, peer.key_server_priority) == (sci(2), True, 3, 16)
    assert 0 < peer.seconds_left <= 6
    assert status.why_not_secured == ""
    assert b.kay.status().participants[0].key_server == sci(1)


def test_icvs_cover_the_addresses_that_were_configured() -> None:
    """802.1X-2020 9.4.1: another destination or EtherType is another ICV; source alone is enough to rebuild ours."""
    lan = Lan()
    wan = KayConfig(destination=MacAddress(b"\xff" * 6), ethertype=0x876F)
    a, b, c = lan.station(1, config=wan), lan.station(2, config=wan), lan.station(3)
    (body,) = a.kay.pdus_to_send(lan.now)
    for station in (b, c):
        station.kay.receive_mkpdu(body, lan.now, source=sci(1).mac)
        station.drain(lan.now)
    assert len(b.participant.peers.potential) == 1
    assert c.kay.port.counters == {"bad ICV": 1}


def test_a_version_1_peer_is_served_with_the_mandatory_suite() -> None:
    """802.1X-2020 9.7: it announces nothing, so GCM-AES-128."""
    lan = Lan()
    a = lan.station(1)
    puppet = Puppet(lan, 2)
    puppet.version = 1
    puppet.greet(a)
    (ready,) = a.said(SakReady)
    assert ready.cipher_suite is CipherSuite.GCM_AES_128
    assert ready.salt is None
    shared = lan.by(a)[-1].pdu
    assert shared.distributed_sak is not None
    assert shared.live is not None
    assert shared.live.key_server_ssci is None
