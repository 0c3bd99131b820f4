"""The one command: every expected failure is one line and an exit status."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

import pysec.cli.main as cli
from pysec import KeyStoreError, UsageError, __version__


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", "import sys; from pysec.cli.main import main; sys.exit(main())", *words]


def ends_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    def fail(args: argparse.Namespace) -> int:
        raise error

    parser = argparse.ArgumentParser()
    parser.set_defaults(run=fail)
    monkeypatch.setattr(cli, "parser", lambda *_: parser)
    return cli.main([])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("SA 2: no"), 2),
        (KeyStoreError("ceiling: no"), 2),
        (OSError(2, "No such file", "x.pcap"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_expected_failures_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, status: int
) -> None:
    assert ends_with(monkeypatch, error) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("pysec: ")
    assert shown.err.count("\n") == 1


def test_our_own_mistakes_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        ends_with(monkeypatch, ZeroDivisionError())


def test_version_help_and_nonsense() -> None:
    done = subprocess.run(command("--version"), capture_output=True, text=True, check=True)
    assert done.stdout == f"pysec {__version__}\n"
    done = subprocess.run(command("--help"), capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in cli.COMMANDS)
    done = subprocess.run(command("nonsense"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough() -> None:
    with subprocess.Popen(command("selftest"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() in (0, 141)
