"""Why this exists: before a link is touched one wants to see what would hold, and which line or default says so.

Exit status: 0 the configuration can be used, 2 it cannot, and the line says why.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from pysec.cli import link_options
from pysec.mgmt.settings import FORMAT, link_config


def add_parser(subparsers: Any) -> None:
    """Add `explain`."""
    p = subparsers.add_parser(
        "explain",
        help="print a link's effective configuration, and what set it; nothing is touched",
        description="Print a link's effective configuration, and which line, option or default has set each value.",
    )
    p.set_defaults(run=run)
    link_options.add(p)
    p.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print it."""
    link = link_options.layers(args)
    config = link_config(link)
    if args.json:
        settings = {name: {"value": found.value, "origin": found.origin} for name, found in link.items()}
        print(json.dumps({"format": FORMAT, "controlled": config.controlled_name, "settings": settings}))
        return 0
    rows = [(name, _shown(found.value), found.origin) for name, found in link.items()]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, origin in rows:
        print(f"{name:{widths[0]}} = {value:{widths[1]}}  # {origin}")
    print(f"\n{config.interface} is the common port, {config.controlled_name} the controlled port.")
    return 0


def _shown(value: Any) -> str:
    return "(none)" if value is None else json.dumps(value)
