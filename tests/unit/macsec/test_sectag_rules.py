"""Why this exists: 9.12 is a list of nine rules, and each has its row here, with the frame that just passes beside the
frame that just does not."""

from __future__ import annotations

import pytest

from tests.model.parts import Config
from tests.model.sectag import BadTag, SecTag, parse, short_length
from tests.model.wire import SUITES, Peer, flip, new_sak, user_data

SCI = 0x0200_0000_00A1_0001
LOCAL = 0x0200_0000_00B1_0001


def receiver(new_secy, peer, config=None):
    """A SecY that receives from one peer."""
    secy = new_secy(LOCAL, peer.suite, config or Config())
    peer.join(secy)
    return secy


# ---- Encoding: 802.1AE-2018 9.3, 9.4, 9.5, 9.6, 9.7, 9.8, 9.9 ------------------------------------------------------

ENCODINGS = [
    # every TCI that a sender of these suites makes, over both C and E
    (SecTag(an=0, sl=0, pn_field=1, sci=SCI, e=True, c=True), "88e52c00000000010200000000a10001"),
    (SecTag(an=3, sl=0, pn_field=1, sci=SCI), "88e52300000000010200000000a10001"),
    (SecTag(an=1, sl=47, pn_field=0xFFFFFFFF, es=True, e=True, c=True), "88e54d2fffffffff"),
    (SecTag(an=2, sl=1, pn_field=0x01020304, es=True), "88e5420101020304"),
    (SecTag(an=0, sl=0, pn_field=2, scb=True, e=True, c=True), "88e51c0000000002"),
    (SecTag(an=0, sl=0, pn_field=2, scb=True, es=True), "88e5500000000002"),
    (SecTag(an=0, sl=0, pn_field=2), "88e5000000000002"),
    (SecTag(an=0, sl=0, pn_field=2, e=True, c=True), "88e50c0000000002"),
    # and those that none makes: V, E without C, C without E
    (SecTag(an=0, sl=0, pn_field=2, v=True), "88e5800000000002"),
    (SecTag(an=0, sl=0, pn_field=2, e=True), "88e5080000000002"),
    (SecTag(an=0, sl=0, pn_field=2, c=True), "88e5040000000002"),
]


@pytest.mark.parametrize(("tag", "octets"), ENCODINGS)
def test_encoding(tag, octets):
    """The fields lie where 802.1AE-2018 9.3, 802.1AE-2018 Figure 9-4 and 9.6 draw them, and come back from there."""
    assert tag.encode().hex() == octets
    if not tag.v:
        body = bytes(tag.sl or 48) + bytes(16)
        assert parse(tag.encode() + body, extended=False).tag == tag


@pytest.mark.parametrize(("octets", "sl"), [(1, 1), (2, 2), (46, 46), (47, 47), (48, 0), (49, 0), (1500, 0)])
def test_short_length(octets, sl):
    """802.1AE-2018 9.7."""
    assert short_length(octets) == sl


# ---- Validation: 802.1AE-2018 9.12 ----------------------------------------------------------------------------------

GOOD = bytes(48 + 16)

