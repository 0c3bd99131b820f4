"""Why this exists: `pysec up` changes a few settings of the common port, and must put back exactly those, even later.

What merges frames that arrive (GRO, LRO) is switched off, for a merged frame was never on the wire; the MTU is raised
if asked. Each change is told in one line and written into a memo before it is made. The guard keeps the memo, so that
after a crash the next `pysec up`, or `pysec down`, can put back what was there at first. A setting that somebody has
changed again since is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from pysec.errors import DriverError
from pysec.runtime.interface import OFFLOADS, Interface

_MEMO = re.compile(r"to put back:(?: mtu=(?P<now>\d+):(?P<before>\d+))?(?P<off>(?: (?:gro|lro))*)")


@dataclass(frozen=True, slots=True)
class Memo:
    """What is to be put back. mtu: the MTU that was set and the one before; off: offloads that were on."""

    mtu: tuple[int, int] | None = None
    off: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = ([] if self.mtu is None else [f"mtu={self.mtu[0]}:{self.mtu[1]}"]) + list(self.off)
        return " ".join(["to put back:", *words]) if words else ""

    @classmethod
    def parse(cls, words: str) -> Self:
        """Read one; what is no memo has nothing to put back."""
        found = _MEMO.fullmatch(words)
        if found is None:
            return cls()
        mtu = None if found["now"] is None else (int(found["now"]), int(found["before"]))
        return cls(mtu, tuple(found["off"].split()))


class CommonSettings:
    """The settings of one common port."""

    def __init__(self, common: Interface, left: Memo, tell: Callable[[str, str], None]) -> None:
        """left: the memo of a pysec that was here before and could put nothing back. tell: a name, and a line."""
        self._common, self._tell = common, tell
        self.memo = left

    def plan(self, raise_mtu_by: int) -> None:
        """Write into the memo what `apply` will do (DriverError)."""
        off = tuple(name for name in OFFLOADS if name in self.memo.off or self._common.offload(name))
        mtu, now = self.memo.mtu, self._common.mtu
        if mtu is not None and mtu[0] != now:
            mtu = None
        if raise_mtu_by:
            before = now if mtu is None else mtu[1]
            mtu = (before + raise_mtu_by, before)
        self.memo = Memo(mtu, off)

    def apply(self) -> None:
        """Do it (DriverError)."""
        for name in self.memo.off:
            if self._common.offload(name):
                self._common.set_offload(name, False)
                if self._common.offload(name):
                    words = f"{name} of {self._common.name} stays on: frames that it has merged are refused"
                    self._tell("warning", words)
                    continue
                self._tell("offload", f"{name} of {self._common.name} switched off: merged frames were never sent")
        if self.memo.mtu is not None and self._common.mtu != self.memo.mtu[0]:
            wanted, before = self.memo.mtu
            self._common.mtu = wanted
            self._tell("mtu", f"{self._common.name} raised from {before} to {wanted}")

    def put_back(self) -> list[str]:
        """Put back what is still as we left it, as far as the interface is there; what was done, in words."""
        done: list[str] = []
        if not self._common.exists:
            return done
        try:
            for name in self.memo.off:
                if not self._common.offload(name):
                    self._common.set_offload(name, True)
                    done.append(f"{name} on")
            if self.memo.mtu is not None and self._common.mtu == self.memo.mtu[0]:
                self._common.mtu = self.memo.mtu[1]
                done.append(f"MTU {self.memo.mtu[1]}")
        except DriverError as error:
            done.append(str(error))
        return done
