"""Why this exists: every bench yields the same kind of row, so that one table and one comparison fit all.

A results file is JSON lines: the machine card first, `{"card": {...}}`, then a row a line.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pysec.errors import FormatError

# What makes two rows of two files the same measurement. The implementation is not part of it: a new one is a change.
KEY = (
    *("bench", "provider", "op", "suite", "frame_octets", "burst", "scs"),
    *("aad", "payload", "octets", "ring_mib"),  # of bench gcm alone
)


def spread(values: Sequence[float]) -> dict[str, float | int]:
    """Median, least, quartiles and number of the samples."""
    if len(values) > 1:
        p25, median, p75 = statistics.quantiles(values, n=4, method="inclusive")
    else:
        p25 = median = p75 = values[0]
    digits = {"median": median, "min": min(values), "p25": p25, "p75": p75}
    return {**{name: float(f"{value:.5g}") for name, value in digits.items()}, "n": len(values)}


@dataclass
class Row:
    """One measurement. What does not apply (frames of an empty call) is left out of the JSON."""

    bench: str
    provider: str
    op: str
    samples: list[float] = field(default_factory=list)  # ns per frame, or per call where burst is 0
    suite: str | None = None
    frame_octets: int | None = None
    burst: int = 0
    scs: int | None = None
    impl: str | None = None
    ghz: list[float] = field(default_factory=list)  # the core's clock beside each sample, where it is known

    def as_dict(self) -> dict[str, Any]:
        """The row as it stands in a results file."""
        named = {name: getattr(self, name, None) for name in (*KEY, "impl")}
        row: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        row["ns_per_frame" if self.burst else "ns_per_call"] = times = spread(self.samples)
        if self.burst > 1:
            row["ns_per_call"] = spread([sample * self.burst for sample in self.samples])
        median = float(times["median"])
        if self.burst and self.frame_octets and median:
            row["gbit_s"] = float(f"{self.frame_octets * 8 / median:.4g}")
            row["mpps"] = float(f"{1000 / median:.4g}")
        if self.ghz and self.frame_octets:
            cycles = [ns * ghz / self.frame_octets for ns, ghz in zip(self.samples, self.ghz, strict=True)]
            row["cycles_per_octet"] = spread(cycles)["median"]
            row["ghz"] = spread(self.ghz)["median"]
        return row


class AsDict(Protocol):
    """A row of any bench."""

    def as_dict(self) -> dict[str, Any]: ...


def write(path: str, card: dict[str, Any], rows: Iterable[AsDict]) -> None:
    """Write a results file."""
    lines = [{"card": card}, *(row.as_dict() for row in rows)]
    Path(path).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def read(path: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read a results file: its card and its rows (FormatError)."""
    try:
        lines = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines() if line.strip()]
    except ValueError as error:
        raise FormatError(f"{path}: not JSON lines ({error})") from None
    if not lines or not isinstance(lines[0], dict) or not isinstance(lines[0].get("card"), dict):
        raise FormatError(f"{path}: the first line is not a machine card")
    rows = lines[1:]
    for number, row in enumerate(rows, 2):
        try:
            sound = all(isinstance(row[name], str) for name in ("bench", "provider", "op"))
            sound = sound and all(timing(row)[name] >= 0 for name in ("median", "min", "p25", "p75"))
        except (KeyError, TypeError):
            sound = False
        if not sound:
            raise FormatError(f"{path}: line {number} is not a row")
    return lines[0]["card"], rows


def timing(row: dict[str, Any], unit: str = "ns") -> dict[str, float]:
    """The spread by which a row is judged: per frame, or per call where there are no frames. unit: or `cycles`."""
    if unit in row:  # bench gcm
        return {"median": row[unit], **{name: row[f"{unit}_{name}"] for name in ("min", "p25", "p75")}}
    found: dict[str, float] = row["ns_per_frame"] if "ns_per_frame" in row else row["ns_per_call"]
    return found


def table(rows: Iterable[dict[str, Any]]) -> str:
    """The rows for people."""
    head = ("provider", "op", "suite", "octets", "burst", "SCs", "impl")
    head += ("ns", "min", "p25", "p75", "Gbit/s", "Mpps", "cyc/oct")
    lines = [head]
    for row in rows:
        names = ("provider", "op", "suite", "frame_octets", "burst", "scs", "impl")
        cells = [str(row.get(name) or "-") for name in names]
        cells += [f"{timing(row)[name]:.5g}" for name in ("median", "min", "p25", "p75")]
        cells += [f"{row[name]:.4g}" if name in row else "-" for name in ("gbit_s", "mpps", "cycles_per_octet")]
        lines.append(tuple(cells))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = {0, 1, 2, 6}
    return "\n".join(
        "  ".join(c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    )


def describe(card: dict[str, Any]) -> str:
    """The card in two lines for people."""
    commit = (card.get("commit") or "no commit")[:12] + (" (dirty)" if card.get("dirty") else "")
    where = f"pinned to CPU {card.get('pinned_to')}, load {card.get('load_1min')}"
    return (
        f"{card.get('cpu')}, {card.get('kernel')}, {where}\n"
        f"{card.get('compiler')}; {card.get('python')}; commit {commit}; GCM {card.get('impl_default')}"
    )
