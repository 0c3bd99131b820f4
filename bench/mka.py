"""Why this exists: key agreement must be soon, must cost little with thousands of ports, and must lose no frame.

Five parts: MKPDUs made and taken in; from the carrier to the first protected frame, between two ports of pysec and with
wpa_supplicant in a guest; ports in one process; rollovers under numbered traffic. Each is described where it is
measured. What cannot be measured here is said, with the reason; what is not as it must be (a frame lost, a port not
secured) is said, too, and is exit status 1.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench import mka_carrier, mka_guest, mka_messages, mka_ports, mka_rollover, mka_rows, rows
from bench.mka_rows import MkaRow
from bench.options import Session, Subparsers, add_common, numbers
from bench.rows import Row
from bench.timing import interleave
from pysec.errors import UsageError
from pysec.lab.traffic import SenderPlant

PARTS = ("messages", "carrier", "guest", "ports", "rollover")
PORTS = (256, 1024, 4096)
# What differs in the cards of two runs that belong together.
_MOVES = ("date", "load_1min", "pinned_to", "skipped")


def add_parser(subparsers: Subparsers) -> None:
    """`python -m bench mka`."""
    parser = subparsers.add_parser("mka", help="key agreement: cost, delay, rollovers", description=__doc__)
    add_common(parser)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may come again (all)")
    parser.add_argument("--ports", type=numbers, metavar="N,...", help="ports in one process (256,1024,4096; quick 16)")
    parser.add_argument("--peers", type=numbers, metavar="N,...", help="live peers of an MKPDU's sender (1,2,8)")
    parser.add_argument(
        "--add", action="store_true", help="keep what FILE has of other parts, if it is of this machine and commit"
    )
    parser.set_defaults(run=run)


class _Run:
    """The parts, one after the other, into one session."""

    def __init__(self, args: argparse.Namespace, session: Session, everywhere: set[int]) -> None:
        self._args, self._session, self._everywhere = args, session, everywhere
        self.rows: list[MkaRow] = []
        self.skipped: dict[str, str] = {}
        self.plant: SenderPlant | None = None

    def messages(self) -> None:
        """On the one CPU of the session."""
        session = self._session
        sets = [mka_messages.cases(peers, os.urandom) for peers in self._args.peers or mka_messages.PEERS]
        cases = [case for found in (*sets, mka_messages.refusals(os.urandom)) for case in found]
        for row in interleave(cases, session.repeats, session.sample_ns):
            assert isinstance(row, MkaRow)
            row.facts["per_s"] = round(1e9 / row.as_dict()["ns_per_call"]["median"])
            self.rows.append(row)

    def carrier(self) -> None:
        """At least 11 times, unless it is told otherwise."""
        if (why := mka_carrier.why_unavailable()) is not None:
            self.skipped["carrier"] = why
            return
        repeats = self._args.repeats or (1 if self._args.quick else 11)
        with self._anywhere():
            self.rows.append(mka_carrier.measure(repeats))

    def guest(self) -> None:
        """In the guest of `make interop`, if that has been made."""
        image = mka_guest.find()
        if isinstance(image, str):
            self.skipped["carrier-guest"] = image
            return
        with self._anywhere():
            self.rows += mka_guest.measure(image, self._args.repeats or (1 if self._args.quick else 11))

    def ports(self) -> None:
        """Each number of ports in processes of their own."""
        quick = self._args.quick
        for ports in self._args.ports or ((16,) if quick else PORTS):
            if (why := mka_ports.why_unavailable(ports)) is not None:
                self.skipped[f"ports-{ports}"] = why
                continue
            self._session.progress(f"ports: {ports}")
            with self._anywhere():
                windows, settle_s = (1, 2.0) if quick else (5, 6.0)
                self.rows.append(mka_ports.measure(ports, windows, settle_s, sorted(self._everywhere)))

    def rollover(self) -> None:
        """With and without new SAKs, in turns; then for a minute under full load."""
        quick = self._args.quick
        with self._anywhere():
            self.rows += mka_rollover.measure(1 if quick else 3, 0.8 if quick else 4.0, self.plant)
            self.rows.append(mka_rollover.measure_full(1.0 if quick else 75.0, 0.2 if quick else 1.0, self.plant))

    @contextlib.contextmanager
    def _anywhere(self) -> Iterator[None]:
        """What has threads and processes of its own is not held on one CPU."""
        one = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._everywhere)
        try:
            yield
        finally:
            os.sched_setaffinity(0, one)


@dataclass
class _Kept(Row):
    """A row of an earlier run, as it was written."""

    written: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return self.written


def _earlier(path: str, card: dict[str, Any]) -> tuple[list[_Kept], dict[str, str]]:
    """Rows, and what was not measured, of a results file (FormatError, OSError; UsageError if it is of another run)."""
    earlier, found = rows.read(path)
    differ = [name for name in card if name not in _MOVES and card[name] != earlier.get(name)]
    if differ:
        raise UsageError(f"--add {path}: differs in {', '.join(differ)}")
    return [_Kept(row["bench"], row["provider"], row["op"], written=row) for row in found], earlier["skipped"]


def run(args: argparse.Namespace, plant: SenderPlant | None = None) -> int:
    """Measure. plant: a fault of the numbered traffic, which must be told."""
    if any(number < 1 for number in args.ports or ()) or any(not 1 <= number <= 60 for number in args.peers or ()):
        raise UsageError("--ports must be 1 or more, --peers 1 to 60")
    everywhere = os.sched_getaffinity(0)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that what was made is taken down
    session = Session(args)
    kept, skipped = _earlier(args.json, session.card) if args.add and args.json else ([], {})
    found = _Run(args, session, everywhere)
    found.plant = plant
    for part in PARTS:
        if part in (args.part or PARTS):
            session.progress(part)
            getattr(found, part)()
    measured = {row.op for row in found.rows}
    session.rows += [*(row for row in kept if row.op not in measured), *found.rows]
    session.card["skipped"] = {**{op: why for op, why in skipped.items() if op not in measured}, **found.skipped}
    session.finish(mka_rows.table(found.rows))
    for name, why in found.skipped.items():
        print(f"{name}: not measured: {why}", file=sys.stderr)
    faults = [f"{row.op}: {fault}" for row in found.rows for fault in row.faults]
    for fault in faults:
        print(f"bench: not as it must be: {fault}", file=sys.stderr)
    return 1 if faults else 0
