"""Why this exists: 10.5 as tables: which SecTAG goes out under which controls, and what becomes of a frame that may
not."""

from __future__ import annotations

import pytest

from tests.model.parts import Config, ModelError
from tests.model.sectag import parse
from tests.model.wire import SUITES, Peer, new_sak, user_data

MAC = bytes.fromhex("0200000000b1")
SUITE = "GCM-AES-128"
DESTINATION = bytes.fromhex("0200000000d1")
FRAME = DESTINATION + MAC + user_data(60)


def local_sci(port):
    """The sender's SCI with this port."""
    return int.from_bytes(MAC, "big") << 16 | port


def sender(new_secy, suite=SUITE, port=1, offset=0, next_pn=1, config=None, **sa):  # noqa: PLR0917
    """A SecY with an SA that transmits, AN 1."""
    secy = new_secy(local_sci(port), suite, config or Config())
    sak = new_sak(suite, 0, offset)
    secy.install_sak(sak.ki, sak.key, sak.salt, offset)
    secy.create_transmit_sa(1, sak.ki, next_pn, ssci=1, **sa)
    secy.enable_transmit(sak.ki)
    return secy


def add_receive_scs(secy, number, enable=True):
    """Receive SCs with an SA each, in use or not."""
    for i in range(number):
        peer = Peer(0x0200_0000_00C0_0001 + (i << 16), SUITE, new_sak(SUITE, 10 + i), ssci=10 + i)
        peer.join(secy, enable=enable)


# ---- Table 10-1 ----------------------------------------------------------------------------------------------------

T, F = True, False

TABLE_10_1 = [
    # alwaysIncludeSCI, useES, useSCB, receive SCs enabled; the sender's port; SC, ES, SCB in the SecTAG
    (T, F, F, 0, 1, (T, F, F)),
    (T, F, F, 1, 1, (T, F, F)),
    (T, F, F, 2, 1, (T, F, F)),
    (T, T, F, 1, 1, (T, F, F)),
    (T, F, T, 1, 0, (T, F, F)),
    (F, F, F, 0, 1, (F, F, F)),
    (F, F, F, 1, 1, (F, F, F)),
    (F, F, F, 2, 1, (T, F, F)),
    (F, F, F, 3, 7, (T, F, F)),
    (F, T, F, 0, 1, (F, T, F)),
    (F, T, F, 1, 1, (F, T, F)),
    (F, T, F, 2, 1, (F, T, F)),
    (F, F, T, 1, 0, (F, F, T)),
    (F, F, T, 2, 0, (F, F, T)),
]


@pytest.mark.parametrize(("always", "use_es", "use_scb", "receiving", "port", "bits"), TABLE_10_1)
@pytest.mark.parametrize("confidentiality", [True, False])
def test_table_10_1(always, use_es, use_scb, receiving, port, bits, confidentiality, new_secy):  # noqa: PLR0917
    """802.1AE-2018 10.5.3, Table 10-1; there is one transmit SC. E and C go together (9.5)."""
    config = Config(always_include_sci=always, use_es=use_es, use_scb=use_scb)
    secy = sender(new_secy, port=port, config=config, confidentiality=confidentiality)
    add_receive_scs(secy, receiving)
    outcome = secy.protect(FRAME)
    tag = parse(outcome.frame[12:], extended=False).tag
    assert (tag.sci is not None, tag.es, tag.scb) == bits
    assert tag.sci in {None, local_sci(port)}
    assert (tag.e, tag.c, tag.v, tag.an) == (confidentiality, confidentiality, False, 1)
    assert secy.including_sci == bits[0]
    assert outcome.verdict == ("OUT_ENCRYPTED" if confidentiality else "OUT_PROTECTED")


def test_receive_scs_count_while_they_receive(new_secy):
    """802.1AE-2018 10.5.3 c): receive SCs enabled for reception, that is with an SA in use (10.7.12)."""
    secy = sender(new_secy)
    add_receive_scs(secy, 2, enable=False)
    assert not secy.including_sci
    assert len(secy.protect(FRAME).frame) == len(FRAME) + 24
    add_receive_scs(secy, 2)
    assert secy.including_sci
    assert len(secy.protect(FRAME).frame) == len(FRAME) + 32
    secy.enable_receive(0x0200_0000_00C0_0001, new_sak(SUITE, 10).ki, False)
    assert not secy.including_sci
    assert len(secy.protect(FRAME).frame) == len(FRAME) + 24


