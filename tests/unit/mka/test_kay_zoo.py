"""Each fault of the zoo fails a case that ours passes: the canaries of the tests of a KaY's rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pysec.errors import ProtocolError
from pysec.mka.events import SakReady
from pysec.mka.kay import Kay
from pysec.secret import Secret
from pysec.types import An, CipherSuite, ConfidentialityOffset, Kn
from pysec.wire.mkpdu import DistributedSak, PeerEntry, PeerList
from tests.unit.mka.lan import Lan, Puppet, cak
from tests.unit.mka.zoo import ZOO

Case = Callable[[type[Kay]], bool]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    def register(check: Case) -> Case:
        CASES[name] = check
        return check

    return register


def sak(kn: int, octets: bytes, an: int = 0) -> DistributedSak:
    wrapped = cak().wrap(Secret(octets))
    return DistributedSak(An(an), ConfidentialityOffset.ZERO, Kn(kn), CipherSuite.GCM_AES_128, wrapped)


@case("lost-request")
def third_member_within_the_guard(kay_type: type[Kay]) -> bool:
    lan = Lan()
    stations = [lan.station(number, kay_type=kay_type) for number in (1, 2)]
    lan.run(1)
    Puppet(lan, 9).send(stations[0])
    stations.append(lan.station(3, kay_type=kay_type))
    lan.run(30)
    return {station.connect for station in stations} == {"SECURE"}


@case("own-mkpdu-resets-mi")
def own_mkpdus_come_back(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a, b = lan.station(1, kay_type=kay_type), lan.station(2, kay_type=kay_type)
    lan.run(20)
    ki = a.ki
    sent = lan.by(a)[3]
    a.kay.receive_mkpdu(sent.body, lan.now, header=sent.header)
    lan.run(5)
    return a.ki == b.ki == ki


@case("election-by-mac")
def two_ports_of_one_address(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a, b = lan.station(7, port=2, kay_type=kay_type), lan.station(7, port=1, kay_type=kay_type)
    lan.run(20)
    return [a.participant.is_server, b.participant.is_server] == [False, True]


@case("mn-before-icv")
def a_forged_mn(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a, b = lan.station(1, kay_type=kay_type), lan.station(2, kay_type=kay_type)
    lan.run(20)
    ki, sent = a.ki, lan.by(b)[-1]
    forged = sent.body[:24] + b"\xff\xff\xff\xf0" + sent.body[28:]
    a.kay.receive_mkpdu(forged, lan.now, header=sent.header)
    lan.run(20)
    return a.ki == b.ki == ki


@case("saks-by-an")
def a_new_sak_with_the_same_an(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a = lan.station(5, kay_type=kay_type)
    puppet = Puppet(lan, 1, is_key_server=True, key_server_priority=1)
    puppet.greet(a)
    for kn in (1, 2):
        puppet.send(a, live=puppet.lists(a), distributed_sak=sak(kn, bytes([kn]) * 16))
    return len(a.said(SakReady)) == 2


@case("last-two-mns")
def a_peer_that_is_behind(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a, puppet = lan.station(1, kay_type=kay_type), Puppet(lan, 2)
    lan.settle()
    listed = puppet.lists(a)
    lan.run(1)
    puppet.send(a, live=listed)
    return bool(a.participant.peers.live)


@case("third-party-mn")
def a_third_party_overstates(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a, puppet, third = lan.station(1, kay_type=kay_type), Puppet(lan, 2), Puppet(lan, 3)
    puppet.greet(a)
    third.greet(a)
    third.send(a, live=third.lists(a, others=(PeerEntry(puppet.mi, 4_000_000_000),)))
    before = dict(a.kay.port.counters)
    puppet.send(a, live=puppet.lists(a))
    return dict(a.kay.port.counters) == before


@case("sak-from-anybody")
def a_usurper(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a = lan.station(5, kay_type=kay_type)
    server = Puppet(lan, 1, is_key_server=True, key_server_priority=1)
    usurper = Puppet(lan, 2, is_key_server=True, key_server_priority=50)
    for puppet in (server, usurper):
        puppet.greet(a)
    usurper.send(a, live=usurper.lists(a), distributed_sak=sak(1, bytes(16)))
    return not a.said(SakReady)


@case("same-mi-after-restart")
def no_ki_comes_twice(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a, b = lan.station(1, kay_type=kay_type), lan.station(2)
    octets = set()
    for _ in range(3):
        try:
            lan.run(15)
        except ProtocolError:
            return False
        octets |= {(ki, sak) for ki, (sak, _) in b.saks.items()} | {(ki, sak) for ki, (sak, _) in a.saks.items()}
        a = lan.restart(a, kay_type=kay_type)
    return len({ki for ki, _ in octets}) == len(octets) == 3


@case("duplicate-sci-locks-out")
def a_restart_is_quick(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a, b = lan.station(1, kay_type=kay_type), lan.station(2, kay_type=kay_type)
    lan.run(20)
    again = lan.restart(b, kay_type=kay_type)
    lan.run(1)
    return a.ki == again.transmits_with if again.kay.principal is not None else False


@case("replays-taken")
def replays_keep_nobody_alive(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a, b = lan.station(1, kay_type=kay_type), lan.station(2)
    lan.run(20)
    lan.kill(b)
    sent = lan.by(b)[-1]
    for _ in range(5):
        a.kay.receive_mkpdu(sent.body, lan.now, header=sent.header)
        lan.run(1)
    lan.run(1.5)
    return not list(a.participant.peers)


@case("old-sak-for-new-member")
def a_restarted_member_while_the_guard_holds(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a, b, c = (lan.station(number, kay_type=kay_type) for number in (1, 2, 3))
    b.installs = False
    lan.run(20)
    stranger = Puppet(lan, 9)
    a.kay.request_sak("now", lan.now)
    lan.run(0.5)
    old = a.ki
    stranger.send(a)
    again = lan.restart(c, kay_type=kay_type)
    lan.run(3)
    return old in c.saks and old not in again.saks


@case("heard-is-live")
def a_station_that_does_not_hear_us(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a, puppet = lan.station(1, kay_type=kay_type), Puppet(lan, 2)
    for _ in range(5):
        puppet.send(a)
        lan.run(2)
    return a.connect == "PENDING"


@case("sscis-of-the-known")
def a_member_that_was_not_heard(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a = lan.station(5, kay_type=kay_type)
    server, unheard = Puppet(lan, 3, is_key_server=True, key_server_priority=1), Puppet(lan, 9)
    server.greet(a)
    live = PeerList((PeerEntry(unheard.mi, 1), *server.lists(a).peers), 3)
    xpn = replace(sak(1, bytes(16)), cipher_suite=CipherSuite.GCM_AES_XPN_128)
    server.send(a, live=live, distributed_sak=xpn)
    (ready,) = a.said(SakReady)
    return {ssci.value for _, ssci in ready.members if ssci is not None} == {2, 3}


@case("ki-with-another-sak")
def a_ki_of_two_saks(kay_type: type[Kay]) -> bool:
    lan = Lan()
    a = lan.station(5, kay_type=kay_type)
    puppet = Puppet(lan, 1, is_key_server=True, key_server_priority=1)
    puppet.greet(a)
    try:
        for kn in (1, 2, 1):
            puppet.send(a, live=puppet.lists(a), distributed_sak=sak(kn, bytes([len(a.said(SakReady))]) * 16))
    except ProtocolError:
        pass
    return len(a.said(SakReady)) == 2


def test_every_fault_has_a_case() -> None:
    assert CASES.keys() == ZOO.keys()
    assert len(ZOO) >= 10


@pytest.mark.parametrize("name", CASES)
def test_the_fault_is_found_and_ours_passes(name: str) -> None:
    """802.1X-2020 9.4, 9.5, 9.8, 9.10."""
    assert CASES[name](Kay), "the KaY without a fault fails"
    assert not CASES[name](ZOO[name]), "the planted fault was not found"
