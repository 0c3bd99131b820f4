"""Why this exists: `pysec top` shows all links alive: who is secured, how much passes, and what is refused, in colour.

Exit status: 0 ended by Ctrl-C (or shown once, where there is no terminal), 77 there is no service.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pysec.cli import managed
from pysec.cli.show import spell
from pysec.mgmt.errors import NoService, Unavailable

_STATES: Final = {"secured": "green", "in-clear": "bold red", "closed": "yellow", "failed": "red", "gone": "magenta"}
_PREFIXES: Final = ("", "k", "M", "G", "T")


def add_parser(subparsers: Any) -> None:
    """Add `top`."""
    p = subparsers.add_parser("top", help="all links alive: state, rates, refusals", description="All links, alive.")
    p.set_defaults(run=run)
    p.add_argument("--interval", type=float, metavar="S", default=1.0, help="ask the service every S seconds (1)")
    p.add_argument("--once", action="store_true", help="show it once")
    managed.add_socket(p)


def run(args: argparse.Namespace) -> int:
    """Show it until interrupted."""
    client = managed.client_of(args)
    console = Console()
    try:
        reports = client.ask("GET", "/v1/links")["links"]
        if args.once or not sys.stdout.isatty():
            console.print(table(reports))
            return 0
        with Live(table(reports), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(max(0.1, args.interval))
                live.update(table(client.ask("GET", "/v1/links")["links"]), refresh=True)
    except (NoService, Unavailable) as error:
        return managed.said(error)
    except KeyboardInterrupt:
        return 0


def table(reports: Sequence[Mapping[str, Any]]) -> Table:
    """The links as a table."""
    found = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("link", "state", "suite"):
        found.add_column(name, no_wrap=True)
    for name in ("peers", "out/s", "in/s", "out bit/s", "in bit/s", "refused /s", "refused", "lost", "next rekey"):
        found.add_column(name, justify="right")
    for report in reports:
        found.add_row(*_cells(report))
    return found


def _cells(report: Mapping[str, Any]) -> list[str | Text]:
    state = Text(report["state"], style=_STATES.get(report["state"], ""))
    if "rates" not in report:
        return [report["interface"], state, Text(report["why"], style="red")]
    rates, peers = report["rates"], report["peers"]
    live = sum(peer["live"] for peer in peers)
    now = Text(scaled(rates["refused-s"]), style="bold red" if rates["refused-s"] else "")
    all_of_them = Text(f"{report['refused']:,}", style="red" if report["refused"] else "")
    rekey = "" if report.get("next-rekey-s") is None else spell(report["next-rekey-s"])
    return [
        report["interface"],
        state,
        report["cipher-suite"],
        str(live),
        *(scaled(rates[name]) for name in ("out-pkts-s", "in-pkts-s", "out-bits-s", "in-bits-s")),
        now,
        all_of_them,
        f"{sum(peer.get('lost', 0) for peer in peers):,}",
        rekey,
    ]


def scaled(figure: float) -> str:
    """A figure in at most four digits and a prefix."""
    at = 0
    while figure >= 9999.5 and at < len(_PREFIXES) - 1:
        figure, at = figure / 1000, at + 1
    return f"{figure:.0f}{_PREFIXES[at]}" if at == 0 or figure >= 100 else f"{figure:.1f}{_PREFIXES[at]}"
