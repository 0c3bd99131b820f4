"""Why this exists: a change of speed is what is larger than the noise of both runs, not a smaller number.

Rows of two files are matched by bench, provider, operation, suite, size, burst and SCs, those of gcm by additional data
too. A ratio below 1 is faster.
A difference counts when the middle halves of the samples (p25 to p75) do not overlap; `~` says that they do.
"""

from __future__ import annotations

import argparse
from typing import Any

from bench import rows
from bench.options import Subparsers

CARD_FIELDS = ("cpu", "pinned_to", "kernel", "compiler", "cflags", "python", "packages", "openssl", "impls", "peers")


def add_parser(subparsers: Subparsers) -> None:
    """`python -m bench compare OLD NEW`."""
    parser = subparsers.add_parser("compare", help="two results files, row by row", description=__doc__)
    parser.add_argument("old", metavar="OLD")
    parser.add_argument("new", metavar="NEW")
    parser.add_argument("--changed", action="store_true", help="only rows that differ beyond the noise")
    parser.add_argument("--cycles", action="store_true", help="by core cycles, and only rows that have them (gcm)")
    parser.set_defaults(run=run)


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    """What makes it the same measurement."""
    return tuple(row.get(name) for name in rows.KEY)


def judge(old: dict[str, Any], new: dict[str, Any], unit: str = "ns") -> tuple[float, float, float, str]:
    """The ratio of the medians, its range by the quartiles, and `faster`, `slower` or `~`."""
    a, b = rows.timing(old, unit), rows.timing(new, unit)
    if min(a["p25"], a["median"], a["p75"]) <= 0:
        return 1.0, 1.0, 1.0, "~"
    ratio, low, high = b["median"] / a["median"], b["p25"] / a["p75"], b["p75"] / a["p25"]
    return ratio, low, high, "faster" if high < 1 else "slower" if low > 1 else "~"


def run(args: argparse.Namespace) -> int:
    """Compare; FormatError or OSError (exit status 2) for files that are none."""
    old_card, old_rows = rows.read(args.old)
    new_card, new_rows = rows.read(args.new)
    for name in CARD_FIELDS:
        if old_card.get(name) != new_card.get(name):
            print(f"note: {name} differs: {old_card.get(name)} then, {new_card.get(name)} now")
    unit = "cycles" if args.cycles else "ns"
    if args.cycles:
        old_rows, new_rows = ([row for row in found if "cycles" in row] for found in (old_rows, new_rows))
    before = {key(row): row for row in old_rows}
    lines: list[tuple[str, ...]] = [("", f"old {unit}", f"new {unit}", "ratio", "range", "")]
    count = {"faster": 0, "slower": 0, "~": 0}
    matched = 0
    for row in new_rows:
        was = before.pop(key(row), None)
        if was is None:
            continue
        matched += 1
        ratio, low, high, word = judge(was, row, unit)
        count[word] += 1
        if args.changed and word == "~":
            continue
        name = " ".join(str(part) for part in key(row)[1:] if part is not None)
        if was.get("impl") != row.get("impl"):
            name += f" ({was.get('impl')} -> {row.get('impl')})"
        times = (f"{rows.timing(r, unit)['median']:.5g}" for r in (was, row))
        lines.append((name, *times, f"{ratio:.3f}", f"{low:.3f}..{high:.3f}", word))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        first, *rest = (
            cell.ljust(w) if i in (0, 5) else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join([first, *rest]).rstrip())
    only = f"; only in {args.old}: {len(before)}, only in {args.new}: {len(new_rows) - matched}"
    print(f"{count['faster']} faster, {count['slower']} slower, {count['~']} within the noise{only}")
    return 0
