"""Why this exists: the picture of the Controlled Port machine is drawn from its table, so the two cannot differ.

    python tools/cp_diagram.py             writes docs/controlled-port.md
    python tools/cp_diagram.py --check     exit 1 if the page is not as it would be written

The diagram is Mermaid, which code hosts draw where they show Markdown.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pysec.cp.table import CHANGED_CONNECT, CLAUSE, ENTRY, EVERYWHERE, TRANSITIONS, Condition, State, Transition  # noqa: E402

PAGE = ROOT / "docs" / "controlled-port.md"
HEAD = """# The Controlled Port machine

Drawn by `tools/cp_diagram.py` (`make docs`) from the table in `pysec/cp/table.py`, which has the theory, and the
decisions where the standard's figure was not at hand. {clause}. *changed connect* stands for any of: {changed}.
From every state, {everywhere}.
"""


def words(conditions: Sequence[Condition]) -> list[str]:
    """What an arrow says: each condition, and three of them by the name they have together."""
    if all(condition in conditions for condition in CHANGED_CONNECT):
        left = [condition.value for condition in conditions if condition not in CHANGED_CONNECT]
        return [*left, "changed connect"]
    return [condition.value for condition in conditions]


def arrows(transitions: Sequence[Transition]) -> list[tuple[State, State, list[str]]]:
    """The arrows of the figure: one for each pair of states, with all that it waits for."""
    found = []
    for (source, target), group in groupby(
        sorted(transitions, key=lambda t: (list(State).index(t.source), list(State).index(t.target))),
        key=lambda t: (t.source, t.target),
    ):
        found.append((source, target, words([t.condition for t in group])))
    return found


def page() -> str:
    """The page, as Markdown."""
    changed = "; ".join(condition.value for condition in CHANGED_CONNECT)
    everywhere = "; ".join(f"when {condition.value}, to {target.value}" for condition, target in EVERYWHERE)
    lines = [HEAD.format(clause=CLAUSE, changed=changed, everywhere=everywhere), "```mermaid", "stateDiagram-v2"]
    lines.append(f"    [*] --> {State.INIT.value}")
    for source, target, conditions in arrows(TRANSITIONS):
        lines.append(f"    {source.value} --> {target.value}: {' / '.join(conditions)}")
    lines += ["```", "", "| state | on entering it |", "|---|---|"]
    for state in State:
        lines.append(f"| {state.value} | {'<br>'.join(f'`{action.value}`' for action in ENTRY[state])} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the page, or say whether it is as it should be."""
    if list(arguments) not in ([], ["--check"]):
        print("usage: cp_diagram.py [--check]", file=sys.stderr)
        return 2
    if arguments:
        if not PAGE.is_file() or PAGE.read_text("utf-8") != page():
            print(f"stale: {PAGE.relative_to(ROOT)}; type: make docs", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
