"""Why this exists: a Python object for each frame costs more than protecting the frame.

A `FrameArena` is one block of memory with equal slots and one numpy array of descriptors. A burst crosses into C as
two pointers; frames are protected and validated where they lie, with room in front for the SecTAG and behind for
the ICV.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pysec.dataplane.bridge import ffi, lib
from pysec.dataplane.verdicts import Action
from pysec.errors import UsageError

Octets = bytes | bytearray | memoryview
HEADROOM: Final = int(lib.PYSEC_HEADROOM)
TAILROOM: Final = int(lib.PYSEC_TAILROOM)
MAX_BURST: Final = int(lib.PYSEC_MAX_BURST)
_MAX_ARENA: Final = (1 << 32) - 1

FRAME_DTYPE: Final = np.dtype(
    [
        ("offset", "<u4"),
        ("len", "<u4"),
        ("slot", "<u4"),
        ("slot_len", "<u4"),
        ("pn", "<u8"),
        ("sci", "<u8"),
        ("verdict", "u1"),
        ("reason", "u1"),
        ("action", "u1"),
        ("an", "u1"),
        ("user", "<u4"),
    ],
    align=True,
)
"""The layout of struct pysec_frame in csrc/pysec.h."""

if FRAME_DTYPE.itemsize != ffi.sizeof("struct pysec_frame"):  # pragma: no cover - a broken build
    raise ImportError("FRAME_DTYPE does not match struct pysec_frame: rebuild pysec")


class FrameArena:
    """Memory for up to `slots` frames, lent to the core in bursts.

    memory: numpy array of octets, shape (slots * slot_octets,). frames: descriptors, dtype FRAME_DTYPE, shape
    (slots,), of which the first `count` are in use. A frame is the octets from the destination address to the last
    one before the FCS. One thread at a time may use an arena.
    """

    def __init__(
        self, slots: int = MAX_BURST, slot_octets: int = 2048, headroom: int = HEADROOM, tailroom: int = TAILROOM
    ) -> None:
        """Make an arena; the largest frame that fits has slot_octets - headroom - tailroom octets (UsageError)."""
        if slots < 1 or headroom < 0 or tailroom < 0 or slot_octets < headroom + tailroom + 14:
            raise UsageError(f"arena: {slots} slots of {slot_octets} octets do not hold one Ethernet header")
        if slots * slot_octets > _MAX_ARENA:
            raise UsageError(f"arena: {slots} slots of {slot_octets} octets are 4 GiB or more")
        self.capacity = slots
        self.slot_octets = slot_octets
        self.headroom = headroom
        self.max_frame_octets = slot_octets - headroom - tailroom
        self.count = 0
        self._memory: npt.NDArray[np.uint8] = np.zeros(slots * slot_octets, np.uint8)
        self._frames: npt.NDArray[np.void] = np.zeros(slots, FRAME_DTYPE)
        self._view = self._memory.data
        self._slots: npt.NDArray[np.uint32] = np.arange(slots, dtype=np.uint32) * np.uint32(slot_octets)
        self.frames["slot"] = self._slots
        self.frames["slot_len"] = slot_octets
        self._native_memory = ffi.from_buffer("uint8_t[]", self.memory, require_writable=True)
        self._native_frames = ffi.from_buffer("struct pysec_frame[]", self.frames, require_writable=True)

    @property
    def memory(self) -> npt.NDArray[np.uint8]:
        """The octets of all slots, shape (slots * slot_octets,)."""
        return self._memory

    @property
    def frames(self) -> npt.NDArray[np.void]:
        """The descriptors, dtype FRAME_DTYPE, shape (slots,); the first `count` are in use."""
        return self._frames

    def clear(self) -> None:
        """Forget all frames; the memory is written over as new ones come."""
        self.count = 0

    def add(self, frame: Octets) -> int:
        """Copy a frame into the next slot and return its index (UsageError if it does not fit)."""
        index = self.count
        length = len(frame)
        if index >= self.capacity:
            raise UsageError(f"arena: all {self.capacity} slots are taken")
        if length > self.max_frame_octets:
            raise UsageError(f"arena: a frame of {length} octets, at most {self.max_frame_octets} fit")
        offset = index * self.slot_octets + self.headroom
        self._view[offset : offset + length] = frame
        row = self.frames[index]
        row["offset"] = offset
        row["len"] = length
        self.count = index + 1
        return index

    def extend(self, frames: Iterable[Octets]) -> int:
        """Copy frames in until they or the slots are at an end; how many went in (UsageError: one is too long)."""
        start = at = self.count
        view, headroom, step, limit = self._view, self.headroom, self.slot_octets, self.max_frame_octets
        lengths = []
        for frame in frames:
            if at >= self.capacity:
                break
            length = len(frame)
            if length > limit:
                raise UsageError(f"arena: a frame of {length} octets, at most {limit} fit")
            offset = at * step + headroom
            view[offset : offset + length] = frame
            lengths.append(length)
            at += 1
        self.frames["offset"][start:at] = self._slots[start:at] + np.uint32(headroom)
        self.frames["len"][start:at] = lengths
        self.count = at
        return at - start

    def fill(self, frames: Sequence[Octets]) -> None:
        """Replace the contents by these frames, which must all fit (UsageError)."""
        if len(frames) > self.capacity:
            raise UsageError(f"arena: {len(frames)} frames for {self.capacity} slots")
        self.clear()
        self.extend(frames)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> memoryview:
        """Frame `index` as it lies now; the view is good until the slot is used again."""
        if not 0 <= index < self.count:
            raise IndexError(f"arena: no frame {index}, there are {self.count}")
        row = self.frames[index]
        offset = int(row["offset"])
        return self._view[offset : offset + int(row["len"])]

    def __iter__(self) -> Iterator[memoryview]:
        return (self[i] for i in range(self.count))

    def to_list(self, mask: npt.NDArray[np.bool_] | None = None) -> list[bytes]:
        """Copies of the frames, or of those where mask is true, in order."""
        used = self.frames[: self.count] if mask is None else self.frames[: self.count][mask]
        offsets, lengths = used["offset"].tolist(), used["len"].tolist()
        view = self._view
        return [bytes(view[at : at + length]) for at, length in zip(offsets, lengths, strict=True)]

    def delivered(self) -> list[bytes]:
        """Copies of the frames that go on: to the controlled port after validate, to the common port after protect."""
        actions = self.frames["action"][: self.count]
        return self.to_list((actions == Action.CONTROLLED) | (actions == Action.COMMON))

    @property
    def verdicts(self) -> npt.NDArray[np.uint8]:
        """The verdicts of the last burst, as a copy; compare with members of Verdict."""
        return self.frames["verdict"][: self.count].copy()

    @property
    def reasons(self) -> npt.NDArray[np.uint8]:
        """The reasons, as a copy; compare with members of Reason."""
        return self.frames["reason"][: self.count].copy()

    @property
    def actions(self) -> npt.NDArray[np.uint8]:
        """The actions, as a copy; compare with members of Action."""
        return self.frames["action"][: self.count].copy()

    @property
    def pns(self) -> npt.NDArray[np.uint64]:
        """The packet numbers assigned or recovered, as a copy; 0 where there is none."""
        return self.frames["pn"][: self.count].copy()

    def native(self) -> tuple[Any, int, Any, int]:
        """Memory, its octets, descriptors, their number: what the core's burst calls take (UsageError)."""
        if not 0 <= self.count <= len(self._native_frames):
            raise UsageError(f"arena: {self.count} frames in {len(self._native_frames)} slots")
        return self._native_memory, len(self._native_memory), self._native_frames, self.count
