"""Why this exists: what it costs to cross from Python into C and back, apart from the work done there.

call-*      a call that has nothing to do: the floor. ns per call
protect,    a burst of 64-octet frames from C and through Python: the difference is the crossing, and it is paid once
validate    a burst (pysec-c beside pysec-python)
arena-*     what the frames cost on the Python side: putting in, taking out, reading verdicts. ns per frame
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter_ns

from bench.cases import make_receiver, plain_frame, pysec_python
from bench.harness import CCase, Harness
from bench.options import Session, Subparsers, add_common
from bench.rows import Row
from bench.timing import CallCase, Case, interleave
from pysec import FrameArena
from pysec.dataplane import Action, xpn_recover
from pysec.types import CipherSuite

SUITE = CipherSuite.GCM_AES_128
OCTETS = 64
BURSTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
ROUNDS = 64


def add_parser(subparsers: Subparsers) -> None:
    """`python -m bench boundary`."""
    parser = subparsers.add_parser("boundary", help="what a crossing between Python and C costs", description=__doc__)
    add_common(parser)
    parser.set_defaults(run=run)


def repeated(row: Row, function: Callable[[], object], close: Callable[[], None] = lambda: None) -> CallCase:
    """A function, called so often that the clock does not count; an empty function's loop is part of it."""

    def work() -> int:
        start = perf_counter_ns()
        for _ in rounds:
            function()
        return perf_counter_ns() - start

    rounds = range(ROUNDS)
    return CallCase(row, work, ROUNDS * (row.burst or 1), [close])


def calls(impl: str | None) -> list[Case]:
    """Calls that do nothing."""
    receiver, empty = make_receiver(SUITE, 1, impl), FrameArena(1, 128)

    def nothing() -> None:
        return None

    return [
        repeated(Row("boundary", "python", "call-python-function"), nothing),
        repeated(Row("boundary", "pysec-python", "call-xpn-recover"), lambda: xpn_recover(1, 1)),
        repeated(Row("boundary", "pysec-python", "call-empty-burst"), lambda: receiver.validate(empty), receiver.close),
    ]


def arenas(burst: int) -> list[Case]:
    """What an arena does without a SecY."""
    frames, arena = [plain_frame(OCTETS)] * burst, FrameArena(burst, 128)
    arena.fill(frames)
    arena.frames["action"] = Action.COMMON

    def add() -> None:
        arena.clear()
        for frame in frames:
            arena.add(frame)

    operations: dict[str, Callable[[], object]] = {
        "arena-new": lambda: FrameArena(burst, 128),
        "arena-add": add,
        "arena-fill": lambda: arena.fill(frames),
        "arena-to-list": arena.to_list,
        "arena-delivered": arena.delivered,
        "arena-verdicts": lambda: arena.verdicts,
        "arena-pns": lambda: arena.pns,
    }
    return [
        repeated(Row("boundary", "pysec-python", op, [], None, OCTETS, burst), operation)
        for op, operation in operations.items()
    ]


def run(args: argparse.Namespace) -> int:
    """Measure."""
    session, harness = Session(args), Harness()

    def row(provider: str, op: str, burst: int) -> Row:
        return Row("boundary", provider, op, [], str(SUITE), OCTETS, burst, 1)

    try:
        session.rows += interleave(calls(args.impl), session.repeats, session.sample_ns)
        for burst in (1, 32) if args.quick else BURSTS:
            session.progress(f"bursts of {burst}")
            cases: list[Case] = []
            for op in ("protect", "validate"):
                cases.append(CCase(harness, row("pysec-c", op, burst), SUITE, args.impl))
                for provider in ("pysec-python", "pysec-python-bytes"):
                    cases.append(pysec_python(row(provider, op, burst), SUITE, args.impl))
            session.rows += interleave(cases, session.repeats, session.sample_ns)
            session.rows += interleave(arenas(burst), session.repeats, session.sample_ns)
    finally:
        harness.close()
    return session.finish()
