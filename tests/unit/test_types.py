"""Value types check themselves and print as people write them."""

from __future__ import annotations

import pytest

from pysec import An, CipherSuite, Ckn, Ki, Kn, MacAddress, Mi, Pn, Sci, Ssci, UsageError
from pysec.types import ConfidentialityOffset, MacsecCapability


@pytest.mark.parametrize("text", ["525400000a010001", "52:54:00:00:0a:01/1", "52-54-00-00-0a-01/1"])
def test_sci_is_read_in_every_spelling(text: str) -> None:
    """802.1AE-2018 8.2.1: a MAC address and a port identifier."""
    sci = Sci.parse(text)
    assert sci.value == 0x525400000A010001
    assert sci.octets == bytes.fromhex("525400000a010001")
    assert (str(sci.mac), sci.port) == ("52:54:00:00:0a:01", 1)
    assert str(sci) == "52:54:00:00:0a:01/1"
    assert Sci.parse(str(sci)) == sci == Sci.of("52:54:00:00:0a:01", 1)


def test_the_reserved_sci_is_refused() -> None:
    """802.1AE-2018 9.9: all ones is never used as an SCI."""
    with pytest.raises(UsageError, match="all ones"):
        Sci.parse("ff" * 8)


@pytest.mark.parametrize("bad", ["", "52", "52:54:00:00:0a:01/x", "52:54:00:00:0a:01/65536", "zz" * 8, "00" * 9])
def test_bad_scis(bad: str) -> None:
    with pytest.raises(UsageError):
        Sci.parse(bad)


def test_scis_order_as_numbers() -> None:
    """802.1AE-2018 10.7.13: the numerically greatest SCI has SSCI 1, so their order matters."""
    assert sorted([Sci(3), Sci(1 << 60), Sci(2)]) == [Sci(2), Sci(3), Sci(1 << 60)]


def test_an_wraps() -> None:
    """802.1AE-2018 9.6: two bits."""
    assert [An(0).next, An(3).next] == [An(1), An(0)]
    for bad in (-1, 4):
        with pytest.raises(UsageError):
            An(bad)


def test_pn_ssci_ki_bounds() -> None:
    """802.1AE-2018 9.8, 10.7.14."""
    assert Pn(1).value == 1
    assert Pn((1 << 64) - 1)
    for bad in (0, 1 << 64, -1):
        with pytest.raises(UsageError):
            Pn(bad)
    assert str(Ssci.parse("7a30c118")) == "7a30c118"
    with pytest.raises(UsageError):
        Ssci(1 << 32)
    ki = Ki.of(bytes(range(12)), 7)
    assert ki.octets == bytes(range(12)) + bytes([0, 0, 0, 7])
    assert Ki.parse(str(ki)) == ki
    for mi, kn in ((bytes(11), 1), (bytes(12), 1 << 32)):
        with pytest.raises(UsageError):
            Ki.of(mi, kn)


def test_mac_address() -> None:
    mac = MacAddress.parse("01-80-c2-00-00-03")
    assert mac.is_group
    assert str(mac) == "01:80:c2:00:00:03"
    assert not MacAddress.parse("525400000a01").is_group
    with pytest.raises(UsageError):
        MacAddress(bytes(5))


def test_cipher_suites() -> None:
    """802.1AE-2018 Table 14-1."""
    assert [str(s) for s in CipherSuite] == ["GCM-AES-128", "GCM-AES-256", "GCM-AES-XPN-128", "GCM-AES-XPN-256"]
    assert [s.identifier.hex("-") for s in CipherSuite] == [f"00-80-c2-00-01-00-00-0{i}" for i in (1, 2, 3, 4)]
    assert [s.sak_octets for s in CipherSuite] == [16, 32, 16, 32]
    assert [s.is_xpn for s in CipherSuite] == [False, False, True, True]
    assert CipherSuite.parse("gcm-aes-xpn-256") is CipherSuite.GCM_AES_XPN_256
    assert CipherSuite.GCM_AES_128.pn_space == 1 << 32
    with pytest.raises(UsageError, match="must be one of"):
        CipherSuite.parse("AES")


def test_a_ki_of_mka() -> None:
    """802.1AE-2018 10.7.14, 802.1X-2020 9.8: the key server's MI and the KN."""
    ki = Ki.of(Mi.parse("62eb1b15f34df450fef5fa33"), Kn(258))
    assert str(ki) == "62eb1b15f34df450fef5fa3300000102"
    assert ki.mka_text == "62eb1b15f34df450fef5fa33/258"
    assert (ki.mi, ki.kn) == (Mi.parse("62eb1b15f34df450fef5fa33"), Kn(258))
    assert Ki.parse(ki.mka_text) == Ki.parse(str(ki)) == Ki.of(ki.mi.octets, 258) == ki


@pytest.mark.parametrize(
    "bad", ["62eb/1", "62eb1b15f34df450fef5fa33/", "62eb1b15f34df450fef5fa33/x", "0" * 24 + "/4294967296"]
)
def test_bad_kis_of_mka(bad: str) -> None:
    with pytest.raises(UsageError):
        Ki.parse(bad)


def test_identifiers_of_mka() -> None:
    """802.1X-2020 9.4.2 has the MI, 802.1X-2020 9.3.1 the CKN: 1 to 32 octets, none of them filled up."""
    for octets in (11, 13):
        with pytest.raises(UsageError, match="must be 12"):
            Mi(bytes(octets))
    for octets in (0, 33):
        with pytest.raises(UsageError, match="must be 1 to 32"):
            Ckn(bytes(octets))
    for bad in (-1, 1 << 32):
        with pytest.raises(UsageError, match="32-bit"):
            Kn(bad)
    for text in ("", "0", "xy"):
        with pytest.raises(UsageError, match="CKN"):
            Ckn.parse(text)
    assert Ckn(b"\x01") != Ckn(b"\x01\x00")
    assert str(Ckn.parse("0A0b")) == "0a0b"
    assert (str(Kn(7)), Kn(7).octets) == ("7", b"\0\0\0\x07")


def test_codes_of_mka() -> None:
    """802.1X-2020 11.11.3: the code says whether, and from where on."""
    assert [(int(c), c.encrypts, c.octets) for c in ConfidentialityOffset] == [
        (0, False, 0), (1, True, 0), (2, True, 30), (3, True, 50),
    ]  # fmt: skip
    assert MacsecCapability.OFFSETS > MacsecCapability.CONFIDENTIALITY > MacsecCapability.INTEGRITY


def test_suites_by_identifier() -> None:
    """802.1AE-2018 Table 14-1, and the one of 2006 that was to be GCM-AES-128."""
    for suite in CipherSuite:
        assert CipherSuite.of_identifier(suite.identifier) is suite
    assert CipherSuite.of_identifier(bytes.fromhex("0080020001000001")) is CipherSuite.GCM_AES_128
    for other in ("0080020001000002", "0080c20001000005", "0080c200010000", ""):
        assert CipherSuite.of_identifier(bytes.fromhex(other)) is None
