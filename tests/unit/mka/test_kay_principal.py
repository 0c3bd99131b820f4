"""Several CAKs on a port: the principal, a successor, lifetimes, deletion (802.1X-2020 9.5, 9.8, 9.9, 9.14, 9.16)."""

from __future__ import annotations

from pysec.mka.events import ConnectChanged, ParticipantDeleted, PrincipalChanged, SakReady
from pysec.mka.kay import KayConfig, KeyUse
from pysec.types import An
from tests.unit.mka.lan import Lan, Station, cak, sci

OLD, NEW = cak("01"), cak("02", 0x22)


def principals(station: Station) -> list[str]:
    return [str(event.ckn) for event in station.said(PrincipalChanged)]


def agree(*stations: Station) -> bool:
    return len({station.ki for station in stations} | {station.transmits_with for station in stations}) == 1


def test_a_successor_takes_over_without_a_gap() -> None:
    """802.1X-2020 9.5, 9.8, 9.9: after a Life Time, with the next AN; the port is SECURE all the time."""
    lan = Lan()
    a, b = lan.station(1, OLD), lan.station(2, OLD)
    lan.run(20)
    old = a.ki
    a.kay.add_cak(NEW, lan.now)
    lan.run(3)
    b.kay.add_cak(NEW, lan.now)
    lan.run(5.5)
    assert a.ki == b.ki == old, "the successor waits"
    lan.run(1)
    assert agree(a, b)
    assert a.ki != old
    assert principals(a) == principals(b) == ["01", "02"]
    assert [ready.an for ready in b.said(SakReady)] == [An(0), An(1)]
    lan.run(5)
    for station in (a, b):
        station.kay.remove_cak(OLD.ckn, lan.now)
        lan.run(3)
    lan.run(20)
    assert agree(a, b)
    for station in (a, b):
        assert [event.connect.value for event in station.said(ConnectChanged)] == ["SECURE"]
        assert len(station.said(SakReady)) == 2


def test_a_successor_that_only_one_side_has_changes_nothing() -> None:
    """802.1X-2020 9.16: the principal has live peers."""
    lan = Lan()
    a, b = lan.station(1, OLD), lan.station(2, OLD)
    lan.run(20)
    a.kay.add_cak(NEW, lan.now)
    lan.run(60)
    assert principals(a) == ["01"]
    assert len(a.said(SakReady)) == 1
    assert agree(a, b)


def test_each_participant_speaks_for_itself() -> None:
    """802.1X-2020 9.14, 9.8: MIs of their own; only the principal distributes."""
    lan = Lan()
    a, b = lan.station(1, OLD, NEW), lan.station(2, OLD, NEW)
    lan.run(20)
    assert agree(a, b)
    mis = {sent.pdu.basic.ckn: {sent.pdu.basic.mi} for sent in lan.by(a)}
    assert mis[OLD.ckn].isdisjoint(mis[NEW.ckn])
    shared = {sent.pdu.basic.ckn for sent in lan.by(a) if sent.pdu.distributed_sak is not None}
    assert len(shared) == 1
    assert a.kay.principal is not None
    assert shared == {a.kay.principal.ckn}


def test_the_old_cak_goes_at_once_when_it_is_removed() -> None:
    """802.1X-2020 9.14: no waiting where there is nothing to wait for; SECURE by inheritance until the new SAK."""
    lan = Lan()
    a, b = lan.station(1, OLD), lan.station(2, OLD)
    lan.run(20)
    for station in (a, b):
        station.kay.add_cak(NEW, lan.now)
    lan.run(2)
    for station in (b, a):
        station.kay.remove_cak(OLD.ckn, lan.now)
    lan.run(1)
    assert agree(a, b)
    assert principals(a) == ["01", "02"]
    for station in (a, b):
        assert [event.connect.value for event in station.said(ConnectChanged)] == ["SECURE"]


def test_the_member_follows_the_key_server() -> None:
    """802.1X-2020 9.16: where the two differ on the principal, the SAK comes from where the key server sees it."""
    lan = Lan()
    a = lan.station(1, OLD)
    b = lan.station(2, NEW)
    lan.run(1)
    b.kay.add_cak(OLD, lan.now, rank=-1)
    a.kay.add_cak(NEW, lan.now, rank=-1)
    lan.run(30)
    assert agree(a, b)
    assert principals(a)[-1] == principals(b)[-1]


def test_the_rank_decides_among_equals() -> None:
    """802.1X-2020 9.16: a standby CAK that is newer does not take over."""
    lan = Lan()
    a, b = lan.station(1, OLD), lan.station(2, OLD)
    lan.run(20)
    for station in (a, b):
        station.kay.add_cak(NEW, lan.now, rank=1)
    lan.run(30)
    assert principals(a) == principals(b) == ["01"]
    for station in (a, b):
        station.kay.remove_cak(OLD.ckn, lan.now)
    lan.run(2)
    assert agree(a, b)
    assert principals(a) == principals(b) == ["01", "02"]


