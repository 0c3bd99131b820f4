"""Why this exists: one history proves little; ten thousand, with what was injected into them counted, prove more."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pysec.lab.sim.member import MakePort
from pysec.lab.sim.referee import Violation
from pysec.lab.sim.scenario import Scenario
from pysec.lab.sim.world import Tell, World
from pysec.pae import PortAccessEntity


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one seed. failure: the claim that did not hold, and how; None if all did."""

    seed: int
    failure: tuple[str, str] | None
    at_s: float
    members: int
    healed_after_s: float
    faults: Counter[str]
    counts: Counter[str]
    checks: Counter[str]


def run_seed(
    seed: int,
    *,
    members: int | None = None,
    make_port: MakePort = PortAccessEntity,
    tell: Tell | None = None,
) -> Outcome:
    """Run the history of a seed."""
    world = World(Scenario.draw(seed, members), make_port, tell)
    failure = None
    try:
        world.run()
    except Violation as violation:
        failure = violation.claim, violation.detail
        world.note("REFEREE", f"FAILED {violation}")
    return Outcome(
        seed,
        failure,
        world.timeline.now,
        len(world.members),
        world.healed_after_s,
        world.faults,
        world.counts,
        world.referee.checks,
    )


@dataclass
class Batch:
    """The sum over many seeds."""

    seeds: int = 0
    failures: list[Outcome] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    longest_healing_s: float = 0.0
    simulated_s: float = 0.0
    begun: float = field(default_factory=time.monotonic)

    def add(self, outcome: Outcome) -> None:
        """Take in one outcome."""
        self.seeds += 1
        self.faults += outcome.faults
        self.counts += outcome.counts
        self.checks += outcome.checks
        self.simulated_s += outcome.at_s
        self.longest_healing_s = max(self.longest_healing_s, outcome.healed_after_s)
        if outcome.failure is not None:
            self.failures.append(outcome)

    def as_json(self) -> dict[str, Any]:
        """The last line of `make sim`."""
        return {
            "seeds": self.seeds,
            "failures": len(self.failures),
            "failed_seeds": [outcome.seed for outcome in self.failures],
            "faults": dict(sorted(self.faults.items())),
            "checks": dict(sorted(self.checks.items())),
            "counts": dict(sorted(self.counts.items())),
            "longest_healing_s": round(self.longest_healing_s, 1),
            "simulated_s": round(self.simulated_s),
            "seconds": round(time.monotonic() - self.begun, 1),
        }

    def last_line(self) -> str:
        """As one JSON object."""
        return json.dumps(self.as_json())
