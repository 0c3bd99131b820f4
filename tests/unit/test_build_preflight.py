"""On a machine where something is missing, make says in one line what to type, and ends with status 2."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.frame

NEEDED = ("sh", "id", "make", "cc1", "as")
HONEST = "#!/bin/sh\n[ -n '{0}' ] && echo '{0}'\nexit 0\n"


class Machine:
    """A PATH with exactly the programs that a test puts there, and the Makefile beside it."""

    def __init__(self, repo: Path, place: Path) -> None:
        self.bin, self.tree = place / "bin", place / "tree"
        self.bin.mkdir()
        shutil.copytree(repo / "tools", self.tree / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(repo / "mk", self.tree / "mk")
        shutil.copy(repo / "Makefile", self.tree)
        for name in NEEDED:
            self.take(name)

    def take(self, name: str) -> None:
        """A program of the real machine."""
        found = shutil.which(name)
        if found:
            (self.bin / name).symlink_to(found)

    def write(self, name: str, text: str) -> None:
        """A program of our own."""
        (self.bin / name).write_text(text, "utf-8")
        (self.bin / name).chmod(0o755)

    def make(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run make there."""
        make = shutil.which("make")
        if make is None:
            pytest.skip("make is not installed")
        command = [make, *arguments]
        return subprocess.run(
            command, cwd=self.tree, env={"PATH": str(self.bin), **env}, capture_output=True, text=True, check=False
        )


@pytest.fixture
def machine(repo_root: Path, tmp_path: Path) -> Machine:
    return Machine(repo_root, tmp_path)


def packages(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the one line wants installed; the run must have been just that line, and status 2."""
    assert done.returncode == 2, done
    said = done.stdout + done.stderr
    assert len(said.strip().splitlines()) == 1, said
    assert "Traceback" not in said
    line = said.strip().removesuffix(".  Stop.")
    assert "apt-get install -y " in line
    return line.partition("apt-get install -y ")[2].split()


GCC = "#!/bin/sh\nexit 0\n"


@pytest.mark.parametrize("target", ["build", "demo", "test", "check", "sanitize", "soak", "docs"])
def test_no_python_at_all(machine: Machine, target: str) -> None:
    machine.write("gcc", GCC)
    assert packages(machine.make(target)) == ["python3", "python3-venv", "python3-dev"]


@pytest.mark.parametrize(
    ("lacks", "wanted"),
    [("venv", ["python3-venv"]), ("dev", ["python3-dev"]), ("venv\ndev", ["python3-venv", "python3-dev"])],
)
def test_python_without_its_parts(machine: Machine, lacks: str, wanted: list[str]) -> None:
    machine.write("gcc", GCC)
    machine.write("python3", HONEST.format(lacks))
    assert packages(machine.make("demo")) == wanted


def test_an_old_python(machine: Machine) -> None:
    machine.write("gcc", GCC)
    machine.write("python3", HONEST.format("old 3.9"))
    done = machine.make("demo")
    assert "python3 is 3.9, but 3.11 or newer is needed" in done.stderr
    assert packages(done)[:3] == ["python3.11", "python3.11-venv", "python3.11-dev,"]


def test_another_python_is_named_as_such(machine: Machine) -> None:
    machine.write("gcc", GCC)
    assert packages(machine.make("test", "PYTHON=python3.12")) == ["python3.12", "python3.12-venv", "python3.12-dev"]


def test_a_python_that_does_not_run(machine: Machine) -> None:
    machine.write("gcc", GCC)
    machine.write("python3", "#!/bin/sh\nexit 1\n")
    done = machine.make("demo")
    assert done.returncode == 2
    assert "python3 does not run" in done.stderr


def test_no_compiler(machine: Machine) -> None:
    machine.write("python3", HONEST.format(""))
    assert packages(machine.make("demo")) == ["gcc", "libc6-dev"]
    assert packages(machine.make("lib")) == ["gcc", "libc6-dev"]


def test_a_compiler_without_a_library(machine: Machine) -> None:
    machine.write("python3", HONEST.format(""))
    machine.write("gcc", "#!/bin/sh\nexit 1\n")
    assert packages(machine.make("demo")) == ["libc6-dev"]


def test_no_clang_no_cross_compiler(machine: Machine) -> None:
    machine.write("gcc", GCC)
    assert packages(machine.make("fuzz")) == ["clang", "libclang-rt-14-dev"]
    assert "gcc-aarch64-linux-gnu" in packages(machine.make("arm64"))


def test_help_needs_nothing(machine: Machine) -> None:
    machine.take("awk")
    done = machine.make()
    assert done.returncode == 0
    for target in ("demo", "test", "check", "lib", "sanitize", "fuzz", "soak", "fresh", "arm64", "docs", "clean"):
        assert f"make {target} " in done.stdout


def test_fresh_says_why_it_cannot_be_done(repo_root: Path, machine: Machine) -> None:
    for name in ("dirname", "id"):
        if not (machine.bin / name).exists():
            machine.take(name)
    command = [str(machine.bin / "sh"), str(repo_root / "tools/fresh.sh")]
    done = subprocess.run(command, env={"PATH": str(machine.bin)}, capture_output=True, text=True, check=False)
    assert done.returncode == 77
    wants = "needs debootstrap" if os.geteuid() == 0 else "needs root"
    assert done.stdout.startswith(f"pysec: skipped: make fresh {wants}")
