"""The packet socket of a port: EAPOL to the group address, both ways, and nothing else."""

from __future__ import annotations

import select
from collections.abc import Iterator

import pytest

from pysec.errors import DriverError
from pysec.lab.netns import IFF_UP, NetNs, _ifinfo
from pysec.runtime import PacketLink
from pysec.runtime.link import Memberships
from pysec.types import MacAddress

MACS = [MacAddress.parse(f"02000000000{which}") for which in "ab"]
GROUP = MacAddress.parse("0180c2000003")
PATIENCE_S = 10.0

pytestmark = pytest.mark.root


def frame(source: MacAddress, ethertype: int = 0x888E, number: int = 0) -> bytes:
    return GROUP.octets + source.octets + ethertype.to_bytes(2, "big") + b"\x03\x05\x00\x20" + bytes([number]) * 46


@pytest.fixture
def places() -> Iterator[tuple[NetNs, NetNs]]:
    with NetNs() as first, NetNs() as second:
        first.rtnl.add_veth("cable", "cable", second)
        for place, mac in zip((first, second), MACS, strict=True):
            place.quieten()
            place.rtnl.set_up("cable", mac=mac)
        for place in (first, second):
            place.rtnl.wait_ready("cable")
        yield first, second


def link_in(place: NetNs, interface: str = "cable") -> PacketLink:
    with place.inside():
        return PacketLink(interface)


def test_frames_come_and_go_and_our_own_are_not_heard(places: tuple[NetNs, NetNs]) -> None:
    first, second = (link_in(place) for place in places)
    try:
        assert first.receive() is None
        for number in range(3):
            first.send(frame(MACS[0], number=number))
        second.send(frame(MACS[1], number=9))
        for number in range(3):
            assert select.select([second], [], [], PATIENCE_S)[0]
            assert second.receive() == frame(MACS[0], number=number)
        assert select.select([first], [], [], PATIENCE_S)[0]
        assert first.receive() == frame(MACS[1], number=9)
        assert first.receive() is None
        first.send(frame(MACS[0], 0x88B5))
        first.send(frame(MACS[0], number=7))
        assert select.select([second], [], [], PATIENCE_S)[0]
        assert second.receive() == frame(MACS[0], number=7), "another EtherType is not ours"
    finally:
        first.close()
        second.close()


def test_a_link_that_is_down_loses_frames_and_comes_back(places: tuple[NetNs, NetNs]) -> None:
    first, second = (link_in(place) for place in places)
    rtnl = places[0].rtnl
    try:
        rtnl.request("down", 16, 4, _ifinfo(rtnl.facts("cable").index, 0, IFF_UP))
        first.send(frame(MACS[0]))
        assert first.lost == 1
        assert first.receive() is None
        rtnl.set_up("cable")
        rtnl.wait_ready("cable")
        second.send(frame(MACS[1], number=4))
        assert select.select([first], [], [], PATIENCE_S)[0]
        assert first.receive() == frame(MACS[1], number=4)
    finally:
        first.close()
        second.close()


def test_what_is_not_there_is_refused_in_one_line(places: tuple[NetNs, NetNs]) -> None:
    with places[0].inside():
        with pytest.raises(DriverError, match="nowhere"):
            PacketLink("nowhere")
        with pytest.raises(DriverError, match="nowhere"):
            Memberships("nowhere")
        with Memberships("cable") as held:
            assert held.fileno() >= 0
        assert held.fileno() == -1
