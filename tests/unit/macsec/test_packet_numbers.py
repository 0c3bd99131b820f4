"""Why this exists: a packet number recovered or counted wrongly is a replay let in or a nonce used twice.

Table 10-2 as printed, more rows of the same rule, and the ends of both number spaces.
"""

from __future__ import annotations

import pytest

from tests.model.parts import Config
from tests.model.replay import recover_pn, window_in_use
from tests.model.wire import SUITES, Peer, new_sak, user_data

SCI = 0x0200_0000_00A1_0001
LOCAL = 0x0200_0000_00B1_0001

# 802.1AE-2018 Table 10-2 prints 16-bit groups of each number; the low groups of the lowest acceptable PN, which it
# leaves out, do not matter to the rule and are zero here.
TABLE_10_2 = [
    (0x0000_0007_1234_0000, 0x2A2B_5051, 0x0000_0007_2A2B_5051),
    (0x0000_0007_8234_0000, 0x2A2B_5051, 0x0000_0008_2A2B_5051),
    (0x0000_0007_8234_0000, 0x9A2B_5051, 0x0000_0007_9A2B_5051),
    (0x0000_0007_2234_0000, 0x9A2B_5051, 0x0000_0007_9A2B_5051),
]

RECOVERY = [
    # lowest acceptable PN, PN field, PN
    *TABLE_10_2,
    (1, 1, 1),
    (1, 0, 0),
    (1, 0xFFFF_FFFF, 0xFFFF_FFFF),
    (0x7FFF_FFFF, 0, 0),
    (0x8000_0000, 0, 0x1_0000_0000),
    (0x8000_0000, 0x7FFF_FFFF, 0x1_7FFF_FFFF),
    (0x8000_0000, 0x8000_0000, 0x8000_0000),
    (0xFFFF_FFFF, 0, 0x1_0000_0000),
    (0x1_0000_0000, 0xFFFF_FFFF, 0x1_FFFF_FFFF),  # not the 0xFFFFFFFF just below, which is not acceptable
    (0x1_7FFF_FFFF, 0xFFFF_FFFE, 0x1_FFFF_FFFE),
    (0xC000_0000_0000_0000, 0xFFFF_FFFF, 0xC000_0000_FFFF_FFFF),
    (0xBFFF_FFFF_FFFF_FFFF, 1, 0xC000_0000_0000_0001),
    (0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF),
    (0xFFFF_FFFF_8000_0000, 5, 5),  # past 2^64: less than any PN that is acceptable then
]


@pytest.mark.parametrize(("lowest", "field", "pn"), RECOVERY)
def test_recovery(lowest, field, pn, new_secy):
    """802.1AE-2018 10.6.2, Table 10-2: by the rule itself, and by a SecY that meets such a frame."""
    assert recover_pn(lowest, field) == pn
    if new_secy.__name__ == "NativeSecY":
        import pysec

        assert pysec.xpn_recover(lowest, field) == pn

    peer = Peer(SCI, "GCM-AES-XPN-128", new_sak("GCM-AES-XPN-128"))
    secy = new_secy(LOCAL, peer.suite)
    peer.join(secy, lowest)
    outcome = secy.validate(peer.frame(pn))
    assert outcome.pn == pn
    assert outcome.verdict == ("IN_OK" if pn >= lowest else "IN_LATE")


@pytest.mark.parametrize("delta", [0, 1, 2**30, 2**31 - 1, 2**31])
@pytest.mark.parametrize("lowest", [1, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, 0xFFFF_FFFF, 0x5_0000_0000, 2**63])
def test_recovery_is_right_for_half_the_space(lowest, delta):
    """802.1AE-2018 10.6.2: right for every PN from the lowest acceptable one to 2^31 above it."""
    assert recover_pn(lowest, (lowest + delta) & 0xFFFF_FFFF) == lowest + delta


