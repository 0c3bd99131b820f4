"""Why this exists: the offline tools are tested as people call them: a command line in, a status and text out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pysec.cli import main as cli


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def pysec(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `pysec` with these arguments in this process."""
    monkeypatch.setattr(cli, "COMMANDS", ("conformance", "pcap", "selftest"))

    def run(*args: object) -> Done:
        capfd.readouterr()
        try:
            status = cli.main([str(arg) for arg in args])
        except SystemExit as end:  # argparse
            status = int(end.code or 0)
        out, err = capfd.readouterr()
        return Done(status, out, err)

    return run


@pytest.fixture
def own_vectors(repo_root: Path) -> Path:
    """The vectors that tests/data/make_vectors.py makes."""
    return repo_root / "tests" / "data" / "vectors"
