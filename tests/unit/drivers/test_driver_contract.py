"""One contract for every driver of a data plane: the software SecY and the fake alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pysec import FrameArena
from pysec.drivers import FakeDriver, SoftwareDriver
from pysec.errors import NonceReused, PysecError, UsageError
from pysec.protocols import Controls, DriverEventKind, SecYDriver
from pysec.sa.installer import Installer
from pysec.sa.plan import Desired, DesiredKey, SakMaterial
from pysec.secret import Secret
from pysec.types import An, CipherSuite, Ki, Sci, ValidateFrames
from tests.unit.sa.test_plan import OPEN, OWN, PEER, THIRD, material

FRAME = bytes.fromhex("020000000002020000000001") + b"\x88\xb5" + bytes(50)
SUITES = list(CipherSuite)
Driver = SoftwareDriver | FakeDriver


def send(driver: Driver, frames: int) -> list[int]:
    """Send that many frames by the controlled port; their packet numbers."""
    if isinstance(driver, FakeDriver):
        return list(driver.sent(frames))
    arena = FrameArena(frames, 256)
    arena.fill([FRAME] * frames)
    driver.secy.protect(arena)
    return [int(pn) for pn in arena.pns if pn]


@pytest.fixture(params=["software", "fake"])
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    if request.param == "fake":
        yield FakeDriver(OWN, pn_threshold=1000)
    else:
        with SoftwareDriver(OWN, pn_threshold=1000) as made:
            yield made


def install(driver: SecYDriver, m: SakMaterial) -> None:
    driver.install_sak(
        m.ki, m.sak, cipher_suite=m.cipher_suite, salt=m.salt, confidentiality_offset=m.confidentiality_offset
    )


def transmit(driver: SecYDriver, m: SakMaterial, next_pn: int = 1) -> None:
    install(driver, m)
    driver.create_transmit_sa(m.an, m.ki, next_pn=next_pn, ssci=m.ssci, confidentiality=True)
    driver.enable_transmit(m.ki)


def test_a_fresh_one_is_closed_and_holds_nothing(driver: Driver) -> None:
    found = driver.read()
    assert not found.keys
    assert not found.sas
    assert not found.receive_scs
    assert found.controls == Controls()
    assert not driver.events()
    assert CipherSuite.GCM_AES_128 in driver.capabilities.cipher_suites


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_an_installer_brings_up_every_suite_and_takes_it_down(driver: Driver, suite: CipherSuite) -> None:
    installer = Installer(driver)
    controls = replace(OPEN, cipher_suite=suite)
    first, second = material("a", 0, PEER, THIRD, suite=suite), material("b", 1, PEER, suite=suite)
    assert installer.apply(Desired(controls, (DesiredKey(first, True),)), 0)
    assert send(driver, 3) == [1, 2, 3]
    assert installer.apply(Desired(controls, (DesiredKey(first), DesiredKey(second, True))), 0)
    assert send(driver, 2) == [1, 2]
    found = driver.read()
    assert {(sa.transmit, sa.sci, sa.an.value, sa.in_use) for sa in found.sas} == {
        (True, OWN, 0, False), (True, OWN, 1, True),
        (False, PEER, 0, True), (False, THIRD, 0, True), (False, PEER, 1, True),
    }  # fmt: skip
    assert {sa.ki: sa.next_pn for sa in found.sas if sa.transmit} == {first.ki: 4, second.ki: 3}
    assert installer.apply(Desired(replace(controls, controlled_port_enabled=False)), 0)
    assert not driver.read().keys
    assert not driver.read().sas


def test_every_step_may_be_repeated(driver: Driver) -> None:
    m = material("a", 2)
    for _ in range(2):
        driver.create_receive_sc(PEER)
        install(driver, m)
        driver.create_receive_sa(PEER, m.an, m.ki, lowest_pn=5, ssci=None)
        driver.enable_receive(m.ki)
        driver.create_transmit_sa(m.an, m.ki, next_pn=7, ssci=None, confidentiality=True)
        driver.enable_transmit(m.ki)
        driver.set_controls(OPEN)
        before = driver.read()
    assert before == driver.read()
    assert send(driver, 1) == [7]
    for _ in range(2):
        driver.retire(m.ki)
        driver.delete_receive_sc(PEER)
    assert not driver.read().keys
    assert not driver.read().receive_scs
    driver.retire(Ki(b"never seen here!"))


def test_a_ki_has_one_sak(driver: Driver) -> None:
    m = material("a", 0)
    install(driver, m)
    for _ in range(2):
        with pytest.raises(NonceReused):
            install(driver, replace(m, sak=Secret(b"x" * 16)))
        driver.retire(m.ki)


def test_packet_numbers_of_a_ki_never_fall(driver: Driver) -> None:
    m = material("a", 0)
    transmit(driver, m)
    driver.set_controls(OPEN)
    assert send(driver, 10) == list(range(1, 11))
    driver.retire(m.ki)
    with pytest.raises(NonceReused):
        transmit(driver, m, next_pn=10)
    transmit(driver, m, next_pn=11)
    assert send(driver, 1) == [11]


def test_only_one_sa_is_sent_with(driver: Driver) -> None:
    a, b = material("a", 0), material("b", 1)
    transmit(driver, a)
    transmit(driver, b)
    assert [sa.ki for sa in driver.read().sas if sa.transmit and sa.in_use] == [b.ki]
    driver.enable_transmit(b.ki, False)
    assert not any(sa.in_use for sa in driver.read().sas)


def test_lowest_pn_rises_and_never_falls(driver: Driver) -> None:
    m = material("a", 0)
    driver.create_receive_sc(PEER)
    install(driver, m)
    driver.create_receive_sa(PEER, m.an, m.ki, lowest_pn=1, ssci=None)
    for pn, want in ((50, 50), (40, 50), (60, 60)):
        driver.raise_lowest_pn(PEER, m.ki, pn)
        assert [sa.lowest_pn for sa in driver.read().sas] == [want]


def test_what_is_not_there_is_refused(driver: Driver) -> None:
    nobody = Ki(b"n" * 16)
    for call in (
        lambda: driver.enable_receive(nobody),
        lambda: driver.enable_transmit(nobody),
        lambda: driver.raise_lowest_pn(PEER, nobody, 1),
        lambda: driver.create_transmit_sa(An(0), nobody, next_pn=1, ssci=None, confidentiality=True),
        lambda: driver.create_receive_sa(PEER, An(0), nobody, lowest_pn=1, ssci=None),
        lambda: install(driver, material("a", 0, suite=CipherSuite.GCM_AES_256)),
    ):
        with pytest.raises(PysecError):
            call()
    assert not driver.read().keys
    assert not driver.read().sas


def test_controls_are_read_back_as_they_were_set(driver: Driver) -> None:
    for controls in (
        Controls(True, False, ValidateFrames.CHECK, False, 0),
        Controls(True, True, ValidateFrames.STRICT, True, 64),
        Controls(False, True, ValidateFrames.DISABLED, True, 0, CipherSuite.GCM_AES_XPN_128),
    ):
        driver.set_controls(controls)
        assert driver.read().controls == controls


def test_another_suite_ends_everything(driver: Driver) -> None:
    transmit(driver, material("a", 0))
    driver.create_receive_sc(PEER)
    driver.set_controls(Controls(cipher_suite=CipherSuite.GCM_AES_256))
    found = driver.read()
    assert not found.keys
    assert not found.sas
    assert not found.receive_scs
    transmit(driver, material("b", 0, suite=CipherSuite.GCM_AES_256))


def test_packet_numbers_that_pass_the_threshold_are_told_once(driver: Driver) -> None:
    m = material("a", 0)
    transmit(driver, m, next_pn=995)
    driver.set_controls(OPEN)
    send(driver, 4)
    assert not driver.events()
    send(driver, 4)
    (event,) = driver.events()
    assert (event.kind, event.transmit, event.sci, event.ki) == (DriverEventKind.PN_THRESHOLD, True, OWN, m.ki)
    send(driver, 4)
    assert not driver.events()


def test_too_many_receive_scs_are_refused() -> None:
    with SoftwareDriver(OWN, max_receive_channels=1) as driver:
        driver.create_receive_sc(PEER)
        with pytest.raises(UsageError):
            driver.create_receive_sc(Sci.of("02000000000f", 1))


def test_the_software_driver_keeps_counters_and_used_keys_over_a_change_of_suite() -> None:
    m = material("a", 0)
    with SoftwareDriver(OWN) as driver:
        transmit(driver, m)
        driver.set_controls(OPEN)
        send(driver, 5)
        for suite in (CipherSuite.GCM_AES_XPN_128, CipherSuite.GCM_AES_128):
            driver.set_controls(Controls(cipher_suite=suite))
        assert driver.counters().total_out == 5
        with pytest.raises(NonceReused):
            transmit(driver, m)


def test_the_software_driver_makes_its_port_anew_with_its_secy() -> None:
    life: list[str] = []

    class Port:
        def __init__(self, suite: CipherSuite) -> None:
            self.suite = suite
            life.append(f"open {suite}")

        def close(self) -> None:
            life.append(f"close {self.suite}")

    with SoftwareDriver(OWN, open_port=lambda secy: Port(secy.cipher_suite)) as driver:
        driver.set_controls(Controls(cipher_suite=CipherSuite.GCM_AES_256))
    assert life == ["open GCM-AES-128", "close GCM-AES-128", "open GCM-AES-256", "close GCM-AES-256"]


def test_the_fake_shows_no_key() -> None:
    driver = FakeDriver(OWN)
    secret = Secret(b"unguessable key!")
    install(driver, replace(material("a", 0), sak=secret))
    assert "unguessable" not in repr(driver.calls)
    assert "unguessable" not in repr(vars(driver))
