"""Why this exists: the ICV of an MKPDU covers the frame around it, so frame and MKPDU are made and read together.

Reading keeps the order that costs an attacker's frame least: bounds and CKN, then the look-up of the CAK, then the
ICV, and only then everything else (802.1X-2020 11.11.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pysec.errors import ProtocolError
from pysec.mka.keys import Cak
from pysec.types import Ckn, MacAddress
from pysec.wire import eapol, mkpdu
from pysec.wire.eapol import EapolFrame
from pysec.wire.mkpdu import MkPdu, Peek


@dataclass(frozen=True, slots=True)
class Verified:
    """An MKPDU whose ICV has been verified, and the CAK that did."""

    frame: EapolFrame = field(repr=False)
    pdu: MkPdu
    cak: Cak


def seal(
    pdu: MkPdu,
    cak: Cak,
    source: MacAddress,
    *,
    destination: MacAddress = eapol.PAE_GROUP_ADDRESS,
    ethertype: int = eapol.ETHERTYPE,
    rising: bool = False,
) -> bytes:
    """A whole frame with an MKPDU and its ICV (802.1X-2020 11.11.1)."""
    body = mkpdu.encode(pdu, bytes(mkpdu.ICV_OCTETS), rising=rising)
    head = eapol.header(len(body), source, destination=destination, ethertype=ethertype)
    covered = head + body[: -mkpdu.ICV_OCTETS]
    return covered + cak.icv(covered)


def look(frame: bytes, ethertypes: tuple[int, ...] = (eapol.ETHERTYPE,)) -> tuple[EapolFrame, Peek]:
    """The outside of a frame with an MKPDU: nothing in it can be believed yet (802.1X-2020 11.11.2; ProtocolError)."""
    outer = eapol.parse(frame, ethertypes)
    if outer.type != eapol.TYPE_MKA:
        raise ProtocolError(f"EAPOL: packet type {outer.type} is not MKA")
    if not outer.destination.is_group:
        raise ProtocolError("MKPDU: the destination address is an individual one")
    return outer, mkpdu.peek(outer.body)


def verify(outer: EapolFrame, found: Peek, cak: Cak) -> Verified:
    """Verify the ICV, then read the contents (InvalidIcv, ProtocolError)."""
    cak.verify_icv(outer.header + found.covered, found.icv)
    return Verified(outer, mkpdu.decode(found, cak_octets=cak.octets), cak)


def unseal(
    frame: bytes, find_cak: Callable[[Ckn], Cak | None], ethertypes: tuple[int, ...] = (eapol.ETHERTYPE,)
) -> Verified | None:
    """Read a frame with an MKPDU; None if there is no CAK of its name (InvalidIcv, ProtocolError)."""
    outer, found = look(frame, ethertypes)
    cak = find_cak(found.ckn)
    return None if cak is None else verify(outer, found, cak)
