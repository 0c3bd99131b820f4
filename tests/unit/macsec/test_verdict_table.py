"""Why this exists: 10.6 as one table: what comes in, under which validateFrames, and what becomes of it.

Figure 10-4 draws the same. Every row is one frame; the counter that it moves is the verdict, and it moves no other.
"""

from __future__ import annotations

import pytest

from tests.model.parts import Config
from tests.model.wire import Peer, flip, new_sak, user_data

SCI = 0x0200_0000_00A1_0001
LOCAL = 0x0200_0000_00B1_0001
SUITE = "GCM-AES-128"
DATA = user_data(60)

STRICT, CHECK, DISABLED, NULL = "strict", "check", "disabled", "null"
PEER = Peer(SCI, SUITE, new_sak(SUITE))


def broken(frame: bytes) -> bytes:
    """The frame with a wrong ICV."""
    return flip(frame, len(frame) - 3)


CONFIDENTIAL, CLEAR = PEER.frame(10), PEER.frame(10, e=False)
UNTAGGED = CLEAR[:12] + DATA

FRAMES = {
    "untagged": UNTAGGED,
    "eapol": CLEAR[:12] + b"\x88\x8e" + bytes(46),
    "short": UNTAGGED[:13],
    "bad-tag": PEER.frame(10, v=True),
    "bad-tag-clear": PEER.frame(10, e=False, v=True),
    "kay": PEER.frame(10, c=False),
    "unknown-sci": PEER.frame(10, tagged_sci=SCI + 1),
    "unknown-sci-clear": PEER.frame(10, e=False, tagged_sci=SCI + 1),
    "unused-an": PEER.frame(10, an=3),
    "unused-an-clear": PEER.frame(10, e=False, an=3),
    "late": PEER.frame(4),
    "late-clear": PEER.frame(4, e=False),
    "late-broken-clear": broken(PEER.frame(4, e=False)),
    "late-broken": broken(PEER.frame(4)),
    "late-not-ours": PEER.frame(4, e=False, c=True),
    "broken": broken(CONFIDENTIAL),
    "broken-clear": broken(CLEAR),
    "not-ours": PEER.frame(10, e=False, c=True),
    "good": CONFIDENTIAL,
    "good-clear": CLEAR,
}

# A row: the frame; for strict, check and disabled the verdict and its reason. The lowest acceptable PN is 5.
ROWS = [
    ("untagged", "NO_TAG", "UNTAGGED", "UNTAGGED"),
    ("eapol", "BYPASS", "BYPASS", "BYPASS"),
    ("short", "MALFORMED/TOO_SHORT", "MALFORMED/TOO_SHORT", "MALFORMED/TOO_SHORT"),
    ("bad-tag", "BAD_TAG/VERSION", "BAD_TAG/VERSION", "BAD_TAG/VERSION"),
    ("bad-tag-clear", "BAD_TAG/VERSION", "BAD_TAG/VERSION", "BAD_TAG/VERSION"),
    ("kay", "KAY", "KAY", "KAY"),
    ("unknown-sci", "NO_SA_ERROR/UNKNOWN_SCI", "NO_SA_ERROR/UNKNOWN_SCI", "NO_SA_ERROR/UNKNOWN_SCI"),
    ("unknown-sci-clear", "NO_SA_ERROR/UNKNOWN_SCI", "NO_SA/UNKNOWN_SCI", "NO_SA/UNKNOWN_SCI"),
    ("unused-an", "NO_SA_ERROR/UNUSED_SA", "NO_SA_ERROR/UNUSED_SA", "NO_SA_ERROR/UNUSED_SA"),
    ("unused-an-clear", "NO_SA_ERROR/UNUSED_SA", "NO_SA/UNUSED_SA", "NO_SA/UNUSED_SA"),
    ("late", "LATE", "LATE", "LATE"),
    ("late-clear", "LATE", "LATE", "LATE"),
    ("late-broken", "LATE", "LATE", "LATE"),
    ("late-not-ours", "LATE", "LATE", "LATE"),
    ("broken", "NOT_VALID/ICV", "NOT_VALID/ICV", "NOT_VALID/NOT_CHECKED"),
    ("broken-clear", "NOT_VALID/ICV", "INVALID/ICV", "UNCHECKED"),
    ("not-ours", "NOT_VALID/NOT_OURS", "NOT_VALID/NOT_OURS", "NOT_VALID/NOT_CHECKED"),
    ("good", "OK", "OK", "NOT_VALID/NOT_CHECKED"),
    ("good-clear", "OK", "OK", "UNCHECKED"),
]