def test_recovery_counts_from_the_lowest_acceptable_pn(new_secy):
    """802.1AE-2018 10.6.2: from the lowest acceptable PN and not from the next one, or a frame from before a wrap,
    inside the window, would be given the high half from after it."""
    peer = Peer(SCI, "GCM-AES-XPN-256", new_sak("GCM-AES-XPN-256"))
    secy = new_secy(LOCAL, peer.suite, Config(replay_window=100))
    peer.join(secy, 0xFFFF_FFF0)
    for pn in (0xFFFF_FFF8, 0x1_0000_0010, 0xFFFF_FFFE, 0x1_0000_0000, 0x1_0000_0011):
        outcome = secy.validate(peer.frame(pn))
        assert (outcome.verdict, outcome.pn) == ("IN_OK", pn)


def test_a_wrap_of_the_low_half_goes_on(new_secy):
    """802.1AE-2018 10.6.2: twenty frames over 2^32, no window."""
    peer = Peer(SCI, "GCM-AES-XPN-128", new_sak("GCM-AES-XPN-128"))
    secy = new_secy(LOCAL, peer.suite)
    peer.join(secy, 0x6_FFFF_FFF6)
    for pn in range(0x6_FFFF_FFF6, 0x7_0000_000A):
        assert secy.validate(peer.frame(pn)).verdict == "IN_OK"
        assert secy.validate(peer.frame(pn)).frame is None


