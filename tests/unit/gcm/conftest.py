"""Why this exists: csrc/base and csrc/gcm are compiled once for all the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.canary.plant import CSRC
from tests.unit.gcm.driver import Library


@pytest.fixture(scope="session")
def gcm_so(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared library of the sources as they are."""
    out = tmp_path_factory.mktemp("gcm") / "gcm.so"
    Library.build(CSRC, out)
    return out


@pytest.fixture(scope="session")
def library(gcm_so: Path) -> Library:
    return Library(gcm_so)


@pytest.fixture(scope="session", params=["portable", "aesni"])
def name(request: pytest.FixtureRequest, library: Library) -> str:
    """Each implementation; one that this machine cannot run is skipped with its own reason."""
    status = library.statuses().get(request.param)
    if status is None:
        pytest.skip(f"{request.param} is not in a build for this machine")
    if status.why_not != library.ffi.NULL and status.num_tests == 0:
        pytest.skip(f"{request.param}: {library.text(status.why_not)}")
    return str(request.param)
