"""Why this exists: `python -m bench NAME` finds the bench; one module each, with `add_parser` and `run`."""

from __future__ import annotations

import argparse
import sys

from bench import boundary, compare, docs, gcm, mka, port, secy
from pysec.errors import PysecError

BENCHES = (secy, gcm, mka, port, boundary, compare, docs)


def main(argv: list[str] | None = None) -> int:
    """Run the bench named; exit status 2 with one line if it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure pysec; see bench/README.md.")
    subparsers = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for bench in BENCHES:
        bench.add_parser(subparsers)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except (PysecError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
