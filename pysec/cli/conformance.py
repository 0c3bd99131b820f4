"""Why this exists: `pysec conformance PATH...` runs vector files through the product and says which cases hold.

Exit status: 0 all that ran held, 1 a case failed, 2 bad input, 77 every case was skipped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from pysec.tools.conformance.product import Product
from pysec.tools.conformance.run import run as run_files


def add_parser(subparsers: Any) -> None:
    """Add `conformance`."""
    p = subparsers.add_parser(
        "conformance", help="run vector files", description="Run vector files; folders are read to any depth."
    )
    p.set_defaults(run=run)
    p.add_argument("paths", type=Path, metavar="PATH", nargs="+", help="a vector file (docs/formats.md) or a folder")
    p.add_argument("--impl", metavar="NAME", help="force an AES-GCM implementation")
    p.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run the files and print the report."""
    report = run_files(args.paths, Product(gcm=args.impl))
    print(json.dumps(report.as_dict()) if args.json else "\n".join(report.lines()))
    if not report.ok:
        return 1
    return 77 if report.nothing_ran else 0
