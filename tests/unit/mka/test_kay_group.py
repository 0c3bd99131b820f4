"""Many members, and what they can do: XPN numbering, suites and capabilities (802.1X-2020 9.6, 9.7)."""

from __future__ import annotations

import pytest

from pysec.mka.choice import choose_offset
from pysec.mka.events import PlainDistributed, SakReady
from pysec.mka.kay import KayConfig
from pysec.mka.xpn import assign_sscis
from pysec.types import CipherSuite, MacsecCapability
from pysec.types import ConfidentialityOffset as Offset
from pysec.wire.mkpdu import KiPn, SakUse
from tests.unit.mka.lan import Lan, Puppet, Station, sci


def agree(*stations: Station) -> bool:
    """Whether all have one SAK, and send with it."""
    return len({station.ki for station in stations} | {station.transmits_with for station in stations}) == 1


@pytest.mark.parametrize("members", [2, 3, 7, 12])
def test_a_group_comes_together(members: int) -> None:
    """802.1X-2020 9.8, 9.10."""
    lan = Lan()
    stations = [lan.station(number) for number in range(1, members + 1)]
    lan.run(8)
    assert agree(*stations)
    assert {station.connect for station in stations} == {"SECURE"}
    for station in stations:
        assert station.scis == {sci(number) for number in range(1, members + 1)} - {station.kay.port.sci}


@pytest.mark.parametrize("versions", [(3, 3, 3, 3), (3, 1, 3, 2), (1, 1, 1, 1), (1, 3, 3, 3)])
def test_all_number_the_members_alike(versions: tuple[int, ...]) -> None:
    """802.1X-2020 11.11.3, 802.1AE-2018 10.7.13: the greatest SCI is 1; any mixture of versions."""
    numbers = (4, 1, 9, 6)
    lan = Lan()
    stations = [
        lan.station(number, config=KayConfig(mka_version=version, cipher_suites=(CipherSuite.GCM_AES_XPN_256,)))
        for number, version in zip(numbers, versions, strict=True)
    ]
    lan.run(8)
    assert agree(*stations)
    for station in stations:
        assert dict(station.saks[station.ki][1].members) == assign_sscis(map(sci, numbers))


def test_a_group_in_bad_weather_comes_to_one_sak() -> None:
    """802.1X-2020 9.8, 9.10: a third of all frames lost, members that come and go; then the weather clears."""
    for seed in range(5):
        lan = Lan(seed)
        lan.passes = lambda sender, receiver, sent, lan=lan: lan.random.random() < 0.66
        stations = [lan.station(number) for number in range(1, 6)]
        lan.run(20)
        lan.kill(stations.pop(0))
        lan.run(10)
        stations[0] = lan.restart(stations[0])
        lan.run(10)
        lan.passes = lambda sender, receiver, sent: True
        lan.run(20)
        assert agree(*stations), f"seed {seed}"
        for station in stations:
            kis = [ready.ki for ready in station.said(SakReady) if not ready.known]
            assert len(set(kis)) == len(kis)


def test_a_member_leaves_before_everybody_has_the_sak() -> None:
    """802.1X-2020 11.11.3: with an XPN suite the others are numbered with it, so there is a fresh one."""
    lan = Lan()
    a, b, c = (lan.station(number) for number in (1, 2, 3))
    lan.run(20)
    a.kay.request_sak("again", lan.now)
    lan.passes = lambda sender, receiver, sent: receiver is not b or sent.pdu.distributed_sak is None
    c.installs = False
    lan.run(0.5)
    lan.kill(c)
    lan.run(7)
    lan.passes = lambda sender, receiver, sent: True
    lan.run(7)
    assert agree(a, b)
    assert dict(b.saks[b.ki][1].members) == assign_sscis([sci(1), sci(2)])


# ---- suites


