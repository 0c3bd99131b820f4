"""Why this exists: the SecTAG read off the page, one line for each rule, so that the C parser has something to
disagree with.

Written from IEEE 802.1AE-2018 clause 9 alone. Nothing here is fast and nothing here is shared with the product.
"""

from __future__ import annotations

from dataclasses import dataclass

ETHERTYPE = 0x88E5
NO_SCI = 0xFFFF_FFFF_FFFF_FFFF
ICV_OCTETS = 16
SHORT = 48


class BadTag(Exception):
    """The MPDU is not valid by 802.1AE-2018 9.12; `reason` is the project's name for the rule it breaks."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class SecTag:
    """The fields of a SecTAG (802.1AE-2018 9.3), without judgement."""

    an: int
    sl: int
    pn_field: int
    sci: int | None = None
    e: bool = False
    c: bool = False
    es: bool = False
    scb: bool = False
    sc: bool | None = None  # None: set if there is an SCI. A test can lie.
    v: bool = False

    @property
    def has_sci(self) -> bool:
        """The SC bit."""
        return self.sci is not None if self.sc is None else self.sc

    @property
    def tci_an(self) -> int:
        """Octet 3 of the SecTAG: TCI and AN (802.1AE-2018 9.5, 9.6)."""
        bits = (self.v, self.es, self.has_sci, self.scb, self.e, self.c)
        octet = 0
        for bit in bits:
            octet = octet << 1 | bit
        return octet << 2 | self.an

    def encode(self) -> bytes:
        """The 8 or 16 octets on the wire, EtherType included (802.1AE-2018 9.3 to 9.9)."""
        out = ETHERTYPE.to_bytes(2, "big") + bytes([self.tci_an, self.sl]) + self.pn_field.to_bytes(4, "big")
        if self.sci is not None:
            out += self.sci.to_bytes(8, "big")
        return out


def short_length(octets: int) -> int:
    """SL for this many octets of Secure Data (802.1AE-2018 9.7)."""
    return octets if octets < SHORT else 0


@dataclass(frozen=True)
class Mpdu:
    """A valid MPDU, taken apart (802.1AE-2018 9.2)."""

    tag: SecTag
    header: bytes
    secure_data: bytes
    icv: bytes


def parse(mpdu: bytes, *, extended: bool) -> Mpdu:
    """Take an MPDU apart, or raise BadTag with the first rule of 802.1AE-2018 9.12 that it breaks.

    After 9.12 come two rules that the standard has elsewhere or not at all: the all-ones SCI is never used (9.9), and
    a PN of zero with 32-bit packet numbers is nobody's (decided here: 10.5.2 never assigns it).
    """
    if len(mpdu) < 17:  # a)
        raise BadTag("TRUNCATED")
    assert int.from_bytes(mpdu[:2], "big") == ETHERTYPE  # b) the caller looked

    octet = mpdu[2]
    v, es, sc, scb, e, c = (bool(octet >> bit & 1) for bit in (7, 6, 5, 4, 3, 2))
    if v:  # c)
        raise BadTag("VERSION")
    if sc and (es or scb):  # d)
        raise BadTag("SC_WITH_ES_SCB")
    if mpdu[3] & 0xC0:  # e)
        raise BadTag("SL_RESERVED")

    # f) to i): they differ in the size of the SecTAG only, as 16 is the one length of ICV that the suites have.
    sl = mpdu[3]
    header_octets = 16 if sc else 8
    least = header_octets + ICV_OCTETS + (sl if sl else SHORT)
    if len(mpdu) < least:
        raise BadTag("LENGTH")
    # Where SL is not zero the ICV is where SL says; what follows it was put there by a MAC (9.10 NOTE 2).
    data_octets = sl if sl else len(mpdu) - header_octets - ICV_OCTETS

    sci = int.from_bytes(mpdu[8:16], "big") if sc else None
    if sci == NO_SCI:
        raise BadTag("SCI_RESERVED")
    pn_field = int.from_bytes(mpdu[4:8], "big")
    if pn_field == 0 and not extended:
        raise BadTag("PN_ZERO")

    tag = SecTag(an=octet & 3, sl=sl, pn_field=pn_field, sci=sci, e=e, c=c, es=es, scb=scb)
    data_end = header_octets + data_octets
    return Mpdu(tag, mpdu[:header_octets], mpdu[header_octets:data_end], mpdu[data_end : data_end + ICV_OCTETS])


def implied_sci(tag: SecTag, source: bytes) -> int | None:
    """The SCI that the tag and the source address name, or None if they name none (802.1AE-2018 9.5, 9.9)."""
    if tag.sci is not None:
        return tag.sci
    if tag.scb:
        return int.from_bytes(source + b"\x00\x00", "big")
    if tag.es:
        return int.from_bytes(source + b"\x00\x01", "big")
    return None
