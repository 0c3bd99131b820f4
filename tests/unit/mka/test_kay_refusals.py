"""What a KaY does with MKPDUs that nobody should have sent: nothing, at the price of a look-up and a CMAC.

802.1X-2020 9.4.1, 11.11.2; and whatever the octets, they end in ProtocolError or in silence.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pysec.errors import ProtocolError
from pysec.mka.events import Event, MkpduRefused, PeerPotential, SakReady
from pysec.mka.keys import Cak
from pysec.secret import Secret
from pysec.types import An, CipherSuite, ConfidentialityOffset, Ki, Kn, MacsecCapability
from pysec.wire import eapol
from pysec.wire.mkpdu import (
    Announcement,
    DistributedSak,
    KiPn,
    PeerEntry,
    PeerList,
    SakUse,
    SuiteOffer,
    Tlv,
    Xpn,
)
from tests.unit.mka.lan import Lan, Puppet, Station, cak, sci


def refused(station: Station) -> list[MkpduRefused]:
    station.drain(0.0)
    return station.said(MkpduRefused)


def hello(lan: Lan, number: int = 2, key: Cak | None = None) -> tuple[bytes, bytes]:
    """Header and body of a good first MKPDU."""
    return Puppet(lan, number, key=key).frame()


def test_an_unknown_ckn_is_counted_and_the_reason_says_so() -> None:
    """802.1X-2020 11.11.2; a name that begins like ours is another name."""
    lan = Lan()
    a = lan.station(1, cak("0102"))
    for name in ("01", "010200", "99"):
        Puppet(lan, 2, key=cak(name)).send(a)
    assert a.kay.port.counters == {"unknown CKN": 3}
    assert [event.reason for event in refused(a)][-1] == "there is no CAK named 99"
    assert refused(a)[-1].counters == {"unknown CKN": 3}


def test_a_wrong_cak_brings_nothing_up_and_the_reason_says_so() -> None:
    """802.1X-2020 9.4.1: the same name, another key."""
    lan = Lan()
    a, b = lan.station(1, cak("01", 0x11)), lan.station(2, cak("01", 0x12))
    lan.run(20)
    for station in (a, b):
        assert station.connect == "PENDING"
        assert "the CAKs differ" in station.kay.status().why_not_secured
        assert not station.said(PeerPotential)
        assert 0 < len(refused(station)) <= 20


def test_nothing_of_an_unverified_mkpdu_is_used() -> None:
    """802.1X-2020 9.4.1: the ICV first. A forged MN of a live peer would silence it."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(20)
    sent = lan.by(b)[-1]
    forged = bytearray(sent.body)
    forged[24:28] = b"\xff\xff\xff\xff"
    a.kay.receive_mkpdu(bytes(forged), lan.now, header=sent.header)
    assert a.kay.port.counters == {"bad ICV": 1}
    lan.run(20)
    assert a.ki == b.ki
    assert len(a.said(SakReady)) == 1


