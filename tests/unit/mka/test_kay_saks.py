"""When the key server makes a SAK, with which numbers, and for whom (802.1X-2020 9.8, 9.9, 9.10)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pysec.mka.events import MiChanged, RekeyRequested, SakReady
from pysec.mka.kay import KayConfig
from pysec.mka.sak import next_an
from pysec.types import PN_SPACE, An, CipherSuite, Ki
from pysec.wire.mkpdu import KiPn, SakUse, Xpn
from tests.unit.mka.lan import Lan, Puppet, Station, sci

GCM_128 = KayConfig(cipher_suites=(CipherSuite.GCM_AES_128,))


def reasons(station: Station) -> list[str]:
    return [ready.reason for ready in station.said(SakReady)]


AN_0 = An(0)


def uses(ki: Ki, an: An = AN_0, *, tx: bool = True, pn: int = 1) -> SakUse:
    return SakUse(latest_an=an, latest_rx=True, latest_tx=tx, latest=KiPn(ki, pn))


def rekey(lan: Lan, station: Station, reason: str = "again") -> None:
    station.kay.request_sak(reason, lan.now)
    lan.settle()


# ---- when


def test_an_operator_asks_and_both_roll() -> None:
    """802.1X-2020 9.8: at once, as there is no potential peer."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    old = a.ki
    a.kay.request_sak("the operator says so", lan.now)
    lan.settle()
    assert a.ki == b.ki == a.transmits_with == b.transmits_with != old
    assert reasons(a)[-1] == "the operator says so"
    assert a.said(RekeyRequested)[-1].reason == "the operator says so"
    assert a.kay.status().wanted == ""


def test_both_ends_ask_at_once() -> None:
    """802.1X-2020 9.8: one new SAK, not two, and nothing stays behind."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    b.kay.request_sak("b", lan.now)
    assert b.kay.status().wanted == "b"
    a.kay.request_sak("a", lan.now)
    lan.run(20)
    assert [len(station.said(SakReady)) for station in (a, b)] == [2, 2]
    assert (a.kay.status().wanted, b.kay.status().wanted) == ("", "")


def test_a_request_inside_the_guard_waits_and_is_not_lost() -> None:
    """802.1X-2020 9.8: there is a potential peer, and the last SAK is younger than a Life Time."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(0.5)
    made_at = lan.now - 0.5
    stranger = Puppet(lan, 9)
    for _ in range(3):
        stranger.send(a)
        lan.run(0.2)
    a.kay.request_sak("soon", lan.now)
    lan.run(1)
    assert len(reasons(a)) == 1
    assert "potential peers" in a.kay.status().participants[0].waiting
    said = [event.reason for event in a.said(RekeyRequested)]
    assert len(said) == 2
    assert said[0] == "soon"
    assert said[1] == a.kay.status().participants[0].waiting
    while lan.now < made_at + 5.8:
        stranger.send(a)
        lan.run(0.1)
    assert len(reasons(a)) == 1
    stranger.send(a)
    lan.run(0.7)
    assert reasons(a)[1:] == ["soon"]
    assert a.ki == b.ki == b.transmits_with


def test_a_third_member_within_the_guard_gets_a_sak() -> None:
    """802.1X-2020 9.8: the mistake of others: the request met too early is dropped, and the third never comes in."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(1)
    stranger = Puppet(lan, 9)
    stranger.send(a)
    c = lan.station(3)
    lan.run(0.2)
    assert len(reasons(a)) == 1, "a stranger is potential, so it waits"
    assert a.transmits_with == b.transmits_with
    assert not c.said(SakReady)
    lan.run(7)
    assert a.ki == b.ki == c.ki == a.transmits_with == b.transmits_with == c.transmits_with


def test_the_guard_does_not_hold_without_potential_peers() -> None:
    """802.1X-2020 9.8: two restarts within a second are two SAKs within a second."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(0.2)
    again = lan.restart(b)
    lan.run(0.2)
    assert a.ki == again.ki
    assert len(reasons(a)) == 2


def test_a_sak_for_each_member_that_comes() -> None:
    """802.1X-2020 9.8."""
    lan = Lan()
    a = lan.station(1)
    for number in range(2, 7):
        lan.station(number)
        lan.run(10)
        assert len({station.transmits_with for station in lan.stations}) == 1
    assert len(reasons(a)) == 5
    assert "has come to life" in reasons(a)[-1]


@pytest.mark.parametrize("policy", [False, True])
def test_a_member_that_goes_and_the_policy(policy: bool) -> None:
    """802.1X-2020 9.8: a new SAK only if the configuration wants one."""
    lan = Lan()
    a, b, c = (lan.station(number, config=KayConfig(rekey_on_peer_loss=policy)) for number in (1, 2, 3))
    lan.run(20)
    before, old = len(reasons(a)), a.ki
    lan.kill(c)
    lan.run(10)
    assert len(reasons(a)) - before == policy
    assert (a.ki != old) == policy
    assert a.ki == b.ki == b.transmits_with
    assert a.scis == {sci(2)}