@pytest.mark.parametrize(
    ("server", "member", "wanted"),
    [
        (KayConfig(), KayConfig(), CipherSuite.GCM_AES_XPN_256),
        (KayConfig(), KayConfig(cipher_suites=(CipherSuite.GCM_AES_128,)), CipherSuite.GCM_AES_128),
        (
            KayConfig(cipher_suites=(CipherSuite.GCM_AES_128, CipherSuite.GCM_AES_256)),
            KayConfig(cipher_suites=(CipherSuite.GCM_AES_256, CipherSuite.GCM_AES_128)),
            CipherSuite.GCM_AES_128,
        ),
        (KayConfig(), KayConfig(announce_cipher_suites=False), CipherSuite.GCM_AES_128),
        (
            KayConfig(cipher_suites=(CipherSuite.GCM_AES_XPN_256,)),
            KayConfig(announce_cipher_suites=False),
            CipherSuite.GCM_AES_XPN_256,
        ),
        (
            KayConfig(assumed_peer_suites=(CipherSuite.GCM_AES_256,)),
            KayConfig(announce_cipher_suites=False),
            CipherSuite.GCM_AES_256,
        ),
    ],
)
def test_the_first_suite_of_the_server_that_all_have(server: KayConfig, member: KayConfig, wanted: CipherSuite) -> None:
    """802.1X-2020 9.7, 802.1X-2020 9.13: of who announces nothing, GCM-AES-128 is assumed, or what is configured."""
    lan = Lan()
    a, b = lan.station(1, config=server), lan.station(2, config=member)
    lan.settle()
    assert b.said(SakReady)[-1].cipher_suite is wanted
    assert agree(a, b)


def test_without_a_common_suite_nothing_comes_up_and_the_reason_says_so() -> None:
    """802.1X-2020 9.7."""
    lan = Lan()
    a = lan.station(1, config=KayConfig(cipher_suites=(CipherSuite.GCM_AES_256,)))
    b = lan.station(2, config=KayConfig(cipher_suites=(CipherSuite.GCM_AES_128,)))
    lan.run(10)
    assert (a.connect, b.connect) == ("PENDING", "PENDING")
    assert "no cipher suite" in a.kay.status().why_not_secured
    assert "has sent no SAK" in b.kay.status().why_not_secured


# ---- capability and desire


@pytest.mark.parametrize(
    ("wanted", "least", "suite", "result"),
    [
        (Offset.ZERO, MacsecCapability.OFFSETS, CipherSuite.GCM_AES_128, Offset.ZERO),
        (Offset.THIRTY, MacsecCapability.OFFSETS, CipherSuite.GCM_AES_128, Offset.THIRTY),
        (Offset.FIFTY, MacsecCapability.CONFIDENTIALITY, CipherSuite.GCM_AES_128, Offset.ZERO),
        (Offset.FIFTY, MacsecCapability.OFFSETS, CipherSuite.GCM_AES_XPN_128, Offset.ZERO),
        (Offset.ZERO, MacsecCapability.INTEGRITY, CipherSuite.GCM_AES_128, Offset.INTEGRITY_ONLY),
        (Offset.INTEGRITY_ONLY, MacsecCapability.OFFSETS, CipherSuite.GCM_AES_XPN_256, Offset.INTEGRITY_ONLY),
    ],
)
def test_the_offset_that_all_can_do(
    wanted: Offset, least: MacsecCapability, suite: CipherSuite, result: Offset
) -> None:
    """802.1X-2020 9.7: nearer to the front than wanted is no harm; XPN suites have none."""
    assert choose_offset(wanted, least, suite) is result


def test_a_member_with_integrity_only() -> None:
    """802.1X-2020 9.6, 9.7: we want confidentiality, so nothing, unless it is allowed."""
    for allowed, connect in ((False, "PENDING"), (True, "SECURE")):
        lan = Lan()
        a = lan.station(1, config=KayConfig(integrity_only_allowed=allowed))
        puppet = Puppet(lan, 2, macsec_capability=MacsecCapability.INTEGRITY)
        puppet.greet(a)
        assert a.connect == connect
        if allowed:
            assert a.said(SakReady)[-1].confidentiality_offset is Offset.INTEGRITY_ONLY
        else:
            assert "can only do integrity" in a.kay.status().why_not_secured