RULES = [
    # id, MPDU from its EtherType on, reason or None if 9.12 has nothing against it
    ("a-16-octets", "88e52c0f00000001" + "00" * 8, "TRUNCATED"),
    ("a-17-octets", "88e52c0f00000001" + "00" * 9, "LENGTH"),
    ("a-ethertype-alone", "88e5", "TRUNCATED"),
    ("a-comes-before-c", "88e5ac", "TRUNCATED"),
    ("c-version", "88e5ac0000000001" + "00" * 8 + GOOD.hex(), "VERSION"),
    ("c-comes-before-d", "88e5fc0000000001" + "00" * 8 + GOOD.hex(), "VERSION"),
    ("d-es-and-sc", "88e56c0000000001" + "00" * 8 + GOOD.hex(), "SC_WITH_ES_SCB"),
    ("d-scb-and-sc", "88e53c0000000001" + "00" * 8 + GOOD.hex(), "SC_WITH_ES_SCB"),
    ("d-all-three", "88e57c0000000001" + "00" * 8 + GOOD.hex(), "SC_WITH_ES_SCB"),
    ("d-es-and-scb-is-fine", "88e55c0000000001" + GOOD.hex(), None),
    ("d-comes-before-e", "88e56cc000000001" + "00" * 8 + GOOD.hex(), "SC_WITH_ES_SCB"),
    ("e-bit-7", "88e52c4000000001" + "00" * 8 + GOOD.hex(), "SL_RESERVED"),
    ("e-bit-8", "88e52c8000000001" + "00" * 8 + GOOD.hex(), "SL_RESERVED"),
    ("e-comes-before-lengths", "88e52cc100000001" + "00" * 9, "SL_RESERVED"),
    ("f-sl-5", "88e5400500000001" + "00" * (5 + 16), None),
    ("f-sl-5-one-less", "88e5400500000001" + "00" * (4 + 16), "LENGTH"),
    ("f-sl-5-one-more", "88e5400500000001" + "00" * (6 + 16), None),
    ("f-sl-0-48-octets", "88e5400000000001" + "00" * (48 + 16), None),
    ("f-sl-0-47-octets", "88e5400000000001" + "00" * (47 + 16), "LENGTH"),
    ("g-sl-5", "88e5200500000001" + "00" * (8 + 5 + 16), None),
    ("g-sl-5-one-less", "88e5200500000001" + "00" * (8 + 4 + 16), "LENGTH"),
    ("g-sl-0-48-octets", "88e5200000000001" + "00" * (8 + 48 + 16), None),
    ("g-sl-0-47-octets", "88e5200000000001" + "00" * (8 + 47 + 16), "LENGTH"),
    ("h-sl-1", "88e54c0100000001" + "00" * (1 + 16), None),
    ("h-sl-1-one-less", "88e54c0100000001" + "00" * 16, "LENGTH"),
    ("h-sl-0-48-octets", "88e54c0000000001" + "00" * (48 + 16), None),
    ("h-sl-0-47-octets", "88e54c0000000001" + "00" * (47 + 16), "LENGTH"),
    ("i-sl-1", "88e52c0100000001" + "00" * (8 + 1 + 16), None),
    ("i-sl-1-one-less", "88e52c0100000001" + "00" * (8 + 16), "LENGTH"),
    ("i-sl-0-48-octets", "88e52c0000000001" + "00" * (8 + 48 + 16), None),
    ("i-sl-0-47-octets", "88e52c0000000001" + "00" * (8 + 47 + 16), "LENGTH"),
    ("sl-48-is-not-refused", "88e54c3000000001" + "00" * (48 + 16), None),
    ("sl-63-is-not-refused", "88e54c3f00000001" + "00" * (63 + 16), None),
    ("sl-63-one-less", "88e54c3f00000001" + "00" * (62 + 16), "LENGTH"),
    ("sci-all-ones", "88e52c0000000001" + "ff" * 8 + GOOD.hex(), "SCI_RESERVED"),
    ("sci-all-ones-but-one", "88e52c0000000001" + "ff" * 7 + "fe" + GOOD.hex(), None),
    ("lengths-come-before-sci", "88e52c0000000001" + "ff" * 8 + "00" * 63, "LENGTH"),
    ("pn-zero", "88e54c0000000000" + GOOD.hex(), "PN_ZERO"),
    ("sci-comes-before-pn", "88e52c0000000000" + "ff" * 8 + GOOD.hex(), "SCI_RESERVED"),
]