def test_by_the_clock() -> None:
    """802.1X-2020 9.8: every period, without a gap."""
    lan = Lan()
    a, b = lan.station(1, config=KayConfig(rekey_period_s=30)), lan.station(2)
    lan.run(95)
    assert reasons(a)[1:] == ["the SAK is 30 s old"] * 3
    assert a.ki == b.ki == b.transmits_with


def test_our_own_packet_numbers_run_out() -> None:
    """802.1X-2020 9.8: three quarters of 2^32, or what the configuration says; once for a SAK."""
    lan = Lan()
    a, b = lan.station(1, config=GCM_128), lan.station(2)
    lan.run(20)
    ki = a.ki
    a.kay.report_pns(None, (ki, 0xBFFF_0000, 0xBFFF_FFFF))
    lan.settle()
    assert len(reasons(a)) == 1
    a.kay.report_pns(None, (ki, 0xBFFF_0000, 0xC000_0000))
    a.kay.report_pns(None, (ki, 0xC000_0000, 0xC000_1000))
    lan.run(10)
    assert reasons(a)[1:] == ["our own SecY has come to PN 3221225472"]
    assert a.ki == b.transmits_with


def test_a_members_packet_numbers_run_out() -> None:
    """802.1X-2020 9.8, 9.10: the key server reads it off the member's SAK Use, as the latest or as the old key."""
    lan = Lan()
    a, b = lan.station(1, config=GCM_128), lan.station(2)
    lan.run(20)
    b.kay.report_pns(None, (b.ki, 0xC000_0001, 0xC000_0002))
    lan.run(2.5)
    assert reasons(a)[1:] == [f"{sci(2)} has come to PN 3221225473"]
    assert a.ki == b.ki == b.transmits_with


def test_extended_packet_numbers_have_another_threshold() -> None:
    """802.1X-2020 9.8: in two halves; without the XPN set the high one is not known, and nothing is concluded."""
    lan = Lan()
    a = lan.station(1, config=KayConfig(assumed_peer_suites=tuple(CipherSuite)))
    puppet = Puppet(lan, 2)
    puppet.greet(a)
    ki = a.ki
    assert a.said(SakReady)[0].cipher_suite.is_xpn
    puppet.send(a, live=puppet.lists(a), sak_use=uses(ki, pn=0xF000_0000), xpn=Xpn(0, 0xB000_0000, 0))
    puppet.send(a, live=puppet.lists(a), sak_use=uses(ki, pn=0xF000_0000))
    assert len(reasons(a)) == 1
    puppet.send(a, live=puppet.lists(a), sak_use=uses(ki, pn=0), xpn=Xpn(0, 0xC000_0000, 0))
    assert len(reasons(a)) == 2


def test_another_suite_than_before() -> None:
    """802.1X-2020 9.7, 9.8: a peer announces others from now on."""
    lan = Lan()
    a = lan.station(1)
    puppet = Puppet(lan, 2)
    puppet.greet(a)
    assert a.said(SakReady)[-1].cipher_suite is CipherSuite.GCM_AES_128
    from pysec.wire.mkpdu import Announcement, SuiteOffer

    offers = tuple(SuiteOffer(suite, 2) for suite in (CipherSuite.GCM_AES_256, CipherSuite.GCM_AES_128))
    puppet.send(a, live=puppet.lists(a), announcement=Announcement.of_suites(offers))
    assert a.said(SakReady)[-1].cipher_suite is CipherSuite.GCM_AES_256
    assert "instead of" in reasons(a)[-1]


def test_a_member_that_has_lost_the_sak_gets_another_not_the_same() -> None:
    """802.1X-2020 9.10: to give it the same one again would have it use packet numbers again."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    old = a.ki
    b.kay.set_sak_use(None, None, False, False)
    lan.run(5)
    assert "has lost the SAK" in reasons(a)[-1]
    assert a.ki == b.ki == b.transmits_with != old
    assert [ready.ki for ready in b.said(SakReady)].count(old) == 1


# ---- which numbers


def test_key_numbers_count_from_1_under_an_mi() -> None:
    """802.1X-2020 9.8."""
    lan = Lan()
    a, _ = lan.station(1), lan.station(2)
    for _ in range(5):
        lan.run(10)
        rekey(lan, a)
    assert [ready.ki.kn.value for ready in a.said(SakReady)] == [1, 2, 3, 4, 5, 6]
    assert {ready.ki.mi for ready in a.said(SakReady)} == {a.participant.member.mi}


def test_key_numbers_do_not_wrap() -> None:
    """802.1X-2020 9.8, 9.4.2: a new MI instead, and the port stays open."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    a.participant.key_server._kn = PN_SPACE - 2
    for _ in range(2):
        rekey(lan, a)
        lan.run(10)
    assert [ready.ki.kn.value for ready in a.said(SakReady)][:3] == [1, PN_SPACE - 1, 1]
    assert len(a.said(MiChanged)) == 1
    assert a.ki == b.ki == b.transmits_with
    assert len({ready.ki for ready in a.said(SakReady)}) == len(a.said(SakReady))


