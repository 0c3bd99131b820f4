"""Why this exists: `pysec lab`, which shows what pysec does end to end on this machine."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from types import FrameType
from typing import NoReturn

from pysec.lab import SCENARIOS, WIRE_RATE, WIRE_SECONDS

SIGTERM_STATUS = 128 + signal.SIGTERM


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `pysec lab` and its scenarios."""
    parser = subparsers.add_parser("lab", help="scenarios that show pysec at work on this machine")
    which = parser.add_subparsers(dest="scenario", required=True, metavar="SCENARIO")
    listing = which.add_parser("list", help="print the scenarios")
    listing.add_argument("--json", action="store_true", help="as one JSON object")
    wire = which.add_parser("wire", help=SCENARIOS["wire"], description=SCENARIOS["wire"])
    wire.add_argument(
        "--seconds",
        type=_seconds,
        default=WIRE_SECONDS,
        help="how long the numbered traffic lasts (default %(default)g)",
    )
    wire.add_argument("--rate", type=_rate, default=WIRE_RATE, help="numbered frames a second (default %(default)d)")
    wire.add_argument("--memory", action="store_true", help="over a memory link, even as root")
    wire.add_argument("--json", action="store_true", help="only one JSON object, on the last line")
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.2 <= value <= 3600:
        raise argparse.ArgumentTypeError("must be 0.2 to 3600")
    return value


def _rate(text: str) -> int:
    value = int(text)
    if not 100 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError("must be 100 to 1000000")
    return value


def run(args: argparse.Namespace) -> int:
    """Run a scenario: 0 if all of its claims held, 1 if one failed."""
    if args.scenario == "list":
        if args.json:
            print(json.dumps({"scenarios": SCENARIOS}))
        else:
            for name, what in SCENARIOS.items():
                print(f"{name}  {what}")
        return 0
    return _wire(args)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(SIGTERM_STATUS)


def _wire(args: argparse.Namespace) -> int:
    from pysec.lab.wire import WireOptions
    from pysec.lab.wire import run as tell

    # As Ctrl-C does, SIGTERM unwinds the stack, so that everything is taken down.
    signal.signal(signal.SIGTERM, _terminated)
    options = WireOptions(seconds=args.seconds, rate=args.rate, memory=args.memory)
    result = tell(options, (lambda line: None) if args.json else _print)
    if args.json:
        print(json.dumps(result.as_json()))
    else:
        failed = [check.id for check in result.checks if not check.ok]
        print()
        print(f"{len(result.checks)} claims, all held." if not failed else f"FAILED: {', '.join(failed)}")
    return 0 if result.ok else 1


def _print(line: str) -> None:
    print(line)
    sys.stdout.flush()
