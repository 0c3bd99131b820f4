"""The arena lends memory; frames move inside their slots and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from pysec import FrameArena, Sci, SecY, UsageError
from pysec.dataplane import FRAME_DTYPE

FRAMES = [bytes([i]) * (14 + i) for i in range(20)]


def test_frames_come_back_as_they_went_in() -> None:
    arena = FrameArena(32, 256)
    arena.fill(FRAMES)
    assert len(arena) == 20
    assert arena.to_list() == FRAMES
    assert [bytes(frame) for frame in arena] == FRAMES
    assert bytes(arena[3]) == FRAMES[3]
    assert arena.add(b"x" * 60) == 20
    assert arena.to_list(np.arange(21) % 2 == 0) == [*FRAMES[::2], b"x" * 60]
    arena.clear()
    assert len(arena) == 0
    assert arena.extend(FRAMES * 3) == 32


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    arena = FrameArena(3, 128)
    arena.add(b"a" * 60)
    with pytest.raises(UsageError, match="at most 96"):
        arena.add(b"b" * 97)
    with pytest.raises(UsageError, match="at most 96"):
        arena.extend([b"c" * 20, b"b" * 97])
    assert arena.to_list() == [b"a" * 60]
    arena.extend([b"d" * 96] * 2)
    with pytest.raises(UsageError, match="slots are taken"):
        arena.add(b"e" * 60)
    with pytest.raises(UsageError, match="4 frames for 3 slots"):
        arena.fill([b"f" * 60] * 4)
    with pytest.raises(IndexError):
        arena[3]


@pytest.mark.parametrize("arguments", [(0, 2048), (1, 40), (1 << 20, 1 << 13), (1, 2048, -1)])
def test_impossible_arenas(arguments: tuple[int, ...]) -> None:
    with pytest.raises(UsageError):
        FrameArena(*arguments)


def test_descriptors_are_the_structure_of_the_header() -> None:
    assert FRAME_DTYPE.itemsize == 40
    assert FRAME_DTYPE.fields is not None
    assert {name: int(at) for name, (_, at, *_) in FRAME_DTYPE.fields.items()} == {
        "offset": 0,
        "len": 4,
        "slot": 8,
        "slot_len": 12,
        "pn": 16,
        "sci": 24,
        "verdict": 32,
        "reason": 33,
        "action": 34,
        "an": 35,
        "user": 36,
    }


def test_descriptors_made_up_by_the_caller_do_no_harm() -> None:
    """A slot outside the arena, or a frame outside its slot, is a verdict and not a memory error."""
    from pysec import Reason, Verdict

    arena = FrameArena(1, 128)
    secy = SecY(Sci(1 << 16 | 1))
    before = arena.memory.copy()
    for offset, length, slot, slot_len in [
        (0, 60, 100, 60),
        (0, 0xFFFFFFFF, 0, 128),
        (0xFFFFFFF0, 60, 0, 128),
        (10, 60, 20, 100),
        (0, 129, 0, 128),
        (0, 60, 0xFFFFFFFF, 60),
        (120, 20, 0, 128),
        (0, 60, 0, 0xFFFFFFFF),
    ]:
        arena.count = 1
        arena.frames[0] = (offset, length, slot, slot_len, 0, 0, 0, 0, 0, 0, 7)
        assert secy.validate(arena)[0] == Verdict.IN_MALFORMED
        assert arena.reasons[0] == Reason.NO_ROOM
        assert secy.protect(arena)[0] == Verdict.OUT_MALFORMED
        assert arena.frames[0]["user"] == 7
    assert (arena.memory == before).all()
