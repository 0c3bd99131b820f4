"""libpysec as a C program sees it: it links, it does what the example says, and no name but pysec_* leaves it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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
    """As it is made for others, but for the time that -O3 takes on the kernels: names and answers are the same."""
    return build_lib(repo_root, tmp_path_factory.mktemp("lib"), "EXTRA=-O1")


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


@pytest.mark.parametrize("library", ["libpysec.a", "libpysec.so"])
def test_a_burst_by_pointers_is_sealed_and_opened(repo_root: Path, lib: Path, tmp_path: Path, library: str) -> None:
    """Its tags are those of `cryptography` (SP 800-38D 7.1), with each implementation."""
    program = compile_c(repo_root / "examples" / "c" / "gcm_burst.c", lib, library, tmp_path / "gcm_burst")
    aead, lines = AESGCM(b"not a secret key"), []
    for i in range(8):
        sealed = aead.encrypt(i.to_bytes(12, "big"), bytes([ord("a") + i]) * (40 * i), bytes([i]) * 28)
        lines.append(f"{i}: {40 * i} octets, tag {sealed[-16:].hex()}")
    lines += [f"{i}: " + ("refused, zeroed" if i == 5 else f"opened, {40 * i} octets") for i in range(8)]
    for info in gcm_implementations():
        if info.why_not is None:
            assert run(program, PYSEC_GCM=info.name).splitlines() == [*lines, "1 of 8 refused"]


def test_canary_a_struct_that_drifted_does_not_compile(repo_root: Path, tmp_path: Path) -> None:
    """The layout that lets a burst through untranslated is held by assertions: two lengths that change places."""
    copied = tmp_path / "csrc"
    shutil.copytree(repo_root / "csrc", copied)
    header = (copied / "pysec_gcm.h").read_text("utf-8")
    lengths = header[header.index("    uint32_t aad_len;") : header.index("    uint8_t nonce")].splitlines(True)
    planted = header.replace("".join(lengths), "".join(reversed(lengths)))
    assert planted != header
    command = ["gcc", "-std=gnu11", "-fsyntax-only", str(copied / "api" / "gcm_api.c")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    (copied / "pysec_gcm.h").write_text(planted, "utf-8")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "struct pysec_gcm_op and struct gcm_msg differ in aad_len" in done.stderr


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
    declared = "".join((lib / header).read_text("utf-8") for header in ("pysec.h", "pysec_gcm.h", "pysec_port.h"))
    assert {name for name in names if f"{name}(" not in declared} == set()
    assert {"pysec_secy_new", "pysec_secy_protect", "pysec_secy_validate", "pysec_strerror"} <= names
    assert {"pysec_gcm_seal_ops", "pysec_gcm_open_ops"} <= names


def test_the_shared_library_has_a_soname_and_needs_libc_alone(lib: Path) -> None:
    done = subprocess.run(["objdump", "-p", str(lib / "libpysec.so")], capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["SONAME", "libpysec.so.0"] in rows
    assert {row[1] for row in rows if row[:1] == ["NEEDED"]} <= {"libc.so.6", "ld-linux-x86-64.so.2", "libpthread.so.0"}


def test_canary_names_that_leave_it(repo_root: Path, tmp_path: Path) -> None:
    """Of one folder of the core, for the rules are the same for each file."""
    shutil.copytree(repo_root / "csrc" / "base", tmp_path / "csrc" / "base")
    open_lib = build_lib(repo_root, tmp_path / "lib", f"C={tmp_path / 'csrc'}", "EXTRA=-fvisibility=default")
    for library in ("libpysec.a", "libpysec.so"):
        assert "wipe" in exported(open_lib / library)
