"""pysec.scapy against scapy's own MACsec: each opens what the other sealed, with all four suites."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

pytest.importorskip("scapy.contrib.macsec")

from scapy.contrib.macsec import MACsec, MACsecSA
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from pysec import SecY, SecYConfig, Verdict
from pysec.errors import UsageError
from pysec.scapy import protect, protect_all, validate, validate_all
from pysec.types import CipherSuite, Ki, Sci, Ssci

ALICE, BOB = Sci.of("02:00:00:00:00:01"), Sci.of("02:00:00:00:00:02")
KI = Ki(bytes(16))
SALT = bytes(range(100, 112))
SSCI = Ssci(0x7A30C118)


def key_of(suite: CipherSuite) -> bytes:
    return bytes(range(1, 1 + suite.sak_octets))


def sender(suite: CipherSuite, next_pn: int = 1, confidentiality: bool = True) -> SecY:
    secy = SecY(ALICE, suite, SecYConfig(always_include_sci=True))
    secy.install_sak(KI, key_of(suite), salt=SALT if suite.is_xpn else None)
    ssci = SSCI if suite.is_xpn else None
    secy.create_transmit_sa(2, KI, next_pn=next_pn, ssci=ssci, confidentiality=confidentiality)
    secy.enable_transmit(KI)
    return secy


def receiver(suite: CipherSuite, lowest_pn: int = 1) -> SecY:
    secy = SecY(BOB, suite)
    secy.install_sak(KI, key_of(suite), salt=SALT if suite.is_xpn else None)
    secy.create_receive_sc(ALICE)
    secy.create_receive_sa(ALICE, 2, KI, lowest_pn=lowest_pn, ssci=SSCI if suite.is_xpn else None)
    secy.enable_receive(ALICE, KI)
    return secy


def scapy_sa(suite: CipherSuite, pn: int, encrypt: bool) -> MACsecSA:
    xpn = {"xpn_en": True, "ssci": SSCI.value, "salt": SALT} if suite.is_xpn else {}
    return MACsecSA(ALICE.octets, 2, pn, key_of(suite), 16, encrypt, True, **xpn)


def packets() -> Iterator[Packet]:
    """Short ones (with SL), ordinary ones, a VLAN tag, one that is not IP, a jumbo."""
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    for octets in (1, 17, 18, 19, 200, 1400, 8900):
        yield ether / IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=1, dport=2) / Raw(bytes(octets))
    yield ether / Dot1Q(vlan=7) / IP(dst="192.0.2.2") / UDP() / Raw(b"in a VLAN")
    yield Ether(bytes(ether)[:12] + b"\x88\xb5" + bytes(46))


@pytest.mark.parametrize("encrypt", [True, False], ids=["encrypted", "integrity"])
@pytest.mark.parametrize("suite", CipherSuite, ids=str)
def test_scapy_opens_what_we_sealed(suite: CipherSuite, encrypt: bool) -> None:
    pn = (1 << 32) + 5 if suite.is_xpn else 5
    secy = sender(suite, pn, confidentiality=encrypt)
    for i, packet in enumerate(packets()):
        wire = protect(packet, secy)
        tag = wire[MACsec]
        assert ((pn + i) & 0xFFFFFFFF, 2, encrypt, encrypt, 1) == (tag.PN, tag.AN, tag.E, tag.C, tag.SC)
        assert bytes(tag.SCI) == ALICE.octets
        sa = scapy_sa(suite, pn + i, encrypt)
        assert bytes(sa.decap(sa.decrypt(wire))) == bytes(packet)


@pytest.mark.parametrize("encrypt", [True, False], ids=["encrypted", "integrity"])
@pytest.mark.parametrize("suite", CipherSuite, ids=str)
def test_we_open_what_scapy_sealed_and_seal_it_alike(suite: CipherSuite, encrypt: bool) -> None:
    pn = (1 << 32) + 5 if suite.is_xpn else 5
    ours, bob = sender(suite, pn, confidentiality=encrypt), receiver(suite, pn)
    for i, packet in enumerate(packets()):
        sa = scapy_sa(suite, pn + i, encrypt)
        theirs = sa.encrypt(sa.encap(packet))
        assert bytes(protect(packet, ours)) == bytes(theirs)
        plain = validate(Ether(bytes(theirs)), bob)
        assert plain is not None
        assert bytes(plain) == bytes(packet)
    assert bob.counters().packets(Verdict.IN_OK) == i + 1


def test_refused_packets_are_none_and_counted() -> None:
    suite = CipherSuite.GCM_AES_128
    alice, bob = sender(suite), receiver(suite)
    wire = protect(next(packets()), alice)
    changed = Ether(bytes(wire)[:-1] + bytes([bytes(wire)[-1] ^ 1]))
    assert validate(changed, bob) is None
    assert validate(wire, bob) is not None
    assert validate(wire, bob) is None, "replayed"
    counters = bob.counters()
    verdicts = (Verdict.IN_NOT_VALID, Verdict.IN_OK, Verdict.IN_LATE)
    assert [counters.packets(verdict) for verdict in verdicts] == [1, 1, 1]


def test_bursts_do_what_single_packets_do() -> None:
    suite = CipherSuite.GCM_AES_XPN_128
    plain = list(packets()) * 20  # more than two bursts
    one, many = sender(suite), sender(suite)
    wire = protect_all(iter(plain), many)
    assert [bytes(w) for w in wire if w] == [bytes(protect(p, one)) for p in plain]
    assert None not in wire
    wire[3] = wire[2]
    got = validate_all([w for w in wire if w], receiver(suite))
    assert got[3] is None
    assert [bytes(g) for i, g in enumerate(got) if g] == [bytes(p) for i, p in enumerate(plain) if i != 3]
    assert protect_all([], many) == []


def test_what_cannot_be_sent() -> None:
    suite = CipherSuite.GCM_AES_128
    alice = sender(suite)
    alice.enable_transmit(KI, False)
    with pytest.raises(UsageError):
        protect(next(packets()), alice)
    assert protect_all(list(packets())[:2], alice) == [None, None]


def test_the_uncontrolled_port_is_not_ours() -> None:
    eapol = Ether(bytes(12) + b"\x88\x8e" + bytes(46))
    bob = receiver(CipherSuite.GCM_AES_128)
    assert validate(eapol, bob) is None
    assert validate_all([eapol], bob) == [None]
    assert bob.counters().packets(Verdict.IN_BYPASS) == 2
    alice = sender(CipherSuite.GCM_AES_128)
    assert [bytes(p) for p in protect_all([eapol], alice) if p] == [bytes(protect(eapol, alice))] == [bytes(eapol)]


def test_the_time_of_a_packet_stays_with_it() -> None:
    packet = next(packets())
    packet.time = 1234.5
    assert protect(packet, sender(CipherSuite.GCM_AES_128)).time == 1234.5


def test_without_scapy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "scapy" or name.startswith("scapy.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scapy", None)
    monkeypatch.delitem(sys.modules, "pysec.scapy")
    with pytest.raises(ImportError, match=r"pip install pysec-macsec\[scapy\]"):
        import pysec.scapy  # noqa: F401
