"""Why this exists: `pysec conformance PATH...` runs vector files through the product and says which cases hold.

`pysec conformance pkits` judges NIST's certification paths instead. Exit status: 0 all that ran held, 1 a case failed,
2 bad input, 77 every case was skipped.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pysec.errors import UsageError
from pysec.tools.conformance import pkits
from pysec.tools.conformance.product import Product
from pysec.tools.conformance.run import run as run_files

_SUITE = "pkits"


def add_parser(subparsers: Any) -> None:
    """Add `conformance`."""
    p = subparsers.add_parser(
        "conformance",
        help="run vector files, or NIST's certification paths",
        description="Run vector files; folders are read to any depth. "
        "The word pkits stands for NIST's suite of certification paths, out of the package cryptography-vectors.",
    )
    p.set_defaults(run=run)
    p.add_argument(
        "paths", type=Path, metavar="PATH", nargs="+", help="a vector file (docs/formats.md), a folder, or pkits"
    )
    p.add_argument("--impl", metavar="NAME", help="force an AES-GCM implementation")
    p.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run the files and print the report."""
    if args.paths == [Path(_SUITE)]:
        return _run_pkits(args)
    report = run_files(args.paths, Product(gcm=args.impl))
    print(json.dumps(report.as_dict()) if args.json else "\n".join(report.lines()))
    if not report.ok:
        return 1
    return 77 if report.nothing_ran else 0


def _run_pkits(args: argparse.Namespace) -> int:
    if args.impl:
        raise UsageError("--impl forces an AES-GCM implementation, and pkits has nothing to do with AES-GCM")
    data = pkits.folder()
    if data is None:
        print("skipped: the package cryptography-vectors, which brings PKITS, is not installed", file=sys.stderr)
        return 77
    report = pkits.run(data)
    print(json.dumps(report.as_dict()) if args.json else "\n".join(report.lines()))
    return 0 if report.ok else 1
