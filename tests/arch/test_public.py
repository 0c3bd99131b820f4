"""What the public headers promise: they parse alone as C and as C++, and Python's enums are theirs."""

from __future__ import annotations

import enum
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.arch import picture

DIALECTS = {"c": ("gcc", "-std=c11"), "c++": ("g++", "-std=c++11")}


def compiles(header: Path, language: str) -> subprocess.CompletedProcess[str]:
    """Compile a header that nothing else precedes."""
    compiler, standard = DIALECTS[language]
    found = shutil.which(compiler)
    if found is None:
        pytest.skip(f"{compiler} is not installed")
    command = [found, "-x", language, standard, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-"]
    text = f'#include "{header}"\n'
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("language", DIALECTS)
@pytest.mark.parametrize("name", picture.PUBLIC_HEADERS)
def test_public_header_parses_alone(repo_root: Path, name: str, language: str) -> None:
    done = compiles(repo_root / "csrc" / name, language)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("language", DIALECTS)
def test_canary_a_header_that_does_not_parse(tmp_path: Path, language: str) -> None:
    header = tmp_path / "broken.h"
    header.write_text("int f(size_t n);\n", "utf-8")
    assert compiles(header, language).returncode != 0


def mismatch(header: str, c_name: str, prefix: str, python: type[enum.IntEnum]) -> dict[str, tuple[int | None, ...]]:
    """Members that C and Python do not have alike."""
    ours = {member.name: int(member) for member in python}
    theirs = picture.enum_of_header(header, c_name, prefix)
    return {name: (theirs.get(name), ours.get(name)) for name in ours | theirs if theirs.get(name) != ours.get(name)}


def test_python_enums_are_those_of_c(repo_root: Path) -> None:
    dataplane = pytest.importorskip("pysec.dataplane", exc_type=ImportError)
    header = (repo_root / "csrc" / "pysec.h").read_text("utf-8")
    assert mismatch(header, "pysec_verdict", "PYSEC_V_", dataplane.Verdict) == {}
    assert mismatch(header, "pysec_reason", "PYSEC_R_", dataplane.Reason) == {}
    assert mismatch(header, "pysec_action", "PYSEC_A_", dataplane.Action) == {}


def test_canary_an_enum_that_drifted() -> None:
    drifted = enum.IntEnum("drifted", {"DISCARD": 0, "CONTROLLED": 2})
    header = "enum pysec_action {\n PYSEC_A_DISCARD = 0,\n PYSEC_A_CONTROLLED = 1, /* received */\n};"
    assert mismatch(header, "pysec_action", "PYSEC_A_", drifted) == {"CONTROLLED": (1, 2)}


def table_faults(dataplane: object) -> list[str]:
    """Rows of the verdict table that say too little, and names that two verdicts share."""
    faults, seen = [], {}
    verdicts = dataplane.Verdict
    for verdict in verdicts:
        if verdict is verdicts.NONE:
            continue
        for field in ("yang", "text"):
            if not getattr(verdict, field):
                faults.append(f"{verdict.name}: no {field}")
        if verdict.yang in seen:
            faults.append(f"{verdict.name}: shares its name with {seen[verdict.yang]}")
        seen[verdict.yang] = verdict.name
    return faults


def test_the_verdict_table_is_complete() -> None:
    dataplane = pytest.importorskip("pysec.dataplane", exc_type=ImportError)
    assert table_faults(dataplane) == []
    inward = [v for v in dataplane.Verdict if v.name.startswith("IN_")]
    # The twelve in-pkts counters of the standard, each once.
    assert {v.name for v in inward if v.standard} == {
        "IN_UNTAGGED", "IN_NO_TAG", "IN_BAD_TAG", "IN_NO_SA", "IN_NO_SA_ERROR", "IN_OVERRUN",
        "IN_OK", "IN_UNCHECKED", "IN_DELAYED", "IN_LATE", "IN_INVALID", "IN_NOT_VALID",
    }  # fmt: skip


def test_canary_a_row_without_text() -> None:
    class Row(enum.Enum):
        NONE = ("", "")
        IN_OK = ("in-pkts-ok", "good")
        IN_LATE = ("in-pkts-ok", "")
        yang = property(lambda self: self.value[0])
        text = property(lambda self: self.value[1])

    class Plane:
        Verdict = Row

    assert len(table_faults(Plane)) == 2
