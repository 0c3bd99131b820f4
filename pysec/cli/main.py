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

COMMANDS: Final = (
    "completion", "confirm", "conformance", "doctor", "down", "explain", "genkey", "lab", "pcap", "rekey", "selftest",
    "service", "show", "top", "up",
)  # fmt: skip


def parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The command line, whole or as far as some commands go: to load them all takes longer than most of them run."""
    root = argparse.ArgumentParser(prog="pysec", description="MACsec (IEEE 802.1AE) in userland.")
    root.add_argument("--version", action="version", version=f"pysec {__version__}")
    subparsers = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in commands:
        importlib.import_module(f"pysec.cli.{name}").add_parser(subparsers)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run `pysec` with these arguments and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = parser(words[:1] if words and words[0] in COMMANDS else COMMANDS).parse_args(words)
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
