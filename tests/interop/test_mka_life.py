"""A link through what happens to links: new SAKs, exhausted packet numbers, crashes, restarts, silence.

802.1X-2020 9.4 (peers and their lives), 9.8 (when a SAK is made), 12.4 (the Controlled Port).
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from pysec.drivers.software import SoftwareDriver
from pysec.mka.config import KayConfig
from pysec.types import An, Ki, Ssci
from tests.interop.guest import Guest
from tests.interop.mka import MkaStation, until, wait_secured
from tests.interop.segment import Segment
from tests.interop.supplicant import SharedKey, Supplicant
from tests.interop.traffic import EchoStream, check_traffic, echo_from_here, pings_lost

KEY = SharedKey.make()
PRIORITIES = {"key-server": (10, 100), "client": (200, 100)}
# Three quarters of the 32-bit packet numbers: where a new SAK is due.
THRESHOLD = 0xC000_0000


@pytest.fixture(params=list(PRIORITIES))
def role(request: pytest.FixtureRequest) -> str:
    """What we are: key server or client."""
    return str(request.param)


def bring_up(stack: ExitStack, segment: Segment, guest: Guest, role: str) -> tuple[MkaStation, Supplicant, str]:
    """A secured link, and its first KI."""
    ours, theirs = PRIORITIES[role]
    supplicant = Supplicant(guest, KEY, priority=theirs)
    supplicant.start()
    station = MkaStation(stack, segment, KEY, KayConfig(key_server_priority=ours))
    return station, supplicant, wait_secured(station, supplicant)


def wait_rekeyed(station: MkaStation, supplicant: Supplicant, before: str) -> str:
    """Wait until the link has another SAK, and both ends have let go of the one before; the new KI."""
    assert until(lambda: wait_secured(station, supplicant) != before), station.reasons()
    fresh = wait_secured(station, supplicant)
    gone = until(lambda: set(supplicant.sas().transmit.values()) == {fresh} and len(station.driver.read().keys) == 1)
    assert gone, f"{supplicant.sas()}\n{station.driver.read()}\n{station.reasons()}"
    return fresh


def test_new_saks_under_traffic(segment: Segment, guest: Guest) -> None:
    with ExitStack() as stack:
        station, supplicant, ki = bring_up(stack, segment, guest, "key-server")
        assert echo_from_here(segment, 56)
        stream = EchoStream(segment)
        kis = [ki]
        for _ in range(5):  # through all four ANs, and once more
            station.request_sak()
            kis.append(wait_rekeyed(station, supplicant, kis[-1]))
        stream.end()
        assert len(set(kis)) == 6
        # One key server's SAKs: one MI, Key Numbers that count up (802.1X-2020 9.8).
        assert {each[:24] for each in kis} == {ki[:24]}
        assert [int(each[24:], 16) for each in kis] == [1, 2, 3, 4, 5, 6]
        assert stream.sent > 500
        assert (stream.lost, stream.out_of_order) == ([], False)


def test_the_peers_packet_numbers_run_out(segment: Segment, guest: Guest) -> None:
    # Its MKPDUs say how far it has come; as key server we make a new SAK, as client we take it (802.1X-2020 9.8).
    for role in PRIORITIES:
        with ExitStack() as stack:
            station, supplicant, ki = bring_up(stack, segment, guest, role)
            assert pings_lost(guest, 1) == 0
            guest.run(f"ip macsec set macsec0 tx sa {supplicant.sas().encoding} pn {THRESHOLD - 3}")
            assert pings_lost(guest, 5) == 0
            wait_rekeyed(station, supplicant, ki)
            check_traffic(segment, guest)
            supplicant.end()


class NearlySpentDriver(SoftwareDriver):
    """A data plane whose first SAK is near the end of its packet numbers from the start."""

    spent: Ki | None = None

    def create_transmit_sa(self, an: An, ki: Ki, *, next_pn: int, ssci: Ssci | None, confidentiality: bool) -> None:
        """As the driver does, but for the first KI."""
        self.spent = self.spent or ki
        floor = THRESHOLD - 3 if ki == self.spent else next_pn
        super().create_transmit_sa(an, ki, next_pn=floor, ssci=ssci, confidentiality=confidentiality)


def test_our_packet_numbers_run_out(segment: Segment, guest: Guest, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MkaStation, "driver_type", NearlySpentDriver)
    with ExitStack() as stack:
        station, supplicant, ki = bring_up(stack, segment, guest, role)
        for _ in range(6):
            assert echo_from_here(segment, 56)
        wait_rekeyed(station, supplicant, ki)
        check_traffic(segment, guest)


def test_a_peer_that_falls_silent(segment: Segment, guest: Guest, role: str) -> None:
    with ExitStack() as stack:
        station, supplicant, _ = bring_up(stack, segment, guest, role)
        assert pings_lost(guest, 2) == 0
        supplicant.end(abruptly=True, leave_link=True)
        # The kernel's macsec goes on with its keys; our port must not (must-secure).
        assert until(lambda: not station.status().open), station.reasons()
        assert "not heard for 6 s" in station.reasons()
        assert station.status().live_peers == ()
        assert station.driver.read().keys == frozenset()
        before = station.counters()["InPktsOK"]
        assert pings_lost(guest, 2) == 2
        assert station.counters()["InPktsOK"] == before
        assert not echo_from_here(segment, 56, wait_s=1.0)


def test_a_peer_that_crashes_and_returns(segment: Segment, guest: Guest, role: str) -> None:
    with ExitStack() as stack:
        station, supplicant, ki = bring_up(stack, segment, guest, role)
        for _ in range(2):
            supplicant.end(abruptly=True)
            supplicant.start()
            fresh = wait_secured(station, supplicant)
            assert fresh != ki
            ki = fresh
            check_traffic(segment, guest)
        # Told as what it is: a station with our peer's SCI and another MI.
        assert "duplicate-sci" in station.names()


def test_we_restart(segment: Segment, guest: Guest, role: str) -> None:
    ours, theirs = PRIORITIES[role]
    supplicant = Supplicant(guest, KEY, priority=theirs)
    supplicant.start()
    kis = []
    for _ in range(3):
        with ExitStack() as stack:
            station = MkaStation(stack, segment, KEY, KayConfig(key_server_priority=ours))
            kis.append(wait_secured(station, supplicant))
            check_traffic(segment, guest)
    assert len(set(kis)) == 3


def test_a_peer_that_stood_still(segment: Segment, guest: Guest, role: str) -> None:
    # Longer than an MKA Life Time: we lose it. When it goes on it knows nothing of that, and must be taken in again.
    with ExitStack() as stack:
        station, supplicant, ki = bring_up(stack, segment, guest, role)
        with guest.frozen():
            assert until(lambda: not station.status().open), station.reasons()
        assert until(lambda: wait_secured(station, supplicant) != ki), station.reasons()
        check_traffic(segment, guest)
