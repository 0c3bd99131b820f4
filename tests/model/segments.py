"""Why this exists: cutting and merging super-frames needs an oracle that does neither.

Each frame is built from what it says, field by field (RFC 791, RFC 8200, RFC 9293, RFC 768), every checksum over all
that it covers (RFC 1071). A super-frame is built the same way, from the same payload in one piece; so the code under
test is right if it turns one into the other.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

TCP, UDP = 6, 17
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
NEEDS_CSUM, DATA_VALID = 1, 2
GSO_NONE, GSO_TCPV4, GSO_UFO, GSO_TCPV6, GSO_UDP_L4, GSO_ECN = 0, 1, 3, 4, 5, 0x80
ADDRESSES = bytes.fromhex("0200000000bb0200000000aa")
TIMESTAMPS = bytes.fromhex("0101080a0000000100000002")


def words(octets: bytes) -> int:
    """Their sum in ones' complement."""
    octets += bytes(len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@dataclass(frozen=True)
class VnetHeader:
    """A struct virtio_net_hdr, in network order as tests/c/segment_cases.c has it."""

    flags: int = 0
    gso_type: int = 0
    hdr_len: int = 0
    gso_size: int = 0
    csum_start: int = 0
    csum_offset: int = 0

    def encode(self) -> bytes:
        """Its ten octets."""
        fields = (self.flags, self.gso_type, self.hdr_len, self.gso_size, self.csum_start, self.csum_offset)
        return struct.pack("!BBHHHH", *fields)


@dataclass(frozen=True)
class Flow:
    """What all frames of a connection have in common."""

    version: int = 4
    protocol: int = TCP
    vlans: bytes = b""
    options: bytes = TIMESTAMPS  # of TCP
    ip_options: bytes = b""  # of IPv4, or extension headers of IPv6, which begin with their next-header octet
    first_extension: int = 0  # the protocol number of these
    traffic_class: int = 0
    hop_limit: int = 64
    fragment: int = 0x4000
    ports: tuple[int, int] = (5201, 40000)
    acknowledgement: int = 0x01020304
    window: int = 501

    @property
    def network(self) -> int:
        """Where the IP header begins."""
        return 14 + len(self.vlans)

    @property
    def transport(self) -> int:
        """Where the TCP or UDP header begins."""
        return self.network + (20 if self.version == 4 else 40) + len(self.ip_options)

    @property
    def header_len(self) -> int:
        """Where the payload begins."""
        return self.transport + (20 + len(self.options) if self.protocol == TCP else 8)

    def _addresses(self) -> bytes:
        if self.version == 4:
            return bytes([10, 20, 30, 1, 10, 20, 30, 2])
        return bytes.fromhex("20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "02")

    def _ip(self, transport_len: int, identification: int) -> bytes:
        if self.version == 6:
            first = 6 << 28 | self.traffic_class << 20 | 0x12345
            following = self.first_extension if self.ip_options else self.protocol
            body = len(self.ip_options) + transport_len
            return struct.pack("!IHBB", first, body, following, self.hop_limit) + self._addresses() + self.ip_options
        octets = 20 + len(self.ip_options)
        fields = (0x40 | octets // 4, self.traffic_class, octets + transport_len, identification & 0xFFFF)
        head = struct.pack("!BBHHHBB", *fields, self.fragment, self.hop_limit, self.protocol)
        tail = self._addresses() + self.ip_options
        return head + struct.pack("!H", 0xFFFF ^ words(head + b"\0\0" + tail)) + tail

    def _transport(self, payload: bytes, sequence: int, flags: int, checksum: int) -> bytes:
        if self.protocol == UDP:
            return struct.pack("!HHHH", *self.ports, 8 + len(payload), checksum)
        offset = (20 + len(self.options)) // 4 << 4
        fields = (sequence & 0xFFFFFFFF, self.acknowledgement, offset, flags, self.window, checksum, 0)
        return struct.pack("!HHIIBBHHH", *self.ports, *fields) + self.options

    def _ethernet(self) -> bytes:
        return ADDRESSES + self.vlans + (b"\x08\x00" if self.version == 4 else b"\x86\xdd")

    def pseudo_header(self, transport_len: int) -> int:
        """Its sum."""
        return words(self._addresses() + struct.pack("!II", transport_len, self.protocol))

    def frame(
        self, payload: bytes, sequence: int = 0, flags: int = ACK, identification: int = 0, partial: bool = False
    ) -> bytes:
        """One frame; with `partial` its checksum is left to be finished."""
        bare = self._transport(payload, sequence, flags, 0) + payload
        checksum = pseudo = self.pseudo_header(len(bare))
        if not partial:
            checksum = 0xFFFF ^ words(struct.pack("!H", pseudo) + bare)
            if self.protocol == UDP:
                checksum = checksum or 0xFFFF
        head = self._transport(payload, sequence, flags, checksum)
        return self._ethernet() + self._ip(len(bare), identification) + head + payload

    def segments(
        self, payload: bytes, size: int, sequence: int = 0, flags: int = ACK, identification: int = 0
    ) -> list[bytes]:
        """The frames that carry a payload, `size` octets each."""
        found = []
        starts = range(0, len(payload), size)
        for number, start in enumerate(starts):
            own = flags
            if start != starts[-1]:
                own &= ~(FIN | PSH)
            if number:
                own &= ~CWR
            part = payload[start : start + size]
            found.append(self.frame(part, sequence + start, own, identification + number))
        return found

    def super_frame(
        self, payload: bytes, size: int, sequence: int = 0, flags: int = ACK, identification: int = 0
    ) -> tuple[VnetHeader, bytes]:
        """The same in one piece, and the header that asks for it to be cut."""
        kind = GSO_UDP_L4 if self.protocol == UDP else GSO_TCPV4 if self.version == 4 else GSO_TCPV6
        if flags & CWR and self.protocol == TCP:
            kind |= GSO_ECN
        offset = 6 if self.protocol == UDP else 16
        header = VnetHeader(NEEDS_CSUM, kind, self.header_len, size, self.transport, offset)
        return header, self.frame(payload, sequence, flags, identification, partial=True)


@dataclass(frozen=True)
class Message:
    """What merging made of so many frames."""

    taken: int
    header: VnetHeader
    octets: bytes


def cut_record(header: VnetHeader, octets: bytes) -> bytes:
    """A case for tests/c/segment_cases.c: to be cut, or its checksum finished."""
    return b"C" + header.encode() + struct.pack("!H", len(octets)) + octets


def merge_record(frames: Sequence[bytes]) -> bytes:
    """A case for tests/c/segment_cases.c: to be merged."""
    return b"M" + struct.pack("!H", len(frames)) + b"".join(struct.pack("!H", len(f)) + f for f in frames)


class Answers:
    """What tests/c/segment_cases.c says."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def _take(self, octets: int) -> bytes:
        self._at += octets
        assert self._at <= len(self._octets), "the answer ends in the middle"
        return self._octets[self._at - octets : self._at]

    def _number(self, octets: int = 2) -> int:
        return int.from_bytes(self._take(octets), "big")

    def frames(self) -> list[bytes]:
        """The answer to a cut_record; empty: refused."""
        return [self._take(self._number()) for _ in range(self._number())]

    def messages(self) -> list[Message]:
        """The answer to a merge_record."""
        found = []
        for _ in range(self._number()):
            taken = self._number()
            header = VnetHeader(*struct.unpack("!BBHHHH", self._take(10)))
            found.append(Message(taken, header, self._take(self._number(4))))
        return found

    def end(self) -> None:
        """There must be no more."""
        assert self._at == len(self._octets)
