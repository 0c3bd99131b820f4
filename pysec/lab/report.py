"""Why this exists: what a scenario claims is both a sentence for people and a check for programs, and must be one."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

WIDTH: Final = 100
INDENT: Final = 9


@dataclass(frozen=True, slots=True)
class Check:
    """A claim, whether it held, and what was seen."""

    id: str
    ok: bool
    detail: str

    def as_json(self) -> dict[str, Any]:
        """The check as `--json` has it."""
        return {"id": self.id, "ok": self.ok, "detail": self.detail}


@dataclass
class Story:
    """Tells as it goes along, and keeps the checks. `out` takes a line of text."""

    out: Callable[[str], None]
    checks: list[Check] = field(default_factory=list)

    def say(self, text: str = "", indent: int = 0) -> None:
        """A paragraph."""
        space = " " * indent
        for line in textwrap.wrap(text, WIDTH, initial_indent=space, subsequent_indent=space) or [""]:
            self.out(line)

    def heading(self, text: str) -> None:
        """A heading, with room above it."""
        self.out("")
        self.out(text)

    def rows(self, rows: Sequence[tuple[str, str]], indent: int = INDENT) -> None:
        """Pairs, the second ones aligned."""
        width = max(len(first) for first, _ in rows)
        for first, second in rows:
            self.out(f"{' ' * indent}{first:<{width}}  {second}".rstrip())

    def check(self, identifier: str, ok: bool, detail: str) -> bool:
        """A claim: told with `ok` or `FAILED` before it, and kept."""
        self.checks.append(Check(identifier, ok, detail))
        mark = "ok" if ok else "FAILED"
        lines = textwrap.wrap(detail, WIDTH, initial_indent=f"  {mark:<7}", subsequent_indent=" " * INDENT)
        for line in lines:
            self.out(line)
        return ok

    @property
    def ok(self) -> bool:
        """Whether every claim held, and there was one."""
        return bool(self.checks) and all(check.ok for check in self.checks)
