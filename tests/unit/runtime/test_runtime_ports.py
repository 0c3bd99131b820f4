"""Ports in an asyncio loop over links in memory: they come up, many of them, without a thread for each."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable

import pytest

from pysec.drivers import FakeDriver
from pysec.errors import DriverError, InternalError, UsageError
from pysec.mka.config import KayConfig
from pysec.mka.keys import Cak
from pysec.pae import PaeConfig, PortAccessEntity, PortEvent
from pysec.runtime import MemoryLink, PortRunner, Service
from pysec.secret import Secret
from pysec.types import CipherSuite, Ckn, Sci

CONFIG = PaeConfig(kay=KayConfig(cipher_suites=(CipherSuite.GCM_AES_128,)))
PATIENCE_S = 60.0


def entity(number: int, now: float, key: int = 1) -> PortAccessEntity:
    sci = Sci.of(f"02{number:010x}", 1)
    pae = PortAccessEntity(CONFIG, sci, FakeDriver(sci), os.urandom, now)
    pae.add_cak(Cak.from_octets(Secret(bytes([key]) * 16), Ckn(b"runtime")), now)
    pae.set_port_enabled(True, now)
    return pae


def in_loop(main: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(main(), PATIENCE_S)  # type: ignore[arg-type]

    asyncio.run(bounded())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_two_ports_come_up_over_a_link_in_memory() -> None:
    async def main() -> None:
        told: list[tuple[str, PortEvent]] = []
        service = Service(lambda name, event: told.append((name, event)))
        now = asyncio.get_running_loop().time()
        for name, link in zip("ab", MemoryLink.pair(), strict=True):
            service.add(name, entity(ord(name), now), link)
        ports = [runner.pae for runner in service.ports.values()]
        await until(lambda: all(port.is_secured for port in ports))
        assert {name for name, event in told if event.name == "secured"} == {"a", "b"}
        with pytest.raises(UsageError):
            service.add("a", ports[0], MemoryLink.pair()[0])
        service.close()
        assert not service.ports
        assert told[-1][1].name == "closed"
        assert all(not port.is_secured for port in ports)
        with pytest.raises(UsageError):
            service.remove("a")

    in_loop(main)


def test_a_hundred_links_in_one_process_take_one_timer_each_and_no_thread() -> None:
    async def main() -> None:
        before = threading.active_count()
        service = Service()
        now = asyncio.get_running_loop().time()
        for number in range(100):
            for side, link in enumerate(MemoryLink.pair()):
                service.add(f"{number}-{side}", entity(2 * number + side, now), link)
        await until(lambda: all(runner.pae.is_secured for runner in service.ports.values()))
        assert threading.active_count() == before
        scheduled = len(asyncio.get_running_loop()._scheduled)  # type: ignore[attr-defined]
        assert scheduled <= 3 * len(service.ports), "timers that were overtaken pile up"
        kis = {runner.pae.status().ki for runner in service.ports.values()}
        assert len(kis) == 100
        service.close()

    in_loop(main)


def test_ports_start_a_few_at_a_time_and_one_that_is_removed_before_its_turn_never() -> None:
    """A thousand at once would make those that are up late with their hellos, and their peers would drop them."""

    async def main() -> None:
        service = Service()
        now = asyncio.get_running_loop().time()
        links = [MemoryLink.pair() for _ in range(50)]
        runners = [service.add(str(n), entity(n, now), mine) for n, (mine, _) in enumerate(links)]
        assert not any(runner.is_running for runner in runners), "adding takes no time"
        service.remove("49")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert 1 <= sum(runner.is_running for runner in runners) <= 16
        await until(lambda: all(runner.is_running for runner in runners[:-1]))
        assert not runners[-1].is_running
        service.close()
        assert not any(runner.is_running for runner in runners)
        for _, theirs in links:
            theirs.close()

    in_loop(main)


def test_a_sak_asked_for_from_outside_goes_out_at_once() -> None:
    async def main() -> None:
        now = asyncio.get_running_loop().time()
        runners = [PortRunner(entity(n, now), link) for n, link in enumerate(MemoryLink.pair(), 1)]
        for runner in runners:
            runner.start()
            runner.start()
        await until(lambda: all(runner.pae.is_secured for runner in runners))
        used = runners[0].pae.status().ki
        for runner in runners:
            runner.pae.request_sak("a test", runner.now)
            runner.pump()
        await until(lambda: all(runner.pae.status().ki not in (used, None) for runner in runners))
        assert runners[0].pae.status().ki == runners[1].pae.status().ki
        for runner in runners:
            runner.stop()
            runner.stop()
            runner.link.close()

    in_loop(main)


def test_a_link_whose_other_end_is_closed_fails_once_and_is_told() -> None:
    async def main() -> None:
        failures: list[Exception] = []
        events: list[PortEvent] = []
        first, second = MemoryLink.pair()
        now = asyncio.get_running_loop().time()
        runner = PortRunner(entity(1, now), first, on_event=events.append, on_failure=failures.append)
        runner.start()
        second.close()
        await until(lambda: bool(failures))
        await asyncio.sleep(0.2)
        assert len(failures) == 1
        assert [event.name for event in events].count("failed") == 1
        first.close()

    in_loop(main)


def test_a_fault_of_ours_ends_one_port_closed_and_no_other() -> None:
    async def main() -> None:
        failures: list[Exception] = []
        now = asyncio.get_running_loop().time()
        runners = []
        for pair in range(2):
            for side, link in enumerate(MemoryLink.pair()):
                pae = entity(2 * pair + side, now)
                runners.append(PortRunner(pae, link, on_failure=failures.append))
                runners[-1].start()
        await until(lambda: all(runner.pae.is_secured for runner in runners))

        def fault(frame: bytes, now: float) -> None:
            raise ValueError("words that may be a key")

        runners[0].pae.receive = fault  # type: ignore[method-assign]
        await until(lambda: bool(failures))
        assert isinstance(failures[0], InternalError)
        assert "key" not in str(failures[0])
        assert not runners[0].is_running
        assert not runners[0].pae.is_secured
        assert all(runner.is_running and runner.pae.is_secured for runner in runners[2:])
        for runner in runners:
            runner.stop()
            runner.link.close()

    in_loop(main)


def test_a_timer_that_was_put_off_does_nothing_but_wait_again() -> None:
    async def main() -> None:
        first, second = MemoryLink.pair()
        loop = asyncio.get_running_loop()
        runner = PortRunner(entity(1, loop.time()), first)
        handled: list[float] = []
        due: list[float] = [loop.time() + 0.02]
        pae = runner.pae
        pae.next_timer = lambda: due[0]  # type: ignore[method-assign]
        pae.handle_timer = handled.append  # type: ignore[method-assign]
        runner.start()
        sent: list[float] = []
        pae.frames_to_send = lambda now: sent.append(now) or []  # type: ignore[method-assign,func-returns-value]
        due[0] = put_off = loop.time() + 0.2
        await asyncio.sleep(0.1)
        assert (handled, sent) == ([], [])
        await until(lambda: bool(handled))
        assert handled[0] >= put_off
        assert sent
        runner.stop()
        first.close()
        second.close()

    in_loop(main)


def test_a_link_without_room_loses_frames_as_a_wire_does() -> None:
    first, second = MemoryLink.pair()
    for _ in range(100_000):
        first.send(bytes(1500))
        if first.lost:
            break
    assert first.lost
    assert second.receive() == bytes(1500)
    assert first.receive() is None
    first.close()
    while (frame := _end_or_frame(second)) is not None:
        assert frame == bytes(1500)
    second.close()


def _end_or_frame(link: MemoryLink) -> bytes | None:
    try:
        return link.receive()
    except DriverError:
        return None
