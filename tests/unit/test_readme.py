"""The README shows what is there: its example is the file that the tests run, its commands exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pysec.cli.main import COMMANDS, parser

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_example_is_the_one_that_runs() -> None:
    block = re.search(r"```python\n(.*?)```", README, re.S)
    assert block is not None
    assert block[1] == (ROOT / "examples" / "two_secys.py").read_text("utf-8")


def test_every_make_target_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    named = set(re.findall(r"\bmake ([a-z0-9]+)\b", README)) - {"and"}
    assert named
    assert named <= targets, named - targets


def test_every_command_it_names_exists() -> None:
    named = set(re.findall(r"^    pysec ([a-z]+)", README, re.M))
    assert named
    assert named <= set(COMMANDS)
    help_text = parser().format_help()
    assert all(name in help_text for name in COMMANDS)


def test_every_file_it_names_exists() -> None:
    for name in re.findall(r"`((?:docs|examples|bench|csrc|tests)/[\w./-]*)`", README) + re.findall(
        r"\]\((\S+?)\)", README
    ):
        assert (ROOT / name).exists(), name


def test_the_conformance_table_is_up_to_date() -> None:
    done = subprocess.run(
        ["python3", str(ROOT / "tools" / "conformance.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_figures_are_those_of_the_results_files() -> None:
    """In the README and in docs/PERFORMANCE.md; tests/unit/bench has the canaries."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "docs", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
