"""Why this exists: after a million frames people want the counters, not the frames.

A `Tally` counts packets by verdict and by secure channel, as the SecY's management counters do, and adds what a SecY
never sees: packets that the capture cut short, and those that had no key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pysec.dataplane import Reason, Verdict
from pysec.tools.pcap.stream import Outcome
from pysec.types import Sci

REFUSED_BY_NOBODY = frozenset((Verdict.IN_KAY,))
"""Discarded, yet nothing is wrong: such a frame is the KaY's."""


class Tally:
    """Packets by what became of them. Only known SCIs are counted apart: unknown ones may be without number."""

    def __init__(self, scis: Iterable[Sci]) -> None:
        self._names = {sci.value: str(sci) for sci in scis}
        self.packets = 0
        self.written = 0
        self.rejected = 0
        self.cut_short = 0
        self.no_key = 0
        self.in_clear = 0
        self.no_sci_in_tag = 0
        self.verdicts: Counter[Verdict] = Counter()
        self.reasons: Counter[tuple[Verdict, Reason]] = Counter()
        self.channels: Counter[tuple[str, Verdict]] = Counter()

    def count(self, outcome: Outcome) -> None:
        """Count what a SecY decided."""
        self.verdicts[outcome.verdict] += 1
        if outcome.reason is not Reason.NONE:
            self.reasons[outcome.verdict, outcome.reason] += 1
        name = self._names.get(outcome.sci)
        if name is not None:
            self.channels[name, outcome.verdict] += 1

    @property
    def refused(self) -> int:
        """Packets that a SecY refused."""
        return sum(n for v, n in self.verdicts.items() if not v.delivered and v not in REFUSED_BY_NOBODY)

    @property
    def ok(self) -> bool:
        """Whether every packet was passed, or was none of the SecY's."""
        return not self.refused and not self.cut_short and self.no_key == self.in_clear

    def as_dict(self) -> dict[str, object]:
        """The figures under their names."""
        return {
            "packets": self.packets,
            "written": self.written,
            "rejected": self.rejected,
            "cut_short": self.cut_short,
            "no_key": self.no_key,
            "in_clear": self.in_clear,
            "verdicts": {verdict.yang: n for verdict, n in sorted(self.verdicts.items())},
            "reasons": {f"{verdict.yang}/{reason.slug}": n for (verdict, reason), n in sorted(self.reasons.items())},
            "secure_channels": self._by_channel(),
        }

    def _by_channel(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for (name, verdict), n in sorted(self.channels.items()):
            found.setdefault(name, {})[verdict.yang] = n
        return found

    def lines(self) -> list[str]:
        """The summary for people."""
        out = [f"{self.packets} packets"]
        for verdict, n in sorted(self.verdicts.items()):
            out.append(f"  {n:>10}  {verdict.yang:<20} {verdict.text}")
            out += [
                f"  {'':>10}    {m} {reason.slug}: {reason.text}"
                for (v, reason), m in sorted(self.reasons.items())
                if v is verdict
            ]
        if self.cut_short:
            out.append(f"  {self.cut_short:>10}  cut short by the capture: nothing can be said of them, not written")
        if self.no_key:
            fate = "written in clear" if self.in_clear else "not written (--allow-clear would)"
            out.append(f"  {self.no_key:>10}  no key for their source address: {fate}")
        if channels := self._by_channel():
            out.append("by secure channel")
            out += [f"  {sci}  " + ", ".join(f"{k} {n}" for k, n in found.items()) for sci, found in channels.items()]
        if self.no_sci_in_tag:
            out.append(
                f"{self.no_sci_in_tag} frames do not tell their SCI and there is more than one: with --point-to-point "
                "the source address decides"
            )
        return out
