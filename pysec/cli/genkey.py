"""Why this exists: `pysec genkey FILE` makes a pre-shared CAK that nobody has typed, seen or mailed.

Exit status: 0 the file is there, 2 it is not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pysec import keyfile
from pysec.types import Ckn


def add_parser(subparsers: Any) -> None:
    """Add `genkey`."""
    p = subparsers.add_parser(
        "genkey",
        help="make a pre-shared CAK",
        description="Make a key file (docs/formats.md) with a fresh CAK, readable by its owner alone.",
    )
    p.set_defaults(run=run)
    p.add_argument("file", type=Path, metavar="FILE", help="the file to make; - for the standard output")
    p.add_argument("--bits", type=int, choices=(128, 256), default=128, help="length of the CAK (128)")
    p.add_argument("--ckn", metavar="HEX", help="its name, 1 to 32 octets (32 random ones)")
    p.add_argument("--force", action="store_true", help="overwrite a file that is there")
    p.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Make the file, and say what is in it but for the key."""
    name, text = keyfile.generate(args.bits, None if args.ckn is None else Ckn.parse(args.ckn))
    to_stdout = str(args.file) == "-"
    try:
        if to_stdout:
            keyfile.write_to_stdout(text)
        else:
            keyfile.write(args.file, text, force=args.force)
    finally:
        keyfile.wipe(text)
    said = {"ok": True, "file": str(args.file), "bits": args.bits, "ckn": str(name)}
    line = json.dumps(said) if args.json else f"{args.file}: a CAK of {args.bits} bits, CKN {name}"
    print(line, file=sys.stderr if to_stdout else sys.stdout)
    return 0
