"""EAPOL frames: every length is bounded, padding is dropped, what is made is read again."""

from __future__ import annotations

import pytest

from pysec.errors import ProtocolError, UsageError
from pysec.types import MacAddress
from pysec.wire import eapol

SOURCE = MacAddress.parse("52:54:00:00:0a:01")
GROUP = bytes.fromhex("0180c2000003")


def test_the_header() -> None:
    """802.1X-2020 11.3 and 802.1X-2020 11.1.1: PAE group address, 888E, version, type, length."""
    assert eapol.header(84, SOURCE).hex() == "0180c2000003" + "525400000a01" + "888e" + "03" + "05" + "0054"


@pytest.mark.parametrize("padding", [0, 1, 46, 1500])
def test_padding_is_dropped(padding: int) -> None:
    """802.1X-2020 11.3: the length tells where the body ends."""
    head = eapol.header(5, SOURCE)
    found = eapol.parse(head + b"hello" + bytes(padding))
    assert (found.body, found.header, found.type, found.version) == (b"hello", head, eapol.TYPE_MKA, 3)
    assert (found.source, found.destination) == (SOURCE, eapol.PAE_GROUP_ADDRESS)


def test_any_version_is_read() -> None:
    """802.1X-2020 11.4: a version that is not known is read as the last that is."""
    frame = GROUP + SOURCE.octets + bytes.fromhex("888e") + bytes([9, 1]) + bytes(2)
    assert (eapol.parse(frame).version, eapol.parse(frame).type) == (9, 1)


def test_what_is_too_short() -> None:
    frame = eapol.header(5, SOURCE) + b"hello"
    for length in range(len(frame)):
        with pytest.raises(ProtocolError):
            eapol.parse(frame[:length])


def test_another_ethertype_only_on_request() -> None:
    frame = eapol.header(0, SOURCE, destination=MacAddress(b"\xff" * 6), ethertype=eapol.WAN_ETHERTYPE)
    with pytest.raises(ProtocolError, match="876f"):
        eapol.parse(frame)
    found = eapol.parse(frame, (eapol.ETHERTYPE, eapol.WAN_ETHERTYPE))
    assert (found.ethertype, found.header) == (0x876F, frame)


def test_a_body_that_fits_no_frame() -> None:
    eapol.header(eapol.MAX_BODY_OCTETS, SOURCE)
    with pytest.raises(UsageError, match="1496"):
        eapol.header(eapol.MAX_BODY_OCTETS + 1, SOURCE)


def test_is_eapol() -> None:
    frame = eapol.header(0, SOURCE)
    assert eapol.is_eapol(frame)
    assert not eapol.is_eapol(frame[:13])
    assert not eapol.is_eapol(frame[:12] + b"\x08\x00" + frame[14:])
