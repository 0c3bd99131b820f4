"""Why this exists: three sentences of 10.6 decide what a replayed frame is; here they stand as three short functions.

Python integers do not wrap, so 2^32 and 2^64 are just numbers here, and the C must agree without having them.
Written from IEEE 802.1AE-2018 10.6.2, 10.6.4, 10.6.5 and 10.7.8.
"""

from __future__ import annotations

from dataclasses import dataclass, field

XPN_WINDOW_LIMIT = 2**30 - 1


def recover_pn(lowest_acceptable_pn: int, pn_field: int) -> int:
    """The 64-bit PN that 32 received bits stand for (802.1AE-2018 10.6.2, Table 10-2).

    The result has 64 bits: past 2^64 it starts again from zero, which no acceptable PN ever does.
    """
    high, low = lowest_acceptable_pn >> 32, lowest_acceptable_pn & 0xFFFF_FFFF
    if low >> 31 == 1 and pn_field >> 31 == 0:
        high += 1
    return (high << 32 | pn_field) % 2**64


def window_in_use(replay_window: int, *, extended: bool) -> int:
    """The replayWindow that 10.6 works with: at most 2^30 - 1 with 64-bit PNs (802.1AE-2018 10.7.8)."""
    return min(replay_window, XPN_WINDOW_LIMIT) if extended else replay_window


@dataclass
class Replay:
    """nextPN and the lowest acceptable PN of one receive SA, and the PNs seen, for who refuses duplicates."""

    lowest_pn: int
    next_pn: int
    seen: set[int] = field(default_factory=set)
    all_seen_below: int = 0

    def is_late(self, pn: int) -> bool:
        """Whether a PN is less than the lowest acceptable one (802.1AE-2018 10.6.2, 10.6.4)."""
        return pn < self.lowest_pn

    def is_duplicate(self, pn: int) -> bool:
        """Whether a frame with this PN was valid before."""
        return pn in self.seen or pn < self.all_seen_below

    def continue_from(self, past: Replay) -> None:
        """Decided: an SA that comes back goes on where it stood; nothing below its next PN is new to it."""
        self.lowest_pn = max(self.lowest_pn, past.lowest_pn)
        self.next_pn = self.all_seen_below = max(self.next_pn, past.next_pn)

    def accept(self, pn: int, window: int) -> None:
        """Move for a frame that is VALID; nothing else moves anything but the KaY (802.1AE-2018 10.6.5)."""
        if pn >= self.next_pn:
            self.next_pn = pn + 1
        self.lowest_pn = max(self.lowest_pn, self.next_pn - window)
        self.seen.add(pn)
        if len(self.seen) > 4096:
            self.seen = {old for old in self.seen if old >= self.lowest_pn}

    def raise_lowest(self, pn: int) -> None:
        """The KaY's updtLowestPN: it raises, never lowers (802.1AE-2018 10.7.15)."""
        self.lowest_pn = max(self.lowest_pn, pn)
