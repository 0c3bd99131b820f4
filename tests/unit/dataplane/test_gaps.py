"""What packet numbers tell of the way: exactly as many frames as were lost, and how far out of order they came."""

from __future__ import annotations

import random

import pytest

from pysec import CipherSuite, Ki, Sci, SecY, SecYConfig, UsageError, Verdict

ALICE, BOB = Sci.of("02:00:00:00:00:01"), Sci.of("02:00:00:00:00:02")
FRAME = BOB.mac.octets + ALICE.mac.octets + b"\x88\xb5" + bytes(46)


def key(alice: SecY, bob: SecY, number: int) -> Ki:
    """A new SAK at both ends, in use."""
    ki, sak, an = Ki(number.to_bytes(16, "big")), number.to_bytes(16, "little"), number % 4
    bob.install_sak(ki, sak)
    bob.create_receive_sc(ALICE)
    bob.create_receive_sa(ALICE, an, ki)
    bob.enable_receive(ALICE, ki)
    alice.install_sak(ki, sak)
    alice.create_transmit_sa(an, ki)
    alice.enable_transmit(ki)
    return ki


@pytest.mark.parametrize("seed", range(5))
def test_loss_is_told_exactly_across_keys(seed: int) -> None:
    chance = random.Random(seed)
    with SecY(ALICE) as alice, SecY(BOB) as bob:
        lost = sent = 0
        old: Ki | None = None
        for number in range(1, 8):
            ki = key(alice, bob, number)
            for each in range(200):
                wire = alice.protect_frame(FRAME)
                sent += 1
                if each < 199 and chance.random() < 0.1:  # the last of a key arrives: what comes behind is unknown
                    lost += 1
                else:
                    assert bob.validate_frame(wire)[0] is Verdict.IN_OK
            if old is not None:
                bob.retire(old)
                alice.retire(old)
            old = ki
            gaps = bob.sc_gaps(ALICE)
            assert (gaps.passed, gaps.valid, gaps.lost) == (sent, sent - lost, lost)
        assert lost > 50
        assert (gaps.reordered, gaps.deepest) == (0, 0)


def test_canary_a_loss_that_nobody_noted() -> None:
    with SecY(ALICE) as alice, SecY(BOB) as bob:
        key(alice, bob, 1)
        for number in range(50):
            wire = alice.protect_frame(FRAME)
            if number != 20:
                bob.validate_frame(wire)
        assert bob.sc_gaps(ALICE).lost != 0


def test_the_first_frames_of_a_key_are_missed_too() -> None:
    with SecY(ALICE) as alice, SecY(BOB) as bob:
        key(alice, bob, 1)
        for _ in range(9):
            alice.protect_frame(FRAME)
        bob.validate_frame(alice.protect_frame(FRAME))
        assert bob.sc_gaps(ALICE).lost == 9


def test_order_is_told_as_far_as_the_window_takes_frames() -> None:
    with SecY(ALICE) as alice, SecY(BOB, config=SecYConfig(replay_window=10, refuse_duplicates=True)) as bob:
        key(alice, bob, 1)
        wires = [alice.protect_frame(FRAME) for _ in range(40)]
        order = [*range(5), 8, 5, 7, *range(9, 30), 6, *range(30, 40)]  # 6 comes 24 behind: too late
        assert bob.validate_frame(wires[order[0]])[0] is Verdict.IN_OK
        for at in order[1:]:
            bob.validate_frame(wires[at])
        bob.validate_frame(wires[39])  # a duplicate is no frame more
        gaps = bob.sc_gaps(ALICE)
        assert (gaps.passed, gaps.valid, gaps.lost) == (40, 39, 1)
        assert (gaps.reordered, gaps.deepest) == (2, 4)


def test_forgers_cannot_say_anything() -> None:
    """A PN that nobody has authenticated passes nothing."""
    with SecY(ALICE) as alice, SecY(BOB) as bob:
        key(alice, bob, 1)
        bob.validate_frame(alice.protect_frame(FRAME))
        wire = bytearray(alice.protect_frame(FRAME))
        wire[16:20] = (1_000_000).to_bytes(4, "big")
        assert bob.validate_frame(bytes(wire))[0] is Verdict.IN_NOT_VALID
        assert bob.sc_gaps(ALICE).passed == 1


@pytest.mark.parametrize("suite", [CipherSuite.GCM_AES_XPN_128])
def test_extended_packet_numbers_are_counted_across_the_lower_half(suite: CipherSuite) -> None:
    from pysec import Ssci

    start = (1 << 32) - 3
    with SecY(ALICE, suite) as alice, SecY(BOB, suite) as bob:
        ki, sak, salt = Ki(bytes(16)), bytes(range(16)), bytes(12)
        for secy in (alice, bob):
            secy.install_sak(ki, sak, salt=salt)
        bob.create_receive_sc(ALICE)
        bob.create_receive_sa(ALICE, 0, ki, ssci=Ssci(1), lowest_pn=start)
        bob.enable_receive(ALICE, ki)
        alice.create_transmit_sa(0, ki, ssci=Ssci(1), next_pn=start)
        alice.enable_transmit(ki)
        for number in range(10):
            wire = alice.protect_frame(FRAME)
            if number not in (2, 3, 4):
                assert bob.validate_frame(wire)[0] is Verdict.IN_OK
        assert (bob.sc_gaps(ALICE).passed, bob.sc_gaps(ALICE).lost) == (10, 3)


def test_who_is_not_there_has_no_gaps() -> None:
    with SecY(BOB) as bob, pytest.raises(UsageError):
        bob.sc_gaps(ALICE)
