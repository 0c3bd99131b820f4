"""Why this exists: a figure in a document that nobody copied cannot be wrong. Tables come from results files.

A document holds a marker that says which table of which results file stands there, and the table:

    <!-- bench: gcm from=bench/results/gcm-xeon-6-207.jsonl suite=GCM-AES-128 op=seal -->

    | payload | pysec | ...

    <!-- bench end -->

`--write` writes what belongs there, `--check` compares and exits with status 1 if a document says something else. The
picture of a gcm results file lies beside it and is held to it in the same way.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from bench import chart, docs_tables, rows
from bench.harness import ROOT
from bench.options import Subparsers
from pysec.errors import FormatError

DOCUMENTS = ("README.md", "docs/PERFORMANCE.md")
MARKER = re.compile(r"^<!-- bench: (?P<query>.*?) -->\n(?P<body>.*?)^<!-- bench end -->$", re.M | re.S)


def add_parser(subparsers: Subparsers) -> None:
    """`python -m bench docs`."""
    parser = subparsers.add_parser("docs", help="tables in documents, from results files", description=__doc__)
    todo = parser.add_mutually_exclusive_group(required=True)
    todo.add_argument("--check", action="store_true", help="compare; exit status 1 and the place where one differs")
    todo.add_argument("--write", action="store_true", help="put the tables there")
    parser.add_argument("document", nargs="*", metavar="FILE", help=f"documents ({', '.join(DOCUMENTS)})")
    parser.set_defaults(run=run)


def parse(query: str, where: str) -> tuple[str, str, dict[str, str]]:
    """The table's name, its results file, and what else the marker says (FormatError)."""
    name, *pairs = query.split()
    options = dict(pair.partition("=")[::2] for pair in pairs)
    source = options.pop("from", "")
    if name not in docs_tables.TABLES or not source:
        raise FormatError(f"{where}: there is no table {query!r}; tables are {', '.join(docs_tables.TABLES)}")
    return name, source, options


class Sources:
    """Results files, each read once, with paths relative to the root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}

    def read(self, source: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Card and rows (FormatError, OSError)."""
        if source not in self._read:
            self._read[source] = rows.read(str(self._root / source))
        return self._read[source]

    def pictures(self) -> dict[Path, str]:
        """What the pictures beside the files read so far must be."""
        return {
            chart.path_beside(str(self._root / source)): chart.draw(card, found)
            for source, (card, found) in self._read.items()
            if chart.has_curve(found)
        }


def _markers(text: str, where: str) -> None:
    """Every marker has its end, and none stands inside of another (FormatError)."""
    opened = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("<!-- bench: "):
            if opened:
                raise FormatError(f"{where}:{number}: this marker stands inside of another")
            opened = number
        elif line == "<!-- bench end -->":
            opened = 0
    if opened:
        raise FormatError(f"{where}:{opened}: this marker has no `<!-- bench end -->`")


def renew(text: str, where: str, sources: Sources) -> tuple[str, list[str]]:
    """A document with the tables that belong there, and one line for each that was another (FormatError, OSError)."""
    drifted = []

    def replace(found: re.Match[str]) -> str:
        line = text.count("\n", 0, found.start()) + 1
        name, source, options = parse(found["query"], f"{where}:{line}")
        card, results = sources.read(source)
        try:
            table = docs_tables.TABLES[name](card, results, **options)
        except (TypeError, KeyError, ValueError) as error:
            raise FormatError(f"{where}:{line}: no such table can be made of {source}: {error}") from None
        if f"\n{table}\n\n" != found["body"]:
            drifted.append(f"{where}:{line}: the table {name} is not what {source} says")
        return f"<!-- bench: {found['query']} -->\n\n{table}\n\n<!-- bench end -->"

    _markers(text, where)
    return MARKER.sub(replace, text), drifted


def run(args: argparse.Namespace, root: Path = ROOT) -> int:
    """Check or write."""
    sources, drifted, num = Sources(root), [], 0
    for name in args.document or DOCUMENTS:
        path = root / name
        text = path.read_text("utf-8")
        renewed, faults = renew(text, name, sources)
        num += len(MARKER.findall(text))
        drifted += faults
        if args.write and faults:
            path.write_text(renewed, "utf-8")
    for path, picture in sources.pictures().items():
        if not path.exists() or path.read_text("utf-8") != picture:
            drifted.append(f"{path.relative_to(root)}: the picture is not what the results beside it say")
            if args.write:
                path.write_text(picture, "utf-8")
    print("\n".join([*drifted, f"{num} tables, {len(drifted)} {'renewed' if args.write else 'differ'}"]))
    return 1 if drifted and args.check else 0
