"""Who is there (802.1X-2020 9.4): liveness, MNs, MIs, duplicates, bounds, and time that leaps."""

from __future__ import annotations

import pytest

from pysec.errors import ProtocolError
from pysec.mka.events import DuplicateSci, MiChanged, PeerLive, PeerLost, PeerPotential, SakReady
from pysec.mka.kay import KayConfig
from pysec.mka.member import LAST_MN
from pysec.types import Mi
from pysec.wire.mkpdu import PeerEntry, PeerList
from tests.unit.mka.lan import Lan, Puppet, Sent, Station, sci


def states(station: Station) -> dict[str, str]:
    """The peers by the last octet of their MAC address."""
    return {
        "?" if peer.sci is None else f"{peer.sci.mac.octets[5]}": "live" if peer.is_live else "potential"
        for peer in station.participant.peers
    }


# ---- liveness


@pytest.mark.parametrize("which", ["live", "potential"])
def test_a_peer_is_live_once_it_lists_us_with_a_recent_mn(which: str) -> None:
    """802.1X-2020 9.4.3: in either list."""
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2)
    lan.settle()
    puppet.send(a)
    assert states(a) == {"2": "potential"}
    assert len(a.said(PeerPotential)) == 1
    puppet.send(a, **{which: puppet.lists(a)})
    assert states(a) == {"2": "live"}
    assert len(a.said(PeerLive)) == 1


def test_a_peer_that_lists_another_mi_or_a_future_mn_is_not_live() -> None:
    """802.1X-2020 9.4.3: the list must have been made from what we have sent."""
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2)
    lan.settle()
    member = a.participant.member
    puppet.send(a, live=PeerList((PeerEntry(Mi(bytes(12)), member.mn),)))
    puppet.send(a, live=PeerList((PeerEntry(member.mi, member.mn + 1),)))
    puppet.send(a, live=PeerList((PeerEntry(member.mi, 0),)))
    assert states(a) == {"2": "potential"}


def test_an_mn_is_recent_for_a_life_time_however_many_came_after_it() -> None:
    """802.1X-2020 9.4.3: with hurried MKPDUs a peer may be many behind; after 6 s it is too late."""
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2)
    lan.settle()
    first = PeerList((PeerEntry(a.participant.member.mi, a.participant.member.mn),))
    lan.run(5.9)
    assert a.participant.member.mn > 5
    puppet.send(a, live=first)
    assert states(a) == {"2": "live"}

    other = Puppet(lan, 3)
    lan.run(0.2)
    other.send(a, live=first)
    assert states(a)["3"] == "potential"


def test_peers_are_gone_after_a_life_time() -> None:
    """802.1X-2020 9.4.3, 9.15."""
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2)
    puppet.greet(a)
    Puppet(lan, 3).send(a)
    lan.run(5.9)
    assert states(a) == {"2": "live", "3": "potential"}
    lan.run(0.2)
    assert states(a) == {}
    (lost,) = a.said(PeerLost)
    assert "not heard" in lost.reason
    assert a.connect == "PENDING"


def test_a_peer_that_is_merely_heard_does_not_stay_live() -> None:
    """802.1X-2020 9.4.3: it must go on showing that it hears us."""
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2)
    puppet.greet(a)
    for _ in range(4):
        lan.run(1.6)
        puppet.send(a)
    assert states(a) == {"2": "potential"}
    (lost,) = a.said(PeerLost)
    assert "has not listed us" in lost.reason
    puppet.send(a, live=puppet.lists(a))
    assert states(a) == {"2": "live"}


def test_a_peer_that_does_not_speak_of_saks_stays_live() -> None:
    """802.1X-2020 9.10: SAK Use may be missing; it is no reason to let the peer die."""
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2)
    puppet.greet(a)
    for _ in range(20):
        lan.run(2)
        puppet.send(a, live=puppet.lists(a))
    assert states(a) == {"2": "live"}
    assert not a.said(PeerLost)


# ---- message numbers


def test_a_replayed_mkpdu_is_of_no_effect() -> None:
    """802.1X-2020 9.4.2: the MN must rise, for potential and for live peers."""
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2)
    puppet.greet(a)
    header, body = puppet.send(a, live=puppet.lists(a))
    lan.run(3)
    for _ in range(100):
        a.kay.receive_mkpdu(body, lan.now, header=header)
    assert a.kay.port.counters["MN does not rise"] == 100
    lan.run(3.2)
    assert states(a) == {}
    a.kay.receive_mkpdu(body, lan.now, header=header)
    assert states(a) == {"2": "potential"}, "after a life time it is anybody, and it cannot show that it hears us"


def test_a_peer_may_skip_message_numbers() -> None:
    """802.1X-2020 9.4.2: they rise, they need not follow one another."""
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2)
    puppet.greet(a)
    puppet.send(a, mn=1000, live=puppet.lists(a))
    puppet.send(a, mn=999, live=puppet.lists(a))
    assert a.kay.port.counters["MN does not rise"] == 1
    puppet.send(a, mn=LAST_MN, live=puppet.lists(a))
    assert a.participant.peers.get(puppet.mi).mn == LAST_MN  # type: ignore[union-attr]


