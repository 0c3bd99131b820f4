"""Why this exists: the core works on bursts, groups frames by key and looks ahead; the standard knows one frame after
the other. Whatever hypothesis thinks of, both must come to the same verdicts, octets, counters and packet numbers.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.parts import Config
from tests.model.secy import SecY
from tests.model.subject import NativeSecY
from tests.model.wire import SUITES, Peer, new_sak
from tests.model.world import MAX_FRAME, MOODS, World

SIZES = st.one_of(st.integers(1, 9), st.sampled_from([16, 17, 31, 63, 100]), st.sampled_from([255, 256]))
STEPS = st.lists(st.tuples(st.sampled_from(["validate", "validate", "protect"]), SIZES, st.integers(0, 3)), max_size=6)


@settings(max_examples=settings.default.max_examples * 4)
@given(
    seed=st.integers(0, 2**64 - 1), suite=st.sampled_from(SUITES), moods=st.sets(st.sampled_from(MOODS)), steps=STEPS
)
def test_bursts(seed, suite, moods, steps):
    """802.1AE-2018 10.5 and 10.6, all controls of 10.7.8 and 10.7.17, in bursts of 1 to 256 with management between."""
    world = World(seed, suite, moods)
    for direction, number, changes in steps:
        getattr(world, direction)(number)
        for _ in range(changes):
            world.change_something()
        world.compare_state()


@given(seed=st.integers(0, 2**64 - 1), suite=st.sampled_from(SUITES), mood=st.sampled_from(MOODS))
def test_one_mood(seed, suite, mood):
    """One way of bending frames at a time, in one large burst after a small one (802.1AE-2018 9.12, 10.6)."""
    world = World(seed, suite, {mood})
    world.validate(5)
    world.validate(256)


@given(seed=st.integers(0, 2**64 - 1), suite=st.sampled_from([s for s in SUITES if "XPN" in s]))
def test_extended_packet_numbers(seed, suite):
    """802.1AE-2018 10.6.2: jumps of 2^30 to 2^32, reordering, replays; each PN hangs on those before."""
    world = World(seed, suite, {"jump", "gap", "old", "again", "key"})
    for number in (3, 40, 200):
        world.validate(number)
        world.change_something()


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("confidentiality", [True, False])
def test_every_length(suite, confidentiality):
    """Frames of all lengths from 14 to 9,216 octets, sealed by one side and opened by the other (802.1AE-2018 10.5.4,
    9.7, 9.10)."""
    local, remote = 0x0200_0000_00B1_0001, 0x0200_0000_00FF_0001
    lengths = range(14, MAX_FRAME + 1)
    sak = new_sak(suite)
    config = Config(always_include_sci=confidentiality)
    model, core = SecY(local, suite, config), NativeSecY(local, suite, config, arena=World.shared_arena())
    receiver = NativeSecY(remote, suite, arena=World.shared_arena())
    for sender in (model, core):
        sender.install_sak(sak.ki, sak.key, sak.salt)
        sender.create_transmit_sa(1, sak.ki, ssci=1, confidentiality=confidentiality)
        sender.enable_transmit(sak.ki)
    Peer(local, suite, sak, an=1, ssci=1).join(receiver)
    pattern = bytes(range(256)) * (MAX_FRAME // 256 + 1)
    for at in range(0, len(lengths), 256):
        frames = [pattern[n % 7 : n % 7 + n] for n in lengths[at : at + 256]]
        sealed = model.protect_burst(frames)
        assert core.protect_burst(frames) == sealed
        opened = receiver.validate_burst([outcome.frame for outcome in sealed])
        assert [outcome.frame for outcome in opened] == frames
    assert +receiver.packets == {"IN_OK": len(lengths)}
