"""The key hierarchy of 802.1X-2020 6.2 gives the standard's own answers, and a CAK never shows its octets."""

from __future__ import annotations

import copy
import pickle

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from pysec.errors import CryptoError, InvalidIcv, UsageError
from pysec.mka.kdf import kdf
from pysec.mka.keys import Cak
from pysec.secret import Secret
from pysec.types import CipherSuite, Ckn, Kn, MacAddress, Mi
from tests.unit.mka import annex_g as g


def cak(key: str = g.CAK_128, ckn: str = g.CKN_128) -> Cak:
    return Cak.from_octets(Secret.from_hex(key), Ckn.parse(ckn))


def cmac(key: bytes, data: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(data)
    return mac.finalize()


def kdf_by_hand(key: bytes, label: bytes, context: bytes, bits: int) -> bytes:
    """SP 800-108 in counter mode, from its text."""
    out = b""
    for i in range(1, -(-bits // 128) + 1):
        out += cmac(key, bytes([i]) + label + b"\0" + context + bits.to_bytes(2, "big"))
    return out[: bits // 8]


def test_kdf() -> None:
    """802.1X-2020 6.2.1 and Annex G.1."""
    key, label, context, out = g.KDF
    assert kdf(bytes.fromhex(key), label, bytes.fromhex(context), 16).hex() == out


@pytest.mark.parametrize("key_octets", [16, 32])
@pytest.mark.parametrize("octets", [16, 32])
def test_kdf_against_its_text(key_octets: int, octets: int) -> None:
    """SP 800-108 4.1: i | Label | 0x00 | Context | L, with 8 bits of counter and 16 of length."""
    key, context = bytes(range(key_octets)), bytes(range(50, 73))
    assert kdf(key, "IEEE8021 XYZ", context, octets) == kdf_by_hand(key, b"IEEE8021 XYZ", context, 8 * octets)


@pytest.mark.parametrize("macs", [g.MACS, g.MACS[::-1]])
def test_cak_and_ckn_from_eap(macs: tuple[str, str]) -> None:
    """802.1X-2020 6.2.2: whichever of the two stations asks."""
    msk = Secret.from_hex(g.MSK + "5a" * 48)  # an MSK has 64 octets; the first 16 count
    made = Cak.from_eap(msk, bytes.fromhex(g.SESSION_ID), *(MacAddress.parse(mac) for mac in macs))
    assert str(made.ckn) == g.CKN_128
    assert made.icv(b"x") == cak().icv(b"x")
    assert made.wrap(Secret(bytes(16))) == cak().wrap(Secret(bytes(16)))


def test_a_cak_of_256_bits_from_eap_uses_32_octets_of_the_msk() -> None:
    """802.1X-2020 6.2.2."""
    msk, macs = bytes(range(64)), [MacAddress.parse(mac) for mac in g.MACS]
    context = macs[0].octets + macs[1].octets
    made = Cak.from_eap(Secret(msk), b"\x0d" + bytes(64), *macs, bits=256)
    by_hand = kdf_by_hand(msk[:32], b"IEEE8021 EAP CAK", context, 256)
    named = kdf_by_hand(msk[:32], b"IEEE8021 EAP CKN", b"\x0d" + bytes(64) + context, 128)
    assert made.ckn == Ckn(named)
    assert made.icv(b"frame") == Cak.from_octets(Secret(by_hand), Ckn(named)).icv(b"frame")
    with pytest.raises(UsageError, match="MSK"):
        Cak.from_eap(Secret(bytes(31)), b"", *macs, bits=256)


@pytest.mark.parametrize("tls", list(g.EAP_TLS))
def test_cak_and_ckn_from_eap_tls_as_hostap_has_them(tls: str) -> None:
    """802.1X-2020 6.2.2, 9.3.3: an authenticator and a supplicant of hostap came to these."""
    msk, session_id, key, name, kek, ick = g.EAP_TLS[tls]
    macs = [MacAddress.parse(mac) for mac in g.EAP_MACS]
    made = Cak.from_eap(Secret.from_hex(msk), bytes.fromhex(session_id), *macs)
    assert str(made.ckn) == name
    assert made.icv(b"a frame") == cak(key, name).icv(b"a frame") == cmac(bytes.fromhex(ick), b"a frame")
    assert made.wrap(Secret(bytes(16))) == aes_key_wrap(bytes.fromhex(kek), bytes(16))
    other = Cak.from_eap(Secret.from_hex(msk), bytes.fromhex(session_id)[:-1], *macs)
    assert str(other.ckn) != name, "the canary: another Session-Id is another name"


def test_kek() -> None:
    """802.1X-2020 9.3.3 and Annex G.4: what it wraps is what the known KEK wraps."""
    sak = bytes(range(16))
    assert cak().wrap(Secret(sak)) == aes_key_wrap(bytes.fromhex(g.KEK_128), sak)


def test_ick() -> None:
    """802.1X-2020 9.3.3, 9.4.1 and Annex G.5: its ICV is the CMAC with the known ICK."""
    assert cak(g.CAK_256, g.CKN_256).icv(b"a frame") == cmac(bytes.fromhex(g.ICK_256), b"a frame")


@pytest.mark.parametrize(("key", "case"), [(g.CAK_128, g.SAK_128), (g.CAK_256, g.SAK_256)])
def test_sak(key: str, case: tuple[str, int, str]) -> None:
    """802.1X-2020 9.8.1 and Annex G.6."""
    nonce, kn, sak = case
    mis = [Mi.parse(mi) for mi in g.MIS]
    suite = CipherSuite.GCM_AES_128 if len(nonce) == 32 else CipherSuite.GCM_AES_256
    assert cak(key).derive_sak(bytes.fromhex(nonce), mis, Kn(kn), suite) == Secret.from_hex(sak)
    assert cak(key).derive_sak(bytes.fromhex(nonce), mis, Kn(kn + 1), suite) != Secret.from_hex(sak)


@pytest.mark.parametrize("octets", [1, 2, 15, 16, 17, 31, 32])
def test_a_ckn_of_any_length(octets: int) -> None:
    """802.1X-2020 9.3.3: 16 octets of the CKN are the context, a shorter one is filled up with zeros."""
    name = bytes(range(1, octets + 1))
    ick = kdf_by_hand(bytes.fromhex(g.CAK_128), b"IEEE8021 ICK", name[:16] + bytes(16 - min(octets, 16)), 128)
    assert cak(ckn=name.hex()).icv(b"frame") == cmac(ick, b"frame")


@pytest.mark.parametrize("key", [g.CAK_128, g.CAK_256])
@pytest.mark.parametrize("octets", [16, 32])
def test_a_sak_wrapped_and_unwrapped(key: str, octets: int) -> None:
    """802.1X-2020 9.8.2, RFC 3394 2.2.1 and RFC 3394 2.2.2; a CAK of either length wraps a SAK of either."""
    sak = Secret(bytes(range(octets)))
    wrapped = cak(key).wrap(sak)
    assert len(wrapped) == octets + 8
    assert cak(key).unwrap(wrapped) == sak


def test_what_was_not_wrapped_so_is_not_unwrapped() -> None:
    """802.1X-2020 9.8.2: every octet counts."""
    wrapped = cak().wrap(Secret(bytes(16)))
    for place in range(len(wrapped)):
        bad = bytearray(wrapped)
        bad[place] ^= 1
        with pytest.raises(CryptoError):
            cak().unwrap(bytes(bad))
    with pytest.raises(CryptoError):
        cak(ckn="00").unwrap(wrapped)
    for octets in (0, 8, 16, 23, 25, 32, 48):
        with pytest.raises(CryptoError, match="24 or 40"):
            cak().unwrap(bytes(octets))


def test_an_icv_that_does_not_verify() -> None:
    """802.1X-2020 9.4.1."""
    icv = cak().icv(b"frame")
    cak().verify_icv(b"frame", icv)
    for place in range(16):
        bad = bytearray(icv)
        bad[place] ^= 0x80
        with pytest.raises(InvalidIcv):
            cak().verify_icv(b"frame", bytes(bad))
    for octets in (b"", icv[:15], icv + b"\0"):
        with pytest.raises(InvalidIcv):
            cak().verify_icv(b"frame", octets)
    with pytest.raises(InvalidIcv, match=g.CKN_128):
        cak(key="00" * 16).verify_icv(b"frame", icv)


@pytest.mark.parametrize("key", [g.CAK_128, g.CAK_256])
def test_a_cak_for_a_group(key: str) -> None:
    """802.1X-2020 9.12: it travels wrapped, and both ends have the same."""
    group = Cak.generate(Ckn(b"group"), lambda n: bytes(range(n)), bits=4 * len(key))
    pairwise = cak(key)
    received = pairwise.unwrap_cak(pairwise.wrap_cak(group), group.ckn)
    received.verify_icv(b"frame", group.icv(b"frame"))
    assert received.ckn == group.ckn


@pytest.mark.parametrize(
    ("key", "name", "case"), [(g.CAK_128, g.CKN_128, g.GROUP_128), (g.CAK_256, g.CKN_256, g.GROUP_256)]
)
def test_the_cak_of_a_group_is_wrapped_with_the_kek(key: str, name: str, case: tuple[str, str]) -> None:
    """802.1X-2020 9.12, known answers."""
    octets, wrapped = (bytes.fromhex(text) for text in case)
    group = Cak.from_octets(Secret(octets), Ckn(b"group"))
    assert cak(key, name).wrap_cak(group) == wrapped
    received = cak(key, name).unwrap_cak(wrapped, group.ckn)
    assert received.icv(b"frame") == group.icv(b"frame")
    with pytest.raises(CryptoError):
        cak(key, "00" * 16).unwrap_cak(wrapped, group.ckn)


def test_a_cak_travels_under_one_of_its_length() -> None:
    """802.1X-2020 9.12: the set does not say where the wrapped CAK ends."""
    group = Cak.generate(Ckn(b"group"), bytes, bits=256)
    with pytest.raises(UsageError, match="length"):
        cak().wrap_cak(group)
    with pytest.raises(CryptoError, match="length"):
        cak().unwrap_cak(cak().wrap(Secret(bytes(32))), group.ckn)


def test_lengths_that_no_key_has() -> None:
    for octets in (1, 15, 17, 24, 31, 33):
        with pytest.raises(UsageError, match="16 or 32"):
            Cak.from_octets(Secret(bytes(octets)), Ckn(b"n"))
        with pytest.raises(UsageError, match="16 or 32"):
            cak().wrap(Secret(bytes(octets)))
        with pytest.raises(UsageError, match="16 or 32"):
            kdf(bytes(octets), "IEEE8021 KEK", b"", 16)
    with pytest.raises(UsageError, match="nonce"):
        cak().derive_sak(bytes(15), [], 1, 16)
    with pytest.raises(UsageError, match="128 or 256"):
        Cak.generate(Ckn(b"n"), bytes, bits=192)


def test_a_cak_says_its_name_and_nothing_else() -> None:
    handle = cak()
    assert repr(handle) == f"Cak({g.CKN_128}, 128 bits)"
    public = [name for name in dir(handle) if not name.startswith("_")]
    assert public == [
        "ckn", "derive_sak", "erase", "from_eap", "from_octets", "generate", "icv", "octets", "unwrap", "unwrap_cak",
        "verify_icv", "wrap", "wrap_cak",
    ]  # fmt: skip
    for act in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            act(handle)


def test_an_erased_cak_is_of_no_use() -> None:
    """The caller's own secret is a copy, and stays."""
    mine = Secret.from_hex(g.CAK_128)
    handle = Cak.from_octets(mine, Ckn.parse(g.CKN_128))
    wrapped = handle.wrap(Secret(bytes(16)))
    handle.erase()
    assert mine == Secret.from_hex(g.CAK_128)
    assert repr(handle) == f"Cak({g.CKN_128}, erased)"
    for act in (
        lambda: handle.unwrap(wrapped),
        lambda: handle.derive_sak(bytes(16), [], 1, 16),
        lambda: handle.icv(b"frame"),
        lambda: handle.verify_icv(b"frame", bytes(16)),
    ):
        with pytest.raises(UsageError, match="erased"):
            act()
