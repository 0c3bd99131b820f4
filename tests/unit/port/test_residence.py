"""How long bursts stay in a port: the histogram's arithmetic, what is timed, and what the standard allows."""

from __future__ import annotations

import contextlib
import random
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pysec import UsageError
from pysec.dataplane.bridge import lib
from pysec.dataplane.port import Port, memory_link
from pysec.dataplane.residence import Residence, allowed_ns
from tests.canary.plant import plant
from tests.unit.port.cases import build
from tests.unit.port.joined import eventually, frame, joined, read, secy_pair

BUCKETS = int(lib.PYSEC_PORT_RESIDENCE_BUCKETS)
TIMES = [*range(5000), *(edge + by for power in range(12, 64) for edge in (1 << power,) for by in (-1, 0, 1))]
PAUSE_S = 0.1


def buckets(program: Path, times: list[int]) -> list[int]:
    done = subprocess.run([str(program)], input=struct.pack(f"={len(times)}Q", *times), capture_output=True, check=True)
    return list(struct.unpack(f"={len(times)}I", done.stdout))


def faults(program: Path) -> list[int]:
    """Times that lie in a bucket that is not theirs, or is too wide."""
    found = []
    for ns, bucket in zip(TIMES, buckets(program, TIMES), strict=True):
        most = int(lib.pysec_port_residence_most_ns(bucket))
        least = int(lib.pysec_port_residence_most_ns(bucket - 1)) + 1 if bucket else 0
        if not least <= ns <= most or (bucket < BUCKETS - 1 and (most - least) * 16 > max(least, 1) and least > 31):
            found.append(ns)
    return found


def test_every_time_is_in_a_bucket_that_is_narrow(tmp_path: Path) -> None:
    assert faults(build(tmp_path, program="residence_cases", parts=("residence.c",))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("(octave - SUB_BITS) * SUBS +", "(octave - SUB_BITS) * SUBS + 1 +"), ("ns < 2 * SUBS", "ns < 4 * SUBS")],
)
def test_canary_a_bucket_beside_it(tmp_path: Path, old: str, new: str) -> None:
    csrc = plant(tmp_path, "port/residence.c", old, new)
    assert faults(build(tmp_path, csrc, program="residence_cases", parts=("residence.c",)))


def of_times(times: list[int]) -> Residence:
    """The histogram of them, counted by what the C core says of its buckets."""
    edges = [int(lib.pysec_port_residence_most_ns(bucket)) for bucket in range(BUCKETS)]
    counts: dict[int, int] = {}
    for ns in sorted(times):
        edge = edges[int(np.searchsorted(np.array(edges, dtype=np.uint64), np.uint64(ns)))]
        counts[edge] = counts.get(edge, 0) + 1
    return Residence(len(times), max(times), tuple(counts.items()))


@settings(max_examples=60)
@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=300), st.sampled_from([0.1, 50, 99, 99.9, 100]))
def test_percentiles_are_those_of_the_times(times: list[int], percent: float) -> None:
    exact = int(np.percentile(times, percent, method="inverted_cdf"))
    assert exact <= of_times(times).percentile_ns(percent) <= exact + exact // 16


@given(*[st.lists(st.integers(0, 10**10), min_size=1, max_size=30)] * 2)
def test_two_histograms_make_one(first: list[int], second: list[int]) -> None:
    assert of_times(first) + of_times(second) == of_times(first + second)


def test_without_times_there_are_none() -> None:
    nothing = Residence(0, 0, ())
    assert set(nothing.as_dict().values()) == {0}
    for percent in (0, -1, 101):
        with pytest.raises(UsageError, match="percent"):
            nothing.percentile_ns(percent)


def test_what_the_standard_allows() -> None:
    """802.1AE-2018 Table 10-3: the longest frame and four of the shortest, on the wire."""
    assert allowed_ns(1000, 1500) == (1538 + 4 * 84) * 8
    assert allowed_ns(10_000, 1500) == 1499
    for mbit_s, mtu in ((0, 1500), (1000, 0)):
        with pytest.raises(UsageError, match="above 0"):
            allowed_ns(mbit_s, mtu)


@pytest.mark.parametrize("every", [1, 3])
def test_one_burst_of_so_many_is_timed(every: int) -> None:
    with joined(residence_every=every) as pair:
        for number in range(60):
            pair.host_a.send(frame(number))
            assert read(pair.host_b) == frame(number)
        wanted = 60 // every
        # A burst is counted after it was handed on, so counting may lag behind the frames.
        assert eventually(lambda: pair.port_b.residence().receive.count == wanted)
        assert eventually(lambda: pair.port_a.residence().transmit.count == wanted)
        sent = pair.port_a.residence().transmit
        assert 0 < sent.percentile_ns(50) <= sent.percentile_ns(99.9) <= sent.max_ns
        assert pair.port_a.residence().receive.count == 0
        pair.port_a.close()
        assert pair.port_a.residence().transmit == sent
        assert (pair.port_a.residence() + pair.port_b.residence()).transmit == sent


def test_nothing_is_timed_unless_it_was_asked_for() -> None:
    with joined() as pair:
        pair.host_a.send(frame(1))
        read(pair.host_b)
        assert pair.port_a.residence().transmit == Residence(0, 0, ())
    a, b = secy_pair()
    with a, b, pytest.raises(UsageError, match="residence_every"):
        Port(a, common=0, controlled=0, residence_every=1 << 32)


def test_waiting_for_room_is_in_it() -> None:
    """On a wire that takes nothing for a while."""
    a, b = secy_pair()
    host, inner = memory_link()
    wire, far = memory_link(4096)
    with a, b, host, inner, wire, far:
        port = Port(a, common=wire.fileno(), controlled=inner.fileno(), residence_every=1)
        with port:
            port.start()
            number = random.randrange(1000)
            while port.stats().transmit.waits == 0:
                host.send(frame(number, 1000))
            time.sleep(PAUSE_S)
            far.setblocking(False)

            def has_passed() -> bool:
                with contextlib.suppress(BlockingIOError):
                    while far.recv(2000):
                        pass
                return port.residence().transmit.max_ns >= PAUSE_S * 1e9

            assert eventually(has_passed)
