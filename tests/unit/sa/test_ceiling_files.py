"""What else lies beside a ceiling file, or has its name: other keys' files, leftovers, and what is no file at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pysec.errors import KeyStoreError
from pysec.sa import PnCeiling, ceiling, read_record
from pysec.types import CipherSuite, Ki
from tests.unit.sa.test_ceiling import WatchedOs, in_child

KI = Ki(bytes(range(16)))
OTHER_KI = Ki(bytes(16))
SUITE = CipherSuite.GCM_AES_128
HEX = "0123456789abcdef"

Reader = Callable[[Path], object]
READERS: list[Reader] = [lambda path: PnCeiling.open(path, KI), read_record]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    where = tmp_path / "k"
    PnCeiling.create(where, KI, SUITE).close()
    return where


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


# ---- Temporary names ----


def test_no_neighbour_is_touched_whatever_its_name(path: Path) -> None:
    """SP 800-38D 8.2.1: another key's file that is deleted is another key without its packet numbers."""
    neighbours = ["k.new", "k.tmp", f"k.{os.getpid()}.new", ".k.tmp", f".k.{HEX}", f".k.{HEX}.tmp.1", f".kk.{HEX}.tmp"]
    neighbours += [f".k.{HEX.upper()}.tmp", f".k.{HEX}0.tmp", f"k.{HEX}.tmp", f".k.new.{HEX}.tmp", f".k\n.{HEX}.tmp"]
    for name in neighbours:
        path.with_name(name).write_bytes(name.encode())
    with PnCeiling.open(path, KI) as file:
        file.reserve(10)
        file.close(5)
    PnCeiling.open(path, KI).close()
    assert names(path) == sorted(["k", *neighbours])
    assert all(path.with_name(name).read_bytes() == name.encode() for name in neighbours)


def test_two_keys_of_which_one_is_called_new_live_side_by_side(tmp_path: Path) -> None:
    with (
        PnCeiling.create(tmp_path / "k", KI, SUITE) as one,
        PnCeiling.create(tmp_path / "k.new", OTHER_KI, SUITE) as other,
    ):
        for _ in range(2):
            one.reserve(10)
            other.reserve(20)
    assert (read_record(tmp_path / "k").ceiling, read_record(tmp_path / "k.new").ceiling) == (21, 41)
    assert names(tmp_path / "k") == ["k", "k.new"]


def test_what_a_process_of_this_number_left_does_not_hinder_create(tmp_path: Path) -> None:
    (tmp_path / f"k.{os.getpid()}.new").write_bytes(b"")
    PnCeiling.create(tmp_path / "k", KI, SUITE).close()


def test_a_ceiling_file_may_not_have_a_temporary_name(path: Path) -> None:
    where = path.with_name(f".k.{HEX}.tmp")
    with pytest.raises(KeyStoreError, match="temporary"):
        PnCeiling.create(where, OTHER_KI, SUITE)
    assert not where.exists()
    path.rename(where)
    with pytest.raises(KeyStoreError, match="temporary"):
        PnCeiling.open(where, KI)


def test_a_temporary_name_that_is_taken_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda count: bytes.fromhex(HEX)[:count])
    with PnCeiling.open(path, KI) as file:
        taken = path.with_name(f".k.{HEX}.tmp")
        taken.write_bytes(b"somebody's")
        with pytest.raises(KeyStoreError, match="is taken"):
            file.reserve(10)
        assert taken.read_bytes() == b"somebody's"
        taken.unlink()
        assert file.reserve(10) == 11
    new = path.with_name("n")
    path.with_name(f".n.{HEX}.tmp").write_bytes(b"somebody's")
    with pytest.raises(KeyStoreError, match="is taken"):
        PnCeiling.create(new, OTHER_KI, SUITE)
    assert not new.exists()


# ---- Leftovers ----


def test_what_killed_lives_left_is_swept_by_the_next_open(tmp_path: Path) -> None:
    left = 0
    for nth in range(40):
        where, count = tmp_path / f"k{nth}", 0

        def die(_: str, nth: int = nth) -> None:
            nonlocal count
            if count == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1

        def life(die: Callable[[str], None] = die, where: Path = where) -> bool:
            ceiling.os = WatchedOs(die)  # in the child only
            PnCeiling.create(where, KI, SUITE).reserve(10)
            return True

        status = in_child(life)
        left += len([name for name in names(where) if name.startswith(".")])
        if not where.exists():
            PnCeiling.create(where, KI, SUITE).close()
        PnCeiling.open(where, KI).close()
        assert not [name for name in names(where) if name.startswith(".")]
        if status == 0:
            break
    assert status == 0, "it never ended"
    assert left > 5, "no life left anything behind: the test tests nothing"


