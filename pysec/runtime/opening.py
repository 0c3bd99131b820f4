"""Why this exists: a port that was killed leaves its interface closed, its addresses in a memo; this undoes both."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from pysec.runtime.guard import Guard, GuardUnavailable
from pysec.runtime.interface import opened
from pysec.runtime.settings import CommonSettings, Memo
from pysec.runtime.tap import give_back, memo_of


def open_again(interface: str, tell: Callable[[str, str], None]) -> bool:
    """Remove the guard that is left on an interface, and put back settings and addresses; whether there was anything.

    UsageError while a pysec that runs holds the interface, GuardUnavailable, DriverError, FormatError, OSError.
    """
    with contextlib.ExitStack() as stack:
        common = stack.enter_context(opened(interface))
        memo = memo_of(interface)
        moved = memo.read()
        left = None
        try:
            guard = stack.enter_context(contextlib.closing(Guard(interface)))
            left = guard.left_behind()
            if left is not None:
                guard.remove()
        except GuardUnavailable:
            if not moved:
                raise
        if moved and give_back(moved, common, tell):
            memo.remove()
        if left is None:
            return bool(moved)
        done = CommonSettings(common, Memo.parse(left), tell).put_back()
        if done:
            tell("settings", f"{interface} is as it was: {', '.join(done)}")
    return True