def test_es_is_for_the_own_source_address(new_secy):
    """802.1AE-2018 9.5: ES may be set only where the source address is the SCI's; others carry the SCI (decided)."""
    secy = sender(new_secy, config=Config(use_es=True))
    own = parse(secy.protect(FRAME).frame[12:], extended=False).tag
    assert (own.es, own.sci) == (True, None)
    relayed = DESTINATION + bytes.fromhex("0200000000c9") + user_data(60)
    other = parse(secy.protect(relayed).frame[12:], extended=False).tag
    assert (other.es, other.sci) == (False, local_sci(1))


@pytest.mark.parametrize(("use_es", "use_scb", "port"), [(T, F, 0), (T, F, 2), (F, T, 1), (F, T, 9), (T, T, 1)])
def test_implied_sci_must_be_the_own_one(use_es, use_scb, port, new_secy):
    """802.1AE-2018 9.5: ES means port 1 and SCB port 0, so a SecY of another port cannot use them."""
    with pytest.raises(ModelError):
        new_secy(local_sci(port), SUITE, Config(use_es=use_es, use_scb=use_scb))
    secy = new_secy(local_sci(port), SUITE)
    with pytest.raises(ModelError):
        secy.reconfigure(use_es=use_es, use_scb=use_scb)


# ---- What becomes of a frame ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("confidentiality", [True, False])
@pytest.mark.parametrize("always", [True, False])
@pytest.mark.parametrize("octets", [2, 3, 46, 47, 48, 49, 63, 64, 65, 127, 128, 129, 1500, 2000])
def test_there_and_back(octets, always, confidentiality, suite, new_secy):
    """802.1AE-2018 10.5, 10.5.4, 14.5 to 14.8: what one SecY seals another opens, in every suite; SL is 9.7."""
    secy = sender(new_secy, suite, config=Config(always_include_sci=always), confidentiality=confidentiality)
    frame = DESTINATION + MAC + user_data(octets)
    sealed = secy.protect(frame).frame
    assert len(sealed) == len(frame) + (32 if always else 24)
    assert sealed[15] == (octets if octets < 48 else 0)
    assert (user_data(octets)[2:] in sealed[20:]) == (not confidentiality) or octets < 20

    receiver = new_secy(0x0200_0000_00FF_0001, suite)
    Peer(local_sci(1), suite, new_sak(suite), an=1, ssci=1).join(receiver)
    outcome = receiver.validate(sealed)
    assert (outcome.verdict, outcome.frame) == ("IN_OK", frame)


@pytest.mark.parametrize("offset", [0, 30, 50])
@pytest.mark.parametrize("octets", [2, 29, 30, 31, 49, 50, 51, 66, 500])
@pytest.mark.parametrize("suite", SUITES[:2])
def test_confidentiality_offset(suite, octets, offset, new_secy):
    """802.1AE-2018 10.7.25, 10.7.27: the first octets stay readable and are protected all the same; a frame that ends
    before the offset is encrypted in name only."""
    secy = sender(new_secy, suite, offset=offset)
    data = user_data(octets)
    outcome = secy.protect(DESTINATION + MAC + data)
    assert outcome.verdict == "OUT_ENCRYPTED"
    mpdu = parse(outcome.frame[12:], extended=False)
    assert (mpdu.tag.e, mpdu.tag.c) == (True, True)
    clear = min(offset, octets)
    assert mpdu.secure_data[:clear] == data[:clear]
    assert octets - clear < 4 or mpdu.secure_data[clear:] != data[clear:]

    receiver = new_secy(0x0200_0000_00FF_0001, suite)
    Peer(local_sci(1), suite, new_sak(suite, 0, offset), an=1).join(receiver)
    assert receiver.validate(outcome.frame).frame == DESTINATION + MAC + data
    assert +receiver.octets == {"in_decrypted": octets}


def test_offset_does_not_touch_integrity_only(new_secy):
    """802.1AE-2018 10.7.27: the offset applies to frames with confidentiality."""
    plain, offset = sender(new_secy, confidentiality=False), sender(new_secy, offset=30, confidentiality=False)
    assert plain.protect(FRAME).frame == offset.protect(FRAME).frame


