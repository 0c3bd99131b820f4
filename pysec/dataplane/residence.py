"""Why this exists: a link that must be on time has to know how long its port holds a frame, and what it may.

A port that was asked to times bursts in its threads (csrc/port/residence.h says from where to where); here are the
figures that people compare, and what 802.1AE-2018 Table 10-3 allows.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from pysec.dataplane.bridge import lib
from pysec.errors import UsageError

_BUCKETS: Final = int(lib.PYSEC_PORT_RESIDENCE_BUCKETS)
# Preamble, start delimiter and the gap between two frames; FCS; the shortest frame.
_AROUND_OCTETS, _FCS_OCTETS, _SHORTEST_OCTETS = 20, 4, 64


@dataclass(frozen=True, slots=True)
class Residence:
    """How long bursts stayed in one direction of a port.

    count: bursts that were timed. max_ns: the longest. buckets: for each that counted any, the longest time in ns that
    it counts, and how many; no time is more than a sixteenth below that.
    """

    count: int
    max_ns: int
    buckets: tuple[tuple[int, int], ...]

    @classmethod
    def from_native(cls, raw: Any) -> Residence:
        """Read a struct pysec_port_residence."""
        found = tuple(
            (int(lib.pysec_port_residence_most_ns(i)), int(raw.counts[i])) for i in range(_BUCKETS) if raw.counts[i]
        )
        return cls(sum(count for _, count in found), int(raw.max_ns), found)

    def __add__(self, other: Residence) -> Residence:
        """The bursts of both."""
        counts = Counter(dict(self.buckets))
        counts.update(dict(other.buckets))
        return Residence(self.count + other.count, max(self.max_ns, other.max_ns), tuple(sorted(counts.items())))

    def percentile_ns(self, percent: float) -> int:
        """The time in ns that so many percent of the bursts did not exceed, up to a sixteenth too long; 0 if there were
        none (UsageError)."""
        if not 0 < percent <= 100:
            raise UsageError(f"percent: {percent:g}, must be above 0, at most 100")
        left = math.ceil(self.count * percent / 100)
        for most_ns, count in self.buckets:
            left -= count
            if left <= 0:
                return min(most_ns, self.max_ns)
        return self.max_ns

    def as_dict(self) -> dict[str, int]:
        """count, and p50_ns, p99_ns, p99_9_ns and max_ns."""
        p50, p99, p99_9 = (self.percentile_ns(percent) for percent in (50, 99, 99.9))
        return {"count": self.count, "p50_ns": p50, "p99_ns": p99, "p99_9_ns": p99_9, "max_ns": self.max_ns}

    def in_words(self) -> str:
        """The same for people, in us."""
        found = self.as_dict()
        times = ", ".join(
            f"{name} {found[key] / 1e3:.1f}"
            for name, key in (("p50", "p50_ns"), ("p99", "p99_ns"), ("p99.9", "p99_9_ns"), ("max", "max_ns"))
        )
        return f"{times} us in {self.count} bursts"


NONE: Final = Residence(0, 0, ())


@dataclass(frozen=True, slots=True)
class PortResidence:
    """Of a port: transmit is from the controlled to the common port, receive the other way."""

    transmit: Residence = NONE
    receive: Residence = NONE

    def __add__(self, other: PortResidence) -> PortResidence:
        """The bursts of both."""
        return PortResidence(self.transmit + other.transmit, self.receive + other.receive)


def allowed_ns(mbit_s: float, mtu: int = 1500) -> int:
    """What a SecY may take for a frame, each way, in ns: the time that the longest frame and four of the shortest take
    on the wire (802.1AE-2018 Table 10-3), with what goes before and between them.

    mbit_s: the link's speed. mtu: octets behind addresses and EtherType, VLAN tag included (UsageError).
    """
    if not (mbit_s > 0 and mtu > 0):
        raise UsageError(f"a link of {mbit_s:g} Mbit/s with MTU {mtu}: both must be above 0")
    longest = 14 + mtu + _FCS_OCTETS + _AROUND_OCTETS
    return round((longest + 4 * (_SHORTEST_OCTETS + _AROUND_OCTETS)) * 8e3 / mbit_s)