# The same with replayProtect off, where it differs.
ROWS_WITHOUT_REPLAY_PROTECTION = [
    ("late", "DELAYED", "DELAYED", "NOT_VALID/NOT_CHECKED"),
    ("late-clear", "DELAYED", "DELAYED", "DELAYED"),
    ("late-broken", "NOT_VALID/ICV", "NOT_VALID/ICV", "NOT_VALID/NOT_CHECKED"),
    ("late-broken-clear", "NOT_VALID/ICV", "INVALID/ICV", "DELAYED"),
    ("late-not-ours", "NOT_VALID/NOT_OURS", "NOT_VALID/NOT_OURS", "NOT_VALID/NOT_CHECKED"),
]

DELIVERED = {"UNTAGGED", "NO_SA", "OK", "UNCHECKED", "DELAYED", "INVALID"}


def cells(rows, **changes):
    """One test for each cell of a table."""
    for name, *cells_of_row in rows:
        for mode, cell in zip((STRICT, CHECK, DISABLED), cells_of_row, strict=True):
            yield pytest.param(name, mode, changes, cell, id="-".join([name, mode, *changes]))


@pytest.mark.parametrize(("name", "mode", "changes", "cell"), [
    *cells(ROWS), *cells(ROWS_WITHOUT_REPLAY_PROTECTION, replay_protect=False),
])  # fmt: skip
def test_verdict(name, mode, changes, cell, new_secy):
    """802.1AE-2018 10.6, 10.6.1, 10.6.3, 10.6.5, 10.7.8 and 10.7.9: exactly one counter, and the frame or nothing."""
    secy = new_secy(LOCAL, SUITE, Config(validate_frames=mode, **changes))
    PEER.join(secy, lowest_pn=5)
    frame = FRAMES[name]
    outcome = secy.validate(frame)
    verdict, _, reason = cell.partition("/")
    assert (outcome.verdict, outcome.reason) == ("IN_" + verdict, reason or "NONE")

    if verdict == "BYPASS":
        assert (outcome.action, outcome.frame) == ("UNCONTROLLED", frame)
    elif verdict in DELIVERED:
        assert (outcome.action, outcome.frame) == ("CONTROLLED", UNTAGGED)
    else:
        assert (outcome.action, outcome.frame) == ("DISCARD", None)

    assert +secy.packets == {outcome.verdict: 1}
    per_sc = verdict in {"OK", "UNCHECKED", "DELAYED", "LATE", "INVALID", "NOT_VALID"}
    assert +secy.sc_packets(SCI) == ({outcome.verdict: 1} if per_sc else {})
    moved = verdict == "OK"
    assert secy.receive_state(SCI, 0) == ((11, 11) if moved else (5, 5))


@pytest.mark.parametrize("name", FRAMES)
def test_null(name, new_secy):
    """802.1AE-2018 10.6: Null delivers everything as it came, SecTAG or not, valid or not; nothing is looked at. (A
    frame that is none, and one that goes round the SecY, stay what they are: decided.)"""
    secy = new_secy(LOCAL, SUITE, Config(validate_frames=NULL))
    PEER.join(secy, lowest_pn=5)
    outcome = secy.validate(FRAMES[name])
    if name == "short":
        assert (outcome.verdict, outcome.frame) == ("IN_MALFORMED", None)
    elif name == "eapol":
        assert (outcome.verdict, outcome.action) == ("IN_BYPASS", "UNCONTROLLED")
    else:
        assert outcome[:4] == ("IN_UNTAGGED", "NULL", FRAMES[name], "CONTROLLED")
    assert secy.receive_state(SCI, 0) == (5, 5)


def test_null_makes_protect_frames_false(new_secy):
    """802.1AE-2018 10.6."""
    secy = new_secy(LOCAL, SUITE, Config(validate_frames=NULL))
    assert secy.protect(UNTAGGED)[:4] == ("OUT_UNTAGGED", "NULL", UNTAGGED, "COMMON")
    secy.reconfigure(validate_frames=CHECK)
    assert secy.protect(UNTAGGED).verdict == "OUT_CLOSED"


