"""Why this exists: liveness rests on two numbers of our own, the Member Identifier and the Member Number.

A participant names itself by an MI drawn at random and numbers its MKPDUs by an MN that rises from 1 (802.1X-2020
9.4.2). Whoever lists our MI with an MN that we have sent within the last MKA Life Time hears us now (9.4.3): so we
remember which MNs those are. Not the last two: with hurried MKPDUs, a peer may well be many behind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pysec.errors import InternalError
from pysec.types import MI_OCTETS, PN_SPACE, Mi

LAST_MN = PN_SPACE - 1


class Member:
    """Our own MI and MN in one CA."""

    def __init__(self, rng: Callable[[int], bytes], life_time_s: float) -> None:
        self._rng, self._life_time_s = rng, life_time_s
        self.mi = self._draw()
        self.mn = 0
        self._sent: deque[tuple[int, float]] = deque()

    def _draw(self) -> Mi:
        octets = self._rng(MI_OCTETS)
        if len(octets) != MI_OCTETS:
            raise InternalError(f"random octets: asked for {MI_OCTETS}, got {len(octets)}")
        return Mi(octets)

    def renew(self) -> None:
        """Take a new MI and begin with its first MN (802.1X-2020 9.4.2)."""
        self.mi = self._draw()
        self.mn = 0
        self._sent.clear()

    @property
    def is_worn(self) -> bool:
        """Whether the MNs of this MI are used up."""
        return self.mn >= LAST_MN

    def next_mn(self, now: float) -> int:
        """The MN of an MKPDU that is sent now."""
        if self.is_worn:
            raise InternalError("MN: used up, and the MI was not renewed")
        self.mn += 1
        self._forget(now)
        self._sent.append((self.mn, now))
        return self.mn

    def _forget(self, now: float) -> None:
        while self._sent and now - self._sent[0][1] > self._life_time_s:
            self._sent.popleft()

    def has_missed(self, mn: int, now: float, margin_s: float) -> bool:
        """Whether whoever has heard nothing after this MN has missed one that we sent at least `margin_s` ago."""
        return now - next((at for sent, at in self._sent if sent > mn), now) >= margin_s

    def sent_at(self, mn: int) -> float | None:
        """When we sent this MN; None if that is longer ago than the MKA Life Time, or never was."""
        return next((at for sent, at in self._sent if sent == mn), None)

    def is_recent(self, mn: int, now: float) -> bool:
        """Whether we sent this MN within the last MKA Life Time (802.1X-2020 9.4.3)."""
        self._forget(now)
        return bool(self._sent) and self._sent[0][0] <= mn <= self.mn
