"""The API reference says what the docstrings say, and is not forgotten."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.frame


def apidoc(repo: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the generator."""
    command = [sys.executable, str(repo / "tools" / "apidoc.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_generates(repo_root: Path, tmp_path: Path) -> None:
    assert apidoc(repo_root, str(tmp_path)).returncode == 0
    page = (tmp_path / "pysec.types.md").read_text("utf-8")
    assert "### class `Sci`" in page
    assert "#### `classmethod Sci.parse(text: str | bytes) -> Self`" in page
    assert "#### `Sci.port: int`" in page
    index = (tmp_path / "README.md").read_text("utf-8")
    assert "- [pysec.dataplane.secy](pysec.dataplane.secy.md): " in index
    assert not list(tmp_path.glob("*._*"))


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the pages are written with Python 3.11")
def test_the_pages_are_up_to_date(repo_root: Path) -> None:
    done = apidoc(repo_root, str(repo_root / "docs" / "api"), "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_canary_a_stale_page_is_found(repo_root: Path, tmp_path: Path) -> None:
    apidoc(repo_root, str(tmp_path))
    assert apidoc(repo_root, str(tmp_path), "--check").returncode == 0
    (tmp_path / "pysec.types.md").write_text("old\n", "utf-8")
    (tmp_path / "pysec.gone.md").write_text("old\n", "utf-8")
    (tmp_path / "pysec.errors.md").unlink()
    done = apidoc(repo_root, str(tmp_path), "--check")
    assert done.returncode == 1
    assert done.stderr == "stale: pysec.errors.md, pysec.gone.md, pysec.types.md; type: make docs\n"
    apidoc(repo_root, str(tmp_path))
    assert apidoc(repo_root, str(tmp_path), "--check").returncode == 0


def test_no_folder_is_a_usage_error(repo_root: Path) -> None:
    done = apidoc(repo_root)
    assert (done.returncode, done.stderr) == (2, "usage: apidoc.py FOLDER [--check]\n")
