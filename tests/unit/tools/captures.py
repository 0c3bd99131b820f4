"""Why this exists: captures put together by hand, octet for octet, so that the reader and the writer are not tested
with each other alone.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

LEFT = bytes.fromhex("025400000a01")
RIGHT = bytes.fromhex("025400000b01")
KEY = "000102030405060708090a0b0c0d0e0f"
OTHER_KEY = "101112131415161718191a1b1c1d1e1f"


def frame(source: bytes = LEFT, length: int = 80, ethertype: int = 0x0800, fill: int = 0x55) -> bytes:
    """An Ethernet frame."""
    to = RIGHT if source == LEFT else LEFT
    return to + source + ethertype.to_bytes(2, "big") + bytes([fill]) * (length - 14)


def pcap(
    packets: Iterable[tuple[int, int, bytes] | tuple[int, int, bytes, int]],
    *,
    order: str = "<",
    nano: bool = False,
    network: int = 1,
    snaplen: int = 262144,
) -> bytes:
    """A classic capture of (seconds, fraction, octets[, octets on the wire])."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, network)
    for seconds, fraction, data, *wire in packets:
        out += struct.pack(order + "IIII", seconds, fraction, len(data), *(wire or [len(data)])) + data
    return out


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def section(order: str = "<") -> bytes:
    """A section header."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 1, snaplen: int = 0, options: Sequence[tuple[int, bytes]] = (), order: str = "<") -> bytes:
    """An interface description."""
    body = struct.pack(order + "HHI", link, 0, snaplen)
    for code, value in options:
        body += struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
    return block(1, body + (bytes(4) if options else b""), order)


def enhanced(data: bytes, stamp: int = 0, number: int = 0, wire: int | None = None, order: str = "<") -> bytes:
    """An enhanced packet block, with a comment option behind the packet."""
    head = struct.pack(order + "IIIII", number, stamp >> 32, stamp & 0xFFFFFFFF, len(data), wire or len(data))
    comment = struct.pack(order + "HH", 1, 4) + b"note" + bytes(4)
    return block(6, head + data + bytes(-len(data) % 4) + comment, order)


def simple(data: bytes, wire: int | None = None, order: str = "<") -> bytes:
    """A simple packet block."""
    return block(3, struct.pack(order + "I", wire or len(data)) + data, order)


def obsolete(data: bytes, stamp: int = 0, number: int = 0, order: str = "<") -> bytes:
    """The packet block of old."""
    head = struct.pack(order + "HHIIII", number, 0, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
    return block(2, head + data, order)


def keys(**more: object) -> dict[str, object]:
    """A key file for both senders."""
    sas = [
        {"sci": "02:54:00:00:0a:01/1", "an": 0, "key": KEY},
        {"sci": "02:54:00:00:0b:01/1", "an": 0, "key": OTHER_KEY},
    ]
    return {"format": "pysec-keys/1", "cipher_suite": "GCM-AES-128", "sas": sas, **more}


def write_json(path: Path, values: object) -> Path:
    """A JSON file."""
    path.write_text(json.dumps(values), "utf-8")
    return path
