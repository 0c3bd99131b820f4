"""Why this exists: `pysec up` puts an interface of this machine under MACsec, for good or in the foreground.

Without `--foreground` the link is run by `pysec service`, which is started if there is none, and `up` waits until the
link is secured. With it, `up` is the link itself, and tells each step and its reason.

Exit status: 0 the link is up and secured, or ended on request in the foreground; 1 it is up and not secured (yet), or
failed; 2 usage or bad input, 77 this system or this user cannot do it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from pysec import keyfile
from pysec.cli import link_options, managed
from pysec.cli.foreground import Teller, serve
from pysec.errors import UsageError
from pysec.mgmt.settings import TRY_S, Link, link_config
from pysec.runtime.guard import GuardUnavailable
from pysec.runtime.privacy import keep_memory_private
from pysec.runtime.single import why_unavailable


def add_parser(subparsers: Any) -> None:
    """Add `up`."""
    p = subparsers.add_parser(
        "up",
        help="put an interface under MACsec",
        description="Protect an interface by MACsec with a pre-shared CAK. The host uses the TAP that is made.",
    )
    p.set_defaults(run=run)
    link_options.add(p)
    p.add_argument("--foreground", action="store_true", help="stay here and tell each step; no service is needed")
    p.add_argument(
        "--try", dest="try_s", type=float, metavar="S", help="undo it after S seconds unless it is confirmed"
    )
    p.add_argument("--wait", type=float, metavar="S", default=10.0, help="for S seconds until it is secured (10)")
    p.add_argument("--verbose", action="store_true", help="in the foreground: also each step in the data plane")
    p.add_argument("--json", action="store_true", help="one JSON object; in the foreground one for each event, too")
    managed.add_socket(p)


def run(args: argparse.Namespace) -> int:
    """Run the port until it is told to end, or have the service run it."""
    link = link_options.layers(args)
    if args.try_s is not None and not TRY_S[0] <= args.try_s <= TRY_S[1]:
        raise UsageError(f"--try {args.try_s:g}: must be {TRY_S[0]:g} to {TRY_S[1]:g} seconds")
    if args.foreground:
        if args.try_s is not None:
            raise UsageError("--try: in the foreground Ctrl-C undoes it")
        return _foreground(args, link)
    if link["key"].value == "-":
        raise UsageError("--key -: a service needs the key again when it starts anew; name a file, or --foreground")
    return managed.up(args, link)


def _foreground(args: argparse.Namespace, link: Link) -> int:
    config = link_config(link)
    keep_memory_private()
    with_cak = keyfile.read_cak(link["key"].value)
    try:
        if (why := why_unavailable()) is not None:
            print(f"pysec up: {why}", file=sys.stderr)
            return 77
        return asyncio.run(serve(config, with_cak, Teller(args.json, args.verbose), args.json))
    except GuardUnavailable as error:
        print(f"pysec up: {error}; must-secure needs it, or --no-guard", file=sys.stderr)
        return 77
    finally:
        with_cak.erase()
