"""Why this exists: benches take the same options, so that a reader who knows one knows all."""

from __future__ import annotations

import argparse
import sys

from bench import rows
from bench.card import machine_card
from bench.rows import Row
from bench.timing import pin
from pysec.errors import UsageError

Subparsers = argparse._SubParsersAction  # type: ignore[type-arg]


def numbers(text: str) -> list[int]:
    """`64,512` as a list, for argparse."""
    return [int(number) for number in text.split(",")]


def add_common(parser: argparse.ArgumentParser) -> None:
    """--quick, --json, --repeats, --sample-ms, --impl, --cpu."""
    parser.add_argument("--quick", action="store_true", help="a few seconds: does it run? the figures mean nothing")
    parser.add_argument("--json", metavar="FILE", help="write card and rows there, as JSON lines")
    parser.add_argument("--repeats", type=int, metavar="N", help="samples of each row (21; quick 3)")
    parser.add_argument("--sample-ms", type=float, metavar="MS", help="timed work in each sample (4; quick 0.1)")
    parser.add_argument("--impl", metavar="NAME", help="GCM implementation (the best one)")
    parser.add_argument("--cpu", type=int, metavar="N", help="stay on this CPU (the last one)")


class Session:
    """What a bench run is about: how often, how long, and what became of it."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.repeats: int = args.repeats or (3 if args.quick else 21)
        self.sample_ns = int(1e6 * (args.sample_ms or (0.1 if args.quick else 4)))
        if self.repeats < 1 or self.sample_ns < 1:
            raise UsageError("--repeats and --sample-ms must be positive")
        try:
            pin(args.cpu)
        except (OSError, ValueError):
            raise UsageError(f"--cpu {args.cpu}: not a CPU that this process may use") from None
        self.card = machine_card()
        self.rows: list[Row] = []
        self._json: str | None = args.json
        if args.impl and args.impl not in self.card["impls"]:
            raise UsageError(f"--impl {args.impl}: usable here are {', '.join(self.card['impls'])}")
        print(rows.describe(self.card), file=sys.stderr)

    def progress(self, text: str) -> None:
        """One line that goes away, where somebody is looking."""
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def finish(self) -> int:
        """Print the table, write the file."""
        self.progress("")
        print(rows.table([row.as_dict() for row in self.rows]))
        if self._json:
            rows.write(self._json, self.card, self.rows)
        return 0
