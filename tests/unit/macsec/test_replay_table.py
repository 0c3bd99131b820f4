"""Why this exists: replay protection is a small machine that is easy to get wrong by one, so it has a numbered table.

Each row is a sequence of steps at one receive SA: `ok 5` a frame with PN 5 that must be accepted, `late 5`, `dup 5`,
`delayed 5` one that must come out so, `bad 5 not-valid` one with a broken ICV, `kay 7` the KaY's updtLowestPN,
`window 3` a new replayWindow. `lowest 4` and `next 6` say where the SA must stand.
"""

from __future__ import annotations

import pytest

from tests.model.parts import Config
from tests.model.wire import Peer, flip, new_sak

SCI = 0x0200_0000_00A1_0001
LOCAL = 0x0200_0000_00B1_0001

VERDICTS = {"ok": "IN_OK", "late": "IN_LATE", "dup": "IN_DUPLICATE", "delayed": "IN_DELAYED"}

PLAIN, BITMAP, OFF = "plain", "bitmap", "off"

CASES = [
    # number, option, window, first lowest PN, steps
    (1, PLAIN, 0, 1, "ok 1, late 1, lowest 2, next 2"),
    (2, PLAIN, 0, 1, "ok 1, ok 2, ok 3, late 2, late 3, late 1, lowest 4"),
    (3, PLAIN, 0, 1, "ok 9, late 8, late 1, ok 10, lowest 11"),
    (4, PLAIN, 0, 5, "late 4, late 1, ok 5, lowest 6"),
    (5, PLAIN, 1, 1, "ok 9, lowest 9, ok 9, ok 9, late 8"),
    (6, PLAIN, 2, 1, "ok 9, lowest 8, ok 8, late 7, ok 9, next 10"),
    (7, PLAIN, 10, 1, "ok 1, lowest 1, ok 1, ok 10, lowest 1, ok 11, lowest 2, late 1, ok 2"),
    (8, PLAIN, 10, 1, "ok 100, lowest 91, ok 91, late 90, ok 91, ok 92"),
    (9, PLAIN, 100, 50, "ok 60, lowest 50, late 49, ok 50"),
    (10, PLAIN, 0, 1, "bad 9 not-valid, lowest 1, next 1, ok 1"),
    (11, PLAIN, 4, 1, "ok 5, bad 100 not-valid, lowest 2, next 6, ok 3, late 1, bad 1 late"),
    (12, PLAIN, 0, 1, "kay 10, lowest 10, late 9, ok 10, lowest 11"),
    (13, PLAIN, 0, 1, "ok 20, kay 10, lowest 21, late 20"),
    (14, PLAIN, 8, 1, "ok 20, lowest 13, kay 18, late 17, ok 18, lowest 18, ok 30, lowest 23"),
    (15, PLAIN, 8, 1, "ok 20, lowest 13, window 2, lowest 13, ok 14, lowest 19, late 18"),
    (16, PLAIN, 2, 1, "ok 20, lowest 19, window 8, lowest 19, late 18, ok 21, lowest 19, ok 40, lowest 33"),
    (17, PLAIN, 0, 4294967290, "ok 4294967294, late 4294967293, ok 4294967295, late 4294967295, late 1"),
    (18, PLAIN, 3, 4294967290, "ok 4294967295, lowest 4294967293, ok 4294967293, late 4294967292, next 4294967296"),
    (19, PLAIN, 4294967295, 1, "ok 4294967295, lowest 1, ok 1, ok 1, ok 4294967295, ok 77"),
    (20, OFF, 0, 1, "ok 5, lowest 6, delayed 4, delayed 5, lowest 6, next 6, ok 6, delayed 1"),
    (21, OFF, 3, 1, "ok 9, lowest 7, ok 7, ok 7, delayed 6, bad 6 not-valid, bad 99 not-valid, next 10"),
    (22, BITMAP, 4, 1, "ok 1, dup 1, ok 2, dup 1, dup 2, lowest 1"),
    (23, BITMAP, 4, 1, "ok 9, lowest 6, ok 6, dup 6, ok 8, ok 7, dup 7, dup 8, dup 9, late 5, ok 10, late 6"),
    (24, BITMAP, 0, 1, "ok 3, late 3, ok 4, late 4"),
    (25, BITMAP, 1, 1, "ok 3, dup 3, ok 4, dup 4, late 3"),
    (26, BITMAP, 64, 1, "ok 1, ok 64, dup 1, ok 65, late 1, ok 2, dup 2, ok 63, dup 63, dup 64"),
    (27, BITMAP, 65, 1, "ok 65, ok 1, dup 1, ok 66, late 1, ok 2, ok 3, dup 2, dup 3, dup 66"),
    (28, BITMAP, 8, 1, "ok 8, bad 5 not-valid, ok 5, bad 5 not-valid, dup 5"),
    (29, BITMAP, 8, 1, "ok 8, bad 300 not-valid, ok 7, ok 300, late 8, lowest 293, ok 293, dup 300"),
    (30, BITMAP, 8, 1, "ok 1, ok 2, ok 3, ok 1000000, dup 1000000, ok 999993, late 999992, ok 999999, dup 999993"),
    (31, BITMAP, 8, 1, "ok 5, kay 4, late 3, ok 4, dup 4, dup 5, kay 100, late 99, ok 100, dup 100"),
    (32, BITMAP, 65536, 1, "ok 65536, ok 1, dup 1, dup 65536, ok 65537, late 1, ok 2, dup 2, ok 40000, dup 40000"),
    (
        33,
        BITMAP,
        128,
        1,
        "ok 128, ok 256, dup 256, ok 129, dup 129, dup 256, late 128, ok 192, ok 384, late 256, ok 257",
    ),
    (34, BITMAP, 4, 4294967290, "ok 4294967295, dup 4294967295, ok 4294967292, dup 4294967292, late 4294967291"),
]


