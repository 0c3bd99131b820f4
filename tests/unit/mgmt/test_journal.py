"""Events reach the journal with their fields, and the service manager hears that we live."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest

from pysec.mgmt import journal
from pysec.mgmt.journal import Lines, SystemJournal
from pysec.mgmt.notify import notify, watchdog_s
from pysec.pae import PortEvent, Source

CLOSED = PortEvent(1.0, Source.PORT, "closed", "CLOSED: no live peer\nMESSAGE=forged")


def test_the_journal_gets_fields_that_nobody_can_forge(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as taker:
        taker.bind(str(tmp_path / "journal"))
        SystemJournal(str(tmp_path / "journal"))("eth1", CLOSED)
        lines = taker.recv(4096).decode().splitlines()
    found = dict(line.split("=", 1) for line in lines)
    assert len(lines) == len(found) == 7
    assert found["PRIORITY"] == "4"
    assert found["PYSEC_LINK"] == "eth1"
    assert found["PYSEC_EVENT"] == "closed"
    assert found["MESSAGE"] == "eth1: port closed: CLOSED: no live peer MESSAGE=forged"


def test_a_full_journal_costs_events_and_nothing_else(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as taker:
        taker.bind(str(tmp_path / "journal"))
        write = SystemJournal(str(tmp_path / "journal"))
        for _ in range(5000):
            write("eth1", CLOSED)
        assert write.lost > 0


def test_a_log_file_is_kept_short_and_to_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MAX_LOG_OCTETS", 4000)
    path = tmp_path / "events.log"
    write = Lines(path)
    for _ in range(100):
        write("eth1", CLOSED)
    write("eth1", PortEvent(1.0, Source.SECY, "step-done", "not for here"))
    assert path.stat().st_mode & 0o077 == 0
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 10000
    lines = path.read_text().splitlines()
    assert all(json.loads(line)["PYSEC_EVENT"] == "closed" for line in lines)
    path.unlink()
    path.symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic links"):
        Lines(path)


def test_the_service_manager_hears_from_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        notify("READY=1")  # nobody asked
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert manager.recv(100) == b"READY=1"
        name = f"\0pysec-test-{time.time_ns()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hidden:
            hidden.bind(name)
            monkeypatch.setenv("NOTIFY_SOCKET", "@" + name[1:])
            notify("WATCHDOG=1")
            assert hidden.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("usec", "pid", "wanted"), [("", "", None), ("4000000", "", 2.0), ("4000000", "1", None), ("x", "", None)]
)
def test_the_watchdogs_patience_is_halved(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str, wanted: float | None
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)
    assert watchdog_s() == wanted
