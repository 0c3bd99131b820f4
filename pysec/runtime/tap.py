"""Why this exists: the controlled port is a TAP interface that the host takes for the cable itself.

So it has the common port's address, the MTU that MACsec leaves of its MTU, carrier while it is open, and, unless
somebody says otherwise, the addresses and routes that the common port had. With its last descriptor it vanishes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from typing import Final

from pysec.dataplane.port import open_tap
from pysec.errors import DriverError, PysecError, UsageError
from pysec.runtime.addresses import Address, Memo, Moved, found_on, made_of, put_on, take_off
from pysec.runtime.folder import made, run_folder
from pysec.runtime.interface import SMALLEST_MTU, Interface, set_carrier
from pysec.types import MacAddress

LONGEST_NAME: Final = 15


def name_for(common: str) -> str:
    """The controlled port's name: `sec-` and the common port's. Where that has more than 15 octets: `sec-`, the first
    six characters, `-` and four hex digits of the name's SHA-256, so that two long names stay two."""
    if len(f"sec-{common}".encode()) <= LONGEST_NAME:
        return f"sec-{common}"
    first = common.encode()[:6].decode(errors="ignore")
    return f"sec-{first}-{hashlib.sha256(common.encode()).hexdigest()[:4]}"


def memo_of(common: str) -> Memo:
    """Where it is written what was moved off an interface."""
    return Memo(run_folder() / f"moved-{common}.json")


class ControlledTap:
    """The TAP interface of one port."""

    def __init__(self, name: str, common: Interface, tell: Callable[[str, str], None]) -> None:
        """Nothing is made yet. tell: takes a name, and a line."""
        self.interface = Interface(name)
        self.fd = -1
        self._common, self._tell = common, tell
        self._moved = Moved()

    @property
    def name(self) -> str:
        """Its name."""
        return self.interface.name

    def refuse_if_there(self) -> None:
        """UsageError if there is an interface of this name."""
        if self.interface.exists:
            raise UsageError(f"interface {self.name}: exists already; name another with --controlled")

    def make(self, mac: MacAddress, common_mtu: int, overhead_octets: int) -> None:
        """Make it, without carrier (DriverError)."""
        self.fd, _ = open_tap(self.name)
        self.carrier(False)
        self.interface.mac = mac
        self.fit(common_mtu, overhead_octets)
        self.interface.set_up()

    def fit(self, common_mtu: int, overhead_octets: int) -> None:
        """Give it the MTU that the common port leaves it (802.1AE-2018 10.5.5)."""
        wanted = max(common_mtu - overhead_octets, SMALLEST_MTU)
        if self.interface.mtu != wanted:
            self.interface.mtu = wanted
            self._tell("mtu", f"{self.name} {wanted}, as {self._common.name} has {common_mtu}")

    def carrier(self, on: bool) -> None:
        """Plug its cable in, or pull it out (DriverError)."""
        set_carrier(self.fd, on)
        with contextlib.suppress(DriverError):
            _ = self.interface.has_carrier  # the system takes note now, not within a second

    # ---- addresses

    def address(self, given: tuple[Address, ...], move: bool) -> None:
        """Give it these addresses, or those of the common port and its routes (DriverError, OSError).

        What a pysec that was killed had moved is as if it were still on the common port."""
        memo = memo_of(self._common.name)
        left = memo.read()
        if given:
            self._put(made_of(given), "given to it")
        if move:
            found = found_on(self._common.index)
            found = Moved(_both(left.addresses, found.addresses), _both(left.routes, found.routes))
            if found:
                self._note(memo, found)
                self._moved = found
                take_off(found, self._common.index)
                self._put(found, f"moved from {self._common.name}")
        elif left:
            give_back(left, self._common, self._tell)
            memo.remove()

    def _note(self, memo: Memo, found: Moved) -> None:
        made(memo.path.parent)
        try:
            memo.write(found)
        except OSError as error:
            self._warn(f"{memo.path}: {error.strerror}: a crash would lose what {self._common.name} had")

    def _put(self, what: Moved, how: str) -> None:
        done = put_on(what, self.interface.index, self.name, self._warn)
        if done:
            self._tell("addresses", f"{self.name} has {', '.join(done)}: {how}")

    def _warn(self, words: str) -> None:
        self._tell("warning", words)

    def close(self) -> None:
        """Put back on the common port what was moved, and end the TAP."""
        try:
            if self._moved:
                moved, self._moved = self._moved, Moved()
                with contextlib.suppress(PysecError):
                    take_off(moved, self.interface.index)
                if give_back(moved, self._common, self._tell):
                    memo_of(self._common.name).remove()
        finally:
            if self.fd >= 0:
                os.close(self.fd)
                self.fd = -1
            self.interface.close()


def give_back(moved: Moved, common: Interface, tell: Callable[[str, str], None]) -> bool:
    """Put back what was moved; False if the interface is not there, so that the memo has to stay (DriverError)."""
    index = common.index
    if not index:
        tell("warning", f"{common.name} is not there: its addresses are noted in {memo_of(common.name).path}")
        return False
    done = put_on(moved, index, common.name, lambda words: tell("warning", words))
    if done:
        tell("addresses", f"{common.name} has {', '.join(done)} again")
    return True


def _both(first: tuple[bytes, ...], second: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return first + tuple(each for each in second if each not in first)
