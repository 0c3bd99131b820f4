"""Why this exists: a key that is a plain `bytes` ends up in a log, a traceback or a pickle sooner or later.

`Secret` holds its octets in memory that it can erase, says only how many there are, and refuses every way of
turning itself into text. It cannot erase copies that somebody else made of the octets before.
"""

from __future__ import annotations

import hmac
from types import TracebackType
from typing import NoReturn, Self

from pysec.errors import UsageError


class Secret:
    """Octets that print as `Secret(16 octets)`; use it as a context manager to have them erased."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes | bytearray | memoryview) -> None:
        self._octets = bytearray(memoryview(octets))  # a number would make as many zeros of itself

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Read hex digits. The error names no digit of the text (UsageError)."""
        try:
            return cls(bytes.fromhex(text))
        except ValueError:
            raise UsageError("a key is not an even number of hex digits") from None

    def reveal(self) -> memoryview:
        """A read-only view of the octets, for the one call that needs them."""
        if not self._octets:
            raise UsageError("the secret was erased")
        return memoryview(self._octets).toreadonly()

    def erase(self) -> None:
        """Overwrite the octets and forget them."""
        for i in range(len(self._octets)):
            self._octets[i] = 0
        self._octets = bytearray()

    def __len__(self) -> int:
        return len(self._octets)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._octets, other._octets)

    # A hash would be a fingerprint of the key. mypy knows object.__hash__ as a function only.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Secret({len(self._octets)} octets)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        raise TypeError("a Secret does not format")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret does not pickle")

    def __copy__(self) -> NoReturn:
        raise TypeError("a Secret does not copy")

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError("a Secret does not copy")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.erase()

    def __del__(self) -> None:
        if hasattr(self, "_octets"):
            self.erase()
