"""For whom a SAK is, and how long it is distributed (802.1X-2020 9.8, 9.10)."""

from __future__ import annotations

from pysec.mka.events import AllReceiving, PeerLive, SakReady
from pysec.mka.kay import KayConfig
from pysec.types import An, CipherSuite, Ki
from pysec.wire.mkpdu import KiPn, PeerEntry, PeerList, SakUse
from tests.unit.mka.lan import Lan, Puppet, Sent, Station, cak


def reasons(station: Station) -> list[str]:
    return [ready.reason for ready in station.said(SakReady)]


AN_0 = An(0)


def uses(ki: Ki, an: An = AN_0, *, tx: bool = True, pn: int = 1) -> SakUse:
    return SakUse(latest_an=an, latest_rx=True, latest_tx=tx, latest=KiPn(ki, pn))


def rekey(lan: Lan, station: Station, reason: str = "again") -> None:
    station.kay.request_sak(reason, lan.now)
    lan.settle()


def test_it_is_distributed_until_everybody_transmits_with_it() -> None:
    """802.1X-2020 9.8.3, 802.1X-2020 9.10: receiving is not enough."""
    lan = Lan()
    a = lan.station(1)
    puppet = Puppet(lan, 2)
    puppet.greet(a)
    ki, an = a.ki, a.said(SakReady)[-1].an

    def distributes() -> bool:
        lan.run(2.01)
        return lan.by(a)[-1].pdu.distributed_sak is not None

    assert distributes()
    puppet.send(a, live=puppet.lists(a), sak_use=uses(ki, an, tx=False))
    assert [event.ki for event in a.said(AllReceiving)] == [ki]
    assert distributes()
    puppet.send(a, live=puppet.lists(a), sak_use=uses(ki, an))
    assert not distributes()
    puppet.send(a, live=puppet.lists(a), sak_use=SakUse(old_an=an, old_rx=True, old_tx=True, old=KiPn(ki, 1)))
    assert not distributes()
    assert len(reasons(a)) == 1


def test_all_receiving_waits_for_the_last() -> None:
    """802.1X-2020 9.10."""
    lan = Lan()
    a, b, c = (lan.station(number) for number in (1, 2, 3))
    c.installs = False
    lan.run(0.5)
    assert not a.said(AllReceiving) or a.said(AllReceiving)[-1].ki != a.ki
    ready = c.saks[c.ki][1]
    c.installs = True
    c._use(c.ki, ready, tx=False, now=lan.now)
    lan.run(0.5)
    assert a.said(AllReceiving)[-1].ki == a.ki
    assert b.transmits_with == a.ki


def test_a_restarted_member_is_never_given_the_old_sak() -> None:
    """802.1X-2020 9.8: its packet numbers would begin at 1 again, under the same SCI and the same key."""
    lan = Lan()
    a, b, c = (lan.station(number) for number in (1, 2, 3))
    lan.run(20)
    stranger = Puppet(lan, 9)
    a.kay.request_sak("so that the guard is closed", lan.now)
    lan.run(0.5)
    old = a.ki
    stranger.send(a)
    again = lan.restart(c)
    for _ in range(5):
        lan.run(0.5)
        stranger.send(a)
    assert [event.mi for event in a.said(PeerLive)][-1] == again.participant.member.mi
    assert a.ki == b.ki == old, "the guard holds"
    assert not again.said(SakReady)
    lan.run(6)
    assert a.ki == b.ki == again.ki != old


def test_the_same_member_lists_make_different_saks_different() -> None:
    """802.1X-2020 9.8.1: drawn afresh each time."""
    lan = Lan()
    a, _ = lan.station(1), lan.station(2)
    for _ in range(3):
        lan.run(10)
        rekey(lan, a)
    assert len({octets for octets, _ in a.saks.values()}) == 4


def test_packet_loss_while_a_sak_is_distributed() -> None:
    """802.1X-2020 9.10: it is repeated, so half of the frames lost is time lost and nothing else."""
    lan = Lan()
    a, b, c = (lan.station(number) for number in (1, 2, 3))
    lan.run(20)

    def passes(sender: Station, receiver: Station, sent: Sent) -> bool:
        return lan.random.random() < 0.6

    lan.passes = passes
    a.kay.request_sak("in bad weather", lan.now)
    lan.run(30)
    lan.passes = lambda sender, receiver, sent: True
    lan.run(12)
    assert len({s.ki for s in (a, b, c)} | {s.transmits_with for s in (a, b, c)}) == 1


def test_a_live_list_in_the_order_of_sscis_with_our_own() -> None:
    """802.1X-2020 11.11.3: beside an XPN SAK of version 3 only."""
    lan = Lan()
    stations = [lan.station(number) for number in (4, 1, 9, 6)]
    lan.run(10)
    server = stations[1]
    shared = [s.pdu for s in lan.by(server) if s.pdu.distributed_sak is not None and len(s.pdu.live.peers) == 3]  # type: ignore[union-attr]
    mis = [station.participant.member.mi for station in sorted(stations, key=lambda s: s.kay.port.sci, reverse=True)]
    assert shared
    for pdu in shared:
        assert pdu.live is not None
        assert pdu.live.key_server_ssci == 4
        assert [entry.mi for entry in pdu.live.peers] == mis[:3]
    assert lan.by(server)[-1].pdu.live.key_server_ssci is None  # type: ignore[union-attr]
    assert PeerList((PeerEntry(mis[0], 1),)).key_server_ssci is None


def test_suites_with_a_key_of_256_bits_and_a_cak_of_either() -> None:
    """802.1X-2020 9.8.1, 9.7."""
    for octets in (16, 32):
        for suite in CipherSuite:
            lan = Lan()
            config = KayConfig(cipher_suites=(suite,))
            key = cak("aa55", 0x22, octets)
            a, b = lan.station(1, key, config=config), lan.station(2, key, config=config)
            lan.settle()
            assert a.saks[a.ki][0] == b.saks[b.ki][0]
            assert len(a.saks[a.ki][0]) == suite.sak_octets
            first, second = a.saks[a.ki][1], b.saks[b.ki][1]
            assert (first.salt, dict(first.members)) == (second.salt, dict(second.members))
            assert (first.salt is not None) == suite.is_xpn
