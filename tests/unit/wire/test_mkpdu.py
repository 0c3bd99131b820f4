"""MKPDUs of real devices are read, every set is put where the standard has it, and any order is taken."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from pysec.errors import UsageError
from pysec.types import An, CipherSuite, Ckn, ConfidentialityOffset, Ki, Kn, MacsecCapability, Mi, Sci
from pysec.wire import eapol, mkpdu
from pysec.wire.mkpdu import (
    AGILITY,
    Announcement,
    BasicSet,
    DistributedCak,
    DistributedSak,
    KiPn,
    MkPdu,
    PeerEntry,
    PeerList,
    SakUse,
    SuiteOffer,
    Tlv,
    UnknownSet,
    Xpn,
)
from tests.unit.wire.mkpdus import SENT, Sent

A, B, C = (Mi(bytes([n]) * 12) for n in (0xA, 0xB, 0xC))
KI = Ki.of(A, 7)
BASIC = BasicSet(16, True, True, MacsecCapability.OFFSETS, Sci(0x525400000A010001), A, 9, AGILITY, Ckn(b"\x01"))
ICV = bytes(range(16))
FULL = MkPdu(
    version=3,
    basic=BASIC,
    live=PeerList((PeerEntry(B, 1), PeerEntry(C, 0xFFFFFFFF)), key_server_ssci=2),
    potential=PeerList((PeerEntry(C, 3),)),
    sak_use=SakUse(latest_an=An(1), latest_tx=True, latest=KiPn(KI, 5), old_an=An(2), old_rx=True),
    distributed_sak=DistributedSak(
        An(3), ConfidentialityOffset.FIFTY, Kn(8), CipherSuite.GCM_AES_XPN_256, bytes(range(40))
    ),
    distributed_cak=DistributedCak(bytes(24), Ckn(b"group")),
    kmd="domän",
    announcement=Announcement.of_suites((SuiteOffer(CipherSuite.GCM_AES_256, 3),)),
    xpn=Xpn(60, 1, 2),
    icv_indicator=True,
    unknown=(UnknownSet(99, 1, 2, b"abc"), UnknownSet(200, 0, 0, b"")),
)


def bare(**sets: object) -> MkPdu:
    return MkPdu(version=3, basic=BASIC, **sets)  # type: ignore[arg-type]


def octets_of(pdu: MkPdu) -> str:
    """What follows the basic set, which has 36 octets here, less the ICV."""
    return mkpdu.encode(pdu, ICV)[36:-16].hex()


def types_of(body: bytes) -> list[int]:
    return [raw.type for raw in mkpdu.raw_sets(mkpdu.peek(body))]


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent.name)
def test_what_devices_send(sent: Sent) -> None:
    """802.1X-2020 11.11: it is read, and made again octet for octet where the sender keeps to zeros we also send."""
    body = eapol.parse(sent.frame).body
    pdu = mkpdu.decode(body)
    assert pdu.version == 1
    assert str(pdu.basic.ckn) == sent.ca[1]
    assert pdu.basic.sci.mac.octets == sent.frame[6:12]
    unused, next_set = bytes(16), bytes.fromhex("0410")  # one device leaves the PN of an unused slot 0, we send 1
    wanted = body.replace(unused + bytes(4) + next_set, unused + (1).to_bytes(4, "big") + next_set)
    assert mkpdu.encode(pdu, body[-16:], rising=True) == wanted


def test_a_devices_sak_use_and_distributed_sak() -> None:
    """802.1X-2020 11.11.3: the fields, one by one."""
    pdu = mkpdu.decode(eapol.parse(SENT[2].frame).body)
    server = Mi.parse("718b8a39866b2f5814c9dcf6")
    assert pdu.basic == BasicSet(
        key_server_priority=16,
        is_key_server=True,
        macsec_desired=True,
        macsec_capability=MacsecCapability.CONFIDENTIALITY,
        sci=Sci.parse("cc:4e:24:c4:f7:7f/128"),
        mi=server,
        mn=129,
        agility=AGILITY,
        ckn=Ckn(b"\x11" * 32),
    )
    assert pdu.live == PeerList((PeerEntry(Mi.parse("bc6a009659777a823a90d9e7"), 2),))
    assert pdu.sak_use == SakUse(latest_rx=True, latest=KiPn(Ki.of(server, 1), 0))
    assert pdu.distributed_sak == DistributedSak(
        An(0),
        ConfidentialityOffset.ZERO,
        Kn(1),
        CipherSuite.GCM_AES_128,
        bytes.fromhex("437a05889fe82d94572b3f137efb01367956423fbda19f75"),
    )
    assert pdu.icv_indicator
    assert pdu.potential is None


def test_the_basic_set() -> None:
    """802.1X-2020 11.11.3: the version is its first octet, the CKN is padded and its length says so."""
    body = mkpdu.encode(bare(), ICV)
    assert body.hex() == (
        "0310f01d" + "525400000a010001" + "0a" * 12 + "00000009" + "0080c201" + "01000000" + ICV.hex()
    )
    found = mkpdu.peek(body)
    assert (found.version, found.basic, found.icv, found.covered) == (3, BASIC, ICV, body[:-16])


@pytest.mark.parametrize("octets", range(1, 33))
def test_a_ckn_of_every_length(octets: int) -> None:
    """802.1X-2020 9.3.1: 1 to 32 octets."""
    pdu = bare()
    pdu = replace(pdu, basic=replace(BASIC, ckn=Ckn(bytes([0xCC]) * octets)))
    body = mkpdu.encode(pdu, ICV)
    assert len(body) == 32 + -(-octets // 4) * 4 + 16
    assert mkpdu.peek(body).ckn == pdu.basic.ckn
    assert mkpdu.decode(body) == pdu


def sak(an: int, offset: str, suite: str) -> DistributedSak:
    octets = CipherSuite[suite].sak_octets + 8
    return DistributedSak(An(an), ConfidentialityOffset[offset], Kn(2), CipherSuite[suite], bytes(octets))


def peer_hex(mi: str, mn: int) -> str:
    return mi * 12 + f"{mn:08x}"


KI_HEX = "0a" * 12 + "00000007"
ONE_SET = [
    (bare(live=PeerList((PeerEntry(B, 1),), 2)), "01020010" + "0b" * 12 + "00000001"),
    (bare(live=PeerList(())), "01000000"),
    (bare(potential=PeerList((PeerEntry(B, 1), PeerEntry(C, 2)))), "02000020" + peer_hex("0b", 1) + peer_hex("0c", 2)),
    (bare(sak_use=SakUse(empty=True, plain_tx=True)), "03008000"),
    (bare(sak_use=SakUse(latest_an=An(3))), "03c00028" + ("00" * 16 + "00000001") * 2),
    (bare(sak_use=SakUse(latest_tx=True, latest=KiPn(KI, 9))), f"03200028{KI_HEX}00000009" + "00" * 16 + "00000001"),
    (bare(sak_use=SakUse(latest_rx=True, old_an=An(3), old_tx=True)), "031e0028" + ("00" * 16 + "00000001") * 2),
    (bare(sak_use=SakUse(old_rx=True, old=KiPn(KI, 0))), "03010028" + "00" * 16 + "00000001" + KI_HEX + "00000000"),
    (bare(sak_use=SakUse(plain_rx=True, delay_protect=True, empty=True)), "03005000"),
    (bare(distributed_sak=DistributedSak.plain()), "04000000"),
    (bare(distributed_sak=sak(1, "ZERO", "GCM_AES_128")), "0450001c" + "00000002" + "00" * 24),
    (bare(distributed_sak=sak(2, "THIRTY", "GCM_AES_256")), "04a00034" + "000000020080c20001000002" + "00" * 40),
    (bare(distributed_sak=sak(3, "INTEGRITY_ONLY", "GCM_AES_XPN_128")), "04c00024000000020080c20001000003" + "00" * 24),
    (bare(distributed_cak=DistributedCak(b"\xee" * 24, Ckn(b"\xdd"))), "05000019" + "ee" * 24 + "dd000000"),
    (bare(kmd="abcde"), "06000005" + "6162636465000000"),
    (bare(announcement=Announcement((Tlv(113, b"x"), Tlv(0, b"")))), "07000005" + "e20178" + "0000" + "000000"),
    (
        bare(announcement=Announcement.of_suites((SuiteOffer(CipherSuite.GCM_AES_XPN_256, 2),))),
        "0700000c" + "e00a" + "0002" + "0080c20001000004",
    ),
    (bare(xpn=Xpn(120, 1, 0xFFFFFFFF)), "08780008" + "00000001" + "ffffffff"),
    (bare(icv_indicator=True), "ff000010"),
    (bare(unknown=(UnknownSet(77, 5, 9, b"xyz"),)), "4d059003" + "78797a00"),
]  # fmt: skip


@pytest.mark.parametrize(("pdu", "octets"), ONE_SET, ids=range(len(ONE_SET)))
def test_each_set(pdu: MkPdu, octets: str) -> None:
    """802.1X-2020 11.11.3: octets by hand, both ways."""
    assert octets_of(pdu) == octets
    assert mkpdu.decode(mkpdu.encode(pdu, ICV)) == pdu


def test_everything_at_once() -> None:
    assert mkpdu.decode(mkpdu.encode(FULL, ICV)) == FULL
    assert mkpdu.decode(mkpdu.encode(FULL, ICV, rising=True)) == FULL


def test_the_order_of_sets() -> None:
    """802.1X-2020 11.11.3: the others by type, then live, potential, ICV indicator; or plainly rising."""
    assert types_of(mkpdu.encode(FULL, ICV)) == [3, 4, 5, 6, 7, 8, 99, 200, 1, 2, 255]
    assert types_of(mkpdu.encode(FULL, ICV, rising=True)) == [1, 2, 3, 4, 5, 6, 7, 8, 99, 200, 255]


def test_any_order_is_taken() -> None:
    """802.1X-2020 11.11.3 has an order for senders; devices have others."""
    pdu = replace(FULL, distributed_cak=None, kmd=None, announcement=None, potential=None, xpn=None)
    body = mkpdu.encode(pdu, ICV)
    found = mkpdu.peek(body)
    pieces, at = [], found.basic_octets
    for raw in mkpdu.raw_sets(found):
        size = 4 + len(raw.body) + -len(raw.body) % 4
        pieces.append(body[at : at + size])
        at += size
    *movable, indicator = pieces
    assert len(movable) == 5
    for order in itertools.permutations(movable):
        assert mkpdu.decode(body[: found.basic_octets] + b"".join(order) + indicator + ICV) == pdu


@pytest.mark.parametrize(("version", "ssci"), [(1, None), (2, None), (3, 2), (4, 2)])
def test_the_key_servers_ssci_came_with_version_3(version: int, ssci: int | None) -> None:
    """802.1X-2020 11.11.3: before, the octet says nothing."""
    body = bytearray(mkpdu.encode(bare(live=PeerList((PeerEntry(B, 1),), 2)), ICV))
    body[0] = version
    pdu = mkpdu.decode(bytes(body))
    assert pdu.version == version
    assert pdu.live == PeerList((PeerEntry(B, 1),), ssci)


def test_a_suite_by_its_name_of_2006() -> None:
    """802.1AE-2018 Table 14-1; 802.1AE-2006 had 00-80-02 in it. Named, GCM-AES-128 is the same as implied."""
    for identifier in ("0080c20001000001", "0080020001000001"):
        body = mkpdu.encode(bare(), ICV)[:-16] + bytes.fromhex("04100024" + "00000001" + identifier + "00" * 24) + ICV
        found = mkpdu.decode(body).distributed_sak
        assert found is not None
        assert found.cipher_suite is CipherSuite.GCM_AES_128


def test_a_suite_that_is_none_of_ours() -> None:
    """The engine must be able to say which one the key server wanted."""
    sak = DistributedSak(An(0), ConfidentialityOffset.ZERO, Kn(1), b"\x00\x11\x22\x33\x44\x55\x66\x77", bytes(32))
    assert mkpdu.decode(mkpdu.encode(bare(distributed_sak=sak), ICV)).distributed_sak == sak


@pytest.mark.parametrize("octets", [16, 32])
def test_where_a_wrapped_cak_ends(octets: int) -> None:
    """802.1X-2020 11.11.3: the length of the CAK that distributes it tells."""
    sent = DistributedCak(bytes(range(octets + 8)), Ckn(b"a group's name"))
    body = mkpdu.encode(bare(distributed_cak=sent), ICV)
    assert mkpdu.decode(body, cak_octets=octets).distributed_cak == sent


def test_announced_suites() -> None:
    """802.1X-2020 11.12: a capability and an identifier for each."""
    offers = (
        SuiteOffer(CipherSuite.GCM_AES_XPN_256, 2),
        SuiteOffer(b"\x00" * 8, 0),
        SuiteOffer(CipherSuite.GCM_AES_128, 3),
    )
    assert Announcement.of_suites(offers).suites == offers
    assert Announcement((Tlv(127, b"\x00\x80\xc2"), Tlv(114, b"nid"))).suites == ()


USELESS = [
    lambda: replace(BASIC, key_server_priority=256),
    lambda: replace(BASIC, mn=1 << 32),
    lambda: replace(BASIC, agility=b"\x00"),
    lambda: PeerList((PeerEntry(B, 1),) * 256),
    lambda: PeerList((), key_server_ssci=256),
    lambda: PeerList((), key_server_ssci=0),
    lambda: PeerEntry(B, -1),
    lambda: KiPn(Ki(bytes(16)), 1),
    lambda: KiPn(KI, 1 << 32),
    lambda: SakUse(empty=True, latest=KiPn(KI, 1)),
    lambda: DistributedSak(An(0), ConfidentialityOffset.ZERO, None, CipherSuite.GCM_AES_128, b""),
    lambda: DistributedSak(An(0), ConfidentialityOffset.ZERO, Kn(1), None, bytes(24)),
    lambda: DistributedSak(An(0), ConfidentialityOffset.ZERO, Kn(1), b"short", bytes(24)),
    lambda: DistributedSak(An(0), ConfidentialityOffset.ZERO, Kn(1), CipherSuite.GCM_AES_256, bytes(24)),
    lambda: DistributedSak(An(0), ConfidentialityOffset.ZERO, Kn(1), bytes(8), bytes(25)),
    lambda: DistributedCak(bytes(16), Ckn(b"n")),
    lambda: Xpn(256),
    lambda: Xpn(0, 1 << 32),
    lambda: UnknownSet(3, 0, 0, b""),
    lambda: UnknownSet(255, 0, 0, b""),
    lambda: UnknownSet(9, 0, 16, b""),
    lambda: UnknownSet(9, 0, 0, bytes(4096)),
    lambda: Tlv(128, b""),
    lambda: Tlv(1, bytes(512)),
    lambda: Announcement((Tlv(1, bytes(511)),) * 8),
    lambda: SuiteOffer(bytes(7), 1),
    lambda: bare(potential=PeerList((), 1)),
    lambda: replace(FULL, version=2),
    lambda: replace(FULL, version=0),
    lambda: bare(unknown=(UnknownSet(9, 0, 0, b""), UnknownSet(9, 0, 0, b"x"))),
    lambda: bare(unknown=(UnknownSet(10, 0, 0, b""), UnknownSet(9, 0, 0, b""))),
    lambda: mkpdu.encode(bare(), bytes(15)),
    lambda: mkpdu.encode(bare(kmd="\ud800"), ICV),
    lambda: mkpdu.encode(bare(kmd="x" * 4096), ICV),
    lambda: mkpdu.encode(bare(live=PeerList((PeerEntry(B, 1),) * 100)), ICV),
]  # fmt: skip


@pytest.mark.parametrize("make", USELESS, ids=range(len(USELESS)))
def test_what_cannot_be_sent(make: object) -> None:
    with pytest.raises(UsageError):
        make()  # type: ignore[operator]


def test_wrapped_keys_do_not_show() -> None:
    """Not secret by themselves, and of no use in a log."""
    assert "wrapped" not in repr(FULL)
