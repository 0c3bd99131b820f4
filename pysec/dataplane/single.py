"""Why this exists: what holds keys and counts packet numbers must exist once.

A copy would count on by itself from the same number, and so would a child process after a fork: both would use nonces
a second time. So these objects refuse to be copied, and refuse to work in a process that did not make them.
"""

from __future__ import annotations

import os
from typing import NoReturn

from pysec.errors import UsageError


class Single:
    """An object that cannot be copied or pickled, and belongs to the process that made it."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    def _check_process(self) -> None:
        """UsageError in a process that was forked off after the object was made."""
        if os.getpid() != self._pid:
            raise UsageError(f"{type(self).__name__}: belongs to the process that made it, not to one it forked")

    def __copy__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} does not copy")

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} does not copy")

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} does not pickle")
