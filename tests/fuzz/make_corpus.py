"""Why this exists: a fuzzer that starts from nothing spends its time on finding out what a frame looks like.

Writes the start corpus of the targets. Of two: for each settings octet that matters, bursts of frames with every legal
combination of TCI bits, short and long, padded, tagged with VLANs, in and out of order, and one of every kind that
must be refused. Frames are given as plaintext; the target seals those that are marked. Of the third: super-frames of
every kind, of one frame and of many. The same files every time.

    python3 tests/fuzz/make_corpus.py FOLDER        writes FOLDER/sectag/*, FOLDER/validate/*, FOLDER/segment/*
"""

from __future__ import annotations

import itertools
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

V, ES, SC, SCB, E, C = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04
DESTINATION = bytes.fromhex("020000000002")
SOURCE = bytes.fromhex("020000000001")
SCI = SOURCE + b"\0\1"
ICV = bytes(16)
SEAL = 1
ROOM = 0xFC  # some headroom and tailroom in the slot
LEGAL_TCI = [address | ec for address in (0, SC, ES, SCB, ES | SCB) for ec in (0, E | C, C, E)]


def mpdu(tci: int, pn: int, data: bytes, *, sci: bytes = SCI, sl: int | None = None, padding: bytes = b"") -> bytes:
    """An MPDU from the MACsec EtherType on, its ICV left for the sealer."""
    short = len(data) if len(data) < 48 else 0
    head = struct.pack("!HBBI", 0x88E5, tci, short if sl is None else sl, pn)
    return head + (sci if tci & SC else b"") + data + ICV + padding


def frame(mpdu_octets: bytes, vlans: bytes = b"", source: bytes = SOURCE) -> bytes:
    """A frame around it."""
    return DESTINATION + source + vlans + mpdu_octets


def record(octets: bytes, flags: int = SEAL | ROOM) -> bytes:
    """A frame as fuzz_validate.c reads it."""
    return struct.pack("!BH", flags, len(octets)) + octets


def payload(octets: int) -> bytes:
    """Octets to be protected: an EtherType and a pattern."""
    return (b"\x08\x00" + bytes(i & 0xFF for i in range(octets)))[:octets]


def bad_mpdus() -> Iterator[bytes]:
    """One of every kind that 802.1AE-2018 9.12 refuses, or takes with care."""
    good = mpdu(SC | E | C, 9, payload(64))
    yield good[:16]
    yield good[:-1]
    yield good[: 8 + 8 + 47 + 16]
    for bits in (V, ES, SCB, ES | SCB):
        yield good[:2] + bytes([good[2] | bits]) + good[3:]
    for sl in (0x40, 0x80, 63, 48, 47, 1):
        yield mpdu(SC | E | C, 9, payload(64), sl=sl)
    yield mpdu(SC | E | C, 0, payload(64))
    yield mpdu(SC | E | C, 9, payload(64), sci=b"\xff" * 8)
    yield mpdu(SC | E | C, 9, payload(20), padding=bytes(26))
    yield mpdu(SC | E | C, 0xFFFFFFFF, payload(64))


def sectag_inputs() -> Iterator[bytes]:
    """Tags: every legal TCI with each AN, lengths around the limits, and the bad ones."""
    for xpn in (b"\0", b"\1"):
        for tci, an in itertools.product(LEGAL_TCI, range(4)):
            yield xpn + mpdu(tci | an, 1 + an, payload(60))
        for octets in (1, 2, 29, 30, 46, 47, 48, 49, 50, 51, 100, 1500):
            yield xpn + mpdu(SC | E | C, 7, payload(octets))
            yield xpn + mpdu(E | C, 7, payload(octets), padding=bytes(10))
        for bad in bad_mpdus():
            yield xpn + bad


def settings(first: int, second: int, turn: int = 0) -> bytes:
    """The four octets that fuzz_validate.c opens with."""
    return bytes([first, second, turn, 0])


def bursts(first_pn: int) -> Iterator[bytes]:
    """Bursts of frames, as records."""
    pn = first_pn
    legal = []
    for tci in LEGAL_TCI:
        for octets in (1, 40, 60):
            source = SOURCE
            legal.append(record(frame(mpdu(tci | (pn & 1), pn & 0xFFFFFFFF, payload(octets)), source=source)))
            pn += 1
    for i in range(0, len(legal), 20):
        yield b"".join(legal[i : i + 20])

    def one(n: int, octets: int = 64, an: int = 0, flags: int = SEAL | ROOM, vlans: bytes = b"") -> bytes:
        return record(frame(mpdu(SC | E | C | an, n & 0xFFFFFFFF, payload(octets)), vlans), flags)

    order = (0, 1, 3, 2, 2, 5, 4, 9, 1, 30, 29, 28, 7, 320, 300, 40)
    yield b"".join(one(first_pn + n) for n in order)
    yield b"".join(one(first_pn + n, an=n & 3) for n in range(12))
    yield b"".join(one(first_pn + n, octets) for n, octets in enumerate((2, 29, 30, 31, 47, 48, 49, 50, 51, 242, 1500)))
    yield b"".join(one(first_pn + n, flags=ROOM | (n & 1)) for n in range(8))
    one_tag, two_tags = b"\x81\0\0\7", b"\x88\xa8\0\x08\x81\0\0\7"
    yield b"".join(one(first_pn + n, vlans=v) for n, v in enumerate((b"", one_tag, two_tags, two_tags + one_tag)))
    yield b"".join(record(frame(bad)) for bad in bad_mpdus())
    integrity = mpdu(SC, first_pn & 0xFFFFFFFF, payload(300))
    untagged = DESTINATION + SOURCE + payload(60)
    eapol = bytes.fromhex("0180c2000003") + SOURCE + b"\x88\x8e" + bytes(46)
    yield (
        record(frame(integrity), ROOM)
        + record(frame(integrity))
        + record(untagged, ROOM)
        + record(eapol, ROOM)
        + record(untagged[:14], ROOM)
    )
    yield record(b"", 0) + record(untagged[:13], 0) + one(first_pn) + record(frame(b"\x88\xe5"), 0)


