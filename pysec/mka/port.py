"""Why this exists: the participants of a port have one SecY, one list of events and one wish for a SAK between them.

Only the principal participant makes or takes SAKs (802.1X-2020 9.8, 9.10), but the ANs of all count (9.9), and a wish
outlives a change of the principal. So these stand here and not in a participant.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pysec.mka.config import KayConfig
from pysec.mka.events import Event, RekeyRequested
from pysec.types import An, Ki, Sci

UNUSED_PN = 1
"""What MKPDUs say of a SAK that was not transmitted with: some receivers refuse a 0 (802.1X-2020 11.11.3)."""


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What the SecY does with a SAK: rx and tx as LRX and LTX, or ORX and OTX, say it (802.1X-2020 9.10)."""

    ki: Ki
    an: An
    rx: bool
    tx: bool


@dataclass(slots=True)
class PortState:
    """What the participants of a port share."""

    config: KayConfig
    sci: Sci
    rng: Callable[[int], bytes]
    events: deque[Event] = field(default_factory=deque)
    counters: Counter[str] = field(default_factory=Counter)
    latest: KeyUse | None = None
    old: KeyUse | None = None
    plain_tx: bool = False
    plain_rx: bool = False
    lowest_pns: dict[Ki, int] = field(default_factory=dict)
    spent: Ki | None = None
    """The SAK whose packet numbers our SecY has used up."""
    last_an: An | None = None
    wanted: str | None = None

    def emit(self, event: Event) -> None:
        """Add an event."""
        self.events.append(event)

    def want_sak(self, reason: str) -> None:
        """A new SAK is wanted. The wish stays until a new SAK is there (802.1X-2020 9.8)."""
        if self.wanted is None:
            self.wanted = reason
            self.emit(RekeyRequested(reason))

    def satisfied(self, an: An) -> None:
        """A new SAK is there, with this AN."""
        self.wanted, self.last_an, self.spent = None, an, None

    def use_of(self, ki: Ki) -> KeyUse | None:
        """What the SecY does with this SAK."""
        return next((use for use in (self.latest, self.old) if use is not None and use.ki == ki), None)

    @property
    def ans_in_use(self) -> set[An]:
        """The ANs whose SAs our SecY has."""
        return {use.an for use in (self.latest, self.old) if use is not None}
