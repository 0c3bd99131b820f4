"""Why this exists: route netlink and nf_tables put their messages together in the same way, told once here.

A message is a header, a body of its family, and attributes: length, kind, octets, filled up to a multiple of four.
Numbers of route netlink have the machine's order; nf_tables has network order, so the caller packs.
"""

from __future__ import annotations

import struct
from typing import Final

from pysec.errors import InternalError

NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_EXCL: Final = 0x200
NLM_F_DUMP: Final = 0x300
NLM_F_CREATE: Final = 0x400
NLM_F_APPEND: Final = 0x800
NLA_F_NESTED: Final = 0x8000
_KIND_BITS: Final = 0x3FFF


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute."""
    length = 4 + len(payload)
    return struct.pack("=HH", length, kind) + payload + bytes(-length % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute made of attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(parts))


def text(kind: int, words: str) -> bytes:
    """An attribute with a string."""
    return attribute(kind, words.encode() + b"\0")


def attribute_list(octets: bytes) -> list[tuple[int, bytes]]:
    """The attributes in their order (InternalError for octets that are none)."""
    found = []
    while len(octets) >= 4:
        length, kind = struct.unpack_from("=HH", octets)
        if length < 4:
            raise InternalError("netlink: an attribute is shorter than its own header")
        found.append((kind & _KIND_BITS, octets[4:length]))
        octets = octets[(length + 3) & ~3 :]
    return found


def attributes(octets: bytes) -> dict[int, bytes]:
    """The attributes by kind (InternalError for octets that are none)."""
    return dict(attribute_list(octets))


def message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """One message, its header in front."""
    header = struct.pack("=IHHII", 16 + len(body), kind, flags | NLM_F_REQUEST, sequence, 0)
    return header + body + bytes(-len(body) % 4)


def messages(octets: bytes) -> list[tuple[int, int, bytes]]:
    """The messages of one datagram: kind, sequence number, body (InternalError)."""
    found = []
    while len(octets) >= 16:
        length, kind, _, sequence, _ = struct.unpack_from("=IHHII", octets)
        if length < 16:
            raise InternalError("netlink: a message is shorter than its own header")
        found.append((kind, sequence, octets[16:length]))
        octets = octets[(length + 3) & ~3 :]
    return found
