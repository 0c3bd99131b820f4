"""A port at rest is left at rest: most hellos move nothing, and the loop of its machines is not gone round for them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pysec.drivers.fake import InjectedFault
from pysec.errors import DriverError
from pysec.pae import PaeConfig, PortAccessEntity, PortEvent
from tests.unit.pae import lan as lan_module
from tests.unit.pae.lan import Lan, kay_config, pair


class Restless(PortAccessEntity):
    """Goes round the loop at every verb, whether anything can move or not."""

    def _settle(self, now: float) -> None:
        self._is_stirred = True
        super()._settle(now)


@dataclass
class Count:
    rounds: int = 0


def counting(pae: PortAccessEntity) -> Count:
    count, connect = Count(), pae._set_connect

    def counted(now: float) -> None:
        count.rounds += 1
        connect(now)

    pae._set_connect = counted  # type: ignore[method-assign]
    return count


def test_a_port_between_live_peers_does_not_go_round_the_loop() -> None:
    lan, first, second = pair()
    lan.run(10)
    counts = [counting(station.pae) for station in (first, second)]
    sent = len(lan.frames)
    lan.run(60)
    assert len(lan.frames) - sent == 60, "a hello each, every 2 s"
    assert [count.rounds for count in counts] == [0, 0]
    first.driver.retire(next(iter(first.driver.read().keys)))  # by somebody else, which the next poll finds
    lan.run(10)
    assert counts[0].rounds > 0
    assert first.pae.is_secured


def test_polls_fall_together_with_hellos() -> None:
    """One timer for both: a process with thousands of ports wakes for each of them half as often."""
    lan, first, second = pair()
    lan.run(20)
    times: list[float] = []
    handle, reads = first.pae.handle_timer, len(first.driver.calls)

    def handled(now: float) -> None:
        times.append(now)
        handle(now)

    first.pae.handle_timer = handled  # type: ignore[method-assign]
    lan.run(60)
    assert len(times) == 30
    assert [call.name for call in first.driver.calls[reads:]].count("read") == 30
    assert second.pae.is_secured


def story(entity: type[PortAccessEntity], monkeypatch: pytest.MonkeyPatch) -> tuple[list[list[PortEvent]], list[bytes]]:
    """Refusals, losses, rekeys, a link that goes and comes, three stations: what was told and sent."""
    monkeypatch.setattr(lan_module, "PortAccessEntity", entity)
    lan = Lan()
    refusing = lan.add(PaeConfig(kay=kay_config(1)))
    refusing.driver.fail = InjectedFault(DriverError("busy"), 5, 3)
    lan.add(PaeConfig(kay=kay_config(2, rekey_period_s=20.0)))
    lan.run(5)
    lan.add(PaeConfig(kay=kay_config(3)))
    lan.run(15)
    refusing.driver.retire(next(iter(refusing.driver.read().keys)))  # by somebody else
    lan.run(10)
    refusing.pae.request_sak("a test", lan.now)
    lan.run(5)
    lan.deliver = lambda source, target: source is not lan.stations[0]
    lan.run(12)
    lan.deliver = lambda source, target: True
    lan.stations[1].pae.set_port_enabled(False, lan.now)
    lan.run(8)
    lan.stations[1].pae.set_port_enabled(True, lan.now)
    lan.run(30)
    assert all(station.pae.is_secured for station in lan.stations)
    return [station.events for station in lan.stations], lan.frames


def test_what_is_left_out_would_have_moved_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert story(PortAccessEntity, monkeypatch) == story(Restless, monkeypatch)


class Sleeper(PortAccessEntity):
    """The planted fault: at rest, it does not see that a time has come."""

    def _next_move(self, now: float) -> float:
        return float("inf")


def test_a_port_that_sleeps_through_its_timers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        told = story(Sleeper, monkeypatch)
    except AssertionError:
        return
    assert told != story(Restless, monkeypatch)
