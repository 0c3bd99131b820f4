"""Why this exists: a row of `bench gcm` says what was measured and what the hardware allows, and stands alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pysec.types import CipherSuite

IMIX = "imix"
MIX = {50: 7, 576: 4, 1500: 1}  # IMIX: octets of payload and how many of twelve frames have it
HEADER = 28  # addresses and SecTAG with SCI
ALL_IN_CLEAR = 65535  # integrity only, as bench/c/gcm_ring.h has it
RING_MIB = 64


@dataclass(frozen=True)
class Load:
    """Frames alike: user data of so many octets (None: the mix), in a ring of so many MiB (None: it fits the cache)."""

    octets: int | None
    ring_mib: int | None = None

    def __str__(self) -> str:
        return IMIX if self.octets is None else f"{self.octets}{'M' if self.ring_mib else ''}"

    @property
    def mix(self) -> dict[int, int]:
        """Octets, and how many frames have them."""
        return MIX if self.octets is None else {self.octets: 1}


LOADS = (*(Load(octets) for octets in (48, 114, 242, 498, 1010, 1500, 8988)), Load(None), Load(1500, RING_MIB))


@dataclass(frozen=True)
class Group:
    """What all providers are measured on in turn."""

    suite: CipherSuite
    load: Load
    burst: int
    header: int = HEADER  # 20 without SCI
    clear: int = 0  # confidentiality offset; ALL_IN_CLEAR: integrity only

    def lengths(self, octets: int) -> tuple[int, int]:
        """Octets of additional data and of data in a frame with so many octets of user data."""
        clear = min(self.clear, octets)
        return self.header + clear, octets - clear

    @property
    def mode(self) -> str:
        """In words."""
        return {0: "encrypt", ALL_IN_CLEAR: "integrity"}.get(self.clear, f"offset{self.clear}")

    @property
    def key(self) -> bytes:
        """A key of the suite's length; everybody's."""
        return bytes(range(1, 1 + self.suite.sak_octets))

    def __str__(self) -> str:
        return f"{self.suite}, {self.mode}, {self.load} octets, AAD {self.header}, burst {self.burst}"


def number(value: float) -> float:
    """Five digits are more than the noise leaves."""
    return float(f"{value:.5g}")


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """p25, median, p75."""
    if len(values) < 2:
        return (values[0],) * 3
    p25, median, p75 = statistics.quantiles(values, n=4, method="inclusive")
    return p25, median, p75


@dataclass
class GcmRow:
    """One measurement: a provider, an operation, a group. A group without a load is not about frames (setup)."""

    provider: str
    op: str
    suite: CipherSuite
    group: Group | None = None
    way: str | None = None  # where a provider has several: the one that was taken
    samples: list[float] = field(default_factory=list)  # ns per frame, or per key
    ghz: list[float] = field(default_factory=list)  # the core's clock beside each
    extra: dict[str, Any] = field(default_factory=dict)  # limit_cycles, cpu, ..: what is known at the end only

    @property
    def cycles(self) -> list[float]:
        """Core cycles per frame, or per key."""
        return [ns * ghz for ns, ghz in zip(self.samples, self.ghz, strict=True)]

    @property
    def median_cycles(self) -> float:
        """What the row is quoted with."""
        return quartiles(self.cycles)[1]

    def as_dict(self) -> dict[str, Any]:
        """The row as it stands in a results file. spread: the middle half of the samples by the median."""
        row: dict[str, Any] = {"bench": "gcm", "provider": self.provider, "suite": str(self.suite), "op": self.op}
        if self.group:
            load = self.group.load
            row |= {"aad": IMIX, "payload": IMIX} if load.octets is None else {}
            if load.octets is not None:
                row["aad"], row["payload"] = self.group.lengths(load.octets)
            elif not self.group.clear:
                row["aad"] = self.group.header
            row["burst"] = self.group.burst
            row |= {"ring_mib": load.ring_mib} if load.ring_mib else {}
            row |= {"mode": self.group.mode, "octets": IMIX if load.octets is None else load.octets}
        for unit, values in (("ns", self.samples), ("cycles", self.cycles)):
            p25, median, p75 = quartiles(values)
            row[unit] = number(median)
            row |= {f"{unit}_min": number(min(values)), f"{unit}_p25": number(p25), f"{unit}_p75": number(p75)}
            row["spread"] = number((p75 - p25) / median)
        row |= {"n": len(self.samples), "ghz": number(quartiles(self.ghz)[1])}
        return row | ({"way": self.way} if self.way else {}) | self.extra


@dataclass(frozen=True)
class Limits:
    """What the core can do: AES rounds and carry-less multiplies of 128-bit lanes in a cycle, by its best vector."""

    aes: float = 0
    clmul: float = 0

    @classmethod
    def of(cls, measured: dict[str, float]) -> Limits:
        """From {"aes:512": cycles of an instruction, ..} as the C harness measures it."""
        best = {"aes": 0.0, "clmul": 0.0}
        for name, cycles in measured.items():
            unit, _, bits = name.partition(":")
            best[unit] = max(best[unit], int(bits) / 128 / cycles)
        return cls(**best)

    def cycles(self, group: Group, memory: float | None = None) -> tuple[float, str] | None:
        """The least core cycles of a frame, and what sets it; None where the CPU has no such instructions.

        Every lane of every vector is in use, across frames. AES: the blocks of data and E(K, J0); their first round
        differs in the counter's column only, so it is done once a frame. GHASH by Karatsuba: three multiplies for each
        block of additional data, data and lengths, and two for the one reduction that a frame needs. AES and multiplies
        go to units of their own; the busier one is the limit. memory: cycles to bring a frame in and out.
        """
        if not (self.aes and self.clmul):
            return None
        aes = clmul = 0.0
        rounds = 10 if group.suite.sak_octets == 16 else 14
        for octets, weight in group.load.mix.items():
            aad, data = (-(-length // 16) for length in group.lengths(octets))
            work = (data + 1) * (rounds - 1) + 1 if data else rounds
            aes += weight * work / self.aes
            clmul += weight * ((aad + data + 1) * 3 + 2) / self.clmul
        frames = sum(group.load.mix.values())
        found = {"aes": aes / frames, "clmul": clmul / frames} | ({"memory": memory} if memory else {})
        by = max(found, key=lambda name: found[name])
        return found[by], by
