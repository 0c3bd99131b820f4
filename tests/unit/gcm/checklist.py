"""Why this exists: what every implementation of AES-GCM must stand, as functions that take a library and a name.

The unit tests run them on the product; the canaries run them on copies with a fault, where each must raise
AssertionError. The reference is `cryptography` (OpenSSL), and the oracle in tests/model/gcm.py where it is not too
slow. driver.py checks in every call that nothing but data and tag is written, and that a refused message is all zeros.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.model import gcm as oracle
from tests.unit.gcm.driver import Library, Message

KEY_LENS = (16, 32)
MACSEC_AADS = (20, 28, 50, 58, 70, 78)
LONG = (
    383,
    384,
    385,
    511,
    512,
    513,
    1000,
    1023,
    1024,
    1025,
    1408,
    1500,
    1504,
    2047,
    4095,
    4112,
    4113,
    8999,
    9000,
    9216,
)


def messages(seed: int, lengths: Iterable[tuple[int, int]]) -> list[Message]:
    """A message for each (AAD octets, data octets), always the same for a seed."""
    dice = random.Random(seed)
    return [Message(dice.randbytes(12), dice.randbytes(a), dice.randbytes(d)) for a, d in lengths]


def a_key(seed: int, key_len: int) -> bytes:
    return random.Random(f"key {seed}").randbytes(key_len)


def reference(key: bytes, burst: Iterable[Message]) -> list[tuple[bytes, bytes]]:
    """Ciphertext and tag of each message, from OpenSSL."""
    cipher = AESGCM(key)
    sealed = (cipher.encrypt(m.iv, m.data, m.aad) for m in burst)
    return [(s[:-16], s[-16:]) for s in sealed]


def sealed_messages(burst: Iterable[Message], sealed: Iterable[tuple[bytes, bytes]]) -> list[Message]:
    """The same messages, to be opened."""
    return [Message(m.iv, m.aad, data, tag) for m, (data, tag) in zip(burst, sealed, strict=True)]


def flipped(octets: bytes, bit: int) -> bytes:
    changed = bytearray(octets)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def agree(library: Library, name: str, key: bytes, burst: list[Message], *, skew: int = 0, size: int = 64) -> None:
    """Seal as OpenSSL does, and open it again, in bursts of a size."""
    ours = library.key(name, key)
    want = reference(key, burst)
    for at in range(0, len(burst), size):
        part = burst[at : at + size]
        sealed = ours.seal(part, skew)
        for m, got, wanted in zip(part, sealed, want[at:], strict=False):
            assert got == wanted, f"{name}: sealing AAD {len(m.aad)}, data {len(m.data)} is wrong"
        opened = ours.open(sealed_messages(part, sealed), skew)
        for m, result in zip(part, opened, strict=True):
            right = result.ok and result.data == m.data
            assert right, f"{name}: opening AAD {len(m.aad)}, data {len(m.data)} is wrong"


def check_data_lengths(library: Library, name: str) -> None:
    """All data lengths to 420, and selected ones to 9216."""
    for key_len in KEY_LENS:
        agree(library, name, a_key(1, key_len), messages(1, ((20 + n % 9, n) for n in (*range(421), *LONG))), size=61)


def check_aad_lengths(library: Library, name: str) -> None:
    """All AAD lengths to 300, MACsec's with some data, and long ones with none (integrity only) and with some."""
    lengths = [
        *((n, 0) for n in (*range(301), *LONG)),
        *((n, 5 + n) for n in range(65)),
        *((n, d) for n in MACSEC_AADS for d in (1, 16, 48, 111, 128, 200, 1450)),
        *((n, 37) for n in LONG),
    ]
    for key_len in KEY_LENS:
        agree(library, name, a_key(2, key_len), messages(2, lengths))


def check_alignment(library: Library, name: str) -> None:
    """Every offset from a 16-octet boundary for AAD, data and tag."""
    for skew in range(17):
        lengths = ((a, d) for a in (0, 3, 20, 28) for d in (0, 1, 13, 16, 48, 65, 129, 257))
        agree(library, name, a_key(3, 16), messages(skew, lengths), skew=skew)


def check_bursts(library: Library, name: str) -> None:
    """Bursts of 0 to 256 messages of mixed lengths."""
    dice = random.Random(4)
    lengths = [(dice.choice((0, 12, 20, 28, 58, 130)), dice.choice((0, 1, 31, 48, 100, 128, 200))) for _ in range(256)]
    lengths[77:80] = [(28, 1500), (0, 0), (1514, 0)]
    burst, key = messages(4, lengths), a_key(4, 16)
    want = reference(key, burst)
    ours = library.key(name, key)
    for size in range(257):
        at = (256 - size) // 2
        sealed = ours.seal(burst[at : at + size])
        assert sealed == want[at : at + size], f"{name}: a burst of {size} is sealed wrongly"
    for size in (0, 1, 2, 7, 8, 9, 63, 255, 256):
        opened = ours.open(sealed_messages(burst[:size], want[:size]))
        assert [(o.ok, o.data) for o in opened] == [(1, m.data) for m in burst[:size]]


