"""Why this exists: the ceiling on disk must stay ahead of the packet numbers, and somebody has to see that it does.

`CeilingPump` joins a SecY's transmit SA to its `PnCeiling` file: it creates the SA inside the first leap, raises the
ceiling when half a leap is left, and at the end stops the SecY before it records a clean end. It has no thread and no
clock: whoever drives the traffic calls `pump()` now and then. Called too seldom, the SecY stops at its ceiling (the
verdict is OUT_CLOSED, the reason PN_CEILING) until the next call; it never runs past it.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from pysec.errors import KeyExhausted, KeyStoreError, NonceReused, PysecError, UsageError
from pysec.sa.ceiling import PnCeiling
from pysec.types import An, CipherSuite, Ki, Ssci

# What one dirty end may burn: a quarter of a thousandth of the 32-bit space; the 64-bit space has 2^32 of its leap.
# Half a leap must last from one call of pump() to the next: 2^19 frames are 35 ms at 15 million frames a second.
DEFAULT_LEAP: Final = {32: 1 << 20, 64: 1 << 32}


class _Sa(Protocol):
    @property
    def ki(self) -> Ki: ...
    @property
    def transmit(self) -> bool: ...
    @property
    def next_pn(self) -> int: ...


class TransmittingSecY(Protocol):
    """What the pump needs of a SecY; `pysec.SecY` has it."""

    @property
    def cipher_suite(self) -> CipherSuite: ...
    def sas(self) -> Sequence[_Sa]: ...
    def create_transmit_sa(
        self,
        an: An | int,
        ki: Ki,
        *,
        next_pn: int = 1,
        ssci: Ssci | None = None,
        confidentiality: bool = True,
        pn_ceiling: int | None = None,
        pn_threshold: int | None = None,
    ) -> None: ...
    def enable_transmit(self, ki: Ki, enable: bool = True) -> None: ...
    def set_pn_ceiling(self, ki: Ki, pn: int) -> None: ...


class CeilingPump:
    """Keeps the ceiling of one transmit SA ahead of its packet numbers. The caller says when, by calling pump()."""

    def __init__(self, secy: TransmittingSecY, ki: Ki, ceiling: PnCeiling, *, leap: int | None = None) -> None:
        bits = 64 if secy.cipher_suite.is_xpn else 32
        if ceiling.ki != ki:
            raise KeyStoreError(f"PN ceiling {ceiling.path}: belongs to the key {ceiling.ki}, not to {ki}")
        if ceiling.pn_bits != bits:
            raise KeyStoreError(f"PN ceiling {ceiling.path}: {ceiling.pn_bits}-bit PNs, {secy.cipher_suite} has {bits}")
        self.leap: Final = DEFAULT_LEAP[bits] if leap is None else leap
        if self.leap < 2:
            raise UsageError(f"PN ceiling: a leap of {self.leap}, must be 2 or more")
        self._secy, self._ki, self._ceiling = secy, ki, ceiling
        self._installed = False

    def install(
        self,
        an: An | int,
        *,
        ssci: Ssci | None = None,
        confidentiality: bool = True,
        pn_threshold: int | None = None,
        enable: bool = True,
    ) -> None:
        """Reserve the first leap and create the transmit SA in it; the SAK must have been installed before."""
        if self._installed:
            raise UsageError(f"PN ceiling {self._ceiling.path}: its transmit SA is installed already")
        reserved = self._ceiling.reserve(self.leap)
        self._installed = True
        try:
            self._secy.create_transmit_sa(
                an,
                self._ki,
                next_pn=self._ceiling.next_pn,
                ssci=ssci,
                confidentiality=confidentiality,
                pn_ceiling=reserved,
                pn_threshold=pn_threshold,
            )
        except PysecError:
            self._installed = False
            raise
        if enable:
            self._secy.enable_transmit(self._ki)

    def pump(self) -> bool:
        """Raise the ceiling if less than half a leap is left; True if it did.

        KeyExhausted once the last packet number is used (802.1AE-2018 10.5.2). KeyStoreError if the file cannot be
        written: the SecY then stops at the old ceiling, and a later call may succeed.
        """
        next_pn, ceiling = self._next_pn(), self._ceiling.ceiling
        if next_pn >= self._ceiling.limit:
            raise KeyExhausted(f"PN ceiling {self._ceiling.path}: the key {self._ki} has used its last packet number")
        if ceiling >= self._ceiling.limit or ceiling - next_pn >= self.leap // 2:
            return False
        self._secy.set_pn_ceiling(self._ki, self._ceiling.reserve(self.leap))
        return True

    def close(self) -> None:
        """Stop sending with this key, record where its packet numbers stand, and unlock the file."""
        # Without an SA nothing of the leap can have been used.
        self._ceiling.close(self._stop() if self._installed else self._ceiling.next_pn)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _next_pn(self) -> int:
        for sa in self._secy.sas():
            if sa.transmit and sa.ki == self._ki:
                return int(sa.next_pn)
        raise UsageError(f"PN ceiling {self._ceiling.path}: the SecY has no transmit SA with the key {self._ki}")

    def _stop(self) -> int | None:
        """Nail the SecY's ceiling to its next PN; None if it cannot be done, and then the end is a dirty one.

        Only disabling it would not do: whoever enables the SA again would send PNs that the file calls unused.
        """
        for _ in range(100):  # a burst in another thread may move next PN meanwhile, but only until it is disabled
            try:
                self._secy.enable_transmit(self._ki, False)
                next_pn = self._next_pn()
                self._secy.set_pn_ceiling(self._ki, next_pn)
                if self._next_pn() <= next_pn:
                    return next_pn if self._ceiling.next_pn <= next_pn <= self._ceiling.ceiling else None
            except NonceReused:
                continue
            except UsageError:  # the SA was retired: what it had sent is not to be learnt any more
                return None
        return None
