"""Value types check themselves and print as people write them."""

from __future__ import annotations

import pytest

from pysec import An, CipherSuite, Ki, MacAddress, Pn, Sci, Ssci, UsageError


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
