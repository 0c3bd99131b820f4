"""Why this exists: the lab makes and reads frames without the product, so that it does not check pysec by pysec.

Just enough of Ethernet, IPv4 and ICMP for an echo, and of the SecTAG (802.1AE-2018 9.3 to 9.9) to say in words what
lies on the wire. A protected frame is opened here with a library's AES-GCM, not with ours.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pysec.errors import FormatError
from pysec.secret import Secret
from pysec.types import MacAddress, Sci

ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_EXPERIMENT: Final = 0x88B5  # for local experiments (IEEE 802)
ETHERTYPE_MACSEC: Final = 0x88E5
ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST = 0, 8
ICV_OCTETS: Final = 16


def internet_checksum(octets: bytes) -> int:
    """The checksum of IPv4 and ICMP (RFC 1071)."""
    if len(octets) % 2:
        octets += b"\0"
    total = sum(int(word) for word in struct.unpack(f"!{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ethernet(to: MacAddress, source: MacAddress, ethertype: int, payload: bytes) -> bytes:
    """An Ethernet frame without FCS."""
    return to.octets + source.octets + ethertype.to_bytes(2, "big") + payload


def ipv4(to: str, source: str, protocol: int, payload: bytes) -> bytes:
    """An IPv4 packet without options."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0,
                         socket.inet_aton(source), socket.inet_aton(to))  # fmt: skip
    return header[:10] + internet_checksum(header).to_bytes(2, "big") + header[12:] + payload


def echo(kind: int, identifier: int, number: int, text: bytes) -> bytes:
    """An ICMP echo request or reply (RFC 792)."""
    rest = struct.pack("!HH", identifier, number) + text
    checksum = internet_checksum(bytes([kind, 0, 0, 0]) + rest)
    return bytes([kind, 0]) + checksum.to_bytes(2, "big") + rest


@dataclass(frozen=True, slots=True)
class Echo:
    """An ICMP echo as read: request or reply."""

    kind: int
    identifier: int
    number: int
    text: bytes


def read_echo(packet: bytes) -> Echo | None:
    """The echo in an IPv4 packet, or None if it holds none whose checksum is right."""
    if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_ICMP:
        return None
    start, end = 4 * (packet[0] & 15), int.from_bytes(packet[2:4], "big")
    message = packet[start:end]
    if len(message) < 8 or message[0] not in (ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST) or internet_checksum(message):
        return None
    identifier, number = struct.unpack_from("!HH", message, 4)
    return Echo(message[0], identifier, number, message[8:])


@dataclass(frozen=True, slots=True)
class ProtectedFrame:
    """A frame with a SecTAG, as anybody on the wire sees it."""

    octets: bytes
    version: int
    end_station: bool
    explicit_sci: bool
    broadcast: bool
    encrypted: bool
    changed: bool
    an: int
    short_length: int
    pn: int
    sci: Sci | None
    data_at: int

    @classmethod
    def read(cls, octets: bytes) -> ProtectedFrame:
        """Take a frame apart (FormatError if it bears no SecTAG)."""
        if len(octets) < 20 + ICV_OCTETS or int.from_bytes(octets[12:14], "big") != ETHERTYPE_MACSEC:
            raise FormatError("the frame has no SecTAG")
        tci, short_length = octets[14], octets[15]
        explicit = bool(tci & 0x20)
        data_at = 28 if explicit else 20
        if len(octets) < data_at + ICV_OCTETS:
            raise FormatError("the frame ends inside its SecTAG or ICV")
        return cls(
            octets=octets,
            version=tci >> 7,
            end_station=bool(tci & 0x40),
            explicit_sci=explicit,
            broadcast=bool(tci & 0x10),
            encrypted=bool(tci & 0x08),
            changed=bool(tci & 0x04),
            an=tci & 3,
            short_length=short_length,
            pn=int.from_bytes(octets[16:20], "big"),
            sci=Sci.parse(octets[20:28]) if explicit else None,
            data_at=data_at,
        )

    @property
    def data_end(self) -> int:
        """Where the ICV begins; a short frame may be padded behind it (802.1AE-2018 9.7)."""
        return self.data_at + self.short_length if self.short_length else len(self.octets) - ICV_OCTETS

    def in_words(self) -> list[tuple[str, str]]:
        """The frame's parts for a reader who has never seen one: pairs of a name and what it says."""
        to, source = MacAddress(self.octets[:6]), MacAddress(self.octets[6:12])
        what = "encrypted" if self.encrypted else "in clear, protected against change only"
        words = [
            ("to, from", f"{to}, {source} (readable: switches need them)"),
            ("type", "88e5, which says: MACsec"),
            ("marks", f"version {self.version}, data {what}"),
            ("key", f"number {self.an} of the four that there may be (association number, AN)"),
            ("packet", f"number {self.pn}; it rises with every frame and is never used twice (PN)"),
        ]
        if self.sci is not None:
            words.append(("sender", f"{self.sci} (secure channel identifier, SCI)"))
        data = self.octets[self.data_at : self.data_end]
        words.append(("data", f"{len(data)} octets: {data[:16].hex(' ')} ..."))
        words.append(("proof", f"{ICV_OCTETS} octets that only a holder of the key can make (ICV)"))
        return words

    def open(self, key: Secret, sci: Sci) -> bytes:
        """The frame as its sender had it, by GCM-AES-128 of another library (FormatError if the key does not fit).

        The nonce is SCI and PN (802.1AE-2018 14.5); addresses and SecTAG are what is proven but not hidden.
        """
        if self.encrypted != self.changed or not self.encrypted:
            raise FormatError("the frame is not encrypted")
        nonce = sci.octets + self.pn.to_bytes(4, "big")
        sealed = self.octets[self.data_at : self.data_end + ICV_OCTETS]
        try:
            data = AESGCM(bytes(key.reveal())).decrypt(nonce, sealed, self.octets[: self.data_at])
        except InvalidTag:
            raise FormatError("the frame does not open with this key") from None
        return self.octets[:12] + data
