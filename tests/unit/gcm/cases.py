"""Why this exists: bursts for tests/c/gcm_cases.c, with what OpenSSL makes of them: the written form of the cases.

`Cases` writes the records that gcm_cases.c documents into a file. Plaintext and AAD are parts of one random pool, so a
message takes 32 octets there, and its result as many as it has. suites.py says which bursts; this module, how they are
laid out and written. Everything comes from a seed: two runs write the same file.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import cycle
from typing import BinaryIO

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

POOL = 1 << 21  # octets; the longest message is a little over 1 MiB


class Place(IntEnum):
    """Where the pieces of a message lie."""

    MARGINS = 0  # in memory of their own, 64 octets of a known value on both sides
    AT_END = 1  # against a page behind that may not be touched
    AT_START = 2  # against a page in front
    PACKED = 3  # the whole burst one behind the other


class Spoil(IntEnum):
    """What is changed before a message is opened for the second time."""

    TAG = 1
    AAD = 2
    DATA = 3
    IV = 4
    REFUSE = 5  # nothing: the result given is one that must be refused

    def bit(self, bit: int = 0) -> int:
        return self << 24 | bit


APART, AAD_JOINED, TAG_JOINED, ALL_JOINED = range(4)


@dataclass(frozen=True)
class Layout:
    """How a burst lies in memory; skews in octets, of AAD, data and tag."""

    place: Place = Place.MARGINS
    joined: int = TAG_JOINED
    skew: tuple[int, int, int] = (0, 0, 0)
    step: int = 0

    def packed(self) -> bytes:
        return struct.pack("8B", self.place, self.joined, *self.skew, self.step, 0, 0)


# As MACsec has them, as a stranger may, and against pages; the skews put frames on every boundary.
LAYOUTS = (
    Layout(Place.MARGINS, ALL_JOINED, (2, 0, 0), 0),
    Layout(Place.PACKED, ALL_JOINED, (0, 0, 0), 0),
    Layout(Place.AT_END, ALL_JOINED),
    Layout(Place.MARGINS, APART, (0, 0, 0), 0),
    Layout(Place.AT_START, ALL_JOINED),
    Layout(Place.MARGINS, TAG_JOINED, (12, 40, 0), 9),
    Layout(Place.AT_END, APART),
    Layout(Place.PACKED, APART, (1, 0, 3), 1),
    Layout(Place.AT_START, APART),
    Layout(Place.MARGINS, AAD_JOINED, (7, 0, 33), 5),
    Layout(Place.AT_END, AAD_JOINED),
    Layout(Place.AT_END, TAG_JOINED),
    Layout(Place.AT_START, TAG_JOINED),
    Layout(Place.PACKED, TAG_JOINED, (0, 2, 0), 0),
)

type_of_message = struct.Struct("<5I12s")


class Cases:
    """A file of cases in the making."""

    def __init__(self, out: BinaryIO, seed: int, pool: int = POOL) -> None:
        self.out = out
        self.dice = random.Random(seed)
        self.pool = self.dice.randbytes(pool)
        self.view = memoryview(self.pool)
        self.layouts = cycle(LAYOUTS)
        self.num_messages = 0
        out.write(b"P" + struct.pack("<I", pool) + self.pool)

    def key(self, key: bytes | int) -> None:
        """The key from here on; a number of octets stands for a random one."""
        if isinstance(key, int):
            key = self.dice.randbytes(key)
        self.cipher = AESGCM(key)
        self.out.write(b"K" + struct.pack("<I", len(key)) + key)
        encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - one block, to be compared
        block = self.dice.randbytes(16)
        self.out.write(b"E" + block + encryptor.update(block))

    def burst(
        self,
        lengths: Sequence[tuple[int, int]],
        layout: Layout | None = None,
        spoils: Iterable[int] = (),
        *,
        alike: bool = False,
    ) -> None:
        """A message for each (AAD octets, data octets); without a layout, the next of LAYOUTS. alike: of the same
        octets under the same IV, as when bits of it are spoilt one after the other."""
        layout = layout or next(self.layouts)
        spoils = [*spoils] or [0] * len(lengths)
        encrypt, view, randrange, randbytes = self.cipher.encrypt, self.view, self.dice.randrange, self.dice.randbytes
        top = len(self.pool)
        messages, results = [], []
        iv, seat = randbytes(12), randrange(2**16)
        for (aad_len, data_len), spoil in zip(lengths, spoils, strict=True):
            if not alike:
                iv, seat = randbytes(12), randrange(2**20)
            aad_at, data_at = seat % (top - aad_len + 1), (seat * 7919) % (top - data_len + 1)
            messages.append(type_of_message.pack(aad_at, aad_len, data_at, data_len, spoil, iv))
            results.append(encrypt(iv, view[data_at : data_at + data_len], view[aad_at : aad_at + aad_len]))
        self.num_messages += len(messages)
        self.out.write(b"B" + struct.pack("<I", len(messages)) + layout.packed())
        self.out.writelines(messages)
        self.out.writelines(results)

    def vector(self, key: bytes, iv: bytes, aad: bytes, data: bytes, *, result: bytes, valid: bool) -> None:
        """One message of somebody else's, in a pool of its own; result is ciphertext and tag."""
        layout = next(self.layouts)
        spoil = Spoil.TAG.bit(self.num_messages % 128) if valid else Spoil.REFUSE.bit()
        self.out.write(b"P" + struct.pack("<I", len(aad + data)) + aad + data)
        self.out.write(b"K" + struct.pack("<I", len(key)) + key)
        self.out.write(b"B" + struct.pack("<I", 1) + layout.packed())
        self.out.write(type_of_message.pack(0, len(aad), len(aad), len(data), spoil, iv) + result)
        self.num_messages += 1
