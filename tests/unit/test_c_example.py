"""libpysec as a C program sees it: it links, it does what the example says, and no name but pysec_* leaves it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pysec import gcm_implementations

pytestmark = [pytest.mark.frame, pytest.mark.slow]

EXPECTED = """\
pn 1: in-pkts-ok, 114 octets, payload a
pn 2: in-pkts-ok, 114 octets, payload b
pn 3: in-pkts-ok, 114 octets, payload c
pn 4: in-pkts-ok, 114 octets, payload d
pn 5: in-pkts-ok, 114 octets, payload e
pn 6: in-pkts-not-valid, 138 octets, payload -
pn 7: in-pkts-ok, 114 octets, payload g
pn 8: in-pkts-ok, 114 octets, payload h
"""


def build_lib(repo: Path, folder: Path, *variables: str) -> Path:
    """What `make lib` makes, in another folder."""
    for tool in ("make", "gcc"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    command = ["sh", str(repo / "tools" / "core.sh"), str(folder), "lib", *variables]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def lib(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_lib(repo_root, tmp_path_factory.mktemp("lib"))


def compile_c(source: Path, lib: Path, library: str, out: Path) -> Path:
    """A C program against the library, as strict as a stranger might be."""
    command = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{lib}", "-o", str(out), str(source)]
    command += [str(lib / library), "-pthread", f"-Wl,-rpath,{lib}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def run(program: Path, **env: str) -> str:
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False, env={**os.environ, **env})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("library", ["libpysec.a", "libpysec.so"])
def test_the_example_prints_what_became_of_each_frame(repo_root: Path, lib: Path, tmp_path: Path, library: str) -> None:
    program = compile_c(repo_root / "examples" / "c" / "burst.c", lib, library, tmp_path / "burst")
    assert run(program) == EXPECTED


def test_a_way_through_the_secy_is_the_same_with_each_implementation(
    repo_root: Path, lib: Path, tmp_path: Path
) -> None:
    program = compile_c(repo_root / "tests" / "c" / "secy_walk.c", lib, "libpysec.a", tmp_path / "walk")
    usable = [info.name for info in gcm_implementations() if info.why_not is None]
    printed = {name: run(program, PYSEC_GCM=name) for name in usable}
    assert printed["portable"].count("\n") == 192
    assert len(set(printed["portable"].splitlines())) == 192
    assert len(set(printed.values())) == 1


def exported(library: Path) -> set[str]:
    """The names that a library gives to others."""
    dynamic = ["-D"] if library.suffix == ".so" else []
    command = ["nm", *dynamic, "--defined-only", "--extern-only", "--format=posix", str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {line.split()[0] for line in done.stdout.splitlines() if len(line.split()) > 1}


@pytest.mark.parametrize("library", ["libpysec.a", "libpysec.so"])
def test_only_the_public_names_leave_it(repo_root: Path, lib: Path, library: str) -> None:
    names = exported(lib / library)
    assert {name for name in names if not name.startswith("pysec_")} == set()
    header = (repo_root / "csrc" / "pysec.h").read_text("utf-8")
    assert {name for name in names if f"{name}(" not in header} <= {name for name in names if "_port" in name}
    assert {"pysec_secy_new", "pysec_secy_protect", "pysec_secy_validate", "pysec_strerror"} <= names


def test_the_shared_library_has_a_soname_and_needs_libc_alone(lib: Path) -> None:
    done = subprocess.run(["objdump", "-p", str(lib / "libpysec.so")], capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["SONAME", "libpysec.so.0"] in rows
    assert {row[1] for row in rows if row[:1] == ["NEEDED"]} <= {"libc.so.6", "ld-linux-x86-64.so.2", "libpthread.so.0"}


def test_canary_names_that_leave_it(repo_root: Path, tmp_path: Path) -> None:
    open_lib = build_lib(repo_root, tmp_path, "EXTRA=-fvisibility=default")
    for library in ("libpysec.a", "libpysec.so"):
        assert "wipe" in exported(open_lib / library)
