"""Why this exists: key agreement is measured in several units, and each of them has to fit a row like any other.

`ns_per_call` of a row is what the operation's name says: see bench/README.md. What was counted beside it, and whether
that is as it must be, stands in the row, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.rows import Row, timing


@dataclass
class MkaRow(Row):
    """A row of bench mka. facts: what else was found. faults: one line for each thing that is not as it must be."""

    facts: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, op: str, **facts: Any) -> MkaRow:
        """A row without samples as yet."""
        return cls("mka", "pysec", op, facts=facts)

    def as_dict(self) -> dict[str, Any]:
        """The row as it stands in a results file; it can be made only with a sample at least."""
        faults = {"faults": self.faults} if self.faults else {}
        return {**super().as_dict(), **self.facts, **faults}


def significant(value: float) -> float:
    """Five digits, as the spread of a row has."""
    return float(f"{value:.5g}")


def table(rows: Sequence[MkaRow]) -> str:
    """The rows for people: ms or us, and what was counted."""
    lines = []
    for row in rows:
        found = timing(row.as_dict())
        unit, by = ("ms", 1e6) if found["median"] >= 1e6 else ("us", 1e3)
        spread = " ".join(f"{name} {found[name] / by:.4g}" for name in ("min", "p25", "p75"))
        facts = ", ".join(f"{name} {value}" for name, value in row.facts.items())
        lines.append(f"{row.op:<18}{found['median'] / by:>8.4g} {unit}  ({spread}, n {found['n']})  {facts}")
    return "\n".join(lines)
