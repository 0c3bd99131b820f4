"""Ports between a sender at full rate and a hostile wire: nothing crashes, nothing leaks, and the counters add up.

For PYSEC_PORT_SOAK_S seconds in `make soak` (1800), for three in `make test`. Each figure that is compared has its
canary: something done behind the back of who keeps the books.
"""

from __future__ import annotations

import os
import select
import time

import pytest

from pysec import SecYConfig, ValidateFrames
from pysec.dataplane.port import memory_link
from tests.unit.port.hostile import Books, Faults, Hostile, Relay

pytestmark = pytest.mark.slow
SECONDS = float(os.environ.get("PYSEC_PORT_SOAK_S", "1800"))


def soak(seconds: float, faults: Faults | None = None) -> tuple[Books, Hostile]:
    """One run, with a seed that is printed."""
    seed = time.time_ns()
    with Hostile(seed, faults or Faults()) as hostile:
        books = hostile.run(seconds)
    print(f"seed {seed}: {books.sent} sent, {books.received} received, {books.rollovers} new keys,")
    print(f"{books.restarts} restarts; on the wire {dict(hostile.relay.done)}")
    return books, hostile


def held(seconds: float) -> None:
    books, hostile = soak(seconds)
    assert not books.wrong
    assert books.received > 100 * seconds
    assert books.rollovers > seconds / 10
    assert len(hostile.relay.done) >= 7


def test_a_hostile_wire() -> None:
    held(3)


def test_the_relay_replays_only_what_it_gave() -> None:
    """The last frame of an SA, lost, is a frame in time for as long as B has that SA."""
    (sender, near), (far, taker) = memory_link(), memory_link()
    with sender, near, far, taker:
        relay, cut_off = Relay(near, far, seed=1), set[bytes]()
        for number in range(2000):
            an, pn = number // 100 % 4, number.to_bytes(4, "big")
            octets = bytes([*bytes(14), an, 0, *pn, *bytes(40)])
            relay.is_cut = number % 100 > 95
            if relay.is_cut:
                cut_off.add(octets)
            sender.send(octets)
            assert relay.work()
            while select.select([taker], [], [], 0)[0]:
                assert taker.recv(70000) not in cut_off
        assert relay.done["replayed"] > 20


@pytest.mark.soak
def test_a_hostile_wire_for_long() -> None:
    held(SECONDS)


CANARIES = {
    "replayed frames get through": (Faults(SecYConfig(replay_protect=False)), " after "),
    "forged frames get through": (Faults(SecYConfig(validate_frames=ValidateFrames.CHECK)), "is not what was sent"),
    "a frame is lost behind the port": (Faults(host_forgets=True), "host B received"),
    "a frame comes from nowhere": (Faults(relay_adds=True), "the relay gave"),
    "descriptors leak": (Faults(leaks_descriptors=True), "descriptors"),
    "memory leaks": (Faults(leaks_memory=True), "memory"),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.soak) if "leak" in name else name for name in CANARIES]
)
def test_canary(name: str) -> None:
    faults, said = CANARIES[name]
    books, _ = soak(6 if "leak" in name else 2, faults)
    assert any(said in each for each in books.wrong), books.wrong
