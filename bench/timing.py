"""Why this exists: A measured after B is A measured on a warmer machine. Samples of all providers take turns.

A case is one thing to measure. Its `sample` prepares what it needs untimed, times only the work, and says how many
frames (or calls) that was.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.rows import Row


@dataclass(frozen=True)
class Sample:
    """So many nanoseconds for so many units; ghz is the core's clock meanwhile, if it was measured."""

    ns: int
    units: int
    ghz: float | None = None


class Case(Protocol):
    """One thing to measure, and the row that it fills."""

    row: Row

    def sample(self, at_least_ns: int) -> Sample: ...
    def close(self) -> None: ...


def interleave(cases: Sequence[Case], repeats: int, at_least_ns: int) -> list[Row]:
    """Sample every case once, unrecorded, then all of them in turn, repeats times. Closes them."""
    with contextlib.ExitStack() as stack:
        for case in cases:
            stack.callback(case.close)
        for case in cases:
            case.sample(at_least_ns // 4)
        for repeat in range(repeats):
            # Forwards, then backwards: so nobody always follows the one that leaves the caches worst.
            for case in cases if repeat % 2 == 0 else reversed(cases):
                sample = case.sample(at_least_ns)
                case.row.samples.append(sample.ns / sample.units)
                if sample.ghz:
                    case.row.ghz.append(sample.ghz)
    return [case.row for case in cases]


class CallCase:
    """A Python function that does so many units of work and returns the nanoseconds it took."""

    def __init__(self, row: Row, work: Callable[[], int], units: int, close: Iterable[Callable[[], None]] = ()) -> None:
        self.row = row
        self._work, self._units, self._close = work, units, close

    def sample(self, at_least_ns: int) -> Sample:
        """Work until so much time was spent in what is timed."""
        ns = rounds = 0
        while ns < at_least_ns or not rounds:
            ns += self._work()
            rounds += 1
        return Sample(ns, rounds * self._units)

    def close(self) -> None:
        """Free what the case holds."""
        for close in self._close:
            close()


def pin(cpu: int | None) -> None:
    """Stay on one CPU: the one named, or the last that we may use (the first is where interrupts go)."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu if cpu is not None else max(allowed)})
