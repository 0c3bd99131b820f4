"""Why this exists: a port that was killed leaves its interface closed, and somebody must be able to open it again.

Exit status: 0 the interface is the host's own (again), 2 usage, or a pysec that runs holds the interface, 77 this user
or this system cannot do it.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import Any

from pysec.runtime.guard import Guard, GuardUnavailable
from pysec.runtime.interface import opened
from pysec.runtime.settings import CommonSettings, Memo


def add_parser(subparsers: Any) -> None:
    """Add `down`."""
    p = subparsers.add_parser(
        "down",
        help="open an interface again that a killed port has left closed",
        description="Remove the guard of a port that did not end by itself, and put back what it had changed.",
    )
    p.set_defaults(run=run)
    p.add_argument("interface", metavar="IFACE", help="the common port")


def run(args: argparse.Namespace) -> int:
    """Remove what is left (UsageError while a pysec runs there)."""
    with contextlib.ExitStack() as stack:
        common = stack.enter_context(opened(args.interface))
        try:
            guard = stack.enter_context(contextlib.closing(Guard(args.interface)))
            left = guard.left_behind()
            if left is None:
                print(f"{args.interface}: nothing of pysec is left here")
                return 0
            guard.remove()
        except GuardUnavailable as error:
            print(f"pysec down: {error}", file=sys.stderr)
            return 77
        memo = Memo.parse(left)
        done = CommonSettings(common, memo, lambda name, reason: None).put_back()
    also = f"; put back: {', '.join(done)}" if done else ""
    print(f"{args.interface}: the guard is gone, the host's own stack may use it in clear{also}")
    return 0
