"""What must never land: paths of somebody's machine, hosts of somebody's network."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.arch import picture
from tests.arch.test_layers import plant


def tracked(root: Path) -> list[str]:
    """Every file that git tracks or would track."""
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        pytest.skip("git is not installed")
    if done.returncode:
        pytest.skip("this is not a git checkout")
    return done.stdout.splitlines()


def test_no_machine_and_no_private_host_is_named(repo_root: Path) -> None:
    assert picture.machine_words(repo_root, tracked(repo_root)) == []


@pytest.mark.parametrize(
    "line",
    ["cd /ho" + "me/somebody/pysec", 'open("/ro' + 'ot/key.json")', "index = ht" + "tps://pypi.internal.example.net/x"],
)
def test_canary_a_machine_named(tmp_path: Path, line: str) -> None:
    plant(tmp_path, "docs/note.md", line + "\n")
    assert len(picture.machine_words(tmp_path, ["docs/note.md"])) == 1
