"""Two hosts with a cable between them, and a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pysec import keyfile
from pysec.lab.netns import NetNs
from pysec.runtime.interface import opened
from tests.unit.runtime.ups import MACS


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "link.key"
    keyfile.write(path, keyfile.generate(128)[1])
    return path


@pytest.fixture
def places() -> Iterator[tuple[NetNs, NetNs]]:
    """Both ends switched on, without IPv6, so that nobody speaks who was not asked."""
    with NetNs() as first, NetNs() as second:
        first.rtnl.add_veth("cable", "cable", second)
        for place, mac in zip((first, second), MACS, strict=True):
            place.quieten()
            place.rtnl.set_up("cable", mac=mac, mtu=1532)
        yield first, second


@pytest.fixture
def loud_places() -> Iterator[tuple[NetNs, NetNs]]:
    """The second end switched on and without IPv6; the first one off, with IPv6 as the system has it."""
    with NetNs() as first, NetNs() as second:
        first.rtnl.add_veth("cable", "cable", second)
        second.quieten()
        second.rtnl.set_up("cable", mac=MACS[1])
        with first.inside(), opened("cable") as cable:
            cable.mac = MACS[0]
        yield first, second


@pytest.fixture
def ipv6_places() -> Iterator[tuple[NetNs, NetNs]]:
    """Both ends switched on, with IPv6 as the system has it."""
    with NetNs() as first, NetNs() as second:
        first.rtnl.add_veth("cable", "cable", second)
        for place, mac in zip((first, second), MACS, strict=True):
            place.rtnl.set_up("cable", mac=mac)
        yield first, second
