"""A port over a data plane that refuses, drifts, lies, or runs out of packet numbers."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from pysec.drivers import Call, FakeDriver, SoftwareDriver
from pysec.drivers.fake import InjectedFault
from pysec.errors import DriverError, NonceReused
from pysec.pae import PaeConfig, PortAccessEntity
from pysec.sa.installer import Installer
from pysec.types import CipherSuite, Sci
from tests.unit.pae.lan import Lan, Station, cak, kay_config, pair
from tests.unit.pae.test_pae_life import key_of, watch
from tests.unit.sa.test_installer import StopsAtARefusal

CALLS = 45


def lan_with(fail_at: int, times: int) -> tuple[Lan, list[Station], InjectedFault]:
    lan = Lan()
    fault = InjectedFault(DriverError("the device is busy"), fail_at, times)
    driver = FakeDriver(Sci.of("020000000001", 1), fail=fault)
    stations = [lan.add(PaeConfig(kay=kay_config(1)), driver=driver), lan.add(PaeConfig(kay=kay_config(2)))]
    return lan, stations, fault


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("at", range(1, CALLS, 3))
def test_a_fault_at_any_call_is_told_and_the_link_comes_right(at: int, times: int) -> None:
    lan, (first, second), fault = lan_with(at, times)
    lan.run(5)
    for _ in range(2):
        first.pae.request_sak("a test", lan.now)
        lan.run(15)
    assert first.pae.is_secured
    assert second.pae.is_secured
    assert key_of(first) == key_of(second)
    if fault.raised:
        told = [e for e in first.events if "the device is busy" in e.reason]
        assert told or first.names.count("step-refused") or at > 3


def test_a_refusal_that_lasts_keeps_the_port_closed_and_says_why() -> None:
    lan, (first, _second), _fault = lan_with(6, 10**6)
    lan.run(20)
    status = first.pae.status()
    assert not first.driver.port_open
    assert not status.secured
    assert "the device is busy" in status.pending
    assert "step-refused" in first.names


def test_a_rollover_that_is_refused_keeps_the_old_key_and_the_traffic() -> None:
    lan, first, second = pair()
    lan.run(5)
    used = key_of(first)

    def refuse(number: int, call: Call) -> None:
        if call.name == "install_sak":
            raise DriverError("no room for a second key")

    second.driver.fail = refuse
    faults = watch(lan)
    first.pae.request_sak("a test", lan.now)
    lan.run(4)  # less than the key server waits for its peers
    assert key_of(first) == used == key_of(second)
    assert faults == []
    assert "no room for a second key" in second.pae.status().pending
    second.driver.fail = None
    lan.run(10)
    assert key_of(first) == key_of(second) != used
    assert faults == []


def rolled_while_no_key_can_be_retired(kind: type[Installer]) -> tuple[Lan, Station, Station, list[str]]:
    lan, first, second = pair()
    second.pae.installer = kind(second.driver)
    lan.run(5)

    def refuse(number: int, call: Call) -> None:
        if call.name == "retire":
            raise DriverError("no key can be retired")

    second.driver.fail = refuse
    faults = watch(lan)
    for _ in range(2):
        used = key_of(first)
        first.pae.request_sak("a test", lan.now)
        lan.run(15)
        if key_of(first) == used or key_of(second) == used:
            faults.append("no new SAK is used")
    return lan, first, second, faults


def test_old_keys_that_cannot_be_retired_do_not_hold_up_the_next() -> None:
    lan, first, second, faults = rolled_while_no_key_can_be_retired(Installer)
    assert faults == []
    assert key_of(first) == key_of(second)
    assert "no key can be retired" in second.pae.status().pending
    assert len(second.driver.read().keys) == 3
    held = {id(sak) for sak in second.pae._saks._held.values() if len(sak.sak)}
    assert len(held) == 1, "octets are kept that nobody uses any more"
    second.driver.fail = None
    lan.run(3)
    assert second.driver.read().keys == {key_of(second)}
    assert second.pae.status().pending == ""


def test_the_canary_an_installer_that_stops_at_a_refusal_does() -> None:
    assert "no new SAK is used" in rolled_while_no_key_can_be_retired(StopsAtARefusal)[3]


def test_a_sak_that_the_data_plane_has_seen_before_leads_to_another() -> None:
    lan, first, second = pair()
    lan.run(5)
    refused: list[object] = []

    def refuse(number: int, call: Call) -> None:
        if call.name == "install_sak" and not refused:
            refused.append(call.arguments[0])
        if call.name == "install_sak" and call.arguments[0] in refused:
            raise NonceReused("this key was used")

    first.driver.fail = refuse
    first.pae.request_sak("a test", lan.now)
    lan.run(20)
    assert refused
    assert key_of(first) == key_of(second)
    assert key_of(first) not in refused
    assert any("this key was used" in reason for reason in first.reasons("rekey-requested"))


def test_a_data_plane_that_drifts_is_repaired_and_told() -> None:
    lan, first, second = pair()
    lan.run(5)
    used = key_of(second)
    second.driver.retire(used)
    assert not second.driver.port_open
    lan.run(5)
    assert "drifted" in second.names
    assert second.pae.is_secured
    assert key_of(second) == key_of(first)


def test_packet_numbers_past_the_threshold_bring_a_new_sak() -> None:
    lan = Lan()
    low = [FakeDriver(Sci.of(f"02000000000{n}", 1), pn_threshold=1000) for n in (1, 2)]
    first, second = (lan.add(PaeConfig(kay=kay_config(n)), driver=driver) for n, driver in enumerate(low, 1))
    lan.run(5)
    used = key_of(first)
    low[0].sent(2000)
    lan.run(10)
    assert key_of(first) == key_of(second) != used
    assert any("packet numbers passed the threshold" in reason for reason in first.reasons("pn-threshold"))


def test_a_peer_past_the_threshold_is_seen_by_the_key_server() -> None:
    threshold = 10_000
    lan, first, second = pair(
        PaeConfig(kay=kay_config(1, pn_threshold=threshold)), PaeConfig(kay=kay_config(2, pn_threshold=threshold))
    )
    lan.run(5)
    used = key_of(first)
    second.driver.sent(threshold + 1)
    lan.run(15)
    assert key_of(first) != used


def test_delay_protection_raises_the_lowest_pn_of_the_peer() -> None:
    lan, first, second = pair(
        PaeConfig(kay=kay_config(1, delay_protect=True)), PaeConfig(kay=kay_config(2, delay_protect=True))
    )
    lan.run(3)
    first.driver.sent(500)
    lan.run(3)
    lowest = [sa.lowest_pn for sa in second.driver.read().sas if not sa.transmit and sa.in_use]
    assert lowest == [501]


def test_delay_protection_never_refuses_what_is_still_on_its_way() -> None:
    """What is told is at least one hello old: a frame sent now is above it."""
    lan, first, second = pair(
        PaeConfig(kay=kay_config(1, delay_protect=True)), PaeConfig(kay=kay_config(2, delay_protect=True))
    )
    for _ in range(200):
        pn = first.driver.sent(10)[0]
        lan.run(0.037)
        lowest = [sa.lowest_pn or 0 for sa in second.driver.read().sas if not sa.transmit and sa.in_use]
        assert max(lowest) <= pn + 10


@pytest.mark.parametrize("suite", list(CipherSuite), ids=str)
def test_two_ports_with_the_real_secy_pass_real_frames(suite: CipherSuite) -> None:
    """The same machines over the software data plane, frames protected by one and validated by the other."""
    frame = bytes.fromhex("020000000002020000000001") + b"\x88\xb5" + bytes(range(50))
    config = replace(PaeConfig(), kay=kay_config(1, cipher_suites=(suite,)))
    scis = [Sci.of(f"02000000000{n}", 1) for n in (1, 2)]
    with SoftwareDriver(scis[0]) as left, SoftwareDriver(scis[1]) as right:
        both = [left, right]
        ports = [PortAccessEntity(config, sci, driver, os.urandom, 0.0) for sci, driver in zip(scis, both, strict=True)]
        for port in ports:
            port.add_cak(cak(), 0.0)
            port.set_port_enabled(True, 0.0)
        now = 0.0
        for round_ in range(4):
            for _ in range(20):
                for source, target in (ports, ports[::-1]):
                    source.handle_timer(now)
                    for mkpdu in source.frames_to_send(now):
                        target.receive(mkpdu, now)
                now += 0.5
                for source, target in ((left, right), (right, left)):
                    if round_ or (ports[0].is_secured and ports[1].is_secured):
                        verdict, out = target.secy.validate_frame(source.secy.protect_frame(frame))
                        assert out == frame, verdict
            if round_ < 3:
                ports[0].request_sak("a test", now)
        assert len({sa.ki for sa in left.secy.sas()}) == 1
        for port in ports:
            port.close(now)
        assert not left.secy.sas()