@pytest.mark.parametrize(("octets", "reason"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_rule(octets, reason, new_secy):
    """802.1AE-2018 9.12, and the all-ones SCI of 9.9; the parser alone, then the SecY with it."""
    mpdu = bytes.fromhex(octets)
    if reason is None:
        parse(mpdu, extended=False)
    else:
        with pytest.raises(BadTag) as caught:
            parse(mpdu, extended=False)
        assert caught.value.reason == reason

    secy = new_secy(LOCAL)
    outcome = secy.validate(bytes.fromhex("0200000000d1") + SCI.to_bytes(8, "big")[:6] + mpdu)
    if reason is None:
        assert (outcome.verdict, outcome.reason) == ("IN_NO_SA_ERROR", "UNKNOWN_SCI")
    else:
        assert (outcome.verdict, outcome.reason, outcome.frame) == ("IN_BAD_TAG", reason, None)
    assert secy.packets[outcome.verdict] == 1


@pytest.mark.parametrize("mode", ["strict", "check", "disabled"])
@pytest.mark.parametrize(("octets", "reason"), [row[1:] for row in RULES if row[2]][::5])
def test_bad_tag_in_every_mode(octets, reason, mode, new_secy):
    """A tag that breaks 802.1AE-2018 9.12 is discarded whatever validateFrames says (10.6 b)."""
    secy = new_secy(LOCAL, config=Config(validate_frames=mode))
    outcome = secy.validate(bytes(12) + bytes.fromhex(octets))
    assert (outcome.verdict, outcome.reason, outcome.action) == ("IN_BAD_TAG", reason, "DISCARD")


@pytest.mark.parametrize("suite", SUITES)
def test_pn_field_of_zero_is_a_bad_tag_with_32_bits_only(suite, new_secy):
    """With 64-bit PNs a low half of zero is as good as any (802.1AE-2018 9.8, 10.6.2)."""
    peer = Peer(SCI, suite, new_sak(suite))
    secy = new_secy(LOCAL, suite)
    peer.join(secy, lowest_pn=0xFFFF_FFF0)
    if "XPN" in suite:
        outcome = secy.validate(peer.frame(0x1_0000_0000))
        assert (outcome.verdict, outcome.pn) == ("IN_OK", 0x1_0000_0000)
    else:
        outcome = secy.validate(peer.frame(0x1_0000_0000 - 1, pn_field=0))
        assert (outcome.verdict, outcome.reason) == ("IN_BAD_TAG", "PN_ZERO")


# ---- SL and padding: 802.1AE-2018 9.7, 9.10 -------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["sci", "es"])
@pytest.mark.parametrize("octets", [1, 2, 12, 46, 47, 48, 49, 63, 64])
@pytest.mark.parametrize("encrypted", [True, False])
def test_padding_behind_the_icv(octets, encrypted, form, new_secy):
    """802.1AE-2018 9.10: where SL says how long the data is, what a MAC adds behind the ICV is dropped; where it does
    not, the ICV is what comes last, and one octet more spoils it."""
    suite = SUITES[0]
    peer = Peer(SCI, suite, new_sak(suite))
    data = user_data(octets)
    for pn, padding in ((1, b""), (2, bytes(1)), (3, bytes(46)), (4, bytes(range(200)))):
        secy = receiver(new_secy, peer)
        sealed = peer.frame(pn, data, form=form, e=encrypted, padding=padding)
        outcome = secy.validate(sealed)
        if octets < 48 or not padding:
            assert outcome.verdict == "IN_OK"
            assert outcome.frame == sealed[:12] + data
        else:
            assert (outcome.verdict, outcome.reason) == ("IN_NOT_VALID", "ICV")


@pytest.mark.parametrize("octets", [48, 50, 63])
def test_sl_above_47_is_taken_at_its_word(octets, new_secy):
    """802.1AE-2018 9.12 does not refuse an SL of 48 to 63, though no sender writes one (9.7)."""
    peer = Peer(SCI, SUITES[0], new_sak(SUITES[0]))
    outcome = receiver(new_secy, peer).validate(peer.frame(1, user_data(octets), sl=octets, padding=bytes(9)))
    assert outcome.verdict == "IN_OK"
    assert outcome.frame[12:] == user_data(octets)


# ---- TCI: 802.1AE-2018 9.5 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["strict", "check", "disabled"])
@pytest.mark.parametrize("bits", range(16))
def test_every_tci(bits, mode, new_secy):
    """All combinations of SC or ES or SCB, E and C (802.1AE-2018 9.5, 10.6): E without C is the KaY's, C without E is
    of no suite here, and the other two are valid whichever way the SCI is named."""
    suite = SUITES[0]
    form = ("sci", "es", "scb", "es+scb")[bits >> 2]
    e, c = bool(bits & 2), bool(bits & 1)
    sci = SCI if form in ("sci", "es") else SCI & ~0xFFFF
    peer = Peer(sci, suite, new_sak(suite))
    secy = receiver(new_secy, peer, Config(validate_frames=mode))
    outcome = secy.validate(peer.frame(1, form=form, e=e, c=c))
    if e and not c:
        assert (outcome.verdict, outcome.frame) == ("IN_KAY", None)
        return
    assert (outcome.sci, outcome.an, outcome.pn) == (sci, 0, 1)
    if mode == "disabled":
        assert outcome.verdict == ("IN_NOT_VALID" if c else "IN_UNCHECKED")
    elif c and not e:
        assert (outcome.verdict, outcome.reason) == ("IN_NOT_VALID", "NOT_OURS")
    else:
        assert (outcome.verdict, outcome.reason) == ("IN_OK", "NONE")


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("encrypted", [True, False])
def test_every_octet_is_protected(encrypted, suite, new_secy):
    """The ICV covers addresses, SecTAG and data (802.1AE-2018 9.11): one bit of any of them, and it is refused."""
    peer = Peer(SCI, suite, new_sak(suite))
    secy = receiver(new_secy, peer)
    sealed = peer.frame(1, user_data(50), e=encrypted)
    for at in range(len(sealed)):
        outcome = secy.validate(flip(sealed, at, 1 << at % 8))
        assert outcome.frame is None, at
        assert outcome.verdict in {"IN_NOT_VALID", "IN_BAD_TAG", "IN_NO_SA_ERROR", "IN_NO_TAG", "IN_KAY", "IN_LATE"}
    assert secy.validate(sealed).verdict == "IN_OK"


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("bit", range(128))
def test_every_bit_of_the_icv_counts(bit, suite, new_secy):
    """802.1AE-2018 9.11, 14.5: the ICV has 16 octets, and all of them are compared."""
    peer = Peer(SCI, suite, new_sak(suite))
    secy = receiver(new_secy, peer)
    sealed = peer.frame(1)
    assert secy.validate(flip(sealed, len(sealed) - 16 + bit // 8, 1 << bit % 8)).verdict == "IN_NOT_VALID"
