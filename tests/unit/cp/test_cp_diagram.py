"""The picture of the Controlled Port machine is the table's, arrow by arrow."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pysec.cp.table import ENTRY, TRANSITIONS, State


def arrows_of(page: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^    (\w+) --> (\w+): ", page, re.M))


def test_the_page_is_up_to_date(repo_root: Path) -> None:
    command = [sys.executable, str(repo_root / "tools" / "cp_diagram.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_has_every_arrow_and_every_action_of_the_table(repo_root: Path) -> None:
    page = (repo_root / "docs" / "controlled-port.md").read_text("utf-8")
    assert arrows_of(page) == {(t.source.value, t.target.value) for t in TRANSITIONS}
    rows = dict(re.findall(r"^\| ([A-Z]+) \| (.*) \|$", page, re.M))
    assert {name: re.findall(r"`([^`]+)`", row) for name, row in rows.items()} == {
        state.value: [action.value for action in ENTRY[state]] for state in State
    }


def test_canary_a_missing_arrow_is_found(repo_root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tree"
    for name in ("tools/cp_diagram.py", "docs/controlled-port.md"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((repo_root / name).read_bytes())
    (copy / "pysec").symlink_to(repo_root / "pysec")
    page = copy / "docs" / "controlled-port.md"
    command = [sys.executable, str(copy / "tools" / "cp_diagram.py"), "--check"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    page.write_text(page.read_text("utf-8").replace("    SECURED --> RECEIVE: there is a new SAK\n", ""), "utf-8")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "stale: docs/controlled-port.md" in done.stderr