def validate_inputs() -> Iterator[bytes]:
    """Each burst under settings that change what it meets: every suite, mode, offset, window and number of tags."""
    chosen = [
        *(suite | 3 << 2 | 1 << 4 for suite in range(4)),  # strict with replay protection, every suite
        *(validate << 2 | 1 << 4 for validate in range(3)),  # null, disabled, check
        0 | 3 << 2 | 1 << 4 | 1 << 6,  # offset 30
        1 | 3 << 2 | 1 << 4 | 2 << 6,  # offset 50
        0 | 3 << 2,  # no replay protection
        2 | 3 << 2 | 1 << 4 | 1 << 5,  # duplicates refused
    ]
    turns = ((1, 0x80000000, 0xFFFFFFF0, 0xFFFFFED4), (1, 0x17FFFFF01, 0x1FFFFFFF1, 0xFFFFFFFFFFFFFED4))
    for first, second in itertools.product(chosen, (0x00, 0x24, 0x41, 0xF6)):
        for turn in range(4):
            for burst in bursts(turns[first >> 1 & 1][turn]):
                yield settings(first, second, turn) + burst
    wild = struct.pack("!BIIII", 1, 16, 64, 0, 128) + struct.pack("!BIIII", 1, 0xFFFFFFF0, 0xFFFFFFFF, 4, 0xFFFFFFFF)
    yield settings(3 << 2, 8) + b"\x40" + wild + frame(mpdu(SC | E | C, 1, payload(20)))


def ones_complement(octets: bytes) -> int:
    """The sum that the Internet checksum is made of (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def super_frame(version: int, protocol: int, data: bytes, vlans: bytes = b"", flags: int = 0x18) -> tuple[int, bytes]:
    """A super-frame as a TAP interface hands it over; where its TCP or UDP header begins, and its octets."""
    udp = struct.pack("!HHH", 7, 9, 8 + len(data))
    tcp = struct.pack("!HHIIBBH", 5201, 40000, 1, 2, 0x80, flags, 501)
    tail = b"\0\0" + bytes.fromhex("0101080a0000000100000002") if protocol == 6 else b""
    octets = len(data) + (32 if protocol == 6 else 8)
    addresses = bytes([10, 0, 0, 1, 10, 0, 0, 2]) if version == 4 else bytes(15) + b"\1" + bytes(15) + b"\2"
    partial = struct.pack("!H", ones_complement(addresses + struct.pack("!II", octets, protocol)))
    if version == 4:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + octets, 1, 0x4000, 64, protocol, 0) + addresses
        ip = ip[:10] + struct.pack("!H", 0xFFFF ^ ones_complement(ip)) + ip[12:]
    else:
        ip = struct.pack("!IHBB", 6 << 28, octets, protocol, 64) + addresses
    head = DESTINATION + SOURCE + vlans + (b"\x08\0" if version == 4 else b"\x86\xdd") + ip
    return len(head), head + (tcp if protocol == 6 else udp) + partial + tail + data


def segment_inputs() -> Iterator[bytes]:
    """Every kind of super-frame, cut into one frame and into many; some of the frames then spoilt, some inputs bad."""
    tag = bytes.fromhex("81000064")
    for version, protocol, vlans in itertools.product((4, 6), (6, 17), (b"", tag, tag + tag)):
        kind = 5 if protocol == 17 else 1 if version == 4 else 4
        for octets, size, flags in ((1, 1, 0), (300, 100, 0), (301, 100, 5), (2000, 1448, 1), (640, 10, 9)):
            start, octets_ = super_frame(version, protocol, bytes(i & 0xFF for i in range(octets)), vlans)
            head = struct.pack("!BBHHHHB", 1, kind, start, size, start, 6 if protocol == 17 else 16, flags)
            yield head + octets_
            yield head + octets_[:-1]
            yield head[:1] + b"\0" + head[2:] + octets_
            yield head + octets_[: start + 4]


def write(folder: Path, inputs: Iterator[bytes]) -> int:
    """Write numbered files; how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for count, octets in enumerate(inputs, 1):
        (folder / f"{count:05}").write_bytes(octets)
    return count


def main(argv: list[str]) -> int:
    """Write the corpora below argv[1]."""
    if len(argv) != 2:
        print("usage: make_corpus.py FOLDER", file=sys.stderr)
        return 2
    root = Path(argv[1])
    print(f"sectag {write(root / 'sectag', sectag_inputs())}")
    print(f"validate {write(root / 'validate', validate_inputs())}")
    print(f"segment {write(root / 'segment', segment_inputs())}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
