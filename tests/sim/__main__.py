"""Why this exists: `make sim SEEDS=N` in one process or several, with the sum as JSON on its last line.

A seed that fails is told with its trace and the command that repeats it. `--bug` plants one of `tests/sim/bugs.py`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from functools import partial

from pysec.lab.sim.batch import Batch, Outcome, run_seed
from tests.sim.bugs import PORTS, port_with
from tests.sim.search import Found, begin, search

TOLD = 3  # failing seeds whose trace is printed
TAIL = 60  # lines of each


def one(seed: int, members: int | None, bug: str) -> Outcome:
    """Run one seed, in whatever process."""
    return run_seed(seed, members=members, make_port=port_with(bug))


def command(seed: int, members: int | None, bug: str) -> str:
    """What repeats it."""
    size = f" --members {members}" if members else ""
    if bug:
        return f".venv/bin/python -m tests.sim --seed {seed}{size} --bug {bug}"
    return f".venv/bin/pysec lab chaos --seed {seed}{size} --trace"


def tell(outcome: Outcome, members: int | None, bug: str, lines: int = TAIL) -> None:
    """The end of a history, and how to have it again."""
    trace: list[str] = []
    run_seed(
        outcome.seed,
        members=members,
        make_port=port_with(bug),
        tell=lambda at, who, text, event: trace.append(f"{at:9.3f} {who:8} {text}"),
    )
    print(f"\nseed {outcome.seed}: {': '.join(outcome.failure or ('held',))}")
    print("\n".join(trace[-lines:]))
    print(f"to repeat it: {command(outcome.seed, members, bug)}\n")


def search_from(ask_again: bool, states: int) -> Found:
    """The search from one of the two beginnings."""
    return search(begin(ask_again=ask_again), states)


def search_all(states: int, jobs: int) -> int:
    """Search, and say what was looked at."""
    names = {False: "two ports that are switched on", True: "two secured ports that both ask for a SAK"}
    with multiprocessing.Pool(min(jobs, len(names))) as pool:
        results = pool.starmap(search_from, [(ask_again, states) for ask_again in names])
    for name, found in zip(names.values(), results, strict=True):
        print(f"search from {name}: {found.in_words()}", flush=True)
    return 1 if any(found.problem for found in results) else 0


def main() -> int:
    """0 if every seed held."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many (default %(default)d)")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone, with its whole trace")
    parser.add_argument(
        "--members", type=int, choices=range(2, 13), metavar="2..12", help="instead of what a seed says"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: one for each core)")
    parser.add_argument("--bug", choices=sorted(PORTS), default="", help="plant a bug")
    parser.add_argument(
        "--search", type=int, metavar="STATES", help="the exhaustive search instead, so many states each"
    )
    args = parser.parse_args()
    if args.search is not None:
        return search_all(args.search, args.jobs)
    if args.seed is not None:
        outcome = one(args.seed, args.members, args.bug)
        tell(outcome, args.members, args.bug, lines=1_000_000)
        return 0 if outcome.failure is None else 1
    batch = Batch()
    seeds = range(args.first, args.first + args.seeds)
    with multiprocessing.Pool(args.jobs) as pool:
        for outcome in pool.imap(partial(one, members=args.members, bug=args.bug), seeds, chunksize=8):
            batch.add(outcome)
            if outcome.failure is not None and len(batch.failures) <= TOLD:
                tell(outcome, args.members, args.bug)
            if batch.seeds % 500 == 0:
                print(f"{batch.seeds} seeds, {len(batch.failures)} failures", flush=True)
    for name, count in sorted(batch.faults.items()):
        print(f"  {count:9} {name}")
    print(batch.last_line())
    sys.stdout.flush()
    return 1 if batch.failures else 0


if __name__ == "__main__":
    sys.exit(main())
