"""Why this exists: `pysec lab`, which shows what pysec does end to end on this machine."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from pysec.lab import SCENARIOS, WIRE_RATE, WIRE_SECONDS
from pysec.lab.report import Check

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
    _add_chaos(which)
    parser.set_defaults(run=run)


def _add_chaos(which: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    chaos = which.add_parser("chaos", help=SCENARIOS["chaos"], description=SCENARIOS["chaos"])
    chaos.add_argument("--seed", type=int, default=1, help="which history (default %(default)d)")
    chaos.add_argument(
        "--members", type=int, choices=range(2, 13), metavar="2..12", help="instead of what the seed says"
    )
    chaos.add_argument("--trace", action="store_true", help="everything that the ports say")
    chaos.add_argument("--json", action="store_true", help="only one JSON object, on the last line")


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
    return _chaos(args) if args.scenario == "chaos" else _wire(args)


def _chaos(args: argparse.Namespace) -> int:
    from pysec.lab.chaos import ChaosOptions
    from pysec.lab.chaos import run as tell

    options = ChaosOptions(args.seed, args.members, args.trace)
    result = tell(options, (lambda line: None) if args.json else _print)
    if args.json:
        print(json.dumps(result.as_json()))
    else:
        _close(result.checks)
    return 0 if result.ok else 1


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
        _close(result.checks)
    return 0 if result.ok else 1


def _close(checks: Sequence[Check]) -> None:
    failed = [check.id for check in checks if not check.ok]
    print()
    print(f"{len(checks)} claims, all held." if not failed else f"FAILED: {', '.join(failed)}")


def _print(line: str) -> None:
    print(line)
    sys.stdout.flush()