def test_a_member_that_cannot_do_macsec_and_plain_is_not_allowed() -> None:
    """802.1X-2020 9.6: it is left out; the others go on, and it holds up nobody."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2)
    puppet = Puppet(lan, 3, macsec_capability=MacsecCapability.NONE)
    lan.settle()
    for _ in range(10):
        puppet.send(live=puppet.lists(a, b), sak_use=SakUse(plain_tx=True, plain_rx=True, empty=True))
        lan.run(1)
    assert a.participant.peers.get(puppet.mi).is_live  # type: ignore[union-attr]
    assert agree(a, b)
    assert lan.by(a)[-1].pdu.distributed_sak is None, "everybody who can has reported"
    lan.kill(b)
    for _ in range(10):
        puppet.send(a, live=puppet.lists(a))
        lan.run(1)
    assert a.connect == "PENDING"
    assert "no live peer can do MACsec" in a.kay.status().why_not_secured


@pytest.mark.parametrize("why", ["member", "server", "wish"])
def test_the_server_decides_against_macsec(why: str) -> None:
    """802.1X-2020 9.6: a member or the server cannot, or the server does not want to; and plain is allowed."""
    lan = Lan()
    none = MacsecCapability.NONE
    configs = {
        "member": (KayConfig(plain_allowed=True), KayConfig(plain_allowed=True, macsec_capability=none)),
        "server": (KayConfig(plain_allowed=True, macsec_capability=none), KayConfig(plain_allowed=True)),
        "wish": (KayConfig(plain_allowed=True, macsec_desired=False), KayConfig(plain_allowed=True)),
    }[why]
    a, b = lan.station(1, config=configs[0]), lan.station(2, config=configs[1])
    lan.run(5)
    assert (a.connect, b.connect) == ("AUTHENTICATED", "AUTHENTICATED")
    assert [event.is_key_server for event in a.said(PlainDistributed) + b.said(PlainDistributed)] == [True, False]
    assert not a.said(SakReady) + b.said(SakReady)
    use = lan.by(a)[-1].pdu.sak_use
    assert use is not None
    assert use.empty == (why == "server")


def test_a_member_that_does_not_desire_macsec_and_can_is_a_member() -> None:
    """802.1X-2020 9.6: the key server's wish decides."""
    lan = Lan()
    a, b = lan.station(1), lan.station(2, config=KayConfig(macsec_desired=False))
    lan.settle()
    assert agree(a, b)


def test_from_plain_to_secure_and_back() -> None:
    """802.1X-2020 9.6: as members that cannot do MACsec go and come."""
    lan = Lan()
    config = KayConfig(plain_allowed=True)
    a, b = lan.station(1, config=config), lan.station(2, config=config)
    lan.run(5)
    assert agree(a, b)
    c = lan.station(3, config=KayConfig(plain_allowed=True, macsec_capability=MacsecCapability.NONE))
    lan.run(5)
    assert {s.connect for s in (a, b, c)} == {"AUTHENTICATED"}
    lan.kill(c)
    lan.run(8)
    assert {s.connect for s in (a, b)} == {"SECURE"}
    assert agree(a, b)


def test_reports_of_a_key_that_nobody_knows_mean_nothing() -> None:
    """802.1X-2020 9.10."""
    lan = Lan()
    a, puppet = lan.station(1), Puppet(lan, 2)
    puppet.greet(a)
    from pysec.types import Ki

    use = SakUse(latest_rx=True, latest_tx=True, latest=KiPn(Ki(b"?" * 16), 0xFFFF_FFFF))
    for _ in range(4):
        puppet.send(a, live=puppet.lists(a), sak_use=use)
    assert len(a.said(SakReady)) == 1
    assert a.transmits_with is None
