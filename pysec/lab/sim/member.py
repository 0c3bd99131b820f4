"""Why this exists: a station is three things that can fail apart: its clock, its process and its data plane.

`Member` holds them. A process that is killed leaves its data plane as it was between two calls, and that goes on with
what it has; the next process finds it so. A machine that is switched off loses both. In either case the new process
knows nothing: another MI, Member Numbers from 1.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from pysec.lab.sim.dataplane import SimDriver
from pysec.lab.sim.scenario import Station
from pysec.mka.keys import Cak
from pysec.mka.participant import Participant
from pysec.pae import PortAccessEntity
from pysec.types import Ki, Mi, Sci

MakePort = Callable[..., PortAccessEntity]


@dataclass(eq=False)
class Member:
    """A station of the LAN."""

    name: str
    station: Station
    driver: SimDriver
    pae: PortAccessEntity | None = None
    """None: its process does not run."""
    offset: float = 0.0
    """Its clock, less the true time."""
    is_on: bool = False
    """Whether its data plane runs."""
    is_gone: bool = False
    """Whether it has left for good."""
    lives: int = 0
    wake_id: int = 0
    wake_at: float = float("inf")
    calls_seen: int = 0
    heard_at: dict[Mi, float] = field(default_factory=dict)
    """When something new of an MI reached us, by our clock."""
    heard_mn: dict[Mi, int] = field(default_factory=dict)
    took_at: dict[str, float] = field(default_factory=dict)
    """When the last MKPDU of a member that reached us had been sent, in true time."""
    is_paused: bool = False
    clock_was_set: bool = False

    @property
    def sci(self) -> Sci:
        """Its SCI."""
        return self.station.sci

    @property
    def participant(self) -> Participant | None:
        """The only participant of its KaY."""
        return None if self.pae is None else next(iter(self.pae.kay.participants.values()), None)

    @property
    def is_sending_with(self) -> Ki | None:
        """The key that its frames are protected with, or None if none pass."""
        return self.driver.sending_with if self.is_on else None

    def wanted_keys(self) -> set[Ki]:
        """The keys that its Controlled Port machine uses."""
        if self.pae is None:
            return set()
        v = self.pae.cp.variables
        return {state.ki for state in (v.latest, v.old) if state is not None}

    def start(self, seed: str, cak: Cak, now: float, make_port: MakePort) -> None:
        """A new process, over the data plane as it is."""
        self.lives += 1
        self.is_on = True
        rng = random.Random(f"{seed}/{self.name}/{self.lives}")  # noqa: S311 - a run is to be repeated
        pae = make_port(self.station.config, self.sci, self.driver, rng.randbytes, now + self.offset)
        self.pae = pae
        self.wake_at = float("inf")
        self.heard_at.clear()
        self.heard_mn.clear()
        self.took_at.clear()
        self.is_paused = False
        pae.add_cak(cak, now + self.offset)
        pae.set_port_enabled(True, now + self.offset)
