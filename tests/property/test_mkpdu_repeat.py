"""An MKPDU that differs from the one before in its numbers only is written and read as `encode` and `decode` would.

802.1X-2020 11.11.2, 11.11.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pysec.errors import ProtocolError, UsageError
from pysec.types import PN_SPACE
from pysec.wire import mkpdu
from pysec.wire.mkpdu import ICV_OCTETS, MkPdu, Outline, PeerEntry, PeerList, Repeat
from pysec.wire.mkpdu import repeat as module
from tests.property.mkpdus import mkpdus
from tests.unit.wire.test_mkpdu import FULL

ICV = bytes(ICV_OCTETS)
NUMBERS = st.integers(0, PN_SPACE - 1)


def with_mns(peers: PeerList | None, numbers: Iterator[int]) -> PeerList | None:
    return None if peers is None else replace(peers, peers=tuple(PeerEntry(e.mi, next(numbers)) for e in peers.peers))


def with_numbers(pdu: MkPdu, numbers: Iterator[int]) -> MkPdu:
    """The same with other numbers, all of them."""
    use, xpn = pdu.sak_use, pdu.xpn
    if use is not None:
        latest, old = (None if s is None else replace(s, lowest_pn=next(numbers)) for s in (use.latest, use.old))
        use = replace(use, latest=latest, old=old)
    return replace(
        pdu,
        basic=replace(pdu.basic, mn=next(numbers)),
        live=with_mns(pdu.live, numbers),
        potential=with_mns(pdu.potential, numbers),
        sak_use=use,
        xpn=None if xpn is None else replace(xpn, latest_high=next(numbers), old_high=next(numbers)),
    )


def endless(seed: int) -> Iterator[int]:
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield seed >> 32


def repeat_of(body: bytes, cak_octets: int = 16) -> Repeat:
    found = mkpdu.peek(body)
    return Repeat(found, mkpdu.decode(found, cak_octets=cak_octets))


def encoded(pdu: MkPdu, *, rising: bool = False) -> bytes:
    """Its body, if it fits a frame."""
    try:
        return mkpdu.encode(pdu, ICV, rising=rising)
    except UsageError:
        assume(False)
        raise


def octets_of(pdu: MkPdu) -> int:
    return 16 if pdu.distributed_cak is None else len(pdu.distributed_cak.wrapped) - 8


def agrees(repeat: Repeat, body: bytes, cak_octets: int) -> bool:
    """Whether it has no answer, or that of `peek` and `decode`."""
    found = repeat.peek(body)
    if found is None:
        return True
    try:
        return found == mkpdu.peek(body) and repeat.decode(found) == mkpdu.decode(body, cak_octets=cak_octets)
    except ProtocolError:
        return False


@given(mkpdus(), st.integers(0, 2**64 - 1), st.booleans())
def test_the_same_with_other_numbers(pdu: MkPdu, seed: int, rising: bool) -> None:
    octets = octets_of(pdu)
    first, second = (encoded(one, rising=rising) for one in (pdu, with_numbers(pdu, endless(seed))))
    repeat = repeat_of(first, octets)
    found = repeat.peek(second)
    assert found == mkpdu.peek(second)
    assert found is not None
    assert repeat.decode(found) == mkpdu.decode(second, cak_octets=octets)


@given(mkpdus(), st.integers(0, 2**64 - 1), st.booleans())
def test_other_numbers_filled_in(pdu: MkPdu, seed: int, rising: bool) -> None:
    other = with_numbers(pdu, endless(seed))
    first, second = (encoded(one, rising=rising)[:-ICV_OCTETS] for one in (pdu, other))
    use, xpn = other.sak_use, other.xpn
    low = [
        0 if use is None or slot is None else slot.lowest_pn for slot in ((use.latest, use.old) if use else (None,) * 2)
    ]
    high = (0, 0) if xpn is None else (xpn.latest_high, xpn.old_high)
    pns = [one + two * PN_SPACE for one, two in zip(low, high, strict=True)]
    mns = [[entry.mn for entry in peers.peers] if peers else [] for peers in (other.live, other.potential)]
    assert Outline(first).fill(other.basic.mn, *mns, *pns) == second


@given(mkpdus(), st.data())
def test_whatever_else_differs_it_has_no_answer_or_the_right_one(pdu: MkPdu, data: st.DataObject) -> None:
    octets = octets_of(pdu)
    body = bytearray(encoded(pdu))
    repeat = repeat_of(bytes(body), octets)
    for at in data.draw(st.lists(st.integers(0, len(body) - ICV_OCTETS - 1), min_size=1, max_size=4)):
        body[at] = data.draw(st.integers(0, 255))
    assert agrees(repeat, bytes(body), octets)
    assert agrees(repeat, bytes(body) + bytes(4), octets)
    assert agrees(repeat, bytes(body[:-4]), octets)


def test_the_canary_an_outline_that_takes_flags_for_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    body = bytearray(mkpdu.encode(FULL, ICV))
    octets, priority = octets_of(FULL), 1
    body[priority] ^= 1
    assert agrees(repeat_of(mkpdu.encode(FULL, ICV), octets), bytes(body), octets)
    places = module._places

    def with_the_flags(covered: bytes) -> Iterator[tuple[int, int]]:
        yield module.POTENTIAL, 0
        yield from places(covered)

    monkeypatch.setattr(module, "_places", with_the_flags)
    assert not agrees(repeat_of(mkpdu.encode(FULL, ICV), octets), bytes(body), octets)


def test_the_canary_an_outline_that_leaves_out_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    places = module._places
    monkeypatch.setattr(module, "_places", lambda covered: (p for p in places(covered) if p[0] != module.LATEST_LOW))
    first, second = (mkpdu.encode(one, ICV) for one in (FULL, with_numbers(FULL, endless(1))))
    assert repeat_of(first, octets_of(FULL)).peek(second) is None
