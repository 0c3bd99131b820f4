"""The start corpus of the fuzz targets keeps every promise, and reaches what it was made to reach. No clang needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.canary.plant import CSRC, plant
from tests.fuzz import programs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return programs.make_corpus(tmp_path_factory.mktemp("corpus"))


def inputs(corpus: Path, target: str) -> list[str]:
    return sorted(str(path) for path in (corpus / target).iterdir())


@pytest.mark.parametrize("target", programs.TARGETS)
def test_the_corpus_breaks_no_promise(corpus: Path, tmp_path: Path, target: str) -> None:
    program = programs.build(CSRC, target, tmp_path / target)
    files = inputs(corpus, target)
    done = programs.run([str(program), *files])
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == f"{len(files)} inputs\n"
    if target == "validate":
        seen = programs.verdicts(done.stderr)
        # Every verdict of the receive side that a frame alone can bring about, in-pkts-ok often.
        wanted = {"ok", "unchecked", "delayed", "late", "invalid", "not-valid", "no-sa", "no-sa-error"}
        wanted |= {"untagged", "no-tag", "bad-tag", "kay", "bypass", "duplicate", "malformed"}
        assert {f"in-pkts-{name}" for name in wanted} <= seen.keys()
        assert seen["in-pkts-ok"] > 1000


def test_the_corpus_is_the_same_each_time(corpus: Path, tmp_path: Path) -> None:
    again = programs.make_corpus(tmp_path)
    for target in programs.TARGETS:
        first = {p.name: p.read_bytes() for p in (corpus / target).iterdir()}
        assert first == {p.name: p.read_bytes() for p in (again / target).iterdir()}


def test_the_generator_says_how_it_is_used() -> None:
    command = [sys.executable, str(programs.HERE / "make_corpus.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "usage: make_corpus.py FOLDER\n")


# What the corpus alone must find, without a single mutation.
PLANTED = {
    "a tag cut short is read on": ("sectag", "macsec/sectag.c", "if (mpdu_len < MIN_MPDU_LEN)", "if (mpdu_len < 3)"),
    "room for the ICV is forgotten": ("sectag", "macsec/sectag.c", "tag_len + ICV_LEN + (sl", "tag_len + (sl"),
    "a wrong checksum is merged": ("segment", "port/merge.c", "if (!is_verified(&next))", "if (0)"),
    "each frame has the first payload": (
        "segment",
        "port/segment.c",
        "cut->octets + cut->header_len + cut->done, size);",
        "cut->octets + cut->header_len, size);",
    ),
    "a wrong ICV is good": (
        "validate",
        "macsec/validate.c",
        "work->step == STEP_OPEN && burst->lane->msgs[work->msg].ok;",
        "work->step == STEP_OPEN;",
    ),
    "a replayed frame in a burst is good": (
        "validate",
        "macsec/validate.c",
        "bool below = pn_less(work->pn, lowest);",
        "bool below = false;\n    (void)lowest;",
    ),
    "a frame is not counted": (
        "validate",
        "macsec/validate.c",
        "        count_frame(burst->lane,",
        "        if (frames[i].verdict != PYSEC_V_IN_KAY)\n            count_frame(burst->lane,",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_canary_a_planted_fault_is_found(corpus: Path, tmp_path: Path, fault: str) -> None:
    target, file, old, new = PLANTED[fault]
    program = programs.build(plant(tmp_path, file, old, new), target, tmp_path / target)
    done = programs.run([str(program), *inputs(corpus, target)])
    assert done.returncode != 0
    assert "broken promise" in done.stderr or "AddressSanitizer" in done.stderr