def test_the_better_key_server_comes_before_the_rank() -> None:
    """802.1X-2020 9.16, 9.5."""
    lan = Lan()
    a, b = lan.station(1, OLD), lan.station(2, OLD)
    lan.run(20)
    a.kay.add_cak(NEW, lan.now, rank=5, key_server_priority=1)
    b.kay.add_cak(NEW, lan.now, rank=5)
    lan.run(10)
    assert principals(a) == principals(b) == ["01", "02"]
    assert agree(a, b)


def test_a_cak_ends_with_its_lifetime() -> None:
    """802.1X-2020 9.14: on a clock that only rises; the next one carries on, and after the last there is nothing."""
    lan = Lan()
    a, b = lan.station(1, OLD), lan.station(2, OLD)
    for station in (a, b):
        station.kay.remove_cak(OLD.ckn, lan.now)
        station.kay.add_cak(OLD, lan.now, not_after=lan.now + 30)
        station.kay.add_cak(NEW, lan.now, rank=1, not_after=lan.now + 60)
    lan.run(29)
    assert principals(a)[-1] == "01"
    lan.run(2)
    assert principals(a)[-1] == "02"
    assert agree(a, b)
    assert a.said(ParticipantDeleted)[-1].reason == "its CAK's lifetime has ended"
    lan.run(30)
    assert (a.connect, b.connect) == ("PENDING", "PENDING")
    assert a.kay.status().why_not_secured == "there is no CAK"
    assert a.kay.next_timer() is None


def test_a_cak_from_eap_ends_with_its_last_peer() -> None:
    """802.1X-2020 9.14: a pre-shared one waits for ever."""
    lan = Lan()
    a = lan.station(1, OLD)
    a.kay.add_cak(NEW, lan.now, retained=False)
    b = lan.station(2, NEW)
    lan.run(20)
    assert agree(a, b)
    lan.kill(b)
    lan.run(6.5)
    assert a.connect == "PENDING"
    assert NEW.ckn in a.kay.participants
    lan.run(6)
    assert list(a.kay.participants) == [OLD.ckn]
    assert a.said(ParticipantDeleted)[-1].reason.startswith("no live peer")


def test_ans_of_all_participants_count() -> None:
    """802.1X-2020 9.9: a SAK of the other CA may be in use still."""
    lan = Lan()
    a, b = lan.station(1, OLD), lan.station(2, OLD)
    lan.run(20)
    a.kay.set_sak_use(None, KeyUse(a.ki, An(1), True, True), False, False)
    a.kay.port.last_an = An(0)
    for station in (a, b):
        station.kay.add_cak(NEW, lan.now)
    lan.run(7)
    assert a.said(SakReady)[-1].an == An(2)


def test_receive_scs_of_both_cas_while_both_are_in_use() -> None:
    """802.1X-2020 9.10: a member that has the old CAK only is heard until its SAK retires."""
    lan = Lan()
    a, b, c = lan.station(1, OLD), lan.station(2, OLD), lan.station(3, OLD)
    lan.run(20)
    for station in (a, b):
        station.kay.add_cak(NEW, lan.now)
    lan.run(6.5)
    assert agree(a, b)
    assert a.scis == {sci(2), sci(3)}
    lan.run(5)
    assert a.scis == {sci(2)}
    assert c.connect == "SECURE", "it has not been told; its SAK is simply no longer sent with"


def test_many_caks_that_overlap_and_end() -> None:
    """802.1X-2020 9.14: five in a row, each ending while the next is there, no moment without; then none."""
    lan = Lan()
    a, b = lan.station(1, OLD), lan.station(2, OLD)
    start = lan.now
    for station in (a, b):
        station.kay.remove_cak(OLD.ckn, start)
    for index in range(5):
        key = cak(f"0{index + 1}", index + 1)
        for station in (a, b):
            station.kay.add_cak(key, lan.now, not_after=start + 30 * index + 45)
        lan.run(30)
        assert agree(a, b)
    for station in (a, b):
        assert [event.connect.value for event in station.said(ConnectChanged)] == ["SECURE"]
    lan.run(20)
    assert (a.connect, b.connect) == ("PENDING", "PENDING")


def test_with_delay_protection_the_participants_send_bounded_hellos() -> None:
    """802.1X-2020 9.10: that which has the SAK."""
    lan = Lan()
    config = KayConfig(delay_protect=True)
    a, _ = lan.station(1, OLD, NEW, config=config), lan.station(2, OLD, config=config)
    lan.run(20)
    before = len(lan.by(a))
    lan.run(20)
    assert len(lan.by(a)) - before == 40 + 10