def test_what_a_third_party_says_of_an_mn_is_not_taken() -> None:
    """802.1X-2020 9.4.3: or a peer that lists another with a greater MN would silence it."""
    lan = Lan()
    a, puppet, third = lan.station(1), Puppet(lan, 2), Puppet(lan, 3)
    puppet.greet(a)
    third.greet(a)
    others = (PeerEntry(puppet.mi, 4_000_000_000),)
    third.send(a, live=third.lists(a, others=others))
    assert a.participant.peers.get(puppet.mi).mn == puppet.mn  # type: ignore[union-attr]
    puppet.send(a, live=puppet.lists(a))
    assert a.kay.port.counters["MN does not rise"] == 0


def test_whom_a_live_peer_hears_is_potential() -> None:
    """802.1X-2020 9.4.3: of a live peer only; so three members come together as fast as two."""
    lan = Lan()
    a, puppet, third = lan.station(1), Puppet(lan, 2), Puppet(lan, 3)
    lan.settle()
    puppet.send(a, live=PeerList((PeerEntry(third.mi, 5),)))
    assert states(a) == {"2": "potential"}
    puppet.send(a, live=puppet.lists(a, others=(PeerEntry(third.mi, 5),)))
    assert states(a) == {"2": "live", "?": "potential"}
    lan.run(0.1)
    potential = lan.by(a)[-1].pdu.potential
    assert potential == PeerList((PeerEntry(third.mi, 5),))
    third.send(a)
    assert states(a)["3"] == "potential"
    assert a.participant.peers.get(third.mi).mn == 1, "its own word counts from now on"  # type: ignore[union-attr]


# ---- our own identifier


def test_our_own_mkpdus_come_back_and_nothing_happens() -> None:
    """802.1X-2020 9.4.2: a replay of what we sent is not somebody else with our MI."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(5)
    mi, before = a.participant.member.mi, len(a.events)
    for sent in lan.by(a):
        a.kay.receive_mkpdu(sent.body, lan.now, header=sent.header)
    assert a.participant.member.mi == mi
    a.drain(lan.now)
    assert len(a.events) == before
    assert a.kay.port.counters["own MKPDU"] == len(lan.by(a))
    assert a.ki == b.ki


def test_our_mi_in_the_hands_of_another_is_given_up() -> None:
    """802.1X-2020 9.4.2: another SCI, or an MN that we have not come to; not more often than once in a life time."""
    lan = Lan()
    a = lan.station(1)
    lan.settle()
    old = a.participant.member.mi
    puppet = Puppet(lan, 2, mi=old)
    puppet.send(a)
    assert a.participant.member.mi != old
    (changed,) = a.said(MiChanged)
    assert (changed.old, changed.new) == (old, a.participant.member.mi)
    thief = Puppet(lan, 1, mi=a.participant.member.mi)
    thief.send(a, mn=500)
    assert a.participant.member.mi == thief.mi, "once is enough for now"
    lan.run(6.1)
    thief.send(a, mn=600)
    assert a.participant.member.mi != thief.mi


def test_another_station_with_our_sci_is_reported_and_not_listened_to() -> None:
    lan = Lan()
    a, twin = lan.station(1), Puppet(lan, 1)
    lan.settle()
    for _ in range(5):
        twin.send(a, live=twin.lists(a))
    assert states(a) == {}
    assert len(a.said(DuplicateSci)) == 1
    assert a.kay.port.counters["own SCI used by another"] == 5


def test_a_new_mi_when_the_message_numbers_are_used_up() -> None:
    """802.1X-2020 9.4.2: they never begin again under the same MI, and the link does not notice."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    old = b.participant.member.mi
    b.participant.member.mn = LAST_MN - 1
    a.participant.peers.get(old).mn = LAST_MN - 1  # type: ignore[union-attr]
    lan.run(2.1)
    assert lan.by(b)[-1].pdu.basic.mn <= LAST_MN
    lan.run(3)
    (changed,) = b.said(MiChanged)
    assert changed.old == old
    assert {sent.pdu.basic.mn for sent in lan.by(b) if sent.pdu.basic.mi == changed.new} >= {1, 2}
    assert a.ki == b.ki == a.transmits_with == b.transmits_with
    assert {a.connect, b.connect} == {"SECURE"}


# ---- restarts and duplicates


def test_a_restarted_peer_is_back_at_once() -> None:
    """802.1X-2020 9.4.3: same SCI, new MI. The old MI is not waited for, the new one is not locked out."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    old, old_ki = b.participant.member.mi, a.ki
    again = lan.restart(b)
    lan.run(0.05)
    assert a.ki == again.ki == a.transmits_with == again.transmits_with
    assert a.ki != old_ki
    (duplicate,) = a.said(DuplicateSci)
    assert (duplicate.old, duplicate.new) == (old, again.participant.member.mi)
    assert states(a) == {"2": "live"}


def test_replays_of_an_old_mi_do_no_harm() -> None:
    """802.1X-2020 9.4.3: they evict nobody, lock nobody out, and come to nothing."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    again = lan.restart(b)
    lan.run(1)
    ki, events = a.ki, len(a.events)
    for sent in lan.by(b):
        a.kay.receive_mkpdu(sent.body, lan.now, header=sent.header)
    a.drain(lan.now)
    assert len(a.events) == events
    lan.run(10)
    for sent in lan.by(b):
        a.kay.receive_mkpdu(sent.body, lan.now, header=sent.header)
    lan.run(10)
    assert a.ki == again.ki == ki
    assert not [lost for lost in a.said(PeerLost) if lost.mi == again.participant.member.mi]


