"""What the lab reads off the wire without the product: echoes, SecTAGs, and what another library can open."""

from __future__ import annotations

import pytest

from pysec import FormatError, Ki, MacAddress, Sci, Secret, SecY, SecYConfig
from pysec.lab import packets

MAC_A, MAC_B = MacAddress.parse("02:00:00:00:00:0a"), MacAddress.parse("02:00:00:00:00:0b")
SCI = Sci.of(MAC_A, 1)
SAK = bytes(range(16))


def protected(payload: bytes, *, sci: bool = True, confidentiality: bool = True) -> tuple[bytes, bytes]:
    """A frame and what a SecY makes of it."""
    plain = packets.ethernet(MAC_B, MAC_A, packets.ETHERTYPE_EXPERIMENT, payload)
    with SecY(SCI, config=SecYConfig(always_include_sci=sci)) as secy:
        secy.install_sak(Ki(bytes(16)), SAK)
        secy.create_transmit_sa(2, Ki(bytes(16)), next_pn=0x01020304, confidentiality=confidentiality)
        secy.enable_transmit(Ki(bytes(16)))
        return plain, secy.protect_frame(plain)


def test_an_echo_can_be_read_again() -> None:
    message = packets.echo(packets.ICMP_ECHO_REQUEST, 7, 9, b"some text")
    packet = packets.ipv4("10.0.0.2", "10.0.0.1", 1, message)
    assert packets.internet_checksum(packet[:20]) == 0
    assert packets.read_echo(packet) == packets.Echo(packets.ICMP_ECHO_REQUEST, 7, 9, b"some text")
    assert packets.read_echo(packet + bytes(18)) is not None  # Ethernet padding


@pytest.mark.parametrize("at", range(28, 37))
def test_an_echo_with_a_wrong_checksum_is_none(at: int) -> None:
    packet = bytearray(packets.ipv4("10.0.0.2", "10.0.0.1", 1, packets.echo(8, 7, 9, b"some text")))
    packet[at] ^= 1
    assert packets.read_echo(bytes(packet)) is None


@pytest.mark.parametrize("octets", [b"", b"\x45", bytes(27), bytes(40), b"\x45" + bytes(8) + b"\x01" + bytes(30)])
def test_other_octets_are_no_echo(octets: bytes) -> None:
    assert packets.read_echo(octets) is None


def test_a_sectag_is_read_field_by_field() -> None:
    # 802.1AE-2018 9.3 to 9.9, read here and written by the SecY.
    _, wire = protected(bytes(100))
    frame = packets.ProtectedFrame.read(wire)
    assert (frame.version, frame.end_station, frame.explicit_sci, frame.broadcast) == (0, False, True, False)
    assert (frame.encrypted, frame.changed, frame.an, frame.short_length) == (True, True, 2, 0)
    assert (frame.pn, frame.sci, frame.data_at) == (0x01020304, SCI, 28)
    assert dict(frame.in_words())["marks"] == "version 0, data encrypted"
    assert str(SCI) in dict(frame.in_words())["sender"]


def test_a_frame_in_clear_is_told_as_such() -> None:
    _, wire = protected(b"readable to everybody", confidentiality=False)
    frame = packets.ProtectedFrame.read(wire)
    assert "in clear" in dict(frame.in_words())["marks"]
    with pytest.raises(FormatError, match="not encrypted"):
        frame.open(Secret(SAK), SCI)


@pytest.mark.parametrize("sci", [True, False])
@pytest.mark.parametrize("octets", [1, 10, 45, 46, 47, 48, 100])
def test_another_library_opens_what_the_secy_made(octets: int, sci: bool) -> None:
    # 802.1AE-2018 14.5: the nonce is SCI and PN. 802.1AE-2018 9.7: short frames may be padded behind the ICV.
    plain, wire = protected(bytes(range(octets)), sci=sci)
    for padding in (0, max(0, 60 - len(wire))):
        frame = packets.ProtectedFrame.read(wire + bytes(padding))
        assert frame.open(Secret(SAK), SCI) == plain


def test_a_wrong_key_or_octet_opens_nothing() -> None:
    _, wire = protected(bytes(100))
    with pytest.raises(FormatError, match="does not open"):
        packets.ProtectedFrame.read(wire).open(Secret(bytes(16)), SCI)
    for at in (0, 11, 15, 16, 28, len(wire) - 1):
        changed = wire[:at] + bytes([wire[at] ^ 1]) + wire[at + 1 :]
        with pytest.raises(FormatError):
            packets.ProtectedFrame.read(changed).open(Secret(SAK), SCI)


@pytest.mark.parametrize("cut", [0, 13, 14, 20, 35, 43])
def test_what_bears_no_whole_sectag_is_refused(cut: int) -> None:
    _, wire = protected(bytes(100))
    with pytest.raises(FormatError):
        packets.ProtectedFrame.read(wire[:cut])
    with pytest.raises(FormatError):
        packets.ProtectedFrame.read(bytes(60))
