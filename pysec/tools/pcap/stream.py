"""Why this exists: a capture of any size goes through a SecY in bursts, and comes out in its own order.

`Bursts` collects up to 256 packets, each for one of several SecYs, and lets every SecY work on its share in one call.
Memory is bounded by the arenas, whatever the size of the capture. Packets that no SecY gets (cut short by the
capture, or without a key) keep their place among the others.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from pysec.dataplane import Action, FrameArena, Reason, SecY, Verdict
from pysec.tools.pcap.reader import CaptureReader, Interface, Packet, Section

BURST: Final = 256
BURST_OCTETS: Final = 1 << 22
"""A burst ends before its packets are longer than this together."""
_ROOM: Final = 32  # headroom and tailroom that protecting needs
_FIRST_SLOT: Final = 2048

Work = Callable[[SecY, FrameArena], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one packet, and the frame as the SecY left it."""

    packet: Packet
    verdict: Verdict
    reason: Reason
    action: Action
    pn: int
    sci: int
    an: int
    frame: bytes

    @property
    def is_passed(self) -> bool:
        """Whether the SecY delivered it, or would have sent it."""
        return self.action is not Action.DISCARD


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A packet that no SecY was given."""

    packet: Packet


class Bursts:
    """The packets of the present burst, in order, and the SecYs that they go to.

    There is one arena for all SecYs, however many: each has its share of the burst laid into it, and what became of
    that is copied out before the next has its turn.
    """

    def __init__(self, secys: Sequence[SecY], work: Work) -> None:
        self._secys = secys
        self._work = work
        self._waiting: list[tuple[Packet, int | None]] = []
        self._octets = 0
        self._slot = _FIRST_SLOT
        self._arena = FrameArena(BURST, _FIRST_SLOT)

    def put(self, packet: Packet, lane: int | None) -> bool:
        """Add a packet for the SecY of this index, or for none; False if the burst must be worked off first."""
        octets = self._octets + len(packet.data)
        if self._waiting and (len(self._waiting) == BURST or octets > BURST_OCTETS):
            return False
        self._waiting.append((packet, lane))
        self._octets = octets
        return True

    def work_off(self) -> Iterator[Outcome | LeftOut]:
        """Let every SecY work, and tell what became of the packets in their order."""
        waiting, self._waiting, self._octets = self._waiting, [], 0
        found: list[Outcome | LeftOut] = [LeftOut(packet) for packet, _ in waiting]
        shares: dict[int, list[int]] = {}
        for place, (_, lane) in enumerate(waiting):
            if lane is not None:
                shares.setdefault(lane, []).append(place)
        for lane, places in shares.items():
            packets = [waiting[place][0] for place in places]
            for place, outcome in zip(places, self._run(self._secys[lane], packets), strict=True):
                found[place] = outcome
        yield from found

    def _run(self, secy: SecY, packets: Sequence[Packet]) -> Iterator[Outcome]:
        self._make_room(max(len(packet.data) for packet in packets))
        for start in range(0, len(packets), self._arena.capacity):
            share = packets[start : start + self._arena.capacity]
            self._arena.fill([packet.data for packet in share])
            self._work(secy, self._arena)
            used = self._arena.frames[: len(share)]
            columns = [used[name].tolist() for name in ("verdict", "reason", "action", "pn", "sci", "an")]
            for i, packet in enumerate(share):
                verdict, reason, action, pn, sci, an = (column[i] for column in columns)
                frame = bytes(self._arena[i])
                yield Outcome(packet, Verdict(verdict), Reason(reason), Action(action), pn, sci, an, frame)

    def _make_room(self, longest: int) -> None:
        if longest + _ROOM > self._slot:
            self._slot = 1 << (longest + _ROOM - 1).bit_length()
            self._arena = FrameArena(max(1, min(BURST, BURST_OCTETS // self._slot)), self._slot)


def through(
    reader: CaptureReader,
    bursts: Bursts,
    route: Callable[[Packet], int | None],
    before: Callable[[Packet], Callable[[], None] | None] = lambda packet: None,
) -> Iterator[Section | Interface | Outcome | LeftOut]:
    """Everything that a capture holds, its packets after their SecY.

    `before` may return something to be done when all packets before this one have been worked off.
    """
    for item in reader:
        if not isinstance(item, Packet):
            yield from bursts.work_off()
            yield item
            continue
        if change := before(item):
            yield from bursts.work_off()
            change()
        lane = None if item.is_cut else route(item)
        if not bursts.put(item, lane):
            yield from bursts.work_off()
            bursts.put(item, lane)
    yield from bursts.work_off()


@contextlib.contextmanager
def capture_input(source: Path) -> Iterator[CaptureReader]:
    """A reader of a file, or of the standard input for `-`."""
    if str(source) == "-":
        yield CaptureReader(sys.stdin.buffer, "standard input")
        return
    stream: BinaryIO
    with source.open("rb") as stream:
        yield CaptureReader(stream, str(source))
