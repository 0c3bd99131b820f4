"""Why this exists: captures come as classic pcap in two byte orders and two resolutions, or as pcapng, and a large one
must not be read into memory.

`open_capture` gives an iterator over what a capture holds, in its order: sections, interfaces and packets. Only one
record is in memory at a time; lengths that a record claims are checked before anything is read. Every complaint is a
FormatError of one line that names the record.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from pysec.errors import FormatError

ETHERNET: Final = 1
MAX_PACKET: Final = 262_144
"""Octets of the longest packet taken; the longest that libpcap and Wireshark write for Ethernet."""
MAX_INTERFACES: Final = 65_536
_MAX_DESCRIPTION: Final = 1 << 20
_SKIP: Final = 1 << 16

_CLASSIC: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 6),
    b"\xa1\xb2\xc3\xd4": (">", 6),
    b"\x4d\x3c\xb2\xa1": ("<", 9),
    b"\xa1\xb2\x3c\x4d": (">", 9),
}
_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_OLD_PACKET: Final = 2
_SIMPLE_PACKET: Final = 3
_ENHANCED_PACKET: Final = 6
_OPTION_END: Final = 0
_OPTION_TSRESOL: Final = 9
_OPTION_FCSLEN: Final = 13
_OPTION_TSOFFSET: Final = 14


@dataclass(frozen=True, slots=True)
class Section:
    """A classic capture is one section; pcapng may have several, whose interfaces are counted anew."""

    ng: bool


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface, or the whole of a classic capture."""

    link_type: int
    snaplen: int
    tsresol: int = 6
    """As pcapng has it: a power of ten, or with bit 7 set a power of two."""
    tsoffset: int = 0
    """Seconds to add to every time stamp."""

    @property
    def units(self) -> int:
        """Time stamp units in a second."""
        return 1 << (self.tsresol & 0x7F) if self.tsresol & 0x80 else int(10**self.tsresol)


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as it was captured."""

    number: int
    """Its place in the capture, from 1."""
    interface: int
    stamp: int | None
    """The time in the interface's own units; None where the capture has none."""
    length: int
    """Octets on the wire: more than there are in `data` if the capture cut it short."""
    data: bytes

    @property
    def is_cut(self) -> bool:
        """Whether the capture holds less than was on the wire."""
        return self.length > len(self.data)


Item = Section | Interface | Packet