@pytest.mark.parametrize("case", CASES, ids=[str(case[0]) for case in CASES])
def test_replay(case, new_secy):
    """802.1AE-2018 10.6.2, 10.6.4, 10.6.5, 10.7.15; `bitmap` is the project's own: a PN seen before inside the window
    is refused, and moves nothing. replayWindow is 802.1AE-2018 10.7.8."""
    _, option, window, lowest, steps = case
    config = Config(replay_window=window, refuse_duplicates=option == BITMAP, replay_protect=option != OFF)
    peer = Peer(SCI, "GCM-AES-128", new_sak("GCM-AES-128"))
    secy = new_secy(LOCAL, peer.suite, config)
    peer.join(secy, lowest)
    for step in steps.split(", "):
        verb, number, *rest = step.split()
        pn = int(number)
        if verb == "kay":
            secy.update_lowest_pn(SCI, peer.sak.ki, pn)
        elif verb == "window":
            secy.reconfigure(replay_window=pn)
        elif verb == "lowest":
            assert secy.receive_state(SCI, 0)[0] == pn, step
        elif verb == "next":
            assert secy.receive_state(SCI, 0)[1] == pn, step
        elif verb == "bad":
            frame = peer.frame(pn)
            outcome = secy.validate(flip(frame, len(frame) - 1))
            assert outcome.verdict == {"not-valid": "IN_NOT_VALID", "late": "IN_LATE"}[rest[0]], step
        else:
            assert secy.validate(peer.frame(pn)).verdict == VERDICTS[verb], step


BURSTS = [
    # what arrives in one burst, what each becomes: as one after the other
    (0, False, [1, 1], ["ok", "late"]),
    (0, False, [3, 1, 2, 4, 3], ["ok", "late", "late", "ok", "late"]),
    (4, False, [9, 9, 6, 5, 10, 6], ["ok", "ok", "ok", "late", "ok", "late"]),
    (4, True, [9, 9, 6, 5, 6, 10, 6, 7], ["ok", "dup", "ok", "late", "dup", "ok", "late", "ok"]),
    (64, True, [1, 2, 3, 2, 1, 70, 3, 7, 6], ["ok", "ok", "ok", "dup", "dup", "ok", "late", "ok", "late"]),
]


@pytest.mark.parametrize(("window", "bitmap", "pns", "expected"), BURSTS)
@pytest.mark.parametrize("broken", [None, 0, 1, 2])
def test_replay_inside_a_burst(window, bitmap, pns, expected, broken, new_secy):  # noqa: PLR0917
    """802.1AE-2018 10.6.4: frames of one burst must meet the lowest PN that those before them left, also when one of
    those before them does not verify, and then has left nothing."""
    peer = Peer(SCI, "GCM-AES-128", new_sak("GCM-AES-128"))
    frames = [peer.frame(pn) for pn in pns]
    if broken is not None and broken < len(frames):
        frames[broken] = flip(frames[broken], 40)
    config = Config(replay_window=window, refuse_duplicates=bitmap)
    one_by_one, at_once = new_secy(LOCAL, peer.suite, config), new_secy(LOCAL, peer.suite, config)
    peer.join(one_by_one)
    peer.join(at_once)
    single = [one_by_one.validate(frame) for frame in frames]
    assert at_once.validate_burst(frames) == single
    assert at_once.packets == one_by_one.packets
    assert at_once.receive_state(SCI, 0) == one_by_one.receive_state(SCI, 0)
    if broken is None:
        assert [outcome.verdict for outcome in single] == [VERDICTS[name] for name in expected]


@pytest.mark.parametrize("window", [1, 8, 100])
def test_no_pn_twice_from_the_moment_on(window, new_secy):
    """Whatever came before duplicates were refused, and whatever the window becomes: from then on no PN is taken
    twice."""
    peer = Peer(SCI, "GCM-AES-128", new_sak("GCM-AES-128"))
    secy = new_secy(LOCAL, peer.suite, Config(replay_window=window))
    peer.join(secy)
    for pn in (1, 2, 3, 9, 12):
        secy.validate(peer.frame(pn))
    secy.reconfigure(refuse_duplicates=True)
    taken = []
    for changed in (window, 3, 64, 200):
        secy.reconfigure(replay_window=changed)
        for pn in (12, 3, 13, 12, 3, 20, 19, 25, 19, 20, 70, 71, 70, 66, 66, 140, 80, 80):
            if secy.validate(peer.frame(pn)).verdict == "IN_OK":
                taken.append(pn)
    assert len(taken) == len(set(taken))
    assert {20, 25, 70, 71, 140} <= set(taken)
