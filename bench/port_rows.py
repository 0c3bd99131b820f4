"""Why this exists: a port is measured by bits and by frames a second, and both have to fit a row like any other."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bench import port_frames, port_latency, port_tcp
from bench.rows import Row, spread
from pysec.dataplane.residence import PortResidence


@dataclass
class TcpRow(Row):
    """TCP by a link. Its samples are ns by Mbit, so that less is better, as in every other row."""

    streams: int = 1
    workers: int = 0  # threads of ports that carry the link, both ends together
    found: list[port_tcp.Sample] = field(default_factory=list)

    def add(self, sample: port_tcp.Sample) -> None:
        """One more."""
        self.found.append(sample)
        self.samples.append(1e15 / sample.bits_s)

    def as_dict(self) -> dict[str, Any]:
        """The row as it stands in a results file."""
        facts: dict[str, Any] = {"streams": self.streams, "workers": self.workers}
        for name in ("bits_s", "cpu_s_per_gbit", "link_cpu_s_per_gbit"):
            facts[name] = spread([getattr(sample, name) for sample in self.found])
        facts["retransmits"] = [sample.retransmits for sample in self.found]
        return {**super().as_dict(), **facts, **_faults(self.found)}

    def line(self) -> str:
        """The row for people."""
        rates = sorted(sample.bits_s / 1e9 for sample in self.found)
        every = statistics.median(sample.cpu_s_per_gbit for sample in self.found)
        link = statistics.median(sample.link_cpu_s_per_gbit for sample in self.found)
        return (
            f"{self.provider:<28}{self.op:<18}{statistics.median(rates):>8.3f} Gbit/s ({rates[0]:.3f}-{rates[-1]:.3f})"
            f"  CPU s/Gbit: {every:.3f}, link alone {link:.3f}"
        )


@dataclass
class FramesRow(Row):
    """Frames by a box between two cables. Its samples are ns by frame that came out."""

    workers: int = 0  # threads of the box that a frame passes; 0: it is the kernel
    found: list[port_frames.Sample] = field(default_factory=list)

    def add(self, sample: port_frames.Sample) -> None:
        """One more."""
        self.found.append(sample)
        self.samples.append(1e9 / max(sample.frames_s, 1))

    def as_dict(self) -> dict[str, Any]:
        """The row as it stands in a results file."""
        facts: dict[str, Any] = {"workers": self.workers}
        for name in ("frames_s", "cpu_s_per_million", "lost"):
            facts[name] = spread([getattr(sample, name) for sample in self.found])
        return {**super().as_dict(), **facts, **_faults(self.found)}

    def line(self) -> str:
        """The row for people."""
        rates = sorted(sample.frames_s / 1e3 for sample in self.found)
        cpu = statistics.median(sample.cpu_s_per_million for sample in self.found)
        lost = statistics.median(sample.lost for sample in self.found)
        return (
            f"{self.provider:<28}{self.op} {self.frame_octets:<10}{statistics.median(rates):>8.1f} thousand frames/s"
            f" ({rates[0]:.1f}-{rates[-1]:.1f})  CPU us/frame: {cpu:.2f}, lost before the box {100 * lost:.0f} %"
        )


@dataclass
class LatencyRow(Row):
    """Round trips by a link, one after another. Its samples are the median of each run."""

    found: list[port_latency.Sample] = field(default_factory=list)

    def add(self, sample: port_latency.Sample) -> None:
        """One more."""
        self.found.append(sample)
        self.samples.append(statistics.median(sample.round_trips_ns))

    def percentiles_us(self) -> dict[str, float]:
        """Over the round trips of all runs."""
        every = sorted(ns / 1e3 for sample in self.found for ns in sample.round_trips_ns)
        at = {name: every[min(int(len(every) * part), len(every) - 1)] for name, part in PERCENTILES.items()}
        return {name: float(f"{value:.4g}") for name, value in (at | {"max": every[-1]}).items()}

    def residence(self) -> dict[str, dict[str, Any]]:
        """How long ports held bursts, both ends and all runs together; nothing where no port carries the link."""
        held = [sample.residence for sample in self.found if sample.residence is not None]
        if not held:
            return {}
        whole = sum(held, PortResidence())
        return {"transmit": whole.transmit.as_dict(), "receive": whole.receive.as_dict()}

    def as_dict(self) -> dict[str, Any]:
        """The row as it stands in a results file."""
        facts: dict[str, Any] = {"round_trips": sum(len(sample.round_trips_ns) for sample in self.found)}
        facts["us"] = self.percentiles_us()
        residence = self.residence()
        return {**super().as_dict(), **facts, **({"residence": residence} if residence else {}), **_faults(self.found)}

    def line(self) -> str:
        """The row for people."""
        at = ", ".join(f"{name} {value:g}" for name, value in self.percentiles_us().items())
        return f"{self.provider:<28}{self.op:<10} us: {at}"


PortRow = TcpRow | FramesRow | LatencyRow
PERCENTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


def _faults(samples: Sequence[port_tcp.Sample | port_frames.Sample | port_latency.Sample]) -> dict[str, list[str]]:
    faults = [fault for sample in samples for fault in sample.faults]
    return {"faults": faults} if faults else {}