@pytest.mark.parametrize("suite", SUITES)
def test_the_last_pn_received(suite, new_secy):
    """After the last PN of the space nothing is acceptable, the last PN itself included (802.1AE-2018 10.6.5)."""
    space = 2**64 if "XPN" in suite else 2**32
    peer = Peer(SCI, suite, new_sak(suite))
    secy = new_secy(LOCAL, suite)
    peer.join(secy, space - 2)
    assert secy.validate(peer.frame(space - 2)).verdict == "IN_OK"
    assert secy.validate(peer.frame(space - 1)).verdict == "IN_OK"
    for pn in (space - 1, space - 2, 1, 2, space // 2):
        assert secy.validate(peer.frame(pn)).frame is None
    assert secy.packets["IN_LATE"] == 5


@pytest.mark.parametrize("suite", SUITES)
def test_the_last_pn_received_with_a_window(suite, new_secy):
    """The window before the end of the space still opens (802.1AE-2018 10.6.5)."""
    space = 2**64 if "XPN" in suite else 2**32
    peer = Peer(SCI, suite, new_sak(suite))
    secy = new_secy(LOCAL, suite, Config(replay_window=4))
    peer.join(secy, space - 8)
    assert secy.validate(peer.frame(space - 1)).verdict == "IN_OK"
    assert secy.validate(peer.frame(space - 4)).verdict == "IN_OK"
    assert secy.validate(peer.frame(space - 5)).verdict == "IN_LATE"


@pytest.mark.parametrize(("window", "extended", "used"), [
    (0, False, 0), (0, True, 0), (2**30 - 1, True, 2**30 - 1), (2**30, True, 2**30 - 1),
    (2**32 - 1, True, 2**30 - 1), (2**32 - 1, False, 2**32 - 1),
])  # fmt: skip
def test_window_in_use(window, extended, used, new_secy):
    """802.1AE-2018 10.7.8: an XPN suite uses at most 2^30 - 1 of the window; what was set is what is read."""
    assert window_in_use(window, extended=extended) == used
    suite = "GCM-AES-XPN-128" if extended else "GCM-AES-128"
    peer = Peer(SCI, suite, new_sak(suite))
    secy = new_secy(LOCAL, suite, Config(replay_window=window))
    peer.join(secy)
    high = 2**31 if used < 2**31 else 2**32 - 1
    assert secy.validate(peer.frame(high)).verdict == "IN_OK"
    lowest = max(1, high + 1 - used)
    assert secy.validate(peer.frame(lowest, user_data(20))).verdict == "IN_OK"
    if lowest > 1:
        assert secy.validate(peer.frame(lowest - 1)).verdict == "IN_LATE"
    assert secy.config.replay_window == window
    if new_secy.__name__ == "NativeSecY":
        assert secy.secy.config.replay_window == window


@pytest.mark.parametrize("suite", [s for s in SUITES if "XPN" in s])
def test_pn_zero_is_nobodys(suite, new_secy):
    """A recovered 64-bit PN of zero is late, and without replay protection it is not valid (decided; no sender uses it,
    802.1AE-2018 10.5.2)."""
    peer = Peer(SCI, suite, new_sak(suite))
    secy = new_secy(LOCAL, suite)
    peer.join(secy)
    assert secy.validate(peer.frame(0)).verdict == "IN_LATE"
    secy.reconfigure(replay_protect=False)
    outcome = secy.validate(peer.frame(0))
    assert (outcome.verdict, outcome.reason) == ("IN_NOT_VALID", "PN_ZERO")


BURST_RECOVERY = [
    # first lowest PN, window, window from then on, PNs before, PNs of one burst
    (0x7FFF_FFFF, 0, 0, [], [0x8000_0010, 0x1_0000_0001]),
    (0x1_0000_0000, 0, 0, [], [0x1_8000_0000, 0x1_0000_0005]),
    (0x1_0000_0000, 0, 0, [], [0x1_8000_0000, 0x2_0000_0005, 0x2_8000_0000, 0x3_0000_0000]),
    (0x1_0000_0000, 50, 50, [], [0x1_7FFF_FFFF, 0x1_8000_0030, 0x2_0000_0010, 0x1_FFFF_FFF0]),
    (2**64 - 2, 0, 0, [], [2**64 - 1, 2**64 - 2, 2**64 - 1]),
    # a smaller window lets an old frame move the lowest PN
    (0x7FFF_FF00, 1000, 0, [0x8000_0010], [0x8000_0005, 0x1_0000_0005, 5]),
    (0x7FFF_FF00, 1000, 0, [0x8000_0010], [0x8000_0005, 5, 0x1_0000_0005]),
    (0x1_4000_001E, 1000, 0, [0x1_8000_001C], [0x1_8000_0009, 0x1_0000_8D81, 0x2_0000_8D81]),
    (2**64 - 200, 150, 0, [2**64 - 1], [2**64 - 100, 2**64 - 99, 2**64 - 1]),
]


@pytest.mark.parametrize(("lowest", "window", "smaller", "before", "burst"), BURST_RECOVERY)
@pytest.mark.parametrize("replay_protect", [True, False])
def test_recovery_inside_a_burst(lowest, window, smaller, before, burst, replay_protect, new_secy):  # noqa: PLR0917
    """802.1AE-2018 10.6.2: the PN of each frame of a burst is recovered from the lowest acceptable PN that the frames
    before it have left, not from the one at the start of the burst."""
    peer = Peer(SCI, "GCM-AES-XPN-128", new_sak("GCM-AES-XPN-128"))
    sides = [new_secy(LOCAL, peer.suite, Config(replay_window=window, replay_protect=replay_protect)) for _ in range(2)]
    for secy in sides:
        peer.join(secy, lowest)
        for pn in before:
            assert secy.validate(peer.frame(pn)).verdict == "IN_OK"
        secy.reconfigure(replay_window=smaller)
    frames = [peer.frame(pn) for pn in burst]
    assert sides[0].validate_burst(frames) == [sides[1].validate(frame) for frame in frames]
    assert sides[0].receive_state(SCI, 0) == sides[1].receive_state(SCI, 0)
    assert sides[0].packets == sides[1].packets


# ---- Transmit: 802.1AE-2018 10.5.2 ---------------------------------------------------------------------------------


def sender(new_secy, suite, next_pn, config=None, **sa):
    """A SecY that sends, from this PN on."""
    secy = new_secy(LOCAL, suite, config or Config())
    sak = new_sak(suite)
    secy.install_sak(sak.ki, sak.key, sak.salt)
    secy.create_transmit_sa(1, sak.ki, next_pn, ssci=1, **sa)
    secy.enable_transmit(sak.ki)
    return secy, sak


FRAME = bytes.fromhex("0200000000d10200000000b1") + user_data(60)


@pytest.mark.parametrize("suite", SUITES)
def test_exhaustion_closes_both_ways(suite, new_secy):
    """802.1AE-2018 10.5.2: the last PN is used once, never another, and then nothing is sent or received."""
    space = 2**64 if "XPN" in suite else 2**32
    secy, _ = sender(new_secy, suite, space - 2)
    peer = Peer(SCI, suite, new_sak(suite, 1))
    peer.join(secy)
    assert [secy.protect(FRAME).pn for _ in range(2)] == [space - 2, space - 1]
    assert secy.validate(peer.frame(1))[:2] == ("IN_CLOSED", "PN_EXHAUSTED")
    secy.reconfigure(common_port_mtu=60)
    for frame in (FRAME, FRAME + bytes(1000), FRAME):  # also one that would be too long, were the port open
        assert secy.protect(frame)[:4] == ("OUT_CLOSED", "PN_EXHAUSTED", None, "DISCARD")
    assert secy.validate(FRAME)[:2] == ("IN_CLOSED", "PN_EXHAUSTED")

    bypass = FRAME[:12] + b"\x88\x8e" + bytes(46)
    assert secy.protect(bypass)[:2] == ("OUT_BYPASS", "NONE")
    assert secy.validate(bypass)[:2] == ("IN_BYPASS", "NONE")

    secy.reconfigure(protect_frames=False)  # then the PNs are nobody's concern
    assert secy.validate(peer.frame(1))[:2] == ("IN_OK", "NONE")
    assert secy.protect(FRAME)[:2] == ("OUT_UNTAGGED", "NONE")


@pytest.mark.parametrize("suite", SUITES)
def test_a_fresh_sa_opens_again(suite, new_secy):
    """802.1AE-2018 10.5.1, 10.5.2: exhaustion is of the encoding SA."""
    space = 2**64 if "XPN" in suite else 2**32
    secy, _ = sender(new_secy, suite, space - 1)
    assert secy.protect(FRAME).pn == space - 1
    assert secy.protect(FRAME).verdict == "OUT_CLOSED"
    fresh = new_sak(suite, 1)
    secy.install_sak(fresh.ki, fresh.key, fresh.salt)
    secy.create_transmit_sa(2, fresh.ki, ssci=1)
    assert secy.protect(FRAME).verdict == "OUT_CLOSED"
    secy.enable_transmit(fresh.ki)
    outcome = secy.protect(FRAME)
    assert (outcome.verdict, outcome.pn, outcome.an) == ("OUT_ENCRYPTED", 1, 2)


def test_the_field_has_the_low_half(new_secy):
    """802.1AE-2018 9.8: 32 bits of the 64 are sent."""
    secy, _ = sender(new_secy, "GCM-AES-XPN-256", 0x1234_5678_FFFF_FFFF)
    fields = [secy.protect(FRAME).frame[16:20].hex() for _ in range(2)]
    assert fields == ["ffffffff", "00000000"]


def test_ceiling(new_secy):
    """Decided: PNs from the ceiling on are not sent; the ceiling rises, or falls as far as the next PN. The receive
    side knows nothing of it."""
    secy, sak = sender(new_secy, "GCM-AES-128", 10, pn_ceiling=12)
    peer = Peer(SCI, "GCM-AES-128", new_sak("GCM-AES-128", 1))
    peer.join(secy)
    assert [secy.protect(FRAME).pn for _ in range(2)] == [10, 11]
    for _ in range(2):
        assert secy.protect(FRAME)[:4] == ("OUT_CLOSED", "PN_CEILING", None, "DISCARD")
    assert secy.validate(peer.frame(1)).verdict == "IN_OK"
    secy.set_pn_ceiling(sak.ki, 13)
    assert secy.protect(FRAME).pn == 12
    assert secy.protect(FRAME).reason == "PN_CEILING"
    secy.set_pn_ceiling(sak.ki, 100)
    secy.set_pn_ceiling(sak.ki, 13)
    assert secy.protect(FRAME).reason == "PN_CEILING"
    secy.set_pn_ceiling(sak.ki, 14)
    assert secy.protect(FRAME).pn == 13
