"""Why this exists: benches take the same options, so that a reader who knows one knows all."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

from bench import rows
from bench.card import machine_card
from bench.rows import AsDict
from bench.timing import pin
from pysec.errors import UsageError

Subparsers = argparse._SubParsersAction


def numbers(text: str) -> list[int]:
    """`64,512` as a list, for argparse."""
    return [int(number) for number in text.split(",")]


@dataclass(frozen=True)
class Effort:
    """How many samples of each row, and how much timed work in each, unless the command line says it."""

    repeats: int = 21
    sample_ms: float = 4
    quick_repeats: int = 3
    quick_sample_ms: float = 0.1
    quick: str = "a few seconds: does it run? the figures mean nothing"
    impl: str = "GCM implementation (the best one)"


def add_common(parser: argparse.ArgumentParser, effort: Effort = Effort()) -> None:
    """--quick, --json, --repeats, --sample-ms, --impl, --cpu."""
    parser.add_argument("--quick", action="store_true", help=effort.quick)
    parser.add_argument("--json", metavar="FILE", help="write card and rows there, as JSON lines")
    repeats = f"samples of each row ({effort.repeats}; quick {effort.quick_repeats})"
    parser.add_argument("--repeats", type=int, metavar="N", help=repeats)
    sample = f"timed work in each sample ({effort.sample_ms:g}; quick {effort.quick_sample_ms:g})"
    parser.add_argument("--sample-ms", type=float, metavar="MS", help=sample)
    parser.add_argument("--impl", metavar="NAME", help=effort.impl)
    parser.add_argument("--cpu", type=int, metavar="N", help="stay on this CPU (the last one)")


class Session:
    """What a bench run is about: how often, how long, and what became of it."""

    def __init__(self, args: argparse.Namespace, effort: Effort = Effort()) -> None:
        self.repeats: int = args.repeats or (effort.quick_repeats if args.quick else effort.repeats)
        ms: float = args.sample_ms or (effort.quick_sample_ms if args.quick else effort.sample_ms)
        self.sample_ns = int(1e6 * ms)
        if self.repeats < 1 or self.sample_ns < 1:
            raise UsageError("--repeats and --sample-ms must be positive")
        try:
            pin(args.cpu)
        except (OSError, ValueError):
            raise UsageError(f"--cpu {args.cpu}: not a CPU that this process may use") from None
        self.card = machine_card()
        self.rows: list[AsDict] = []
        self._json: str | None = args.json
        if args.impl and args.impl not in self.card["impls"]:
            raise UsageError(f"--impl {args.impl}: usable here are {', '.join(self.card['impls'])}")
        print(rows.describe(self.card), file=sys.stderr)

    def progress(self, text: str) -> None:
        """One line that goes away, where somebody is looking."""
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def finish(self, table: str | None = None) -> int:
        """Print the table, or the one given instead, and write the file."""
        self.progress("")
        print(rows.table([row.as_dict() for row in self.rows]) if table is None else table)
        if self._json:
            rows.write(self._json, self.card, self.rows)
        return 0
