"""Tests that make interfaces, and benches, each have one worker to themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workers import GROUPS, group

TESTS = """
import pytest

@pytest.mark.parametrize("number", range(MANY))
def test_one(number, worker_id):
    print(f"ran NAME {worker_id}")
"""
CONFTEST = """
def pytest_xdist_make_scheduler(config, log):
    from tests.workers import make_scheduler

    return make_scheduler(config, log)
"""


def test_whatever_needs_root_is_in_a_group(repo_root: Path) -> None:
    """For it makes namespaces, interfaces or TAPs."""
    rooted = [
        path for path in (repo_root / "tests").rglob("test_*.py") if "pytest.mark.root" in path.read_text("utf-8")
    ]
    paths = {path.relative_to(repo_root).as_posix() for path in rooted} - {"tests/arch/test_workers.py"}
    assert len(paths) >= 8
    groups = {path: group(f"{path}::test_x") for path in paths}
    assert {path: name for path, name in groups.items() if name not in {"network", "bench", "service"}} == {}


def test_the_groups_are_there(repo_root: Path) -> None:
    assert [path for path in GROUPS if not (repo_root / path).exists()] == []


def test_the_tests_of_one_file_of_cases_stay_together() -> None:
    test = "tests/unit/gcm/test_gcm_cases.py::test_suite[vaes256-data_lengths]"
    assert group(test) == group(test.replace("vaes256", "portable")) == "cases data_lengths"
    assert group(test.replace("data_lengths", "guards")) == "cases guards"
    alone = "tests/unit/gcm/test_gcm_cases.py::test_a_sample_under_valgrind[aesni]"
    assert group(alone) == alone


@pytest.mark.slow
def test_one_worker_has_a_group_and_canary_several_have_the_rest(repo_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    # A worker with no more than two tests to do is given more at once, so the first has some of the loose ones.
    for name, folder, many in (("grouped", "tests/unit/bench", "2"), ("loose", "tests/unit/gcm", "6")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / f"test_{name}.py").write_text(TESTS.replace("NAME", name).replace("MANY", many), "utf-8")
    (tmp_path / "conftest.py").write_text(CONFTEST, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-rP", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(repo_root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [line.split() for line in done.stdout.splitlines() if line.startswith("ran ")]
    assert len(ran) == 8
    assert len({worker for _, name, worker in ran if name == "grouped"}) == 1
    assert len({worker for _, name, worker in ran if name == "loose"}) == 2
