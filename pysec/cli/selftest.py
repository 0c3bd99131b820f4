"""Why this exists: `pysec selftest` says whether this build can be trusted on this CPU, and which AES-GCM it uses.

Exit status: 0 everything holds, 1 something does not.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from pysec.tools.selftest import selftest


def add_parser(subparsers: Any) -> None:
    """Add `selftest`."""
    p = subparsers.add_parser(
        "selftest", help="known answers of each AES-GCM implementation, and frames of Annex C", description=__doc__
    )
    p.set_defaults(run=run)
    p.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run the tests and print what was found."""
    found = selftest()
    print(json.dumps(found.as_dict()) if args.json else "\n".join(found.lines()))
    return 0 if found.ok else 1
