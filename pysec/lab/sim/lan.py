"""Why this exists: a wire that loses, doubles, delays and cuts must do so again for the same seed, frame by frame.

`Timeline` is the order of everything; `Lan` decides what becomes of a frame between one member and another. While it
is `perfect`, every frame arrives once, after the same delay, in the order in which it was sent.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

Act = Callable[[], object]


class Timeline:
    """What is to happen, in the order of time; at one time, in the order in which it was planned."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Act]] = []
        self._planned = 0

    def at(self, when: float, act: Act) -> None:
        """Plan something."""
        self._planned += 1
        heapq.heappush(self._heap, (max(when, self.now), self._planned, act))

    def after(self, seconds: float, act: Act) -> None:
        """Plan something for so many seconds from now."""
        self.at(self.now + seconds, act)

    def run_until(self, end: float) -> None:
        """Let happen what is planned up to a time."""
        heap = self._heap
        while heap and heap[0][0] <= end:
            self.now, _, act = heapq.heappop(heap)
            act()
        self.now = max(self.now, end)


@dataclass(slots=True)
class LinkQuality:
    """Probabilities for each frame and receiver, and delays in seconds; jitter reorders."""

    delay_s: float = 0.001
    jitter_s: float = 0.0
    loss: float = 0.0
    duplication: float = 0.0

    @property
    def is_perfect(self) -> bool:
        """Whether no frame is lost, doubled or overtaken."""
        return not (self.jitter_s or self.loss or self.duplication)


class Lan:
    """Carries frames between members, who are known by their names."""

    def __init__(self, timeline: Timeline, rng: random.Random, faults: Counter[str]) -> None:
        self._timeline, self._rng, self._faults = timeline, rng, faults
        self.quality = LinkQuality()
        self._cuts: Counter[tuple[str, str]] = Counter()

    def carry(self, source: str, target: str, arrive: Act) -> None:
        """A frame is on its way from one member to another."""
        quality, rng = self.quality, self._rng
        if self._cuts and self._cuts[source, target] > 0:
            self._faults["frame cut off"] += 1
            return
        if quality.is_perfect:
            self._timeline.after(quality.delay_s, arrive)
            return
        if rng.random() < quality.loss:
            self._faults["frame lost"] += 1
            return
        copies = 1
        if rng.random() < quality.duplication:
            self._faults["frame doubled"] += 1
            copies = 2
        for _ in range(copies):
            delay = rng.random() * quality.jitter_s
            if delay > 0.001:
                self._faults["frame delayed"] += 1
            self._timeline.after(quality.delay_s + delay, arrive)

    def cut(self, pairs: list[tuple[str, str]], seconds: float) -> None:
        """Nothing passes between these pairs, in this direction, for so long."""

        def mend() -> None:
            for pair in pairs:
                self._cuts[pair] -= 1

        for pair in pairs:
            self._cuts[pair] += 1
        self._timeline.after(seconds, mend)

    def heal(self) -> None:
        """From now on the LAN is perfect. What is delayed still arrives when it would have."""
        self.quality = LinkQuality(self.quality.delay_s)
        self._cuts = Counter(dict.fromkeys(self._cuts, -10_000))

    def is_cut(self, source: str, target: str) -> bool:
        """Whether nothing passes in this direction."""
        return self._cuts[source, target] > 0