def test_the_second_name_of_our_own_file_is_swept(path: Path) -> None:
    """A create() killed between link and unlink: the leftover is our own file, and the lock on it our own."""
    os.link(path, path.with_name(f".k.{HEX}.tmp"))
    PnCeiling.open(path, KI).close()
    assert names(path) == ["k"]


def test_only_what_can_be_our_leftover_is_swept(path: Path, tmp_path: Path) -> None:
    wrong = [path.with_name(f".k.{i:016x}.tmp") for i in range(5)]
    wrong[0].mkdir()
    wrong[1].symlink_to(path)
    os.mkfifo(wrong[2])
    wrong[3].write_bytes(bytes(10_000))
    wrong[4].write_bytes(b"of a life that is writing it now")
    right = path.with_name(f".k.{HEX}.tmp")
    right.write_bytes(b"")
    with wrong[4].open("rb") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        PnCeiling.open(path, KI).close()
    assert names(path) == sorted(["k", *(entry.name for entry in wrong)])


def test_nothing_is_swept_without_the_lock_or_for_another_key(path: Path) -> None:
    leftover = path.with_name(f".k.{HEX}.tmp")
    with PnCeiling.open(path, KI):
        leftover.write_bytes(b"")
        with pytest.raises(KeyStoreError, match="in use"):
            PnCeiling.open(path, KI)
    with pytest.raises(KeyStoreError, match="belongs to"):
        PnCeiling.open(path, OTHER_KI)
    assert leftover.exists()


def test_a_folder_that_cannot_be_swept_hinders_nobody(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> list[str]:
        raise PermissionError

    monkeypatch.setattr(os, "listdir", refuse)
    PnCeiling.open(path, KI).close()


# ---- What is no ceiling file ----


@pytest.mark.parametrize("read", READERS)
def test_a_fifo_is_refused_at_once(tmp_path: Path, read: Reader) -> None:
    """In a child with an alarm, since the fault would be to wait for ever."""
    os.mkfifo(tmp_path / "fifo", 0o600)

    def child() -> bool:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        with pytest.raises(KeyStoreError, match="not a regular file"):
            read(tmp_path / "fifo")
        return True

    assert in_child(child) == 0


@pytest.mark.parametrize("read", READERS)
def test_devices_and_folders_are_refused(tmp_path: Path, read: Reader) -> None:
    for where in (tmp_path, Path("/dev/null")):
        with pytest.raises(KeyStoreError, match="PN ceiling"):
            read(where)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("line", [b"[" * 4000, b'{"a":' * 800], ids=["lists", "objects"])
def test_json_nested_without_end_is_damage(path: Path, read: Reader, line: bytes) -> None:
    path.write_bytes(line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n")
    with pytest.raises(KeyStoreError, match="PN ceiling"):
        read(path)


class OwnedBy:
    """The os module as the code under test sees it, where every open file has this owner."""

    def __init__(self, uid: int) -> None:
        self._uid = uid

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fstat(self, fd: int) -> os.stat_result:
        fields = list(os.fstat(fd))
        fields[stat.ST_UID] = self._uid
        return os.stat_result(fields)


def test_a_file_of_another_user_is_refused_and_one_of_root_is_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceiling, "os", OwnedBy(os.geteuid() + 1))
    with pytest.raises(KeyStoreError, match="only its owner"):
        PnCeiling.open(path, KI)
    assert read_record(path).ceiling == 1, "whoever may read it may look"
    monkeypatch.setattr(ceiling, "os", OwnedBy(0))
    PnCeiling.open(path, KI).close()


def test_a_leftover_of_another_user_is_not_swept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leftover = path.with_name(f".k.{HEX}.tmp")
    leftover.write_bytes(b"")
    with PnCeiling.open(path, KI) as file:
        leftover.write_bytes(b"")
        monkeypatch.setattr(ceiling, "os", OwnedBy(os.geteuid() + 1))
        ceiling._sweep(path, file._fd)
        assert leftover.exists()
        monkeypatch.undo()
        ceiling._sweep(path, file._fd)
        assert not leftover.exists()
