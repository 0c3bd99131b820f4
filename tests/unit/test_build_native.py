"""A run that was asked to test one build of the core refuses to test another."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.frame


def run_pytest(repo: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Collect one small test file, with our options."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, "--collect-only"]
    command.append("tests/arch/test_words.py")
    return subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_module_beside_the_tests_is_taken(repo_root: Path) -> None:
    done = run_pytest(repo_root, "--require-native", str(repo_root))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_canary_a_module_from_elsewhere_is_refused(repo_root: Path, tmp_path: Path) -> None:
    done = run_pytest(repo_root, "--require-native", str(tmp_path))
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "not from below" in done.stderr


@pytest.mark.slow
def test_canary_a_module_without_sanitizer_is_refused(repo_root: Path) -> None:
    done = run_pytest(repo_root, "--require-native", str(repo_root), "--require-symbol", "__asan_no_such_function")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "is not the build asked for" in done.stderr


def test_core_mk_has_the_flags_of_build_py(repo_root: Path) -> None:
    rules = (repo_root / "mk" / "core.mk").read_text("utf-8")
    builder = (repo_root / "build.py").read_text("utf-8")
    for name in ("CFLAGS", "WARNINGS"):
        ours = re.search(rf"^{name} := (.*)$", rules, re.M)
        theirs = re.search(rf"^{name} = \[(.*?)\]", builder, re.M | re.S)
        assert ours is not None
        assert theirs is not None
        assert ours.group(1).split() == re.findall(r'"([^"]+)"', theirs.group(1))


SOURCES = re.compile(r"gcm/(?:portable|absent|x86_\w+|arm64_\w+)\.c")


@pytest.mark.parametrize(("machine", "cpu"), [("x86_64", "x86"), ("aarch64", "arm64"), ("riscv64", "")])
def test_files_for_another_cpu_are_left_out(repo_root: Path, tmp_path: Path, machine: str, cpu: str) -> None:
    """By build.py and by core.mk alike. What is named after no CPU is for all."""
    print_sources = f"import sys; sys.path[:0] = ['{repo_root}']; import build; print(build.sources())"
    command = [sys.executable, "-c", print_sources]
    environment = {**os.environ, "PYSEC_MACHINE": machine}
    builder = subprocess.run(command, cwd=repo_root, env=environment, capture_output=True, text=True, check=True).stdout
    command = ["make", "-n", "-f", "mk/core.mk", f"O={tmp_path}", f"MACHINE={machine}", f"{tmp_path}/core.a"]
    rules = subprocess.run(command, cwd=repo_root, capture_output=True, text=True, check=True).stdout
    taken = set(SOURCES.findall(builder))
    assert taken == set(SOURCES.findall(rules))
    assert {"gcm/portable.c", "gcm/absent.c"} <= taken
    assert {name.split("_")[0].removeprefix("gcm/") for name in taken if "_" in name} == ({cpu} - {""})
