"""Why this exists: AES-GCM over bursts of MACsec frames, ours beside the best of others and what the core allows.

Rows: nanoseconds and core cycles per frame, seal and open, for each implementation of ours and each peer, taken in turn
on the same frames; limit_cycles is the least that this very core could take. At the end a table: ours, the best peer,
the limit, and libipsec_mb's cycles by ours, against the ratio that is the floor.
"""

from __future__ import annotations

import argparse
from itertools import product
from typing import Any

from bench import chart, gcm_table
from bench.gcm_cases import CCase, MemoryCase, PythonCase, PythonSetupCase, SetupCase, faster_way, take_turns
from bench.gcm_harness import PEERS, GcmHarness, Way, best_limits
from bench.gcm_rows import ALL_IN_CLEAR, HEADER, LOADS, GcmRow, Group, Limits, Load
from bench.options import Effort, Session, Subparsers, add_common, numbers
from pysec.errors import UsageError
from pysec.types import CipherSuite

EFFORT = Effort(
    repeats=31,
    sample_ms=0.5,
    quick_repeats=21,
    quick_sample_ms=0.3,
    quick="less than two minutes: every payload, both keys, both directions at bursts of 32",
    impl="only this implementation of ours",
)
SUITES = (CipherSuite.GCM_AES_128, CipherSuite.GCM_AES_256)
TYPICAL = 32
BURSTS = (1, 4, 8, 16, TYPICAL, 64, 256)
MODES = {"encrypt": 0, "offset30": 30, "offset50": 50, "integrity": ALL_IN_CLEAR}


def loads(text: str) -> list[Load]:
    """`48,imix,1500M` for argparse."""
    names = {str(load): load for load in LOADS}
    return [names.get(word) or Load(int(word)) for word in text.split(",")]


def add_parser(subparsers: Subparsers) -> None:
    """`python -m bench gcm`."""
    parser = subparsers.add_parser("gcm", help="AES-GCM on MACsec frames, beside others", description=__doc__)
    add_common(parser, EFFORT)
    parser.add_argument("--payload", type=loads, metavar="N,..", help=f"octets ({','.join(map(str, LOADS))})")
    parser.add_argument("--burst", type=numbers, metavar="N,..", help="frames handed over at once (1 to 256; quick 32)")
    parser.add_argument("--aad", type=numbers, metavar="N,..", help="20 (no SCI), 28 (quick 28)")
    parser.add_argument("--mode", action="append", choices=MODES, help="offset or integrity (all; quick encrypt)")
    parser.add_argument("--suite", choices=[str(suite) for suite in SUITES], help="only this one")
    parser.add_argument("--op", choices=("seal", "open", "setup"), help="only rows of this one")
    parser.add_argument(
        "--provider", action="append", metavar="NAME", help="pysec, ipsec-mb, openssl, cryptography; may be repeated"
    )
    parser.set_defaults(run=run)


def groups_of(args: argparse.Namespace) -> list[Group]:
    """What is measured: every payload as is typical, and away from there in one way at a time; all that is named."""
    suites = [suite for suite in SUITES if args.suite in (None, str(suite))]
    bursts = args.burst or ([TYPICAL] if args.quick else BURSTS)
    headers = args.aad or ([HEADER] if args.quick else [HEADER, 20])
    modes = args.mode or (["encrypt"] if args.quick else list(MODES))
    if any(not 1 <= burst <= 256 for burst in bursts) or any(header not in (20, HEADER) for header in headers):
        raise UsageError("--burst must be 1 to 256, --aad 20 or 28")
    if any(load.octets is not None and not 1 <= load.octets <= 16000 for load in args.payload or ()):
        raise UsageError("--payload must be 1 to 16000, imix or 1500M")
    found = []
    for suite, mode, header, burst, load in product(suites, modes, headers, bursts, args.payload or LOADS):
        group = Group(suite, load, burst, header, MODES[mode])
        # In how many ways it differs from what is typical, those left out that were asked for.
        away = (not args.mode and mode != "encrypt") + (not args.aad and header != HEADER)
        away += not args.burst and burst != TYPICAL
        if mode != "encrypt" and (load.octets is None or (mode != "integrity" and load.octets <= group.clear)):
            continue
        if away == 0 or (away == 1 and not load.ring_mib):
            found.append(group)
    return found


