"""Why this exists: the one command. It finds the subcommand and turns every expected failure into one line.

Exit status: 0 held, 1 a claim failed, 2 usage or bad input, 77 skipped with the reason, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from pysec import __version__
from pysec.errors import PysecError

COMMANDS: Final = ("conformance", "down", "genkey", "lab", "pcap", "selftest", "up")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(prog="pysec", description="MACsec (IEEE 802.1AE) in userland.")
    root.add_argument("--version", action="version", version=f"pysec {__version__}")
    subparsers = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"pysec.cli.{name}").add_parser(subparsers)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run `pysec` with these arguments and return its exit status."""
    try:
        args = parser().parse_args(argv)
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Somebody downstream (head, less) has seen enough; say nothing, also not at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        named = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        print(f"pysec: {named}", file=sys.stderr)
        return 2
    except PysecError as error:
        print(f"pysec: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pysec: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
