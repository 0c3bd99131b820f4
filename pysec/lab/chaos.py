"""Why this exists: a reader should see what the simulator does to key agreement before believing what it says of it.

`pysec lab chaos` runs one seed and tells it: who took part, what was injected when, what the ports made of it and why,
and then which of the referee's claims held, with how often each was asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pysec.lab.report import Check, Story
from pysec.lab.sim import Outcome, Scenario, run_seed
from pysec.pae import PortEvent, Source

CLAIMS: Final = {
    "pn-reused": "No station sent a packet number twice with a SAK, over all its lives.",
    "ki-of-two-saks": "No key identifier ever named two SAKs.",
    "retired-key": "No data was accepted under a key that the receiver had ended, or never had.",
    "port-open": "No port was open without a live SA, or in the clear, in the middle of a step or after it.",
    "sak-source": "No SAK was taken from anybody but the key server that was elected.",
    "not-live": "Nobody was taken to be live who had not been heard within an MKA Life Time.",
    "storm": "Nobody sent without measure, or woke without end.",
    "exception": "Nothing but ProtocolError arose in a port, and that went no further.",
    "not-secured": "When the LAN had healed all came to one SAK, and after each deed in the calm again.",
    "lost-in-calm": "On the perfect LAN no frame was lost between those who stayed.",
    "disturbed": "What an attacker sent changed nothing; what asked for another SAK brought one.",
}
# What a reader wants to hear of a port; the rest is there with --trace.
_TOLD: Final = {
    (Source.PORT, "secured"),
    (Source.PORT, "closed"),
    (Source.PORT, "in-clear"),
    (Source.MKA, "key-server-elected"),
    (Source.MKA, "peer-lost"),
    (Source.MKA, "duplicate-sci"),
    (Source.MKA, "mi-changed"),
    (Source.MKA, "rekey-requested"),
    (Source.SECY, "step-refused"),
    (Source.SECY, "drifted"),
}


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """seed: which history. members: how many take part, instead of what the seed says. trace: tell everything."""

    seed: int = 1
    members: int | None = None
    trace: bool = False


@dataclass(frozen=True, slots=True)
class ChaosResult:
    """What came of it."""

    checks: tuple[Check, ...]
    outcome: Outcome

    @property
    def ok(self) -> bool:
        """Whether every claim held."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        outcome = self.outcome
        return {
            "ok": self.ok,
            "seed": outcome.seed,
            "checks": [check.as_json() for check in self.checks],
            "faults": dict(sorted(outcome.faults.items())),
            "counts": dict(sorted(outcome.counts.items())),
            "healed_after_s": round(outcome.healed_after_s, 1),
            "simulated_s": round(outcome.at_s, 1),
        }


def run(options: ChaosOptions, out: Callable[[str], None]) -> ChaosResult:
    """Tell one seed line by line to `out`, and return what held."""
    story = Story(out)
    scenario = Scenario.draw(options.seed, options.members)
    quality = scenario.quality
    story.say(
        f"Seed {options.seed}: {scenario.members} ports of pysec on a LAN in memory, with one CAK of "
        f"{scenario.cak_octets * 8} bits and must-secure; each has its own clock, process and data plane. For "
        f"{scenario.chaos_s:.0f} s the LAN loses {quality.loss:.0%} of the frames, doubles {quality.duplication:.0%}, "
        f"delays each by {quality.delay_s * 1000:g} ms and up to {quality.jitter_s * 1000:g} ms more, and "
        f"{len(scenario.faults)} faults are injected. Then it heals."
    )
    story.heading("     time  who       what")

    def tell(at: float, who: str, text: str, event: object) -> None:
        is_told = not isinstance(event, PortEvent) or (event.source, event.name) in _TOLD
        if options.trace or is_told:
            mark = ">>" if "INJECTED" in text or "KILLED" in text or "HEALED" in text else "  "
            out(f"{at:9.3f}  {who:8}{mark}{text}")

    outcome = run_seed(options.seed, members=options.members, tell=tell)
    _sum_up(story, outcome)
    return ChaosResult(tuple(story.checks), outcome)


def _sum_up(story: Story, outcome: Outcome) -> None:
    story.heading("What was injected")
    story.rows([(name, str(count)) for name, count in sorted(outcome.faults.items())] or [("nothing", "")])
    story.heading("What held")
    failed, detail = outcome.failure or ("", "")
    asked = outcome.checks + Counter(dict.fromkeys(("lost-in-calm", "disturbed"), outcome.counts["calm deeds"]))
    for claim, sentence in CLAIMS.items():
        # A history that ended early has not come to what is claimed of its end, and not all have a calm.
        if claim == failed or asked[claim] or (not failed and claim not in ("lost-in-calm", "disturbed")):
            often = f" Asked {asked[claim]} times." if asked[claim] else ""
            story.check(claim, claim != failed, f"{detail if claim == failed else sentence}{often}")
    if failed:
        story.say(f"The history ended there, at {outcome.at_s:.3f} s; `--trace` tells all of it.")
        return
    counts = outcome.counts
    story.say(
        f"{outcome.at_s:.0f} s were simulated, {counts['steps']} steps of ports, {counts['MKPDUs']} MKPDUs, "
        f"{counts['data frames']} data frames. All had one SAK {outcome.healed_after_s:.1f} s after the healing."
    )
