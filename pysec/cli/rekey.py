"""Why this exists: `pysec rekey` asks for a new SAK now, after somebody left, say; no frame is lost by it.

Exit status: 0 the key server was asked, 2 the link is not up, 77 there is no service.
"""

from __future__ import annotations

import argparse
from typing import Any

from pysec.cli import managed
from pysec.mgmt.errors import NoService, Unavailable


def add_parser(subparsers: Any) -> None:
    """Add `rekey`."""
    p = subparsers.add_parser(
        "rekey", help="ask for a new SAK", description="Ask the key server for a new SAK. No frame is lost by it."
    )
    p.set_defaults(run=run)
    p.add_argument("interface", metavar="IFACE", help="the common port")
    managed.add_socket(p)


def run(args: argparse.Namespace) -> int:
    """Tell the service."""
    try:
        managed.client_of(args).link("POST", args.interface, "/rekey")
    except (NoService, Unavailable) as error:
        return managed.said(error)
    print(f"{args.interface}: a new SAK is asked for; pysec show {args.interface} tells when it is in use")
    return 0