@pytest.mark.parametrize("mode", [STRICT, CHECK, DISABLED, NULL])
@pytest.mark.parametrize("name", FRAMES)
def test_closed(name, mode, new_secy):
    """802.1AE-2018 10.7.5: while ControlledPortEnabled is False nothing comes in but by the uncontrolled port."""
    secy = new_secy(LOCAL, SUITE, Config(validate_frames=mode, controlled_port_enabled=False))
    PEER.join(secy, lowest_pn=5)
    outcome = secy.validate(FRAMES[name])
    if name == "short":
        assert outcome.verdict == "IN_MALFORMED"
    elif name == "eapol":
        assert outcome.verdict == "IN_BYPASS"
    else:
        assert outcome[:4] == ("IN_CLOSED", "DISABLED", None, "DISCARD")
    assert secy.receive_state(SCI, 0) == (5, 5)


# ---- Which SC: 802.1AE-2018 10.6.1, 9.5, 9.9 -----------------------------------------------------------------------

ES_SCI, SCB_SCI, OTHER_SCI = 0x0200_0000_00A1_0001, 0x0200_0000_00A1_0000, 0x0200_0000_00A2_0007

WHICH_SC = [
    # receive SCs there are, the sender's own, how the tag names it, what comes of it
    ([ES_SCI], ES_SCI, "sci", "OK"),
    ([ES_SCI], ES_SCI, "es", "OK"),
    ([ES_SCI], ES_SCI, "none", "OK"),
    ([ES_SCI], ES_SCI, "scb", "UNKNOWN_SCI"),
    ([ES_SCI], ES_SCI, "es+scb", "UNKNOWN_SCI"),
    ([SCB_SCI], SCB_SCI, "scb", "OK"),
    ([SCB_SCI], SCB_SCI, "es+scb", "OK"),
    ([SCB_SCI], SCB_SCI, "es", "UNKNOWN_SCI"),
    ([SCB_SCI], SCB_SCI, "none", "OK"),
    ([OTHER_SCI], OTHER_SCI, "none", "OK"),
    ([OTHER_SCI], OTHER_SCI, "es", "UNKNOWN_SCI"),
    ([OTHER_SCI], OTHER_SCI, "sci", "OK"),
    ([ES_SCI, OTHER_SCI], OTHER_SCI, "sci", "OK"),
    ([ES_SCI, OTHER_SCI], ES_SCI, "es", "OK"),
    ([ES_SCI, SCB_SCI], SCB_SCI, "scb", "OK"),
    ([ES_SCI, SCB_SCI], ES_SCI, "es", "OK"),
    ([ES_SCI, OTHER_SCI], OTHER_SCI, "none", "UNKNOWN_SCI"),
    ([ES_SCI, OTHER_SCI], ES_SCI, "none", "OK"),  # decided: with several peers, as ES would say it
    ([], ES_SCI, "sci", "UNKNOWN_SCI"),
    ([], ES_SCI, "es", "UNKNOWN_SCI"),
    ([], ES_SCI, "none", "UNKNOWN_SCI"),
]


@pytest.mark.parametrize(("scis", "sci", "form", "expected"), WHICH_SC)
@pytest.mark.parametrize("mode", [STRICT, CHECK])
@pytest.mark.parametrize("encrypted", [True, False])
def test_which_sc(scis, sci, form, expected, mode, encrypted, new_secy):  # noqa: PLR0917
    """802.1AE-2018 10.6.1 with the implied SCIs of 9.5: ES is port 1 of the source address, SCB port 0, and a tag that
    names nobody means the only peer there is; with several it is taken as ES would be, as Linux does."""
    secy = new_secy(LOCAL, SUITE, Config(validate_frames=mode))
    for known in scis:
        Peer(known, SUITE, PEER.sak).join(secy)
    outcome = secy.validate(Peer(sci, SUITE, PEER.sak).frame(1, form=form, e=encrypted))
    if expected == "OK":
        assert (outcome.verdict, outcome.sci) == ("IN_OK", sci)
        assert +secy.sc_packets(sci) == {"IN_OK": 1}
    else:
        deliver = mode == CHECK and not encrypted
        assert (outcome.verdict, outcome.reason) == ("IN_NO_SA" if deliver else "IN_NO_SA_ERROR", expected)


def test_source_address_is_not_the_sci(new_secy):
    """802.1AE-2018 9.5: ES speaks of the source address that the frame has, whoever sent it."""
    secy = new_secy(LOCAL, SUITE)
    PEER.join(secy)
    stranger = bytes.fromhex("0200000000c1")
    assert secy.validate(PEER.frame(1, form="es", source=stranger)).reason == "UNKNOWN_SCI"
    assert secy.validate(PEER.frame(1, form="none", source=stranger)).verdict == "IN_OK"
    assert secy.validate(PEER.frame(2, form="sci", source=stranger)).verdict == "IN_OK"


