"""Who is key server (802.1X-2020 9.5), and what becomes of the link when it changes."""

from __future__ import annotations

import pytest

from pysec.mka.election import Candidate, elect
from pysec.mka.events import KeyServerElected, SakReady
from pysec.mka.kay import KayConfig
from pysec.types import Mi
from tests.unit.mka.lan import Lan, Puppet, Station, sci


def candidate(priority: int, number: int, port: int = 1, willing: bool = True) -> Candidate:
    return Candidate(priority, sci(number, port), Mi(bytes([number]) * 12), willing)


@pytest.mark.parametrize(
    ("candidates", "winner"),
    [
        ([candidate(16, 5), candidate(15, 9)], 1),
        ([candidate(16, 5), candidate(16, 4)], 1),
        ([candidate(0, 9), candidate(255, 1)], 0),
        ([candidate(16, 5, port=2), candidate(16, 5, port=1)], 1),
        ([candidate(16, 5, port=0x8000), candidate(16, 5, port=0x0102)], 1),
        ([candidate(1, 1, willing=False), candidate(200, 9)], 1),
        ([candidate(255, 1), candidate(255, 2)], None),
        ([], None),
    ],
)
def test_the_least_priority_wins_then_the_least_sci(candidates: list[Candidate], winner: int | None) -> None:
    """802.1X-2020 9.5: over all 8 octets of the SCI; 255 never; nobody who has chosen another."""
    assert elect(candidates) is (None if winner is None else candidates[winner])


def server_of(*stations: Station) -> set[str]:
    return {str(station.said(KeyServerElected)[-1].sci) for station in stations}


def test_priority_before_sci() -> None:
    """802.1X-2020 9.5."""
    lan = Lan()
    a, b = lan.station(1, config=KayConfig(key_server_priority=20)), lan.station(2)
    lan.settle()
    assert server_of(a, b) == {str(sci(2))}
    assert [event.is_self for event in b.said(KeyServerElected)] == [True]


def test_two_ports_of_one_address() -> None:
    """802.1X-2020 9.5: the port identifier decides; by MAC addresses alone there is no winner, or two."""
    lan = Lan()
    a, b = lan.station(7, port=2), lan.station(7, port=1)
    lan.settle()
    assert server_of(a, b) == {str(sci(7, 1))}
    assert a.ki == b.ki


def test_without_anybody_willing_the_reason_says_so() -> None:
    """802.1X-2020 9.5: 255 on both sides."""
    lan = Lan()
    config = KayConfig(key_server_priority=255)
    a, _ = lan.station(1, config=config), lan.station(2, config=config)
    lan.run(10)
    assert a.connect == "PENDING"
    assert a.kay.status().why_not_secured == "no member is willing to be key server"
    assert not any(sent.pdu.basic.is_key_server for sent in lan.sent)


def test_a_station_of_priority_255_follows() -> None:
    """802.1X-2020 9.5."""
    lan = Lan()
    a, b = lan.station(1, config=KayConfig(key_server_priority=255)), lan.station(2)
    lan.settle()
    assert server_of(a, b) == {str(sci(2))}
    assert a.ki == b.ki


def test_the_flag_says_whom_a_member_has_chosen() -> None:
    """802.1X-2020 9.5: alone, everybody has chosen himself; then one."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(5)
    assert lan.by(a)[0].pdu.basic.is_key_server
    assert lan.by(b)[0].pdu.basic.is_key_server
    assert lan.by(a)[-1].pdu.basic.is_key_server
    assert not lan.by(b)[-1].pdu.basic.is_key_server


def test_a_better_server_takes_over() -> None:
    """802.1X-2020 9.5, 9.8: a new member with a better priority; a new SAK of its own, from one SAK to the other."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    c = lan.station(9, config=KayConfig(key_server_priority=1))
    lan.run(1)
    assert server_of(a, b, c) == {str(sci(9))}
    assert a.ki == b.ki == c.ki == a.transmits_with == b.transmits_with == c.transmits_with
    assert a.ki.mi == c.participant.member.mi
    assert not a.said(KeyServerElected)[-1].has_sa, "it is no member of the SAK in use"