@pytest.mark.parametrize(("suite", "offset"), [
    ("GCM-AES-XPN-128", 30), ("GCM-AES-XPN-256", 50), ("GCM-AES-128", 1), ("GCM-AES-256", 64), ("GCM-AES-128", 29),
])  # fmt: skip
def test_offsets_that_are_none(suite, offset, new_secy):
    """802.1AE-2018 10.7.25: 0, 30 or 50; and 0 alone with an XPN suite."""
    secy = new_secy(local_sci(1), suite)
    sak = new_sak(suite)
    with pytest.raises(ModelError):
        secy.install_sak(sak.ki, sak.key, sak.salt, offset)


@pytest.mark.parametrize("octets", range(14))
def test_too_short(octets, new_secy):
    """Fewer octets than addresses and EtherType are no frame, whatever the controls say (decided)."""
    for config in (Config(), Config(protect_frames=False), Config(validate_frames="null")):
        secy = sender(new_secy, config=config)
        assert secy.protect(FRAME[:octets])[:4] == ("OUT_MALFORMED", "TOO_SHORT", None, "DISCARD")
        assert secy.validate(FRAME[:octets])[:4] == ("IN_MALFORMED", "TOO_SHORT", None, "DISCARD")
    assert sender(new_secy).protect(FRAME[:14]).verdict == "OUT_ENCRYPTED"


def test_protect_frames_off(new_secy):
    """802.1AE-2018 10.5: an identical request is made, and OutPktsUntagged counts it."""
    secy = sender(new_secy, config=Config(protect_frames=False))
    outcome = secy.protect(FRAME)
    assert outcome == ("OUT_UNTAGGED", "NONE", FRAME, "COMMON", 0, outcome.sci, 255)
    assert +secy.packets == {"OUT_UNTAGGED": 1}
    assert +secy.octets == {}
    secy.reconfigure(protect_frames=True)
    assert secy.protect(FRAME).pn == 1


def test_closed(new_secy):
    """802.1AE-2018 10.5.1, 10.7.5, 10.7.24: nothing is sent unprotected for want of an SA."""
    secy = new_secy(local_sci(1), SUITE)
    assert secy.protect(FRAME)[:4] == ("OUT_CLOSED", "NO_TRANSMIT_SA", None, "DISCARD")
    sak = new_sak(SUITE)
    secy.install_sak(sak.ki, sak.key)
    secy.create_transmit_sa(0, sak.ki)
    assert secy.protect(FRAME).reason == "NO_TRANSMIT_SA"
    secy.enable_transmit(sak.ki)
    assert secy.protect(FRAME).pn == 1
    secy.reconfigure(controlled_port_enabled=False)
    assert secy.protect(FRAME)[:4] == ("OUT_CLOSED", "DISABLED", None, "DISCARD")
    secy.reconfigure(controlled_port_enabled=True)
    secy.enable_transmit(sak.ki, False)
    assert secy.protect(FRAME).reason == "NO_TRANSMIT_SA"
    secy.enable_transmit(sak.ki)
    assert secy.protect(FRAME).pn == 2
    secy.retire(sak.ki)
    assert secy.protect(FRAME).reason == "NO_TRANSMIT_SA"


@pytest.mark.parametrize("always", [True, False])
def test_too_long(always, new_secy):
    """802.1AE-2018 10.5.5: an MPDU that the common port cannot carry is discarded and counted; here it costs no PN."""
    overhead = 32 if always else 24
    secy = sender(new_secy, config=Config(always_include_sci=always, common_port_mtu=1500))
    longest = DESTINATION + MAC + user_data(1500 + 2 - overhead)
    assert secy.protect(longest + b"\x00")[:4] == ("OUT_TOO_LONG", "NONE", None, "DISCARD")
    outcome = secy.protect(longest)
    assert (outcome.verdict, outcome.pn, len(outcome.frame)) == ("OUT_ENCRYPTED", 1, 1514)
    assert +secy.packets == {"OUT_TOO_LONG": 1, "OUT_ENCRYPTED": 1}
    assert +secy.octets == {"out_encrypted": 1502 - overhead}


