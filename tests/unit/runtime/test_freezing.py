"""Ports that stay are kept from the garbage collector on request, and those that are removed are not kept at all."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from pysec.mka.participant import Participant
from pysec.runtime import MemoryLink, Service
from tests.unit.runtime.test_runtime_ports import entity, in_loop, until

SOON_S = 0.05


@pytest.fixture(autouse=True)
def _nothing_stays_frozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def add(service: Service, name: str) -> weakref.ref[Participant]:
    """A port; what it has that only the collector can end."""
    port = entity(ord(name), asyncio.get_running_loop().time())
    service.add(name, port, MemoryLink.pair()[0])
    (participant,) = port.kay.participants.values()
    return weakref.ref(participant)


def test_nothing_is_frozen_unless_it_is_asked_for() -> None:
    async def main() -> None:
        service = Service()
        add(service, "a")
        await asyncio.sleep(4 * SOON_S)
        assert gc.get_freeze_count() == 0
        service.close()

    in_loop(main)


def removed_port_is_gone() -> bool:
    """Two ports are frozen, one of them is removed; whether it is still there in the end."""
    found: list[bool] = []

    async def main() -> None:
        service = Service(freeze_after_s=SOON_S)
        first, second = add(service, "a"), add(service, "b")
        await until(lambda: gc.get_freeze_count() > 0)
        service.remove("a")
        await asyncio.sleep(6 * SOON_S)
        gc.collect()
        assert gc.get_freeze_count() > 0
        assert second() is not None
        found.append(first() is None)
        service.close()

    in_loop(main)
    return found[0]


def test_a_port_that_is_removed_is_collected_though_it_was_frozen() -> None:
    assert removed_port_is_gone()
    assert gc.get_freeze_count() == 0, "a service that is closed leaves the collector as it should be"


def test_the_canary_without_looking_again_it_would_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(service: Service) -> None:
        service._next_freeze = None
        gc.collect()
        gc.freeze()

    monkeypatch.setattr(Service, "_freeze", once)
    assert not removed_port_is_gone()
