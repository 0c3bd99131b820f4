"""Two hosts with a cable between them, a key, and commands that are typed on each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pysec.lab.netns import NetNs
from tests.unit.mgmt.hosts import Host
from tests.unit.runtime.conftest import ipv6_places, key, places

__all__ = ["ipv6_places", "key", "places"]


@pytest.fixture
def hosts(places: tuple[NetNs, NetNs], tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    """Both ends, each with a run folder of its own; whatever service they start ends with the test."""
    both = Host(places[0], tmp_path / "a"), Host(places[1], tmp_path / "b")
    try:
        yield both
    finally:
        for host in both:
            host.close()
