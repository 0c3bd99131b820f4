"""The codec of MKPDUs is the identity on values, and whatever the octets, it reads them or says ProtocolError.

802.1X-2020 11.11.2 and 11.11.3. Each property has canaries: codecs with a fault that it must find.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, assume, find, given, settings

from pysec.errors import ProtocolError, UsageError
from pysec.mka import sealed
from pysec.mka.keys import Cak
from pysec.secret import Secret
from pysec.types import Ckn, MacAddress
from pysec.wire import eapol, mkpdu
from pysec.wire.mkpdu import MkPdu
from pysec.wire.mkpdu.show import as_dict, text
from tests.property.mkpdus import bodies, mkpdus
from tests.unit.wire.mkpdus import SENT

ICV = bytes(range(16))
Decode = Callable[[bytes], MkPdu]
Encode = Callable[[MkPdu, bytes], bytes]
SOURCE = MacAddress.parse("02:00:00:00:00:01")
CAK = Cak(Secret(bytes(range(16))), Ckn(b"a name"))


def comes_back(pdu: MkPdu, decode: Decode = mkpdu.decode, encode: Encode = mkpdu.encode) -> bool:
    """Whether a value survives the wire; one that does not fit a frame is not sent."""
    try:
        body = encode(pdu, ICV)
    except UsageError:
        return True
    try:
        return decode(body) == pdu
    except ProtocolError:
        return False


def ends_well(body: bytes, decode: Decode = mkpdu.decode) -> bool:
    """Whether octets are read, or refused as a peer's fault; and what was read can be sent and shown."""
    try:
        pdu = decode(body)
    except ProtocolError:
        return True
    except Exception:
        return False
    json.dumps(as_dict(pdu))
    return text(pdu).isascii() and comes_back(pdu, decode)


@given(mkpdus())
@settings(max_examples=settings.default.max_examples * 2, suppress_health_check=[HealthCheck.too_slow])
def test_every_value_comes_back(pdu: MkPdu) -> None:
    """802.1X-2020 11.11.3."""
    assert comes_back(pdu)


@given(mkpdus())
@settings(max_examples=settings.default.max_examples // 2, suppress_health_check=[HealthCheck.too_slow])
def test_both_orders_say_the_same(pdu: MkPdu) -> None:
    """802.1X-2020 11.11.3: the order is the sender's choice alone."""
    try:
        bodies_ = [mkpdu.encode(pdu, ICV, rising=rising) for rising in (False, True)]
    except UsageError:
        return
    assert mkpdu.decode(bodies_[0]) == mkpdu.decode(bodies_[1]) == pdu
    assert len(bodies_[0]) == len(bodies_[1])
    assert len(bodies_[0]) % 4 == 0


@given(bodies())
@settings(max_examples=settings.default.max_examples * 6, suppress_health_check=[HealthCheck.too_slow])
def test_any_octets_end_well(body: bytes) -> None:
    """802.1X-2020 11.11.2."""
    assert ends_well(body)


@given(bodies())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_frame_ends_well(body: bytes) -> None:
    """With a good ICV around whatever it is: the contents are reached, and bounded."""
    assume(len(body) <= eapol.MAX_BODY_OCTETS and len(body) >= 16)
    head = eapol.header(len(body), SOURCE)
    frame = head + body[:-16] + CAK.icv(head + body[:-16])
    with contextlib.suppress(ProtocolError):
        sealed.unseal(frame, lambda ckn: CAK)


# ---- canaries -------------------------------------------------------------------------------------------------------


def forgets_the_indicator(pdu: MkPdu, icv: bytes) -> bytes:
    return mkpdu.encode(replace(pdu, icv_indicator=False), icv)


def forgets_delay_protect(body: bytes) -> MkPdu:
    pdu = mkpdu.decode(body)
    return replace(pdu, sak_use=replace(pdu.sak_use, delay_protect=False)) if pdu.sak_use else pdu


def pads_the_ckn(body: bytes) -> MkPdu:
    pdu = mkpdu.decode(body)
    name = pdu.basic.ckn.octets
    return replace(pdu, basic=replace(pdu.basic, ckn=Ckn(name + bytes(-len(name) % 4))))


def loses_unknown_sets(body: bytes) -> MkPdu:
    return replace(mkpdu.decode(body), unknown=())


CODECS: list[tuple[Decode, Encode]] = [
    (mkpdu.decode, forgets_the_indicator),
    (forgets_delay_protect, mkpdu.encode),
    (pads_the_ckn, mkpdu.encode),
    (loses_unknown_sets, mkpdu.encode),
]
CANARY = settings(max_examples=600, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)


@pytest.mark.parametrize(("decode", "encode"), CODECS, ids=range(len(CODECS)))
def test_canary_a_codec_that_loses_something(decode: Decode, encode: Encode) -> None:
    found = find(mkpdus(), lambda pdu: not comes_back(pdu, decode, encode), settings=CANARY)
    assert comes_back(found)


def takes_repeated_sets(body: bytes) -> MkPdu:
    """Lets an error of its own out where a set comes twice."""
    found = mkpdu.peek(body)
    seen: list[int] = []
    for raw in mkpdu.raw_sets(found):
        if raw.type in seen:
            raise KeyError(raw.type)
        seen.append(raw.type)
    return mkpdu.decode(body)


def leaks_usage_errors(body: bytes) -> MkPdu:
    """Blames the caller for an SCI of ones, or for a CKN that is too long."""
    try:
        return mkpdu.decode(body)
    except ProtocolError as error:
        if "must be" in str(error):
            raise UsageError(str(error)) from None
        raise


READERS: list[Decode] = [takes_repeated_sets, leaks_usage_errors]


@pytest.mark.parametrize("decode", READERS, ids=lambda decode: decode.__name__)
def test_canary_a_reader_that_ends_badly(decode: Decode) -> None:
    body = find(bodies(), lambda body: not ends_well(body, decode), settings=CANARY)
    assert ends_well(body)


def test_the_frames_that_are_damaged_are_good() -> None:
    assert all(ends_well(eapol.parse(sent.frame).body) for sent in SENT)
