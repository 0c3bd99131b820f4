"""Why this exists: it writes the tables in csrc/gcm/known_answers.c, so that they can be made again and read.

The answers come from `cryptography`, which is OpenSSL; test_known_answers.py checks each against the oracle in
tests/model/gcm.py, which shares nothing with either. Run it as `python tests/unit/gcm/make_known_answers.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TARGET = Path(__file__).resolve().parents[3] / "csrc/gcm/known_answers.c"

# (AAD octets, data octets). Where an implementation may turn: 0, a part of a block, a whole one, 8 and 16 blocks, each
# with a neighbour on both sides; MACsec's AADs (20, 28; 50, 58, 70, 78 with an offset); a frame that is all AAD; past
# counter 256.
LENGTHS = (
    *((0, n) for n in (0, 1, 15, 16, 17, 32, 128, 129)),
    *((n, 0) for n in (1, 15, 16, 17, 112, 127, 128, 129, 144, 257, 1514)),
    *((20, n) for n in (46, 48, 60, 111, 112, 113, 127, 256, 257, 1500)),
    *((28, n) for n in (2, 8, 13, 31, 33, 69, 102, 143, 255, 384, 511, 1036)),
    *((50, n) for n in (7, 127)),
    *((58, n) for n in (9, 130)),
    *((70, n) for n in (10, 251)),
    *((78, n) for n in (4, 121)),
    # Runs of short messages of equal numbers of blocks: these go together, one a lane.
    *((28, 16 * blocks - i % 3) for blocks in range(1, 9) for i in range(5)),
    *((20, 16 * blocks - i % 3) for blocks in (1, 3, 8) for i in range(4)),
    (13, 387),
    (300, 383),
    (12, 4200),
)

# McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B: the cases with a 96-bit IV and a key of
# 128 or 256 bits: (case, key octets, other than zeros, AAD octets, data octets, the tag as printed there).
PUBLISHED = (
    (1, 16, 0, 0, 0, "58e2fccefa7e3061367f1d57a4e7455a"),
    (2, 16, 0, 0, 16, "ab6e47d42cec13bdf53a67b21257bddf"),
    (3, 16, 1, 0, 64, "4d5c2af327cd64a62cf35abd2ba6fab4"),
    (4, 16, 1, 20, 60, "5bc94fbc3221a5db94fae95ae7121a47"),
    (13, 32, 0, 0, 0, "530f8afbc74536b9a963b4f1c4cb738b"),
    (14, 32, 0, 0, 16, "d0d1c8a799996bf0265b98b5d48ab919"),
    (15, 32, 1, 0, 64, "b094dac5d93471bdec1a502270e3cc6c"),
    (16, 32, 1, 20, 60, "76fc6ece0f4e1768cddf8853bb2d551b"),
)
KEY = bytes.fromhex("feffe9928665731c6d6a8f9467308308") * 2
IV = bytes.fromhex("cafebabefacedbaddecaf888")
AAD = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
PLAIN = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
)


def octets(seed: int) -> Iterator[int]:
    """next_octet of known_answers.c."""
    while True:
        seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
        yield seed >> 24


def take(source: Iterator[int], count: int) -> bytes:
    return bytes(next(source) for _ in range(count))


def burst_key(key_len: int) -> bytes:
    return take(octets(0x5EC), 32)[:key_len]


def message(i: int) -> tuple[bytes, bytes, bytes]:
    """IV, AAD and data of message i of a burst."""
    source = octets(i)
    iv = take(source, 12)
    aad_len, data_len = LENGTHS[i]
    aad, data = take(source, aad_len), take(source, data_len)
    return (b"\xff" * 12 if i % 4 == 3 else iv), aad, data


def checksum(data: bytes) -> int:
    total = 0xCBF29CE484222325
    for octet in data:
        total = (total ^ octet) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return total


def c_octets(data: bytes) -> str:
    return "{" + ", ".join(f"0x{octet:02x}" for octet in data) + "}"


def published_table() -> str:
    rows = []
    for case, key_len, is_set, aad_len, data_len, tag in PUBLISHED:
        key, iv, plain = (KEY[:key_len], IV, PLAIN) if is_set else (bytes(key_len), bytes(12), bytes(64))
        sealed = AESGCM(key).encrypt(iv, plain[:data_len], AAD[:aad_len])
        if sealed[data_len:].hex() != tag:
            raise SystemExit(f"test case {case}: the tag is not the published one")
        cipher = c_octets(sealed[:data_len]) if data_len else "{0}"
        rows.append(
            f"    /* {case} */ {{{key_len}, {is_set}, {aad_len}, {data_len}, {cipher}, {c_octets(sealed[data_len:])}}},"
        )
    return "static const struct published published[] = {\n" + "\n".join(rows) + "\n};"


def made_table() -> str:
    arena = 1 + sum(aad_len + data_len + 16 for aad_len, data_len in LENGTHS)
    parts = [f"#define NUM_MADE {len(LENGTHS)}\n#define ARENA_LEN {arena}"]
    for key_len in (16, 32):
        gcm = AESGCM(burst_key(key_len))
        rows = []
        for i, (aad_len, data_len) in enumerate(LENGTHS):
            iv, aad, data = message(i)
            sealed = gcm.encrypt(iv, data, aad)
            check = checksum(sealed[:data_len])
            rows.append(f"    {{{aad_len}, {data_len}, UINT64_C(0x{check:016x}), {c_octets(sealed[data_len:])}}},")
        body = "\n".join(rows)
        parts.append(f"static const struct made made_{key_len * 8}[NUM_MADE] = {{\n{body}\n}};")
    return "\n\n".join(parts)


def main() -> None:
    text = TARGET.read_text("utf-8")
    for name, table in (("published", published_table()), ("made", made_table())):
        begin, end = f"/* BEGIN {name} */\n", f"/* END {name} */"
        text = text[: text.index(begin)] + begin + table + "\n" + text[text.index(end) :]
    TARGET.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