def ways_of(args: argparse.Namespace, session: Session, harness: GcmHarness) -> tuple[list[Way], bool]:
    """The ways to measure, and whether `cryptography` is among what was asked for."""
    names = ("pysec", *(peer.provider for peer in PEERS), "cryptography")
    wanted = args.provider or names
    if set(wanted) - set(names):
        raise UsageError(f"--provider {' '.join(set(wanted) - set(names))}: there are {', '.join(names)}")
    impls = [args.impl] if args.impl else session.card["impls"]
    ours = [Way(f"pysec:{impl}", impl) for impl in impls]
    found = [way for way in [*ours, *harness.find_peers()] if way.provider.partition(":")[0] in wanted]
    session.card["peers"] = harness.versions | {"cryptography": session.card["packages"]["cryptography"]}
    session.card["missing"] = harness.missing
    return found, "cryptography" in wanted


def measure(session: Session, harness: GcmHarness, group: Group, ways: list[Way], python: bool) -> list[GcmRow]:
    """One group: everybody checked, then everybody in turn. The memory's part of the limit goes with the rows."""
    frames = harness.ring(group)
    cases: list[Any] = [CCase(harness, way, group) for way in ways if way.takes(group)]
    if python and group.burst in (1, TYPICAL) and not group.load.ring_mib:
        cases.append(PythonCase(harness, group, frames))
    memory = [MemoryCase(harness, group)] if group.load.ring_mib else []
    take_turns([*cases, *memory], session.repeats, session.sample_ns)
    found = faster_way([row for case in cases for row in case.rows])
    for row in found:
        row.extra["memory"] = min(memory[0].rows[0].cycles) if memory else None
    return found


def measure_setup(
    session: Session, harness: GcmHarness, suite: CipherSuite, ways: list[Way], python: bool
) -> list[GcmRow]:
    """What a new key costs."""
    group, first = Group(suite, LOADS[0], 1), {way.provider: way for way in reversed(ways)}
    harness.ring(group)
    cases: list[Any] = [SetupCase(harness, way, group) for way in ways if first[way.provider] == way]
    cases += [PythonSetupCase(harness, suite)] if python else []
    take_turns(cases, session.repeats, session.sample_ns)
    return faster_way([row for case in cases for row in case.rows])


def complete(rows: list[GcmRow], limits: Limits, card: dict[str, Any]) -> None:
    """Give each row its limit, its ratio to libipsec_mb, and the words that let it stand alone."""
    theirs = {(row.group, row.suite, row.op): row.median_cycles for row in rows if row.provider == "ipsec-mb"}
    for row in rows:
        memory = row.extra.pop("memory", None)
        if row.group:
            cycles, by = limits.cycles(row.group, memory) or (None, None)
            row.extra |= {"limit_cycles": cycles and round(cycles, 2), "limit_by": by}
        other = theirs.get((row.group, row.suite, row.op))
        if other and row.provider.startswith("pysec:"):
            row.extra["ipsec_mb_ratio"] = round(other / row.median_cycles, 3)
        row.extra |= {"cpu": card["cpu"], "compiler": card["compiler"]}


def run(args: argparse.Namespace) -> int:
    """Measure."""
    groups = groups_of(args) if args.op != "setup" else []
    session, harness = Session(args, EFFORT), GcmHarness()
    rows: list[GcmRow] = []
    try:
        ways, python = ways_of(args, session, harness)
        before = harness.limits()
        for done, group in enumerate(groups, 1):
            session.progress(f"{done}/{len(groups)}: {group}")
            rows += measure(session, harness, group, ways, python)
        for suite in SUITES if args.op in (None, "setup") else ():
            if args.suite in (None, str(suite)):
                rows += measure_setup(session, harness, suite, ways, python)
        after = harness.limits()
    finally:
        harness.close()
    session.card["instructions"] = {name: min(before[name], after[name]) for name in before}
    complete(rows, best_limits(before, after), session.card)
    rows = [row for row in rows if args.op in (None, row.op)]
    session.rows += rows
    found = [row.as_dict() for row in rows]
    status = session.finish(gcm_table.report(session.card, found))
    if args.json and chart.has_curve(found):
        chart.path_beside(args.json).write_text(chart.draw(session.card, found), "utf-8")
    return status
