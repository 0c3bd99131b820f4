"""Why this exists: every format boils down to cases that hold, or do not, or cannot be tried yet.

A format is a function from the file's fields to cases: a name and a check. A check returns if the case holds, raises
Mismatch if it does not, Skip if it cannot be tried, and FormatError if the file itself is wrong. What is said of a
mismatch holds frames and counters, never a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pysec.tools.conformance.product import Product
from pysec.tools.fields import Fields

Check = Callable[[], None]


class Mismatch(Exception):
    """The product did something else than the vector says."""

    def __init__(self, want: str, got: str) -> None:
        super().__init__(want, got)
        self.want = want
        self.got = got


class Skip(Exception):
    """The case cannot be tried; the reason in one line."""


@dataclass(frozen=True)
class Vectors:
    """A vector file that was read."""

    path: Path
    form: str
    top: Fields


Format = Callable[[Vectors, Product], Iterator[tuple[str, Check]]]


def same(what: str, want: object, got: object) -> None:
    """Compare two values that print well."""
    if want != got:
        raise Mismatch(f"{what}: {want}", f"{what}: {got}")


def same_octets(what: str, want: bytes, got: bytes | memoryview | None) -> None:
    """Compare octets; the mismatch shows where they part, in a few octets."""
    if got is None:
        raise Mismatch(f"{what}: {len(want)} octets", f"{what}: nothing")
    if want == got:
        return
    at = next((i for i, (a, b) in enumerate(zip(want, got, strict=False)) if a != b), min(len(want), len(got)))
    raise Mismatch(*(f"{what}: {len(o)} octets, from {at} on: {bytes(o[at : at + 8]).hex()}" for o in (want, got)))


def case_id(vector: Fields, place: int) -> str:
    """What a vector calls itself, or its place."""
    return vector.name or f"vectors[{place}]"


def per_vector(
    check: Callable[[Fields, Product], None], vectors: Vectors, product: Product
) -> Iterator[tuple[str, Check]]:
    """A case for each entry of `vectors`, with the check that is the same for all."""
    for place, vector in enumerate(vectors.top.objects("vectors")):
        yield case_id(vector, place), partial(check, vector, product)