def check_tag_bits(library: Library, name: str) -> None:
    """Each bit of the tag matters."""
    for key_len in KEY_LENS:
        ours = library.key(name, a_key(5, key_len))
        for m in messages(5, ((20, 48), (28, 0), (0, 1), (12, 300))):
            cipher, tag = ours.seal_one(m.iv, m.aad, m.data)
            forged = [Message(m.iv, m.aad, cipher, flipped(tag, bit)) for bit in range(128)]
            for bit, result in enumerate(ours.open(forged)):
                assert not result.ok, f"{name}: a tag with bit {bit} wrong was accepted"
            assert ours.open_one(m.iv, m.aad, cipher, tag) == m.data


def check_wrong_inputs(library: Library, name: str) -> None:
    """Each bit of key, nonce, AAD and ciphertext matters, and so do the lengths and where AAD ends."""
    for key_len in KEY_LENS:
        key = a_key(6, key_len)
        ours = library.key(name, key)
        (m,) = messages(6, ((20, 37),))
        cipher, tag = ours.seal_one(m.iv, m.aad, m.data)
        for bit in range(key_len * 8):
            other = library.key(name, flipped(key, bit))
            assert other.open_one(m.iv, m.aad, cipher, tag) is None, f"{name}: opened with key bit {bit} wrong"
        forged = [
            *(Message(flipped(m.iv, bit), m.aad, cipher, tag) for bit in range(96)),
            *(Message(m.iv, flipped(m.aad, bit), cipher, tag) for bit in range(8 * len(m.aad))),
            *(Message(m.iv, m.aad, flipped(cipher, bit), tag) for bit in range(8 * len(cipher))),
            *(Message(m.iv, m.aad[:cut], cipher, tag) for cut in range(len(m.aad))),
            *(Message(m.iv, m.aad, cipher[:cut], tag) for cut in range(len(cipher))),
            Message(m.iv, m.aad + b"\0", cipher, tag),
            Message(m.iv, m.aad, cipher + b"\0", tag),
            Message(m.iv, m.aad + cipher[:12], cipher[12:], tag),
            Message(m.iv, m.aad[:16], m.aad[16:] + cipher, tag),
            Message(m.iv, m.aad, cipher, bytes(16)),
        ]
        for i, result in enumerate(ours.open(forged)):
            assert not result.ok, f"{name}: forgery {i} was accepted"
        assert ours.open_one(m.iv, m.aad, cipher, tag) == m.data


def check_cleared(library: Library, name: str) -> None:
    """In a burst with bad tags exactly the bad messages are refused and zeroed; driver.py looks at the data."""
    burst = messages(7, ((20, n) for n in (*range(0, 300, 7), 1500, 9000)))
    ours = library.key(name, a_key(7, 16))
    ready = sealed_messages(burst, ours.seal(burst))
    for step in (1, 2, 3, 8):
        bad = [
            Message(m.iv, m.aad, m.data, flipped(m.tag, i % 128)) if i % step == 0 else m for i, m in enumerate(ready)
        ]
        for i, (plain, result) in enumerate(zip(burst, ours.open(bad), strict=True)):
            assert result.ok == (i % step != 0), f"{name}: message {i} of a mixed burst has the wrong verdict"
            assert not result.ok or result.data == plain.data


def check_oracle(library: Library, name: str) -> None:
    """The octets that the oracle makes from the text of the standards; the S-box whole."""
    for key_len in KEY_LENS:
        key = a_key(8, key_len)
        ours = library.key(name, key)
        lengths = ((0, 0), (0, 16), (20, 1), (20, 48), (28, 60), (58, 33), (70, 0), (150, 0), (13, 140), (28, 275))
        burst = messages(8, lengths)
        want = [oracle.seal(key, m.iv, m.data, m.aad) for m in burst]
        assert ours.seal(burst) == want, f"{name}: not what the oracle makes"
        for i in range(16):
            block = bytes((16 * i + k) % 256 for k in range(16))
            first = bytes(x ^ y for x, y in zip(block, key[:16], strict=True))  # the S-box meets block itself
            assert ours.block(first) == oracle.aes(key, first), f"{name}: AES is wrong on block {i}"


def check_counter(library: Library, name: str) -> None:
    """SP 800-38D 6.2: the counter carries into its third octet, past block 65536, and an IV of ones is left alone."""
    key, iv, data = a_key(9, 16), b"\xff" * 12, bytes(16 * 65640 + 5)
    agree(library, name, key, [Message(iv, b"", data)])


CHECKS = (
    check_data_lengths,
    check_aad_lengths,
    check_alignment,
    check_bursts,
    check_tag_bits,
    check_wrong_inputs,
    check_cleared,
    check_oracle,
    check_counter,
)
