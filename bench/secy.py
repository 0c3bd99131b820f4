"""Why this exists: what a frame costs, protected and validated, from C and through Python, beside what others know.

Rows: ns per frame for each operation, frame size (whole unprotected frame without FCS), burst and number of SCs.
"""

from __future__ import annotations

import argparse
import importlib.util

from bench.cases import PEERS, RING, pysec_python
from bench.harness import CCase, Harness
from bench.options import Session, Subparsers, add_common, numbers
from bench.rows import Row
from bench.timing import Case, interleave
from pysec.errors import UsageError
from pysec.types import CipherSuite

OURS = ("pysec-c", "pysec-python", "pysec-python-bytes")
PROVIDERS = (*OURS, *PEERS)


def add_parser(subparsers: Subparsers) -> None:
    """`python -m bench secy`."""
    parser = subparsers.add_parser("secy", help="ns per frame for protect and validate", description=__doc__)
    add_common(parser)
    parser.add_argument("--octets", type=numbers, metavar="N,..", help="frame sizes (64,512,1500,9000)")
    parser.add_argument("--burst", type=numbers, metavar="N,..", help="frames a call, powers of two to 256 (1,32,256)")
    parser.add_argument("--scs", type=numbers, metavar="N,..", help="secure channels (1,64,4096)")
    parser.add_argument("--op", choices=("protect", "validate"), help="only one of the two")
    parser.add_argument(
        "--suite",
        help="only this cipher suite; otherwise GCM-AES-128 in full and the others in one burst size with one SC",
    )
    parser.add_argument("--provider", action="append", choices=PROVIDERS, help="only this one; may be repeated")
    parser.set_defaults(run=run)


def combinations(args: argparse.Namespace) -> list[tuple[CipherSuite, str, int, int, int]]:
    """Suite, operation, octets, burst, SCs of every group of rows."""
    octets = args.octets or ([64, 1500] if args.quick else [64, 512, 1500, 9000])
    bursts = args.burst or ([1, 32] if args.quick else [1, 32, 256])
    scs = args.scs or ([1, 64] if args.quick else [1, 64, 4096])
    if any(b < 1 or RING % b for b in bursts) or any(not 1 <= s <= 4096 for s in scs):
        raise UsageError(f"--burst must divide {RING}, --scs be 1 to 4096")
    if any(not 15 <= o <= 16000 for o in octets):
        raise UsageError("--octets must be 15 to 16000")
    ops = [args.op] if args.op else ["protect", "validate"]
    main = CipherSuite.parse(args.suite) if args.suite else CipherSuite.GCM_AES_128
    found = [(main, op, o, b, s) for op in ops for o in octets for s in scs for b in bursts]
    if not args.suite:
        typical = 32 if 32 in bursts else bursts[0]
        others = [suite for suite in CipherSuite if suite is not main]
        octets = octets[:1] if args.quick else octets
        found += [(suite, op, o, typical, scs[0]) for suite in others for op in ops for o in octets]
    return found


def run(args: argparse.Namespace) -> int:
    """Measure."""
    wanted = args.provider or PROVIDERS
    groups = combinations(args)
    session, harness = Session(args), Harness() if "pysec-c" in wanted else None
    # A peer takes one frame at a time and knows no SCs: it stands beside the smallest burst and number of them.
    beside = {
        (suite, op, o): min((b, s) for u, p, q, b, s in groups if (u, p, q) == (suite, op, o))
        for suite, op, o, _, _ in groups
    }
    try:
        for number, (suite, op, octets, burst, scs) in enumerate(groups, 1):
            session.progress(f"{number}/{len(groups)}: {op} {octets} octets, burst {burst}, {scs} SCs, {suite}")
            cases: list[Case] = []
            for provider in wanted:
                row = Row("secy", provider, op, [], str(suite), octets, burst, scs)
                if provider == "pysec-c" and harness:
                    cases.append(CCase(harness, row, suite, args.impl))
                elif provider in OURS:
                    cases.append(pysec_python(row, suite, args.impl))
                elif beside[suite, op, octets] == (burst, scs) and importlib.util.find_spec(provider.partition("-")[0]):
                    row.burst = row.scs = 1
                    cases.append(PEERS[provider](row, suite))
            session.rows += interleave(cases, session.repeats, session.sample_ns)
    finally:
        if harness:
            harness.close()
    return session.finish()
