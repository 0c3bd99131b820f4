"""Why this exists: `pysec up --try` undoes itself, unless somebody who still reaches the machine says that it works.

Exit status: 0 it stays, 2 there is nothing to confirm, 77 there is no service.
"""

from __future__ import annotations

import argparse
from typing import Any

from pysec.cli import managed
from pysec.mgmt.errors import NoService, Unavailable


def add_parser(subparsers: Any) -> None:
    """Add `confirm`."""
    p = subparsers.add_parser("confirm", help="keep what pysec up --try has tried", description="Keep what was tried.")
    p.set_defaults(run=run)
    p.add_argument("interface", metavar="IFACE", help="the common port")
    managed.add_socket(p)


def run(args: argparse.Namespace) -> int:
    """Tell the service."""
    try:
        managed.client_of(args).link("POST", args.interface, "/confirm")
    except (NoService, Unavailable) as error:
        return managed.said(error)
    print(f"{args.interface}: it stays")
    return 0