@pytest.mark.parametrize("members", [3, 5])
def test_the_key_server_dies(members: int) -> None:
    """802.1X-2020 9.5, 9.8: after a life time there is a new one, and one new SAK for all."""
    lan = Lan()
    stations = [lan.station(number) for number in range(1, members + 1)]
    lan.run(20)
    survivors = stations[1:]
    made = {id(station): len(station.said(SakReady)) for station in survivors}
    lan.kill(stations[0])
    lan.run(5.0)
    assert {station.connect for station in survivors} == {"SECURE"}
    lan.run(6)
    assert server_of(*survivors) == {str(sci(2))}
    assert len({station.ki for station in survivors}) == 1
    assert survivors[0].ki.mi == survivors[0].participant.member.mi
    assert all(station.transmits_with == station.ki for station in survivors)
    assert [len(station.said(SakReady)) - made[id(station)] for station in survivors] == [1] * len(survivors)
    assert all(station.said(KeyServerElected)[-1].has_sa for station in survivors), "it is a member of the SAK in use"
    assert {station.connect for station in survivors} == {"SECURE"}


def test_members_that_notice_one_after_another_agree_all_the_same() -> None:
    """802.1X-2020 9.5: the last hello of the old server reaches only some; nobody makes a SAK that nobody takes."""
    lan = Lan()
    a, b, c, d = (lan.station(number) for number in (1, 2, 3, 4))
    lan.run(20.3)
    lan.passes = lambda sender, receiver, sent: not (sender is a and receiver in (c, d))
    lan.run(2.0)
    lan.kill(a)
    lan.run(10)
    assert len({station.ki for station in (b, c, d)}) == 1
    assert server_of(b, c, d) == {str(sci(2))}
    for station in (c, d):
        assert not any(ready.is_key_server for ready in station.said(SakReady))


def test_a_member_that_is_never_willing_does_not_hold_up_the_others_for_long() -> None:
    """802.1X-2020 9.5: the grace ends."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    puppet = Puppet(lan, 7, key_server_priority=3)
    lan.settle()
    lan.kill(a)
    for _ in range(14):
        puppet.send(b, live=puppet.lists(b))
        lan.run(1)
    assert b.participant.is_server
    assert b.connect == "SECURE"


def test_who_alone_has_lost_the_server_comes_back_to_its_sak() -> None:
    """802.1X-2020 9.5, 802.1X-2020 9.10: the server has not noticed, and distributes nothing; what the member has made
    as a key server of its own is of no account."""
    lan = Lan()
    a, b, c = (lan.station(number) for number in (1, 2, 3))
    lan.run(20)
    ki = a.ki
    lan.passes = lambda sender, receiver, sent: not (sender is a and receiver is b)
    while not b.participant.is_server:
        lan.run(0.1)
    lan.passes = lambda sender, receiver, sent: True
    assert b.ki.mi == b.participant.member.mi
    lan.run(5)
    assert a.ki == b.ki == c.ki == b.transmits_with == ki
    assert b.said(KeyServerElected)[-1].has_sa, "so the port need not close"
    assert b.connect == "SECURE"


def test_a_partition_heals_to_one_server_and_one_sak() -> None:
    """802.1X-2020 9.5, 9.8: two halves with a server each."""
    lan = Lan()
    stations = [lan.station(number) for number in (1, 2, 3, 4)]
    halves = {id(station): index // 2 for index, station in enumerate(stations)}
    lan.passes = lambda sender, receiver, sent: halves[id(sender)] == halves[id(receiver)]
    lan.run(20)
    assert stations[0].ki == stations[1].ki != stations[2].ki == stations[3].ki
    lan.passes = lambda sender, receiver, sent: True
    lan.run(10)
    assert server_of(*stations) == {str(sci(1))}
    assert len({station.ki for station in stations} | {station.transmits_with for station in stations}) == 1


def test_a_live_member_changes_its_priority() -> None:
    """802.1X-2020 9.5: elected again whenever a member says something else than before."""
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2, is_key_server=True)
    puppet.greet(a)
    puppet.send(a, live=puppet.lists(a))
    assert a.participant.is_server
    puppet.basic["key_server_priority"] = 3
    puppet.send(a, live=puppet.lists(a))
    assert server_of(a) == {str(sci(2))}
    puppet.basic["is_key_server"] = False
    puppet.send(a, live=puppet.lists(a))
    for _ in range(4):
        lan.run(1)
        puppet.send(a, live=puppet.lists(a))
    assert server_of(a) == {str(sci(1))}, "it is not willing any more, and the grace is over"


def test_the_authenticator_of_eap_is_key_server() -> None:
    """802.1X-2020 9.5: the other one's participant has priority 255, whatever its configuration says."""
    from tests.unit.mka.lan import cak

    lan = Lan()
    a = lan.station(1)
    a.kay.remove_cak(cak().ckn, lan.now)
    a.kay.add_cak(cak(), lan.now, key_server_priority=255)
    b = lan.station(2, config=KayConfig(key_server_priority=200))
    lan.settle()
    assert server_of(a, b) == {str(sci(2))}
