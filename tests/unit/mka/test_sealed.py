"""Frames and MKPDUs: the ICV of real devices verifies, ours is theirs, and nothing is read before it has verified."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pysec.errors import InvalidIcv, ProtocolError
from pysec.mka import sealed
from pysec.mka.keys import Cak
from pysec.secret import Secret
from pysec.types import Ckn, MacAddress
from pysec.wire import eapol
from tests.unit.wire.mkpdus import SENT, Sent
from tests.unit.wire.test_mkpdu import FULL


def cak_of(sent: Sent) -> Cak:
    return Cak.from_octets(Secret.from_hex(sent.ca[0]), Ckn.parse(sent.ca[1]))


def finder(cak: Cak) -> Callable[[Ckn], Cak | None]:
    return lambda ckn: cak if ckn == cak.ckn else None


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent.name)
def test_what_devices_send(sent: Sent) -> None:
    """802.1X-2020 9.4.1: the ICV covers the frame from its destination address; 802.1X-2020 9.8.2: the SAK inside."""
    found = sealed.unseal(sent.frame, finder(cak_of(sent)))
    assert found is not None
    assert found.frame.source == found.pdu.basic.sci.mac
    assert bool(found.pdu.distributed_sak) == bool(sent.sak)
    if found.pdu.distributed_sak:
        assert found.cak.unwrap(found.pdu.distributed_sak.wrapped) == Secret.from_hex(sent.sak)


@pytest.mark.parametrize("sent", SENT[3:], ids=lambda sent: sent.name)
def test_ours_is_theirs(sent: Sent) -> None:
    """802.1X-2020 11.11.1: the same values give the same frame, with its ICV."""
    found = sealed.unseal(sent.frame, finder(cak_of(sent)))
    assert found is not None
    assert sealed.seal(found.pdu, found.cak, found.frame.source, rising=True) == sent.frame


def test_both_ways() -> None:
    cak, source = cak_of(SENT[0]), MacAddress.parse("02:00:00:00:00:01")
    frame = sealed.seal(FULL, cak, source, destination=MacAddress(b"\xff" * 6), ethertype=eapol.WAN_ETHERTYPE)
    found = sealed.unseal(frame + bytes(20), lambda ckn: cak, (eapol.WAN_ETHERTYPE,))
    assert found is not None
    assert (found.pdu, found.frame.source) == (FULL, source)


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent.name)
def test_every_octet_counts(sent: Sent) -> None:
    """802.1X-2020 11.11.2: a change anywhere is refused, or the frame is for somebody else."""
    find = finder(cak_of(sent))
    for place in range(len(sent.frame)):
        frame = bytearray(sent.frame)
        frame[place] ^= 0x02
        try:
            assert sealed.unseal(bytes(frame), find) is None
        except (InvalidIcv, ProtocolError):
            continue


def test_the_icv_comes_before_the_contents() -> None:
    """802.1X-2020 11.11.2: of two faults the ICV is the one that is found."""
    broken = bytearray(SENT[4].frame)
    first_set = 18 + 32 + 16
    broken[first_set + 2 : first_set + 4] = b"\x0f\xff"
    with pytest.raises(InvalidIcv):
        sealed.unseal(bytes(broken), finder(cak_of(SENT[4])))


def test_a_name_that_nobody_knows_costs_no_cmac() -> None:
    asked = []

    def find(ckn: Ckn) -> Cak | None:
        asked.append(ckn)
        return None

    assert sealed.unseal(SENT[0].frame, find) is None
    assert asked == [Ckn(b"\x11" * 32)]


def test_what_is_no_mkpdu() -> None:
    """802.1X-2020 11.11.2: another packet type, an individual destination address."""
    frame = SENT[0].frame
    with pytest.raises(ProtocolError, match="type 1"):
        sealed.look(frame[:15] + b"\x01" + frame[16:])
    with pytest.raises(ProtocolError, match="individual"):
        sealed.look(b"\x00" + frame[1:])


def test_what_is_verified_shows_no_octets() -> None:
    found = sealed.unseal(SENT[2].frame, finder(cak_of(SENT[2])))
    assert "437a0588" not in repr(found)
    assert "C" + "z" not in repr(found)