def test_sa_in_use(new_secy):
    """802.1AE-2018 10.7.15: an SA receives from enableReceive on, and as long."""
    secy = new_secy(LOCAL, SUITE)
    PEER.join(secy, enable=False)
    assert secy.validate(PEER.frame(1)).reason == "UNUSED_SA"
    secy.enable_receive(SCI, PEER.sak.ki)
    assert secy.validate(PEER.frame(1)).verdict == "IN_OK"
    secy.enable_receive(SCI, PEER.sak.ki, False)
    assert secy.validate(PEER.frame(2)).reason == "UNUSED_SA"
    secy.enable_receive(SCI, PEER.sak.ki)
    assert secy.validate(PEER.frame(1)).verdict == "IN_LATE"
    assert secy.validate(PEER.frame(2)).verdict == "IN_OK"
    secy.retire(PEER.sak.ki)
    assert secy.validate(PEER.frame(3)).reason == "UNUSED_SA"
    secy.delete_receive_sc(SCI)
    assert secy.validate(PEER.frame(3)).reason == "UNKNOWN_SCI"


# ---- Octets: 802.1AE-2018 10.7.10 ----------------------------------------------------------------------------------

OCTETS = [
    # frame, strict, check, disabled: octets validated, octets decrypted
    ("good", (0, 60), (0, 60), (0, 0)),
    ("good-clear", (60, 0), (60, 0), (0, 0)),
    ("broken", (0, 60), (0, 60), (0, 0)),
    ("broken-clear", (60, 0), (60, 0), (0, 0)),
    ("not-ours", (60, 0), (60, 0), (0, 0)),
    ("late", (0, 0), (0, 0), (0, 0)),
    ("late-clear", (0, 0), (0, 0), (0, 0)),
    ("unused-an-clear", (0, 0), (0, 0), (0, 0)),
    ("untagged", (0, 0), (0, 0), (0, 0)),
]


@pytest.mark.parametrize(("name", "mode", "octets"), [
    pytest.param(name, mode, cell, id=f"{name}-{mode}")
    for name, *row in OCTETS for mode, cell in zip((STRICT, CHECK, DISABLED), row, strict=True)
])  # fmt: skip
def test_octets(name, mode, octets, new_secy):
    """802.1AE-2018 10.7.10, 10.6.3: octets of User Data count by the E bit, whether or not the ICV verifies, and not
    where the Cipher Suite is not used."""
    secy = new_secy(LOCAL, SUITE, Config(validate_frames=mode))
    PEER.join(secy, lowest_pn=5)
    secy.validate(FRAMES[name])
    assert (secy.octets["in_validated"], secy.octets["in_decrypted"]) == octets


def test_counters_outlive_the_sa_and_the_sc(new_secy):
    """802.1AE-2018 10.7.9: an SC's counts include those of past SAs; the SecY's own sums past SCs too (decided)."""
    secy = new_secy(LOCAL, SUITE)
    PEER.join(secy)
    assert secy.validate(PEER.frame(1)).verdict == "IN_OK"
    fresh = Peer(SCI, SUITE, new_sak(SUITE, 1))
    fresh.join(secy)
    assert secy.validate(fresh.frame(1)).verdict == "IN_OK"
    secy.retire(PEER.sak.ki)
    assert +secy.sc_packets(SCI) == {"IN_OK": 2}
    secy.delete_receive_sc(SCI)
    assert +secy.packets == {"IN_OK": 2}
    secy.create_receive_sc(SCI)
    assert +secy.sc_packets(SCI) == {}
    assert +secy.packets == {"IN_OK": 2}


def test_refused_plaintext_is_not_left_in_the_arena():
    """802.1AE-2018 10.6.5 discards the frame; its plain text must not lie where somebody could look (decided)."""
    from tests.model.subject import NativeSecY

    secy = NativeSecY(LOCAL, SUITE, Config(replay_window=8, refuse_duplicates=True))
    PEER.join(secy)
    text = bytes(range(1, 200))
    sealed = PEER.frame(3, text)
    assert secy.validate(sealed).verdict == "IN_OK"
    assert text in secy.arena.memory.tobytes()
    for frame in (sealed, flip(sealed, len(sealed) - 1), flip(PEER.frame(4, text), 30, 0x80)):
        assert secy.validate(frame).frame is None
        left = secy.arena.memory.tobytes()
        assert not any(text[at : at + 8] in left for at in range(0, len(text) - 8, 8))
