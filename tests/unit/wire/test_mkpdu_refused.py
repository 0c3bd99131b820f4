"""What an MKPDU must not be: each fault is named, and nothing but ProtocolError comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pysec.errors import ProtocolError
from pysec.types import Ckn
from pysec.wire import mkpdu
from tests.unit.wire.test_mkpdu import BASIC, FULL, ICV, bare

HEAD = mkpdu.encode(bare(), ICV)[:-16]


def put(at: int, *octets: int) -> Callable[[bytearray], None]:
    def change(body: bytearray) -> None:
        body[at : at + len(octets)] = bytes(octets)

    return change


OUTSIDE: list[tuple[Callable[[bytearray], None], str]] = [
    (lambda b: b.clear(), "0 octets"),
    (lambda b: b.__delitem__(slice(28, None)), "28 octets"),
    (lambda b: b.append(0), "multiple of 4"),
    (put(2, 0xF0, 0x2D), "do not fit"),
    (put(2, 0xFF, 0xFF), "do not fit"),
    (lambda b: b.__delitem__(slice(-4, None)), "do not fit"),
    (put(2, 0xF0, 28), "no CKN"),
    (put(2, 0xF0, 0), "no CKN"),
    (put(0, 0), "version 0"),
    (put(28, 0, 0x80, 0xC2, 2), "agility"),
    (put(4, *b"\xff" * 8), "SCI"),
]


@pytest.mark.parametrize(("change", "why"), OUTSIDE, ids=[why for _, why in OUTSIDE])
def test_bounds_and_basic_set(change: Callable[[bytearray], None], why: str) -> None:
    """802.1X-2020 11.11.2: refused at once, by peek alone."""
    body = bytearray(mkpdu.encode(bare(), ICV))
    change(body)
    with pytest.raises(ProtocolError, match=why):
        mkpdu.peek(bytes(body))
    with pytest.raises(ProtocolError, match=why):
        mkpdu.decode(bytes(body))


def test_a_ckn_of_more_than_32_octets() -> None:
    """802.1X-2020 11.11.2."""
    longest = bytearray(mkpdu.encode(replace(bare(), basic=replace(BASIC, ckn=Ckn(bytes(32)))), ICV))
    longest[3] += 4
    longest[-16:-16] = bytes(4)
    with pytest.raises(ProtocolError, match="36 octets"):
        mkpdu.peek(bytes(longest))


INSIDE = [
    ("0100000f" + "00" * 16, "no list of entries"),
    ("02000011" + "00" * 20, "no list of entries"),
    ("03000027" + "00" * 40, "must be 0 or 40"),
    ("0300002c" + "00" * 44, "must be 0 or 40"),
    ("04000018" + "00" * 24, "distributed SAK of 24"),
    ("0400001d" + "00" * 32, "no wrapped key|octets"),
    ("04000034" + "00000001" + "0080c20001000001" + "00" * 40, "GCM-AES-128 has 24"),
    ("04000024" + "00000001" + "0080c20001000002" + "00" * 24, "GCM-AES-256 has 40"),
    ("04000020" + "00000001" + "ffffffffffffffff" + "00" * 20, "no wrapped key"),
    ("05000018" + "00" * 24, "CKN"),
    ("05000010" + "00" * 16, "CKN|CAK"),
    ("05000039" + "00" * 60, "CKN"),
    ("06000002" + "fffe0000", "UTF-8"),
    ("07000001" + "00000000", "head of a TLV"),
    ("07000003" + "e2020000", "past the set"),
    ("0700000d" + "e00b" + "00" * 14, "cut"),
    ("08000004" + "00000000", "must be 8"),
    ("0800000c" + "00" * 12, "must be 8"),
    ("09000001", "past the ICV"),
    ("09000fff" + "00" * 40, "past the ICV"),
    ("0100000001000000", "set 1 comes twice"),
    ("4d0000004d000000", "set 77 comes twice"),
    ("ff00001001000000", "come last"),
    ("ff000008", "announce 16"),
    ("ff000010ff000010", "come last"),
]


@pytest.mark.parametrize(("octets", "why"), INSIDE, ids=[f"{n}-{why}" for n, (_, why) in enumerate(INSIDE)])
def test_sets(octets: str, why: str) -> None:
    """802.1X-2020 11.11.3: what is inside is looked at after the ICV, and is no less bounded for that."""
    body = HEAD + bytes.fromhex(octets) + ICV
    assert mkpdu.peek(body).icv == ICV
    with pytest.raises(ProtocolError, match=why):
        mkpdu.decode(body)


def test_no_octet_is_needed_that_is_not_there() -> None:
    """Every cut of a full MKPDU is either refused or read without what was cut off."""
    body = mkpdu.encode(FULL, ICV)
    for length in range(len(body)):
        try:
            found = mkpdu.decode(body[:length])
        except ProtocolError:
            continue
        assert found != FULL
