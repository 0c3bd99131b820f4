"""A port's whole life over the real KaY: secured, rolled over, lost, restarted, ended (802.1X-2020 12.1)."""

from __future__ import annotations

import pytest

from pysec.cp import State
from pysec.drivers import FakeDriver
from pysec.pae import PaeConfig
from pysec.types import An, CipherSuite, ConfidentialityOffset, Ki
from tests.unit.pae.lan import Lan, Station, cak, kay_config, pair


def watch(lan: Lan) -> list[str]:
    """Have the LAN checked after each step: all who are secured understand who sends, and what is open protects."""
    faults: list[str] = []

    def look() -> None:
        for source in lan.stations:
            if source.driver.port_open and source.driver.encoding is None:
                faults.append(f"{source.pae.sci} is open without a key")
            for target in lan.stations:
                if target is source or not (source.pae.is_secured and target.pae.is_secured):
                    continue
                sent = next(sa for sa in source.driver.read().sas if sa.transmit and sa.in_use)
                if target.driver.receives(source.pae.sci, sent.an) != sent.ki:
                    faults.append(f"{lan.now}: {target.pae.sci} cannot read what {source.pae.sci} sends")

    lan.on_step = look
    return faults


def key_of(station: Station) -> Ki:
    ki = station.driver.encoding
    assert ki is not None
    return ki


def test_two_ports_secure_each_other_at_once() -> None:
    _lan, first, second = pair()
    for station in (first, second):
        assert station.pae.is_secured
        assert station.pae.cp.state is State.RETIRE
        assert station.driver.port_open
        status = station.pae.status()
        assert status.secured
        assert status.ki == key_of(first)
        assert "SECURED with GCM-AES-128" in status.in_words()
        assert status.as_dict()["key_server"] == str(first.pae.sci)
    assert first.pae.status().is_key_server
    assert not second.pae.status().is_key_server
    assert max(e.at for e in first.events if e.source.value == "cp") == 1000.0


@pytest.mark.parametrize("members", [2, 3, 5])
@pytest.mark.parametrize("suite", [CipherSuite.GCM_AES_128, CipherSuite.GCM_AES_XPN_256], ids=str)
def test_rollovers_leave_no_moment_in_which_a_frame_would_be_lost(members: int, suite: CipherSuite) -> None:
    lan = Lan()
    for number in range(1, members + 1):
        lan.add(PaeConfig(kay=kay_config(number, cipher_suites=(suite,))))
    lan.run(10)
    faults = watch(lan)
    kis = [key_of(lan.stations[0])]
    before = [len(station.events) for station in lan.stations]
    for _ in range(6):  # more than there are ANs
        lan.stations[0].pae.request_sak("a test", lan.now)
        lan.run(8)
        assert {key_of(station) for station in lan.stations} == {key_of(lan.stations[0])}
        kis.append(key_of(lan.stations[0]))
        assert all(len(station.driver.read().keys) == 1 for station in lan.stations), "the old one is retired"
    assert len(set(kis)) == len(kis)
    assert faults == []
    for station, told in zip(lan.stations, before, strict=True):
        assert not {"change", "abandon", "step-refused"} & set(station.names[told:])


def test_canary_a_receiver_that_comes_late_is_seen() -> None:
    """What the test above rests on: a rollover in which one end does not receive with the new key is noticed."""
    lan, first, second = pair()
    faults = watch(lan)
    second.driver.lie = lambda call: call.name == "enable_receive"
    first.pae.request_sak("a test", lan.now)
    lan.run(20)
    assert any("cannot read" in fault for fault in faults)


def test_the_suite_of_the_key_server_is_taken_and_a_change_of_it_closes_the_port() -> None:
    _lan, _first, second = pair(
        PaeConfig(kay=kay_config(1, cipher_suites=(CipherSuite.GCM_AES_XPN_128,))),
        PaeConfig(kay=kay_config(2, cipher_suites=(CipherSuite.GCM_AES_256, CipherSuite.GCM_AES_XPN_128))),
    )
    assert second.pae.status().cipher_suite is CipherSuite.GCM_AES_XPN_128
    assert second.pae.is_secured


def test_integrity_only_is_installed_as_such() -> None:
    offset = ConfidentialityOffset.INTEGRITY_ONLY
    _lan, _first, second = pair(
        PaeConfig(kay=kay_config(1, confidentiality_offset=offset)),
        PaeConfig(kay=kay_config(2, confidentiality_offset=offset)),
    )
    made = [call for call in second.driver.calls if call.name == "create_transmit_sa"]
    assert second.pae.is_secured
    assert made[0].arguments[-1] is False


def test_a_peer_that_is_silent_closes_the_port_and_its_return_opens_it() -> None:
    lan, first, second = pair()
    lan.run(10)
    used = key_of(first)
    lan.deliver = lambda source, target: False
    lan.run(7)
    for station in (first, second):
        assert not station.driver.port_open
        assert not station.driver.read().keys
        assert "no live peer" in station.pae.status().why
        assert station.pae.status().in_words().startswith("CLOSED: no live peer")
    lan.deliver = lambda source, target: True
    lan.run(10)
    assert first.pae.is_secured
    assert second.pae.is_secured
    assert key_of(first) == key_of(second) != used


