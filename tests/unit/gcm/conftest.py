"""Why this exists: csrc/base and csrc/gcm are compiled once for all tests of this folder, cases written once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.canary.plant import compile_program
from tests.unit.gcm.cases import Cases
from tests.unit.gcm.driver import Library
from tests.unit.gcm.programs import CSRC, FOLDERS, PROGRAMS, implementations

Suite = Callable[[Cases], None]


@pytest.fixture(scope="session")
def gcm_so(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared library of the sources as they are."""
    out = tmp_path_factory.mktemp("gcm") / "gcm.so"
    Library.build(CSRC, out)
    return out


@pytest.fixture(scope="session")
def library(gcm_so: Path) -> Library:
    return Library(gcm_so)


@pytest.fixture(scope="session", params=implementations())
def name(request: pytest.FixtureRequest, library: Library) -> str:
    """Each implementation; one that this machine cannot run is skipped with its own reason."""
    status = library.statuses().get(request.param)
    if status is None:
        pytest.skip(f"{request.param} is not in a build for this machine")
    if status.why_not != library.ffi.NULL and status.num_tests == 0:
        pytest.skip(f"{request.param}: {library.text(status.why_not)}")
    return str(request.param)


@pytest.fixture(scope="session")
def gcm_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/c/gcm_cases.c with the sources as they are."""
    out = tmp_path_factory.mktemp("cases") / "gcm_cases"
    return compile_program(CSRC, PROGRAMS / "gcm_cases.c", out, folders=FOLDERS)


@pytest.fixture(scope="session")
def cases_of() -> Iterator[Callable[[Suite], Path]]:
    """The file of cases that a suite writes; written when first asked for, and gone when the tests are over."""
    with TemporaryDirectory(prefix="pysec-cases-") as folder:

        @cache
        def write(suite: Suite) -> Path:
            path = Path(folder) / suite.__name__
            with path.open("wb") as out:
                suite(Cases(out, seed=len(suite.__name__)))
            return path

        yield write
