"""Three members of one CA: we, and two of wpa_supplicant on a bridge in the guest (802.1X-2020 9.5, 9.8, 9.10)."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from pysec.mka.config import KayConfig
from pysec.wire import eapol, mkpdu
from tests.interop.guest import Guest
from tests.interop.mka import MkaStation, until, wait_secured
from tests.interop.segment import LAN_MTU, Segment
from tests.interop.supplicant import SharedKey, Supplicant
from tests.interop.traffic import EchoStream, echo_from_here, pings_lost

KEY = SharedKey.make()
GUARD_S = 8.0
ADDRESSES = {"A": "192.0.2.2", "B": "192.0.2.3"}


def distributes_a_sak(frame: bytes) -> bool:
    """Whether it is an MKPDU with a SAK."""
    return mkpdu.decode(eapol.parse(frame).body).distributed_sak is not None


def three(
    stack: ExitStack, segment: Segment, guest: Guest, *, ours: int, a: int, b: int
) -> tuple[MkaStation, Supplicant, Supplicant]:
    """We, A and B, with these priorities, none of them secured yet."""
    guest.run(f"MTU={LAN_MTU}; hub A B")
    first = Supplicant(guest, KEY, priority=a, place="A", ipv4=ADDRESSES["A"])
    second = Supplicant(guest, KEY, priority=b, place="B", ipv4=ADDRESSES["B"])
    first.start()
    second.start()
    if a < ours:
        # A key server of hostap's forgets a member that comes within 6 s of a SAK (README.md), for a while.
        assert until(lambda: len(first.sas().receive) == len(second.sas().receive) == 1)
        time.sleep(GUARD_S)
    return MkaStation(stack, segment, KEY, KayConfig(key_server_priority=ours)), first, second


def check_traffic_of_three(segment: Segment, guest: Guest) -> None:
    """Each reaches each."""
    for name, address in ADDRESSES.items():
        for size in (0, 600, 1472):
            assert echo_from_here(segment, size, to=address), f"no echo from {name}"
        assert pings_lost(guest, 2, where=f"ip netns exec {name}") == 0, f"{name} does not reach us"
    assert pings_lost(guest, 2, to=ADDRESSES["B"], where="ip netns exec A") == 0, "A does not reach B"


@pytest.mark.parametrize("ours", [10, 200], ids=["key-server", "client"])
def test_three(segment: Segment, guest: Guest, ours: int) -> None:
    with ExitStack() as stack:
        station, first, second = three(stack, segment, guest, ours=ours, a=100, b=101)
        wait_secured(station, first, second)
        check_traffic_of_three(segment, guest)
        assert station.status().is_key_server == (ours == 10)
        assert len(station.status().live_peers) == 2


def test_three_with_equal_priorities(segment: Segment, guest: Guest) -> None:
    with ExitStack() as stack:
        station, first, second = three(stack, segment, guest, ours=16, a=16, b=16)
        wait_secured(station, first, second)
        check_traffic_of_three(segment, guest)
        assert station.status().is_key_server


@pytest.mark.parametrize("ours", [10, 200], ids=["key-server", "client"])
def test_one_leaves(segment: Segment, guest: Guest, ours: int) -> None:
    # Who stays does not feel it, whether the key server makes a new SAK of it (theirs does) or not.
    with ExitStack() as stack:
        station, first, second = three(stack, segment, guest, ours=ours, a=100, b=101)
        wait_secured(station, first, second)
        check_traffic_of_three(segment, guest)
        stream = EchoStream(segment, 20, to=ADDRESSES["A"])
        second.end(abruptly=True)
        assert until(lambda: len(station.status().live_peers) == 1), station.reasons()
        wait_secured(station, first)
        stream.end()
        assert (stream.lost, stream.out_of_order) == ([], False)


def test_one_returns(segment: Segment, guest: Guest) -> None:
    # Only with us for key server: hostap's forgets a new member that comes within 6 s of a SAK (README.md).
    with ExitStack() as stack:
        station, first, second = three(stack, segment, guest, ours=10, a=100, b=101)
        ki = wait_secured(station, first, second)
        for _ in range(2):
            stream = EchoStream(segment, 20, to=ADDRESSES["A"])
            second.end(abruptly=True)
            second.start()
            assert until(lambda: wait_secured(station, first, second) != ki), station.reasons()
            stream.end()
            assert (stream.lost, stream.out_of_order) == ([], False)
            check_traffic_of_three(segment, guest)


def test_a_third_comes_soon_after_a_sak(segment: Segment, guest: Guest) -> None:
    # Within the 6 s in which the key server may not make another: its SAK waits, and is not forgotten.
    guest.run(f"MTU={LAN_MTU}; hub A B")
    first = Supplicant(guest, KEY, priority=100, place="A", ipv4=ADDRESSES["A"])
    second = Supplicant(guest, KEY, priority=101, place="B", ipv4=ADDRESSES["B"])
    with ExitStack() as stack:
        station = MkaStation(stack, segment, KEY, KayConfig(key_server_priority=10))
        first.start()
        ki = wait_secured(station, first)
        begun = time.monotonic()
        second.start()
        assert until(lambda: len(station.status().live_peers) == 2), station.reasons()
        print(f"live after {time.monotonic() - begun:.1f} s")
        assert wait_secured(station, first, second) != ki
        check_traffic_of_three(segment, guest)


def test_the_key_server_dies(segment: Segment, guest: Guest) -> None:
    with ExitStack() as stack:
        station, first, second = three(stack, segment, guest, ours=100, a=10, b=101)
        ki = wait_secured(station, first, second)
        first.end(abruptly=True)
        assert until(lambda: station.status().is_key_server), station.reasons()
        fresh = wait_secured(station, second)
        assert fresh != ki
        assert echo_from_here(segment, 56, to=ADDRESSES["B"])


def test_a_third_comes_too_soon_for_a_key_server_of_hostaps(segment: Segment, guest: Guest) -> None:
    # It forgets a member that comes within 6 s of a SAK (README.md): we come in under a new MI, after a silence.
    guest.run(f"MTU={LAN_MTU}; hub A B")
    first = Supplicant(guest, KEY, priority=100, place="A", ipv4=ADDRESSES["A"])
    second = Supplicant(guest, KEY, priority=101, place="B", ipv4=ADDRESSES["B"])
    with segment.recording() as wire, ExitStack() as stack:
        first.start()
        second.start()
        assert until(lambda: any(distributes_a_sak(frame) for frame in wire.of(eapol.ETHERTYPE)))
        station = MkaStation(stack, segment, KEY, KayConfig(key_server_priority=200))
        begun = time.monotonic()
        wait_secured(station, first, second, seconds=120)
        silences = station.reasons().count("it must forget us first")
        print(f"secured after {time.monotonic() - begun:.1f} s, silences: {silences}")
        check_traffic_of_three(segment, guest)