class CaptureReader:
    """Iterates over a capture. `name` is what complaints begin with."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._packets = 0
        self._order = "<"
        self._interfaces: list[Interface] = []
        self._magic = self._read(4, "its first four octets")

    def __iter__(self) -> Iterator[Item]:
        if self._magic in _CLASSIC:
            return self._classic()
        if self._magic == struct.pack("<I", _SECTION):  # the same in both byte orders
            return self._blocks()
        raise FormatError(f"{self._name}: neither pcap nor pcapng")

    def interface_of(self, packet: Packet) -> Interface:
        """The interface of a packet that was just read."""
        return self._interfaces[packet.interface]

    def time_ns(self, packet: Packet) -> int | None:
        """Nanoseconds since 1970 of a packet that was just read."""
        if packet.stamp is None:
            return None
        interface = self.interface_of(packet)
        return packet.stamp * 1_000_000_000 // interface.units + interface.tsoffset * 1_000_000_000

    def _error(self, what: str) -> FormatError:
        place = f" after packet {self._packets}" if self._packets else ""
        return FormatError(f"{self._name}: {what}{place}")

    def _read(self, count: int, what: str) -> bytes:
        octets = self._stream.read(count)
        if len(octets) != count:
            raise self._error(f"ends inside {what}")
        return octets

    def _packet(self, interface: int, stamp: int | None, length: int, data: bytes) -> Packet:
        self._packets += 1
        link_type = self._interfaces[interface].link_type
        if link_type != ETHERNET:
            number = self._packets
            raise FormatError(f"{self._name}: packet {number} has link type {link_type}; only Ethernet (1) can be used")
        return Packet(self._packets, interface, stamp, max(length, len(data)), data)

    # ---- classic pcap -------------------------------------------------------------------------------------------

    def _classic(self) -> Iterator[Item]:
        order, tsresol = _CLASSIC[self._magic]
        header = self._read(20, "the file header")
        major, _minor, _zone, _figures, snaplen, network = struct.unpack(order + "HHiIII", header)
        if major != 2:
            raise self._error(f"pcap version {major}; only 2 is known")
        if network & 0x0400_0000 and network >> 28:
            raise self._error("packets have their FCS with them; only packets without can be used")
        yield Section(ng=False)
        interface = Interface(network & 0xFFFF, snaplen, tsresol)
        self._interfaces = [interface]
        yield interface
        record = struct.Struct(order + "IIII")
        while header := self._stream.read(16):
            if len(header) != 16:
                raise self._error("ends inside a packet's header")
            seconds, fraction, captured, length = record.unpack(header)
            if captured > MAX_PACKET:
                raise self._error(f"a packet of {captured} octets; {MAX_PACKET} is the limit")
            data = self._read(captured, "a packet")
            yield self._packet(0, seconds * interface.units + fraction, length, data)

    # ---- pcapng -------------------------------------------------------------------------------------------------

    def _blocks(self) -> Iterator[Item]:
        kind, start = _SECTION, self._magic
        while True:
            if kind == _SECTION:
                yield self._section()
            else:
                length = self._unpack("I", self._read(4, "a block's length"))[0]
                yield from self._block(kind, length)
            start = self._stream.read(4)
            if not start:
                return
            if len(start) != 4:
                raise self._error("ends inside a block's type")
            kind = self._unpack("I", start)[0]

    def _unpack(self, what: str, octets: bytes, offset: int = 0) -> tuple[int, ...]:
        return struct.unpack_from(self._order + what, octets, offset)

    def _section(self) -> Section:
        head = self._read(8, "a section header")
        order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(head[4:])
        if order is None:
            raise self._error("a section header without its byte order")
        self._order = order
        length = self._unpack("I", head)[0]
        self._check_length(length, 28)
        major = self._unpack("H", self._read(4, "a section header"))[0]
        if major != 1:
            raise self._error(f"pcapng version {major}; only 1 is known")
        self._skip(length - 20)
        self._end(length)
        self._interfaces = []
        return Section(ng=True)

    def _check_length(self, length: int, least: int) -> None:
        if length < least or length % 4:
            raise self._error(f"a block of {length} octets, which no such block has")

    def _skip(self, count: int) -> None:
        while count:
            count -= len(self._read(min(count, _SKIP), "a block"))

    def _end(self, length: int) -> None:
        if self._unpack("I", self._read(4, "a block"))[0] != length:
            raise self._error("a block whose two lengths differ")

    def _block(self, kind: int, length: int) -> Iterator[Item]:
        self._check_length(length, 12)
        if kind == _INTERFACE:
            self._check_length(length, 20)
            if length > _MAX_DESCRIPTION:
                raise self._error(f"an interface described in {length} octets")
            interface = self._interface(self._read(length - 12, "an interface block"))
            self._end(length)
            self._interfaces.append(interface)
            yield interface
        elif kind in (_ENHANCED_PACKET, _OLD_PACKET):
            self._check_length(length, 32)
            yield self._enhanced(kind, length)
        elif kind == _SIMPLE_PACKET:
            self._check_length(length, 16)
            yield self._simple(length)
        else:  # a block that says nothing of packets, or is not known here
            self._skip(length - 12)
            self._end(length)

    def _interface(self, body: bytes) -> Interface:
        if len(self._interfaces) >= MAX_INTERFACES:
            raise self._error(f"more than {MAX_INTERFACES} interfaces")
        link_type, _reserved, snaplen = self._unpack("HHI", body)
        tsresol, tsoffset, offset = 6, 0, 8
        while offset + 4 <= len(body):
            code, size = self._unpack("HH", body, offset)
            value = body[offset + 4 : offset + 4 + size]
            if len(value) != size:
                raise self._error("an interface option that leaves its block")
            offset += 4 + (size + 3) // 4 * 4
            if code == _OPTION_END:
                break
            if code == _OPTION_TSRESOL and size == 1:
                tsresol = value[0]
            elif code == _OPTION_TSOFFSET and size == 8:
                tsoffset = self._unpack("q", value)[0]
            elif code == _OPTION_FCSLEN and size == 1 and value[0]:
                raise self._error("packets have their FCS with them; only packets without can be used")
        return Interface(link_type, snaplen, tsresol, tsoffset)

    def _enhanced(self, kind: int, length: int) -> Packet:
        head = self._read(20, "a packet block")
        if kind == _ENHANCED_PACKET:
            interface, high, low, captured, wire = self._unpack("IIIII", head)
        else:  # the obsolete packet block: a 16-bit interface, then a count of drops
            interface, _drops, high, low, captured, wire = self._unpack("HHIIII", head)
        if interface >= len(self._interfaces):
            raise self._error(f"a packet of interface {interface}, which is not described")
        data = self._data(captured, length - 32)
        self._end(length)
        return self._packet(interface, high << 32 | low, wire, data)

    def _simple(self, length: int) -> Packet:
        wire = self._unpack("I", self._read(4, "a packet block"))[0]
        if not self._interfaces:
            raise self._error("a packet of interface 0, which is not described")
        snaplen = self._interfaces[0].snaplen
        data = self._data(min(wire, snaplen) if snaplen else wire, length - 16)
        self._end(length)
        return self._packet(0, None, wire, data)

    def _data(self, captured: int, room: int) -> bytes:
        if captured > room:
            raise self._error("a packet that leaves its block")
        if captured > MAX_PACKET:
            raise self._error(f"a packet of {captured} octets; {MAX_PACKET} is the limit")
        data = self._read(captured, "a packet")
        self._skip(room - captured)
        return data
