"""Why this exists: counters prove something only if they add up, from one host to the other, frame by frame.

For each direction: what the sending host gave, what its SecY encrypted, what the cable carried, what the other SecY
made of it, and what the receiving host got. Each line is counted by somebody else than the line above.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pysec.dataplane import Verdict
from pysec.lab.hosts import Host, Lan
from pysec.lab.report import Story
from pysec.lab.wiretap import WireLog

FORGED: Final = (Verdict.IN_NOT_VALID, Verdict.IN_LATE)  # one frame each, towards B


@dataclass(frozen=True, slots=True)
class Sum:
    """Two figures that must be the same."""

    left_name: str
    left: int
    right_name: str
    right: int

    @property
    def holds(self) -> bool:
        """Whether they are."""
        return self.left == self.right

    def __str__(self) -> str:
        return f"{self.left_name} {self.left} {'=' if self.holds else 'is not'} {self.right_name} {self.right}"


class Accounts:
    """The books of both directions."""

    def __init__(self, lan: Lan, logs: list[WireLog], traffic: dict[str, float]) -> None:
        self._lan = lan
        self._logs = logs
        self._traffic = traffic

    def tell(self, story: Story) -> None:
        """Both directions, and that nothing was dropped on the way."""
        story.heading("7  The counters, and how they add up (frames)")
        a, b = self._lan.a, self._lan.b
        self._direction(story, a, b, len(FORGED))
        self._direction(story, b, a, 0)
        self._drops(story)

    def _direction(self, story: Story, x: Host, y: Host, forged: int) -> None:
        at_x, at_y = self._lan.counts(x), self._lan.counts(y)
        out, into = x.secy.counters(), y.secy.counters()
        accepted, encrypted = into.packets(Verdict.IN_OK), out.packets(Verdict.OUT_ENCRYPTED)
        closed = out.packets(Verdict.OUT_CLOSED)  # what a host says of its own accord before there is a key
        passed = (Verdict.IN_OK, Verdict.IN_BYPASS)
        refused = {v: into.packets(v) for v in Verdict if v.name.startswith("IN_") and v not in passed}
        refusals = ", ".join(f"{v.yang} {n}" for v, n in refused.items() if n) or "none"
        cable = sum(log.frames_from(x.mac) for log in self._logs)
        missed = self._lan.wire.missed()
        gave = {
            "numbered": self._numbered("sent", x),
            "pings": x.pings_sent,
            "answers": x.replies_sent,
            "own business (ARP)": at_x.own_business_sent,
        }
        got = {
            "numbered": self._numbered("received", x),
            "pings": y.replies_sent,
            "answers": y.replies_received,
            "own business (ARP)": at_y.own_business_received,
        }
        from_x, read_by_y = x.port.stats().transmit, y.port.stats().receive.frames_in
        mkpdus, bypassed = from_x.from_uncontrolled, into.packets(Verdict.IN_BYPASS)
        heard = sum(log.mkpdus.get(x.mac.octets, 0) for log in self._logs)
        read_by_x = from_x.frames_in - mkpdus
        name_x, name_y = f"host {x.name}", f"host {y.name}"
        story.say(f"From {x.name} to {y.name}:", 2)
        story.rows(
            [
                (f"{name_x} sent", f"{at_x.sent:>7}   {_spelt(gave)}"),
                (f"{x.name} encrypted", f"{encrypted:>7}   out-pkts-encrypted"),
                ("the cable carried", f"{cable:>7}   " + (f"those, and {forged} forged" if forged else "those")),
                (f"{y.name} accepted", f"{accepted:>7}   in-pkts-ok"),
                (f"{y.name} refused", f"{sum(refused.values()):>7}   {refusals}"),
                (f"{name_y} received", f"{at_y.received:>7}   {_spelt(got)}"),
                (f"{x.name}'s MKPDUs", f"{mkpdus:>7}   beside these, by the uncontrolled port; in-pkts-bypass"),
            ]
        )
        sums = [
            Sum("its frames one by one", sum(gave.values()), f"{name_x} sent", at_x.sent),
            Sum(f"{name_x} sent", at_x.sent, f"{x.name}'s port read", read_by_x),
            Sum(f"{name_x} sent", at_x.sent, f"{x.name}'s out-pkts-encrypted and -closed", encrypted + closed),
            Sum(f"all that {x.name} counts out", out.total_out, "the same", encrypted + closed),
            Sum(f"{x.name}'s out-pkts-encrypted and {forged} forged", encrypted + forged, "the cable", cable + missed),
            Sum(f"all that {y.name} counts in", into.total_in, "the cable", cable + heard + missed),
            Sum(f"{x.name}'s MKPDUs", mkpdus, f"{y.name}'s in-pkts-bypass", bypassed),
            Sum(f"all that {y.name} counts in", into.total_in, f"{y.name}'s port read", read_by_y),
            Sum(f"{y.name}'s in-pkts-ok", accepted, f"{x.name}'s out-pkts-encrypted", encrypted),
            Sum(f"refused by {y.name}", sum(refused.values()), "forged", forged),
            Sum(f"{y.name}'s in-pkts-ok", accepted, f"{name_y} received", at_y.received),
            Sum("its frames one by one", sum(got.values()), f"{name_y} received", at_y.received),
        ]
        if missed:  # by the listener, of either direction: the cable's count is then no count
            sums = [each for each in sums if "the cable" not in (each.left_name, each.right_name)]
        wrong = [str(each) for each in sums if not each.holds]
        note = f" The listener was too slow for {missed} frames, so the cable is left out." if missed else ""
        detail = f"{len(sums)} sums from {x.name} to {y.name} agree, frame by frame.{note}"
        story.check(f"counters-{x.name}-to-{y.name}".lower(), not wrong, "; ".join(wrong) + note if wrong else detail)

    def _numbered(self, which: str, sender: Host) -> int:
        return int(self._traffic.get(which, 0)) if sender is self._lan.a else 0

    def _drops(self, story: Story) -> None:
        lost = {}
        for host in (self._lan.a, self._lan.b):
            stats = host.port.stats()
            for direction, each in (("transmit", stats.transmit), ("receive", stats.receive)):
                for what in ("too_long", "failed", "unsent", "overruns", "uncontrolled_lost", "unaccounted"):
                    lost[f"{host.name} {direction} {what}"] = getattr(each, what)
            lost[f"{host.name} interface"] = self._lan.counts(host).dropped
        found = {name: n for name, n in lost.items() if n}
        told = ", ".join(f"{name} {n}" for name, n in found.items())
        story.check(
            "no-drops",
            not found,
            f"Dropped on the way: {told}." if found else f"All {len(lost)} counters of dropped frames stand at 0.",
        )


def _spelt(parts: dict[str, int]) -> str:
    return " + ".join(f"{n} {name}" for name, n in parts.items() if n) or "none"