def test_a_peer_that_restarts_with_its_old_mi_waits_for_a_life_time() -> None:
    """802.1X-2020 9.4.2: its MNs do not rise, and that is what a replay looks like; then it is a new peer."""
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2)
    puppet.greet(a)
    puppet.send(a, mn=50, live=puppet.lists(a))
    puppet.mn = 0
    lan.run(3)
    puppet.send(a, live=puppet.lists(a))
    assert a.kay.port.counters["MN does not rise"] == 1
    lan.run(3.1)
    puppet.send(a, live=puppet.lists(a))
    assert states(a) == {"2": "live"}


def test_an_mi_that_changes_its_sci_is_at_fault() -> None:
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2)
    puppet.send(a)
    puppet.sci = sci(3)
    with pytest.raises(ProtocolError, match="was that of SCI"):
        puppet.send(a)


# ---- bounds


def test_the_table_is_bounded_and_a_flood_keeps_nobody_out() -> None:
    """Potential peers beyond the bound replace the one heard least recently (802.1X-2020 9.4.3)."""
    lan = Lan()
    a = lan.station(1, config=KayConfig(max_potential_peers=4, max_live_peers=2))
    lan.settle()
    honest = Puppet(lan, 9)
    honest.send(a)
    for number in range(20, 60):
        lan.now += 0.01
        Puppet(lan, number).send(a)
        assert len(list(a.participant.peers)) <= 4
    lan.settle()
    honest.send(a, live=honest.lists(a))
    assert states(a)["9"] == "live"


def test_more_live_peers_than_allowed_stay_potential() -> None:
    lan = Lan()
    a = lan.station(1, config=KayConfig(max_live_peers=2))
    for number in (2, 3, 4):
        Puppet(lan, number).greet(a)
    assert sorted(states(a).values()) == ["live", "live", "potential"]
    assert a.kay.port.counters["no room for a live peer"] == 1


def test_the_longest_mkpdu_fits_a_frame() -> None:
    """802.1X-2020 11.11: every list full, a SAK of the longest kind, every option."""
    lan = Lan()
    config = KayConfig(icv_indicator=True, max_live_peers=60, max_potential_peers=16)
    a = lan.station(1, config=config)
    a.participant.cak.ckn  # noqa: B018
    for number in range(2, 62):
        Puppet(lan, number).greet(a)
    for number in range(100, 116):
        Puppet(lan, number).send(a)
    lan.run(1)
    longest = max(lan.by(a), key=lambda sent: len(sent.body))
    assert len(longest.pdu.live.peers) == 60  # type: ignore[union-attr]
    assert len(longest.pdu.potential.peers) == 16  # type: ignore[union-attr]
    assert len(longest.body) <= 1496


# ---- time


def test_a_leap_of_the_clock_is_taken_as_silence_of_all_peers() -> None:
    """802.1X-2020 9.15: after a suspend nothing of the past is believed, and the link comes back at once."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    old = a.ki
    lan.now += 3600
    lan.run(0.2)
    assert a.said(PeerLost)
    assert b.said(PeerLost)
    assert a.ki == b.ki != old
    assert a.transmits_with == b.transmits_with == a.ki


def test_a_leap_that_is_first_noticed_on_receipt() -> None:
    """802.1X-2020 9.4.3: the peer is first let go, then met anew."""
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2)
    puppet.greet(a)
    lan.now += 100
    puppet.send(a, live=puppet.lists(a))
    assert states(a) == {"2": "potential"}
    assert a.connect == "PENDING"


def test_a_clock_that_goes_back_stands_still() -> None:
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    ki, lost = a.ki, len(a.said(PeerLost))
    back = lan.now - 500
    for station in (a, b):
        station.kay.handle_timer(back)
        assert station.kay.pdus_to_send(back) == []
        timer = station.kay.next_timer()
        assert timer is not None
        assert timer > lan.now - 2.1
    lan.run(20)
    assert (a.ki, len(a.said(PeerLost))) == (ki, lost)


def test_two_frames_of_three_lost_one_way_and_the_link_stays() -> None:
    """802.1X-2020 9.15: three Hello Times are a Life Time; who has missed an MKPDU gets another at once."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20.01)
    count = {a: 0, b: 0}

    def passes(sender: Station, receiver: Station, sent: Sent) -> bool:
        count[sender] += 1
        return sender is b or count[sender] % 3 == 0

    lan.passes = passes
    lan.run(60)
    assert not a.said(PeerLost) + b.said(PeerLost)
    assert len(a.said(SakReady)) == 1
