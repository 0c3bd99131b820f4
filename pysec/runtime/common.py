"""Why this exists: the common port is made ready before anything is opened on it, and given back after everything.

Ready means: the host's own stack is kept off it by the guard, and the settings that would harm frames are changed.
Given back means: settings as they were, guard gone. A port that failed gives nothing back: nobody has decided that the
host may use the cable in clear, so the guard stays, with the memo of what is still to be put back.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Sequence

from pysec.errors import DriverError, PysecError
from pysec.runtime.bypass import Bypass
from pysec.runtime.guard import Guard, GuardCount, GuardUnavailable
from pysec.runtime.interface import Interface
from pysec.runtime.settings import CommonSettings, Memo

Tell = Callable[[str, str], None]


class CommonPort:
    """The guard and the settings of one interface."""

    def __init__(
        self,
        interface: Interface,
        tell: Tell,
        *,
        ethertype: int,
        guard: bool = True,
        must: bool = True,
        bypass: Sequence[Bypass] = (),
        raise_mtu_by: int = 0,
    ) -> None:
        """Nothing is changed yet. tell: takes a name and a line. guard: whether there is to be one. must: whether it
        is a failure if there can be none."""
        self._interface, self._tell = interface, tell
        self._ethertype, self._wanted, self._must = ethertype, guard, must
        self._bypass, self._raise_mtu_by = tuple(bypass), raise_mtu_by
        self._guard: Guard | None = None
        self._settings: CommonSettings | None = None
        self._found_closed = False

    # ---- made ready

    def secure(self) -> None:
        """Put the guard in place, then change the settings (GuardUnavailable, DriverError; UsageError if another
        pysec that runs holds the interface)."""
        memo = Memo()
        try:
            memo = self._put_guard() if self._wanted else self._clear_away()
        except GuardUnavailable as error:
            if self._wanted and self._must:
                raise
            if self._wanted:
                self._tell("warning", f"{error}; the host's own frames go past MACsec")
        if self._settings is None:
            self._settings = self._planned(memo)
        self._settings.apply()

    def _put_guard(self) -> Memo:
        name = self._interface.name
        guard = Guard(name, ethertype=self._ethertype, bypass=self._bypass)
        try:
            left = guard.left_behind()
            settings = self._planned(Memo.parse(left or ""))
            guard.install(str(settings.memo))
        except BaseException:
            guard.close()
            raise
        self._guard, self._settings, self._found_closed = guard, settings, left is not None
        passing = ", ".join(["EAPOL", *(str(entry) for entry in self._bypass)])
        words = f"the host's own stack is kept off {name}, both ways; round MACsec go {passing}"
        if left is not None:
            words += "; taken over from a pysec that did not end by itself"
        self._tell("guard", words)
        return settings.memo

    def _clear_away(self) -> Memo:
        """No guard was asked for. One that was left here would stop our own frames, too."""
        name = self._interface.name
        self._tell("warning", f"no guard: the host's own stack sends and receives on {name} in clear, past MACsec")
        with contextlib.closing(Guard(name)) as left_guard:
            left = left_guard.left_behind()
            if left is None:
                return Memo()
            left_guard.remove()
        self._tell("warning", f"the guard that a pysec had left on {name} is gone")
        return Memo.parse(left)

    def _planned(self, left: Memo) -> CommonSettings:
        settings = CommonSettings(self._interface, left, self._tell)
        settings.plan(self._raise_mtu_by)
        return settings

    def renew(self) -> None:
        """The interface was made anew, with the settings of a new one (GuardUnavailable, DriverError)."""
        settings = self._planned(Memo())
        if self._guard is not None:
            self._guard.device = self._interface.name
            # Also where it has survived: which hooks a kernel keeps is its own business.
            self._guard.install(str(settings.memo))
        self._settings = settings
        settings.apply()

    def follow(self, index: int) -> None:
        """The interface of this number does not bear its name any more. If it has another one, the guard goes with
        it, for a hook of nf_tables stays with the name (GuardUnavailable)."""
        try:
            name = socket.if_indextoname(index)
        except OSError:
            return
        if self._guard is not None and self._settings is not None:
            self._guard.device = name
            self._guard.install(str(self._settings.memo))
            self._tell("guard", f"{self._interface.name} is called {name} now: the host's own stack is kept off it")

    # ---- in use

    def let_pass(self, sock: socket.socket) -> None:
        """Have what is sent on a packet socket pass the guard (DriverError)."""
        if self._guard is not None:
            self._guard.let_pass(sock)

    @property
    def is_guarded(self) -> bool:
        """Whether the host is kept off."""
        return self._guard is not None

    @property
    def is_to_be_watched(self) -> bool:
        """Whether others could take the guard away: `ensure` is to be called when rules have changed."""
        return self._guard is not None and not self._guard.is_owned

    def ensure(self) -> None:
        """Put the guard back if somebody has taken it away (GuardUnavailable, UsageError)."""
        if self._guard is not None and self._guard.ensure():
            self._tell("warning", f"the guard of {self._interface.name} had been taken away, and is back")

    def counts(self) -> list[GuardCount]:
        """What each rule of the guard has seen; nothing where there is none."""
        with contextlib.suppress(DriverError):
            return [] if self._guard is None else self._guard.counts()
        return []

    # ---- given back

    def end(self, well: bool) -> None:
        """Give the interface back if all went well, or leave it closed."""
        guard, self._guard = self._guard, None
        settings, self._settings = self._settings, None
        try:
            if guard is None or well:
                self._put_back(settings)
            if guard is not None:
                self._end_guard(guard, well)
        finally:
            if guard is not None:
                guard.close()

    def abandon(self) -> None:
        """The port never came to be: as `end`, but what was closed before stays closed."""
        self.end(well=not self._found_closed)

    def _put_back(self, settings: CommonSettings | None) -> None:
        done = [] if settings is None else settings.put_back()
        if done:
            self._tell("settings", f"{self._interface.name} is as it was: {', '.join(done)}")

    def _end_guard(self, guard: Guard, well: bool) -> None:
        name = self._interface.name
        with contextlib.suppress(DriverError):
            seen = [count for count in guard.counts() if count.frames]
            said = [f"{'in' if count.inward else 'out'} {count.name} {count.frames}" for count in seen]
            self._tell("guard", f"frames by rule: {', '.join(said) or 'none'}")
        if not well:
            words = f"{name} stays closed to the host's own stack: pysec up takes it over, pysec down opens it"
            self._tell("guard", words)
            return
        try:
            guard.remove()
        except PysecError as error:
            self._tell("warning", f"{error}; {name} stays closed to the host's own stack: pysec down")