def test_octets_and_packets(new_secy):
    """802.1AE-2018 10.5.4, 10.7.18, 10.7.19: octets of User Data, by whether they were encrypted."""
    secy = sender(new_secy)
    for octets in (2, 50, 1000):
        secy.protect(DESTINATION + MAC + user_data(octets))
    fresh = new_sak(SUITE, 1)
    secy.install_sak(fresh.ki, fresh.key)
    secy.create_transmit_sa(2, fresh.ki, confidentiality=False)
    secy.enable_transmit(fresh.ki)
    secy.protect(DESTINATION + MAC + user_data(7))
    assert +secy.packets == {"OUT_ENCRYPTED": 3, "OUT_PROTECTED": 1}
    assert +secy.sc_packets(local_sci(1)) == {"OUT_ENCRYPTED": 3, "OUT_PROTECTED": 1}
    assert +secy.octets == {"out_encrypted": 1052, "out_protected": 7}
    secy.retire(new_sak(SUITE).ki)
    assert +secy.sc_packets(local_sci(1)) == {"OUT_ENCRYPTED": 3, "OUT_PROTECTED": 1}


def test_rollover_inside_a_stream(new_secy):
    """802.1AE-2018 10.5.1: frames after enableTransmit go with the new SA, each SA with PNs of its own."""
    secy = sender(new_secy, next_pn=7)
    fresh = new_sak(SUITE, 1)
    secy.install_sak(fresh.ki, fresh.key)
    secy.create_transmit_sa(2, fresh.ki, 100)
    seen = [secy.protect(FRAME)[4:] for _ in range(2)]
    secy.enable_transmit(fresh.ki)
    seen += [secy.protect(FRAME)[4:] for _ in range(2)]
    secy.enable_transmit(new_sak(SUITE).ki)
    seen += [secy.protect(FRAME)[4:] for _ in range(2)]
    assert [(pn, an) for pn, _, an in seen] == [(7, 1), (8, 1), (100, 2), (101, 2), (9, 1), (10, 1)]


# ---- VLAN tags left in clear, and the bypass list: the project's options ---------------------------------------------

C_TAG, S_TAG = bytes.fromhex("81000123"), bytes.fromhex("88a80456")
DATA = user_data(60)

VLAN = [
    # tags to leave, tags of the frame, how many stay before the SecTAG
    (0, C_TAG, 0),
    (1, b"", 0),
    (1, C_TAG, 1),
    (1, S_TAG + C_TAG, 1),
    (2, S_TAG + C_TAG, 2),
    (2, C_TAG, 1),
    (2, C_TAG + C_TAG + C_TAG, 2),
    (1, bytes.fromhex("91000001"), 0),
]


@pytest.mark.parametrize(("leave", "tags", "stay"), VLAN)
@pytest.mark.parametrize("always", [True, False])
@pytest.mark.parametrize("confidentiality", [True, False])
def test_vlan_tags_in_clear(leave, tags, stay, always, confidentiality, new_secy):  # noqa: PLR0917
    """The tags stay where they were and outside the ICV; SL (802.1AE-2018 9.7), the octet counters and the offset are
    about what follows the SecTAG."""
    config = Config(vlan_tags_in_clear=leave, always_include_sci=always)
    secy = sender(new_secy, config=config, confidentiality=confidentiality)
    clear, hidden = tags[: 4 * stay], tags[4 * stay :] + DATA
    frame = DESTINATION + MAC + tags + DATA
    outcome = secy.protect(frame)
    assert outcome.frame[12 : 12 + len(clear) + 2] == clear + b"\x88\xe5"
    without = sender(new_secy, config=Config(always_include_sci=always), confidentiality=confidentiality)
    bare = without.protect(DESTINATION + MAC + hidden).frame
    assert outcome.frame == bare[:12] + clear + bare[12:]
    assert sum(secy.octets.values()) == len(hidden)

    receiver = new_secy(0x0200_0000_00FF_0001, SUITE, Config(vlan_tags_in_clear=leave))
    Peer(local_sci(1), SUITE, new_sak(SUITE), an=1).join(receiver)
    got = receiver.validate(outcome.frame)
    assert (got.verdict, got.frame) == ("IN_OK", frame)
    assert sum(receiver.octets.values()) == len(hidden)