def test_a_restarted_server_has_another_mi_and_no_ki_comes_twice() -> None:
    """802.1X-2020 9.4.2, 9.8: its first KN is 1 again."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    for _ in range(4):
        lan.run(7)
        a = lan.restart(a)
    lan.run(7)
    kis = [ready.ki for ready in b.said(SakReady)]
    assert len(set(kis)) == len(kis) == 5
    assert a.ki == b.ki == b.transmits_with


@pytest.mark.parametrize(
    ("last", "in_use", "wanted"),
    [(None, (), 0), (0, (0,), 1), (3, (3,), 0), (0, (0, 1, 2), 3), (2, (3, 0), 1), (1, (0, 1, 2, 3), None), (1, (), 2)],
)
def test_the_next_an_is_one_that_is_not_in_use(last: int | None, in_use: tuple[int, ...], wanted: int | None) -> None:
    """802.1X-2020 9.9."""
    found = next_an(None if last is None else An(last), {An(value) for value in in_use})
    assert found == (None if wanted is None else An(wanted))


def test_ans_go_round() -> None:
    """802.1X-2020 9.9."""
    lan = Lan()
    a, _ = lan.station(1), lan.station(2)
    for _ in range(5):
        lan.run(10)
        rekey(lan, a)
    assert [ready.an.value for ready in a.said(SakReady)] == [0, 1, 2, 3, 0, 1]


def test_an_an_that_a_member_uses_is_left_out() -> None:
    """802.1X-2020 9.9: though it be for a key of another server."""
    lan = Lan()
    a = lan.station(1)
    puppet = Puppet(lan, 2)
    foreign = Ki(b"\x09" * 16)
    lan.settle()
    puppet.send(a, live=puppet.lists(a), sak_use=uses(foreign, An(0)))
    assert a.said(SakReady)[-1].an == An(1), "the use is looked at before a SAK is made"
    puppet.send(
        a, live=puppet.lists(a), sak_use=replace(uses(foreign, An(2)), old_an=An(3), old=KiPn(Ki(b"a" * 16), 1))
    )
    rekey(lan, a)
    assert a.said(SakReady)[-1].an == An(0)


def test_without_a_free_an_it_waits_and_a_stubborn_member_cannot_block_for_ever() -> None:
    """802.1X-2020 9.9: rekeying faster than SAKs retire."""
    lan = Lan()
    a = lan.station(1)
    puppet = Puppet(lan, 2)
    puppet.greet(a)
    lan.settle()
    stubborn = SakUse(latest_an=An(1), old_an=An(2), latest=KiPn(Ki(b"l" * 16), 1), old=KiPn(Ki(b"o" * 16), 1))
    puppet.send(a, live=puppet.lists(a), sak_use=stubborn)
    rekey(lan, a, "one")
    assert a.said(SakReady)[-1].an == An(3)
    rekey(lan, a, "two")
    assert len(reasons(a)) == 2
    assert "four ANs" in a.kay.status().participants[0].waiting
    for _ in range(4):
        lan.run(2)
        puppet.send(a, live=puppet.lists(a), sak_use=stubborn)
    assert reasons(a)[-1] == "two"


@pytest.mark.parametrize("start", [0.1 * step for step in range(1, 60)])
def test_what_is_due_at_a_time_is_done_at_that_time(start: float) -> None:
    """802.1X-2020 9.8, 802.1X-2020 9.9: whatever the clock shows, and however sums of it are rounded."""
    lan = Lan()
    lan.now = 1000 + start
    a = lan.station(1, config=KayConfig(rekey_period_s=20.3))
    puppet = Puppet(lan, 2)
    puppet.greet(a)
    stubborn = SakUse(latest_an=An(1), old_an=An(2), latest=KiPn(Ki(b"l" * 16), 1), old=KiPn(Ki(b"o" * 16), 1))
    puppet.send(a, live=puppet.lists(a), sak_use=stubborn)
    for reason in ("one", "two"):
        rekey(lan, a, reason)
    while lan.now < 1023 + start:
        lan.run(1.7)
        puppet.send(a, live=puppet.lists(a), sak_use=stubborn)
    assert reasons(a)[1:] == ["one", "two"]
    lan.run(5.9)
    assert len(reasons(a)) == 4 or "20.3 s old" in a.kay.status().participants[0].waiting
