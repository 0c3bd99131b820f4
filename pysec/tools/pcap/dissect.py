"""Why this exists: to see what a wire carries, one line a frame, without a graphical tool and without root.

Without keys it shows the SecTAG in words. With keys it also says what a SecY made of the frame: the verdict, the full
packet number, and the EtherType that was inside. A line never shows user data.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from pysec.dataplane import Reason
from pysec.tools.pcap.keys import KeyFile
from pysec.tools.pcap.reader import CaptureReader, Packet
from pysec.tools.pcap.receive import Receivers, validated
from pysec.tools.pcap.sectag import SecTag, ethertype_offset, find_sectag
from pysec.tools.pcap.stream import LeftOut, Outcome
from pysec.types import PN_SPACE, XPN_SPACE, Sci

ETHERTYPES = {
    0x0800: "IPv4",
    0x0806: "ARP",
    0x86DD: "IPv6",
    0x8100: "VLAN",
    0x8809: "slow protocols",
    0x88A8: "S-VLAN",
    0x888E: "EAPOL",
    0x88CC: "LLDP",
    0x88E5: "MACsec",
    0x88F7: "gPTP",
}
CLEAR_TAGS_SHOWN = 2


@dataclass(frozen=True, slots=True)
class Line:
    """One packet, described."""

    packet: Packet
    time_ns: int | None
    tag: SecTag | None
    outcome: Outcome | None

    def as_dict(self) -> dict[str, object]:
        """The line as fields."""
        data = self.packet.data
        found: dict[str, object] = {
            "n": self.packet.number,
            "time": stamp(self.time_ns),
            "octets": self.packet.length,
            "captured": len(data),
        }
        if len(data) >= 14:
            found |= {"dst": data[:6].hex(":"), "src": data[6:12].hex(":"), "ethertype": _hex(_ethertype(data))}
        if tag := self.tag:
            sci = tag.sci(data[6:12])
            found["sectag"] = {
                "an": tag.an,
                "v": tag.v,
                "es": tag.es,
                "sc": tag.sc,
                "scb": tag.scb,
                "e": tag.e,
                "c": tag.c,
                "sl": tag.sl,
                "pn": tag.pn,
                "sci": None if sci is None else _sci(sci),
            }
        if self.outcome:
            found |= {"verdict": self.outcome.verdict.yang, "reason": _slug(self.outcome.reason)}
            found |= {"pn": self.outcome.pn, "inner_ethertype": _hex(self._inner())}
            found["sci"] = None if self.outcome.sci == XPN_SPACE - 1 else _sci(self.outcome.sci)
        return found

    def text(self) -> str:
        """The line for people."""
        data = self.packet.data
        length = f"{self.packet.length} octets"
        if self.packet.is_cut:
            length += f" of which {len(data)} were captured"
        head = f"{self.packet.number} {stamp(self.time_ns) or '-'}"
        if len(data) < 14:
            return f"{head} {length}: no Ethernet frame{self._verdict_text()}"
        head += f" {data[6:12].hex(':')} > {data[:6].hex(':')}"
        if self.tag is None:
            return f"{head} {name(_ethertype(data))}, {length}{self._verdict_text()}"
        return f"{head} {self._tag_text(self.tag)}, {length}{self._verdict_text()}"

    def _tag_text(self, tag: SecTag) -> str:
        sci = tag.sci(self.packet.data[6:12])
        told = "in the tag" if tag.sc else "by SCB" if tag.scb else "by ES"
        parts = [
            f"MACsec AN {tag.an}",
            tag.says,
            "no SCI told" if sci is None else f"SCI {_sci(sci)} {told}",
            f"PN {self.outcome.pn if self.outcome and self.outcome.pn else tag.pn}",
        ]
        if self.outcome and self.outcome.pn >= PN_SPACE:
            parts[-1] += f" ({tag.pn} in the tag)"
        if tag.sl:
            parts.append(f"SL {tag.sl}")
        if tag.v:
            parts.append("V set")
        if clear := (tag.offset - 12) // 4:
            parts.append(f"after {clear} VLAN tag{'s' if clear > 1 else ''} in clear")
        return ", ".join(parts)

    def _verdict_text(self) -> str:
        if self.outcome is None:
            return ""
        text = f": {self.outcome.verdict.yang}"
        if self.outcome.reason is not Reason.NONE:
            text += f" ({self.outcome.reason.text})"
        inner = self._inner()
        return text if inner is None else f"{text}, {name(inner)} inside"

    def _inner(self) -> int | None:
        """The EtherType of what was protected, if it was delivered from inside a SecTAG."""
        if self.outcome is None or self.tag is None or not self.outcome.is_passed:
            return None
        return _ethertype(self.outcome.frame, self.tag.offset)


def dissect(reader: CaptureReader, keys: KeyFile | None = None, *, gcm: str | None = None) -> Iterator[Line]:
    """Describe every packet of a capture."""
    if keys is None:
        for item in reader:
            if isinstance(item, Packet):
                yield Line(item, reader.time_ns(item), find_sectag(item.data, CLEAR_TAGS_SHOWN), None)
        return
    for found in validated(reader, Receivers(keys, gcm=gcm)):
        if isinstance(found, (Outcome, LeftOut)):
            packet = found.packet
            tag = find_sectag(packet.data, keys.vlan_tags_in_clear)
            yield Line(packet, reader.time_ns(packet), tag, found if isinstance(found, Outcome) else None)


def stamp(time_ns: int | None) -> str | None:
    """A time as UTC, or in plain seconds where the calendar ends."""
    if time_ns is None:
        return None
    seconds, rest = divmod(time_ns, 1_000_000_000)
    fraction = f"{rest:09d}" if rest % 1000 else f"{rest // 1000:06d}"
    try:
        day = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return f"{seconds}.{fraction}"
    return f"{day:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def name(ethertype: int | None) -> str:
    """What an EtherType is called, or its digits."""
    if ethertype is None:
        return "no EtherType"
    if ethertype < 0x0600:
        return f"802.3 length {ethertype}"
    return ETHERTYPES.get(ethertype, f"EtherType {ethertype:04x}")


def _ethertype(frame: bytes, offset: int | None = None) -> int | None:
    at = ethertype_offset(frame, 0) if offset is None else offset
    return int.from_bytes(frame[at : at + 2], "big") if len(frame) >= at + 2 else None


def _hex(ethertype: int | None) -> str | None:
    return None if ethertype is None else f"{ethertype:04x}"


def _slug(reason: Reason) -> str | None:
    return None if reason is Reason.NONE else reason.slug


def _sci(value: int) -> str:
    return "all ones" if value == XPN_SPACE - 1 else str(Sci(value))