@pytest.mark.parametrize(("tags", "expected"), [
    (C_TAG, "IN_NO_TAG"), (S_TAG + C_TAG, "IN_NO_TAG"), (b"", "IN_OK"),
])  # fmt: skip
def test_a_sectag_too_deep_is_none(tags, expected, new_secy):
    """802.1AE-2018 10.6 a): the SecTAG is looked for behind so many VLAN tags as are left in clear, and no more."""
    peer = Peer(0x0200_0000_00A1_0001, SUITE, new_sak(SUITE))
    for leave, deep in ((0, tags), (1, C_TAG + tags if tags else C_TAG)):
        receiver = new_secy(local_sci(1), SUITE, Config(vlan_tags_in_clear=leave))
        peer.join(receiver)
        assert receiver.validate(peer.frame(1, vlan=deep)).verdict == expected


@pytest.mark.parametrize(("leave", "tags"), [(1, C_TAG), (2, C_TAG), (2, S_TAG + C_TAG)])
def test_mtu_does_not_count_vlan_tags_in_clear(leave, tags, new_secy):
    """802.1AE-2018 10.5.5: the MSDU of the common port begins behind the tags (decided)."""
    config = Config(vlan_tags_in_clear=leave, common_port_mtu=1500)
    secy = sender(new_secy, config=config)
    longest = DESTINATION + MAC + tags + user_data(1500 + 2 - 24)
    assert secy.protect(longest + b"\x00").verdict == "OUT_TOO_LONG"
    assert secy.protect(longest).verdict == "OUT_ENCRYPTED"


GROUP = bytes.fromhex("0180c2000000")
LLDP = bytes.fromhex("0180c200000e")
BYPASS = Config(bypass_ethertypes=(0x888E, 0x88F7), bypass_addresses=(LLDP,))

BYPASSES = [
    # destination, EtherType, whether it goes by the uncontrolled port
    (DESTINATION, "888e", True),
    (GROUP, "888e", True),
    (DESTINATION, "88f7", True),
    (LLDP, "88cc", True),
    (LLDP, "0800", True),
    (DESTINATION, "88cc", False),
    (GROUP, "88cc", False),
    (DESTINATION, "0800", False),
]


@pytest.mark.parametrize(("destination", "ethertype", "bypass"), BYPASSES)
@pytest.mark.parametrize("changes", [{}, {"controlled_port_enabled": False}, {"validate_frames": "null"},
                                     {"validate_frames": "check"}, {"protect_frames": False}])  # fmt: skip
def test_bypass(destination, ethertype, bypass, changes, new_secy):
    """What is on the list goes by the uncontrolled port whatever the controlled port does; nothing else does."""
    frame = destination + MAC + bytes.fromhex(ethertype) + bytes(46)
    secy = sender(new_secy, config=BYPASS)
    secy.reconfigure(**changes)
    received, sent = secy.validate(frame), secy.protect(frame)
    assert (received.verdict == "IN_BYPASS") == bypass
    assert (sent.verdict == "OUT_BYPASS") == bypass
    if bypass:
        assert (received.action, received.frame) == ("UNCONTROLLED", frame)
        assert (sent.action, sent.frame) == ("COMMON", frame)


def test_no_bypass_with_an_empty_list(new_secy):
    """EAPOL is on the list by default only."""
    secy = sender(new_secy, config=Config(bypass_ethertypes=()))
    frame = DESTINATION + MAC + bytes.fromhex("888e") + bytes(46)
    assert secy.protect(frame).verdict == "OUT_ENCRYPTED"
    assert secy.validate(frame).verdict == "IN_NO_TAG"


def test_a_tagged_frame_is_never_bypassed(new_secy):
    """802.1AE-2018 10.6: a SecTAG is the SecY's business, to whatever address it comes."""
    secy = sender(new_secy, config=Config(bypass_addresses=(LLDP,), bypass_ethertypes=(0x88E5,)))
    peer = Peer(0x0200_0000_00A1_0001, SUITE, new_sak(SUITE, 1))
    peer.join(secy)
    assert secy.validate(peer.frame(1, destination=LLDP)).verdict == "IN_OK"
    assert secy.validate(peer.frame(2, destination=LLDP, v=True)).verdict == "IN_BAD_TAG"
    assert secy.validate(peer.frame(3)).verdict == "IN_OK"