@pytest.mark.parametrize("bit", range(0, 8 * 16, 7))
def test_every_octet_of_the_icv_counts(bit: int) -> None:
    """802.1X-2020 9.4.1."""
    lan = Lan()
    a = lan.station(1)
    header, body = hello(lan)
    wrong = bytearray(body)
    wrong[-16 + bit // 8] ^= 1 << bit % 8
    a.kay.receive_mkpdu(bytes(wrong), lan.now, header=header)
    assert a.kay.port.counters == {"bad ICV": 1}


def test_the_icv_covers_the_header() -> None:
    """802.1X-2020 9.4.1: addresses, EtherType, version, type and length."""
    lan = Lan()
    a = lan.station(1)
    header, body = hello(lan)
    for index in range(len(header)):
        wrong = bytearray(header)
        wrong[index] ^= 1
        a.kay.receive_mkpdu(body, lan.now, header=bytes(wrong))
    assert a.kay.port.counters == {"bad ICV": len(header)}
    assert len(header) == eapol.HEADER_OCTETS


@dataclass
class Counting:
    """Counts the CMACs that a CAK is asked for."""

    key: Cak
    verified: int = field(default=0)

    def __getattr__(self, name: str) -> object:
        return getattr(self.key, name)

    def verify_icv(self, data: bytes, icv: bytes) -> None:
        self.verified += 1
        self.key.verify_icv(data, icv)


def test_a_flood_costs_one_cmac_each_and_few_events() -> None:
    """802.1X-2020 11.11.2: no exception, no event for each, and a real peer comes through."""
    lan = Lan()
    counting = Counting(cak())
    a = lan.station(1, counting)  # type: ignore[arg-type]
    header, body = hello(lan)
    bad = body[:-1] + bytes([body[-1] ^ 1])
    for _ in range(1000):
        lan.now += 0.0001
        a.kay.receive_mkpdu(bad, lan.now, header=header)
        a.kay.receive_mkpdu(bad[:31], lan.now, header=header)
        Puppet(lan, 3, key=cak("77")).send(a)
    assert counting.verified == 1000
    assert a.kay.port.counters == {"bad ICV": 1000, "malformed": 1000, "unknown CKN": 1000}
    assert len(refused(a)) <= 8
    b = lan.station(2)
    lan.settle()
    assert a.ki == b.ki


def test_a_peer_that_holds_the_cak_is_told_apart() -> None:
    """A fault behind a good ICV is an exception, is counted, and what preceded it has been taken in."""
    lan = Lan()
    a = lan.station(1)
    puppet = Puppet(lan, 2)
    header, body = puppet.frame()
    broken = body[:-16] + b"\x07\x00\x00\xff" + bytes(16)
    header = header[:-2] + len(broken).to_bytes(2, "big")
    broken = broken[:-16] + puppet.key.icv(header + broken[:-16])
    with pytest.raises(ProtocolError, match="ends past"):
        a.kay.receive_mkpdu(broken, lan.now, header=header)
    assert a.kay.port.counters == {"protocol error": 1}
    assert "ends past" in refused(a)[-1].reason


# ---- whatever the octets

KEY = cak()


def a_pair() -> tuple[Lan, Station, Station]:
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.run(9)
    return lan, a, b


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_arbitrary_octets_are_met_with_silence(octets: bytes) -> None:
    """802.1X-2020 11.11.2: nobody has proved anything, so it is nobody's fault."""
    lan, a, _ = PAIR
    a.kay.receive_mkpdu(octets, lan.now)
    a.drain(lan.now)


PAIR = a_pair()

mutation = st.tuples(st.integers(0, 400), st.integers(0, 255), st.sampled_from(["set", "insert", "delete", "cut"]))


@pytest.mark.slow
@settings(max_examples=150)
@given(st.integers(0, 10_000), st.lists(mutation, min_size=1, max_size=4), st.booleans())
def test_mutated_mkpdus_end_in_protocol_error_or_in_silence(
    which: int, mutations: list[tuple[int, int, str]], signed: bool
) -> None:
    """802.1X-2020 11.11.2, 11.11.3: with a good ICV too, as of a peer that holds the CAK and is out of its mind."""
    lan, a, b = a_pair()
    sent = lan.by(b)
    body = bytearray(sent[which % len(sent)].body)
    for place, value, how in mutations:
        at = place % max(1, len(body) - 16)
        if how == "set":
            body[at] = value
        elif how == "insert":
            body[at:at] = bytes([value]) * 4
        elif how == "delete":
            del body[at : at + 4]
        else:
            del body[at:-16]
    header = eapol.header(min(len(body), eapol.MAX_BODY_OCTETS), sci(2).mac)
    if signed and len(body) >= 16:
        body[-16:] = KEY.icv(header + bytes(body[:-16]))
    lan.now += 0.5
    try:
        a.kay.receive_mkpdu(bytes(body), lan.now, header=header)
    except ProtocolError:
        assert signed
    still_alive(lan, a)


def still_alive(lan: Lan, station: Station) -> None:
    """It says what it has to say, and its timers are in the future."""
    station.drain(lan.now)
    station.kay.handle_timer(lan.now)
    station.kay.pdus_to_send(lan.now)
    station.drain(lan.now)
    station.kay.status()
    timer = station.kay.next_timer()
    assert timer is None or timer > lan.now


def kis(lan: Lan, a: Station, b: Station) -> st.SearchStrategy[Ki]:
    mis = [a.participant.member.mi, b.participant.member.mi]
    return st.builds(Ki.of, st.sampled_from(mis), st.builds(Kn, st.integers(0, 3)))


@pytest.mark.slow
@settings(max_examples=100)
@given(st.data())
def test_a_peer_that_says_well_formed_nonsense(data: st.DataObject) -> None:
    """802.1X-2020 9.4, 9.8, 9.10: any sets in any combination from a peer that holds the CAK."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    lan.settle()
    puppet = Puppet(lan, data.draw(st.sampled_from([2, 3, 200])))
    some_mis = [a.participant.member.mi, b.participant.member.mi, puppet.mi]
    entry = st.builds(PeerEntry, st.sampled_from(some_mis), st.integers(0, 40))
    peer_list = st.builds(PeerList, st.lists(entry, max_size=4).map(tuple))
    live_list = st.builds(PeerList, st.lists(entry, max_size=4).map(tuple), st.none() | st.integers(1, 5))
    ki_pn = st.none() | st.builds(KiPn, kis(lan, a, b), st.integers(0, 2**32 - 1))
    an = st.builds(An, st.integers(0, 3))
    flags = dict.fromkeys(
        ("latest_tx", "latest_rx", "old_tx", "old_rx", "plain_tx", "plain_rx", "delay_protect"), st.booleans()
    )
    suites = st.sampled_from([suite for suite in CipherSuite if suite.sak_octets == 16])
    wrapped = st.sampled_from([KEY.wrap(secret(1)), KEY.wrap(secret(2)), bytes(24)])
    sak = st.builds(
        DistributedSak, an, st.sampled_from(ConfidentialityOffset), st.builds(Kn, st.integers(0, 3)), suites, wrapped
    )
    offers = st.builds(SuiteOffer, st.sampled_from(CipherSuite) | st.binary(min_size=8, max_size=8), st.integers(0, 3))
    announced = st.lists(offers, max_size=4).map(lambda found: Announcement.of_suites(tuple(found)))
    sets = {
        "live": live_list if puppet.version >= 3 else peer_list,
        "potential": peer_list,
        "sak_use": st.builds(SakUse, latest_an=an, old_an=an, latest=ki_pn, old=ki_pn, **flags),
        "distributed_sak": sak | st.just(DistributedSak.plain()),
        "announcement": announced | st.builds(Announcement, st.just((Tlv(111, b"x"),))),
        "xpn": st.builds(Xpn, st.integers(0, 255), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    }
    for _ in range(data.draw(st.integers(1, 5))):
        puppet.basic = {
            "key_server_priority": data.draw(st.sampled_from([0, 16, 255])),
            "is_key_server": data.draw(st.booleans()),
            "macsec_desired": data.draw(st.booleans()),
            "macsec_capability": data.draw(st.sampled_from(MacsecCapability)),
        }
        chosen = {name: data.draw(strategy) for name, strategy in sets.items() if data.draw(st.booleans())}
        with contextlib.suppress(ProtocolError):
            puppet.send(a, **chosen)
        still_alive(lan, a)
        lan.now += data.draw(st.sampled_from([0.0, 0.01, 3.0, 7.0]))
        still_alive(lan, a)
    seen = [event.ki for event in a.said(SakReady) if not event.known]
    assert len(set(seen)) == len(seen)


def secret(fill: int) -> Secret:
    return Secret(bytes([fill]) * 16)


def test_events_carry_a_reason_and_no_key() -> None:
    """Every event says why, and none prints a secret."""
    _, a, b = a_pair()
    for station in (a, b):
        keys = [octets.hex() for octets, _ in station.saks.values()]
        assert keys
        for event in station.events:
            assert isinstance(event, Event)
            assert event.reason
            assert not [key for key in keys if key in repr(event).lower()]