def test_a_peer_that_restarts_is_secured_again_with_another_key() -> None:
    lan, first, second = pair()
    lan.run(10)
    used = key_of(first)
    lan.stations.remove(second)
    again = lan.add(PaeConfig(kay=kay_config(2)), number=2, driver=FakeDriver(second.pae.sci))
    lan.seed += 1
    lan.run(20)
    assert again.pae.is_secured
    assert key_of(first) == key_of(again) != used


def test_a_dirty_restart_over_a_data_plane_that_went_on_leaves_nothing_stale() -> None:
    """The process dies in the middle of its life; the device keeps its SAs, and the port opens with a new key only."""
    lan, _first, second = pair()
    lan.run(10)
    stale = key_of(second)
    lan.stations.remove(second)
    lan.seed = 99
    again = lan.add(PaeConfig(kay=kay_config(2)), number=2, driver=second.driver)
    assert not again.driver.port_open
    assert stale not in again.driver.read().keys
    lan.run(20)
    assert again.pae.is_secured
    assert key_of(again) != stale


def test_a_wrong_cak_brings_nothing_up_and_says_why() -> None:
    lan = Lan()
    first = lan.add(PaeConfig(kay=kay_config(1)))
    second = lan.add(PaeConfig(kay=kay_config(2)), key=cak(8))
    lan.run(20)
    for station in (first, second):
        assert not station.driver.port_open
        assert "ICV does not verify" in station.pae.status().why


def test_three_members_and_one_that_leaves() -> None:
    lan = Lan()
    stations = [lan.add(PaeConfig(kay=kay_config(n))) for n in (1, 2, 3)]
    lan.run(10)
    assert len({key_of(s) for s in stations}) == 1
    assert len(stations[0].pae.status().receiving) == 2
    lan.stations.remove(stations[2])
    lan.run(10)
    assert stations[0].pae.status().live_peers == (stations[1].pae.sci,)
    assert stations[1].pae.is_secured


def test_the_death_of_the_key_server_leaves_the_others_secured_by_the_next() -> None:
    lan = Lan()
    stations = [lan.add(PaeConfig(kay=kay_config(n))) for n in (1, 2, 3)]
    lan.run(10)
    lan.stations.remove(stations[0])
    lan.run(20)
    assert stations[1].pae.status().is_key_server
    assert key_of(stations[1]) == key_of(stations[2])
    assert stations[2].pae.is_secured


@pytest.mark.parametrize("which", [0, 1], ids=["key server", "client"])
@pytest.mark.parametrize("seconds", [0, 3, 15])
def test_carrier_lost_closes_and_silences_the_port(which: int, seconds: float) -> None:
    lan, *both = pair()
    lan.run(3)
    station = both[which]
    station.pae.set_port_enabled(False, lan.now)
    assert not station.driver.port_open
    assert station.pae.frames_to_send(lan.now) == []
    lan.run(seconds)
    station.pae.set_port_enabled(True, lan.now)
    lan.run(10)
    assert all(each.pae.is_secured for each in both)
    assert key_of(both[0]) == key_of(both[1])
    assert "disabled" in station.names
    assert station.names.count("enabled") == 2


def test_close_takes_everything_away_and_erases_the_saks() -> None:
    lan, first, _second = pair()
    held = first.pae._saks.get(key_of(first))
    assert held is not None
    first.pae.close(lan.now)
    assert not first.driver.read().keys
    assert not first.driver.port_open
    assert len(held.sak) == 0


def test_saks_are_erased_when_they_are_retired() -> None:
    lan, first, _second = pair()
    lan.run(10)
    held = first.pae._saks.get(key_of(first))
    assert held is not None
    assert len(held.sak) == 16
    first.pae.request_sak("a test", lan.now)
    lan.run(10)
    assert len(held.sak) == 0


def test_no_event_shows_a_key() -> None:
    _lan, first, second = pair()
    held = first.pae._saks.get(key_of(first))
    assert held is not None
    sak = bytes(held.sak.reveal())
    for event in first.events + second.events:
        assert sak.hex() not in repr(event)
        assert repr(sak)[2:-1] not in repr(event)
        assert event.reason
        assert str(event)


def test_an_an_given_away_twice_by_a_key_server_is_no_fault_of_ours() -> None:
    lan, first, second = pair()
    lan.run(10)
    cp = second.pae.cp
    assert cp.variables.old is not None
    first.pae.kay.port.last_an = An((cp.variables.old.an.value - 1) & 3)
    first.pae.kay.port.latest = first.pae.kay.port.old = None
    second.pae.kay.port.latest = second.pae.kay.port.old = None
    first.pae.request_sak("a test", lan.now)
    lan.run(20)
    assert second.pae.is_secured


def test_arbitrary_frames_are_counted_and_of_no_effect() -> None:
    lan, first, _second = pair()
    eapol = bytes.fromhex("0180c2000003020000000009888e03")
    for frame in (b"", b"x" * 60, eapol, eapol + b"\x05\x00\x04abcd", eapol + b"\x00\x00\x00", eapol + b"\x05\xff\xff"):
        first.pae.receive(frame, lan.now)
    assert first.pae.is_secured
    assert first.pae.counters["not EAPOL"] == 4
    assert first.pae.counters["EAPOL, not MKA"] == 1
