"""Why this exists: descriptors come from a caller who may be wrong, and the core writes where they point. Whatever they
say, nothing outside the frame's own slot may change, and nothing outside the arena may be touched.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pysec
from pysec import Reason, Verdict
from tests.model.subject import NativeSecY
from tests.model.wire import Peer, new_sak, user_data

SUITE = "GCM-AES-128"
LOCAL = 0x0200_0000_00B1_0001
SCI = 0x0200_0000_00A1_0001
PEER = Peer(SCI, SUITE, new_sak(SUITE, 1))
FRAME = bytes.fromhex("0200000000d10200000000b1") + user_data(60)
SLOT = 256


def make_secy():
    """A SecY that sends (with its SCI in each frame) and receives."""
    secy = NativeSecY(LOCAL, SUITE)
    secy.reconfigure(always_include_sci=True)
    sak = new_sak(SUITE)
    secy.install_sak(sak.ki, sak.key)
    secy.create_transmit_sa(0, sak.ki)
    secy.enable_transmit(sak.ki)
    PEER.join(secy)
    return secy.secy


SECY = make_secy()


def arena_with(frame):
    """Three slots, the frame in each."""
    arena = pysec.FrameArena(slots=3, slot_octets=SLOT)
    arena.memory[:] = 0xEE
    arena.fill([frame] * 3)
    return arena


def set_row(arena, index, **fields):
    """Change a descriptor behind the arena's back."""
    for name, value in fields.items():
        arena.frames[name][index] = value


BAD = [
    # what a descriptor can get wrong, for a slot of 256 octets at 256
    {"offset": 255},
    {"offset": 0},
    {"offset": 512},
    {"offset": 2**32 - 1},
    {"offset": 2**32 - 20},
    {"len": SLOT},
    {"len": SLOT - 15},
    {"len": 2**32 - 1},
    {"offset": 2**32 - 16, "len": 32},
    {"slot_len": 0},
    {"slot_len": 40},
    {"slot_len": 2**32 - 1},
    {"slot_len": 3 * SLOT},
    {"slot": 2**32 - 1},
    {"slot": 3 * SLOT},
    {"slot": 2**32 - 128, "slot_len": 400},
    {"slot": 600, "slot_len": 300},
]


@pytest.mark.parametrize("fields", BAD, ids=str)
@pytest.mark.parametrize("direction", ["protect", "validate"])
def test_a_descriptor_that_lies(fields, direction):
    """It is the caller's fault, the frame is malformed for want of room, and its neighbours are served."""
    sealed = [PEER.frame(SECY.sas()[-1].next_pn + i) for i in range(3)]
    arena = arena_with(FRAME)
    if direction == "validate":
        arena.fill(sealed)
    before = arena.memory.copy()
    set_row(arena, 1, **fields)
    getattr(SECY, direction)(arena)
    row = arena.frames[1]
    assert Verdict(row["verdict"]).name == ("OUT_MALFORMED" if direction == "protect" else "IN_MALFORMED")
    assert Reason(row["reason"]).name == "NO_ROOM"
    assert row["action"] == 0
    assert np.array_equal(arena.memory[SLOT : 2 * SLOT], before[SLOT : 2 * SLOT])
    for i in (0, 2):
        assert arena.frames["action"][i] != 0


@pytest.mark.parametrize(("headroom", "tailroom"), [(16, 16), (16, 15), (15, 16), (0, 16), (16, 0), (100, 100)])
def test_room_to_protect(headroom, tailroom):
    """A SecTAG with an SCI takes 16 octets in front, the ICV 16 behind (802.1AE-2018 9.3, 9.11)."""
    arena = arena_with(FRAME)
    at, length = SLOT + headroom, len(FRAME)
    arena.memory[at : at + length] = np.frombuffer(FRAME, np.uint8)
    set_row(arena, 1, offset=at, len=length, slot_len=headroom + length + tailroom)
    before = arena.memory.copy()
    SECY.protect(arena)
    end = SLOT + headroom + length + tailroom
    if headroom >= 16 and tailroom >= 16:
        assert Verdict(arena.frames["verdict"][1]).name == "OUT_ENCRYPTED"
        assert len(arena[1]) == length + 32
    else:
        assert Verdict(arena.frames["verdict"][1]).name == "OUT_MALFORMED"
        assert Reason(arena.frames["reason"][1]).name == "NO_ROOM"
        assert np.array_equal(arena.memory[SLOT:end], before[SLOT:end])
    assert np.array_equal(arena.memory[end : 2 * SLOT], before[end : 2 * SLOT])


def test_to_validate_needs_no_room():
    """A received frame may fill its slot."""
    sealed = PEER.frame(SECY.sas()[-1].next_pn)
    arena = arena_with(sealed)
    arena.memory[SLOT : SLOT + len(sealed)] = np.frombuffer(sealed, np.uint8)
    set_row(arena, 1, offset=SLOT, len=len(sealed), slot_len=len(sealed))
    arena.frames["verdict"] = 0
    SECY.validate(arena)
    assert {Verdict(v).name for v in arena.verdicts} == {"IN_OK", "IN_LATE"}


U32 = st.one_of(st.integers(0, 1024), st.integers(0, 2**32 - 1), st.sampled_from([2**31, 2**32 - 1, 2**32 - 16]))


@given(
    rows=st.lists(st.tuples(U32, U32, U32, U32), min_size=1, max_size=8),
    direction=st.sampled_from(["protect", "validate"]),
    seed=st.binary(min_size=768, max_size=768),
)
def test_any_descriptor(rows, direction, seed):
    """Whatever the descriptors say, octets outside the slots that they name stay as they are."""
    arena = pysec.FrameArena(slots=8, slot_octets=128)
    arena.memory[:768] = np.frombuffer(seed, np.uint8)
    arena.fill([b""] * len(rows))
    own = np.zeros(arena.memory.size, bool)
    for i, (offset, length, slot, slot_len) in enumerate(rows):
        set_row(arena, i, offset=offset, len=length, slot=slot, slot_len=slot_len)
        if slot + slot_len <= arena.memory.size:
            own[slot : slot + slot_len] = True
    before = arena.memory.copy()
    verdicts = getattr(SECY, direction)(arena)
    assert all(verdicts)
    assert np.array_equal(arena.memory[~own], before[~own])
    for (_, _, slot, slot_len), row in zip(rows, arena.frames, strict=False):
        assert (row["slot"], row["slot_len"]) == (slot, slot_len)
        if row["action"]:
            assert slot <= row["offset"]
            assert int(row["offset"]) + int(row["len"]) <= slot + slot_len <= arena.memory.size
