"""The file: what it says, who may have it, and that nothing short of a good one is believed (SP 800-38D 8.2.1)."""

from __future__ import annotations

import errno
import os
import signal
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pysec.errors import KeyExhausted, KeyStoreError, PysecError, UsageError
from pysec.sa import CeilingRecord, PnCeiling, ceiling, read_record
from pysec.types import CipherSuite, Ki

KI = Ki(bytes(range(16)))
OTHER_KI = Ki(bytes(16))
SUITE = CipherSuite.GCM_AES_128


@pytest.fixture
def path(tmp_path: Path) -> Path:
    where = tmp_path / "pn"
    PnCeiling.create(where, KI, SUITE).close()
    return where


def in_child(work: Callable[[], object]) -> int:
    """The wait status of a forked child that does this work."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    return os.waitpid(pid, 0)[1]


def refuses(path: Path, match: str, ki: Ki = KI) -> None:
    with pytest.raises(KeyStoreError, match=match):
        PnCeiling.open(path, ki)


# ---- Lives ----


def test_a_fresh_file_starts_at_its_first_pn(path: Path) -> None:
    with PnCeiling.open(path, KI) as file:
        assert (file.next_pn, file.ceiling, file.limit, file.was_clean) == (1, 1, 1 << 32, True)


def test_a_dirty_end_resumes_at_the_ceiling_and_a_clean_one_where_it_stopped(path: Path) -> None:
    with PnCeiling.open(path, KI) as file:
        assert file.reserve(1000) == 1001
        assert file.reserve(1000) == 2001
    with PnCeiling.open(path, KI) as file:
        assert (file.next_pn, file.was_clean) == (2001, False)
        file.reserve(1000)
        file.close(2345)
    with PnCeiling.open(path, KI) as file:
        assert (file.next_pn, file.ceiling, file.was_clean) == (2345, 2345, True)
        assert file.reserve(10) == 2355


def test_opening_without_reserving_burns_nothing(path: Path) -> None:
    before = path.read_bytes()
    for _ in range(3):
        PnCeiling.open(path, KI).close()
    assert path.read_bytes() == before


def test_a_clean_end_must_lie_within_what_was_reserved(path: Path) -> None:
    for wrong in (0, 12):
        file = PnCeiling.open(path, KI)
        start = file.next_pn
        file.reserve(10)
        with pytest.raises(UsageError, match="outside"):
            file.close(start - 1 if wrong == 0 else start + 11)
        assert not read_record(path).clean


def test_create_may_start_above_one_and_only_inside_the_space(tmp_path: Path) -> None:
    with PnCeiling.create(tmp_path / "a", KI, SUITE, next_pn=500) as file:
        assert file.next_pn == 500
    for wrong in (0, 1 << 32):
        with pytest.raises(UsageError, match="outside"):
            PnCeiling.create(tmp_path / "b", KI, SUITE, next_pn=wrong)


def test_a_leap_is_at_least_one(path: Path) -> None:
    with PnCeiling.open(path, KI) as file, pytest.raises(UsageError, match="leap"):
        file.reserve(0)


@pytest.mark.parametrize(("suite", "limit"), [(SUITE, 1 << 32), (CipherSuite.GCM_AES_XPN_256, (1 << 64) - 1)])
def test_the_ceiling_never_passes_the_space_and_the_end_is_key_exhausted(
    tmp_path: Path, suite: CipherSuite, limit: int
) -> None:
    """802.1AE-2018 10.5.2: a SAK ends with its packet numbers."""
    with PnCeiling.create(tmp_path / "pn", KI, suite, next_pn=limit - 5) as file:
        assert file.reserve(1 << 40) == limit
        for _ in range(2):
            with pytest.raises(KeyExhausted, match="no packet number is left"):
                file.reserve(1)
        assert file.ceiling == limit
    with PnCeiling.open(tmp_path / "pn", KI) as file, pytest.raises(KeyExhausted):
        file.reserve(1)


# ---- The file ----


def test_the_file_is_private_and_names_the_key_only_by_its_ki(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with PnCeiling.open(path, KI) as file:
        file.reserve(7)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert read_record(path) == CeilingRecord(KI, 32, 1, 8, False)
    fields = CeilingRecord.__slots__
    assert set(fields) == {"ki", "pn_bits", "next_pn", "ceiling", "clean"}
    assert [p.name for p in path.parent.iterdir()] == ["pn"], "no temporary file stays"


def test_every_truncation_and_every_changed_octet_is_refused(path: Path) -> None:
    good = path.read_bytes()
    for cut in range(len(good)):
        path.write_bytes(good[:cut])
        refuses(path, "damaged")
    for i in range(len(good)):
        path.write_bytes(good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :])
        refuses(path, "damaged")
    path.write_bytes(good + b" " * 10000)
    refuses(path, "damaged")
    path.write_bytes(good)
    PnCeiling.open(path, KI).close()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"pysec-pn-ceiling/1", b"pysec-pn-ceiling/2"),
        (b'"pn_bits": 32', b'"pn_bits": 33'),
        (b'"pn_bits": 32', b'"pn_bits": null'),
        (b'"next_pn": 1,', b'"next_pn": 0,'),
        (b'"next_pn": 1,', b'"next_pn": true,'),
        (b'"next_pn": 1,', b'"next_pn": 2,'),
        (b'"ceiling": 1,', b'"ceiling": 4294967297,'),
        (b'"ceiling": 1,', b'"ceiling": 1.5,'),
        (b'"clean"', b'"closed"'),
        (b'"ki": "00', b'"ki": "0'),
        (b'"ki": "00', b'"ki": "zz'),
    ],
)
def test_a_well_summed_record_that_makes_no_sense_is_refused(path: Path, old: bytes, new: bytes) -> None:
    import hashlib

    line = path.read_bytes().split(b"\n")[0]
    assert old in line
    line = line.replace(old, new)
    path.write_bytes(line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n")
    refuses(path, "pn")


def test_not_json_and_not_an_object_are_refused(path: Path) -> None:
    import hashlib

    for line in (b"[]", b"7", b"{", b"\xff"):
        path.write_bytes(line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n")
        refuses(path, "PN ceiling")


def test_a_missing_file_is_refused_and_an_existing_one_is_not_made_again(path: Path) -> None:
    with pytest.raises(KeyStoreError, match="exists"):
        PnCeiling.create(path, KI, SUITE)
    assert [p.name for p in path.parent.iterdir()] == ["pn"]
    path.unlink()
    refuses(path, "missing")
    with pytest.raises(KeyStoreError, match="missing"):
        read_record(path)


def test_the_file_of_another_key_is_refused(path: Path) -> None:
    refuses(path, "belongs to the key", OTHER_KI)


def test_a_file_that_others_may_write_is_refused(path: Path) -> None:
    path.chmod(0o620)
    refuses(path, "only its owner")


def test_links_and_folders_are_refused(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    refuses(link, "PN ceiling")
    refuses(tmp_path, "PN ceiling")


# ---- One process at a time ----


def test_two_holders_are_refused_here_and_in_another_process(path: Path) -> None:
    with PnCeiling.open(path, KI) as file:
        for leap in (None, 10, 10):  # the lock must go along with each new file
            if leap:
                file.reserve(leap)
            refuses(path, "in use")
            assert in_child(lambda: refuses(path, "in use") or True) == 0
    PnCeiling.open(path, KI).close()


def test_a_created_file_is_locked_from_the_start(tmp_path: Path) -> None:
    with PnCeiling.create(tmp_path / "new", KI, SUITE):
        refuses(tmp_path / "new", "in use")


def test_a_forked_child_may_not_reserve(path: Path) -> None:
    with PnCeiling.open(path, KI) as file:

        def child() -> bool:
            with pytest.raises(UsageError, match="forked"):
                file.reserve(5)
            return True

        assert in_child(child) == 0
        assert file.reserve(5) == 6


def test_closed_means_closed(path: Path) -> None:
    file = PnCeiling.open(path, KI)
    file.close()
    file.close()
    with pytest.raises(UsageError, match="closed"):
        file.reserve(1)


def test_a_file_replaced_or_changed_under_us_stops_us(path: Path) -> None:
    with PnCeiling.open(path, KI) as file:
        file.reserve(5)
        mine = path.read_bytes()
        path.write_bytes(mine.replace(b"6", b"7"))
        with pytest.raises(KeyStoreError, match="changed or replaced"):
            file.reserve(5)
        path.write_bytes(mine)
        assert file.reserve(5) == 11
        path.rename(path.with_name("away"))
        with pytest.raises(KeyStoreError, match="missing"):
            file.reserve(5)
        path.write_bytes(path.with_name("away").read_bytes())
        with pytest.raises(KeyStoreError, match="changed or replaced"):
            file.reserve(5)
        assert file.ceiling == 11


def test_threads_never_get_the_same_leap(path: Path) -> None:
    got: list[int] = []
    with PnCeiling.open(path, KI) as file:
        threads = [threading.Thread(target=lambda: got.extend(file.reserve(3) for _ in range(20))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got) == [1 + 3 * i for i in range(1, 81)]
        assert read_record(path).ceiling == 241


# ---- When the disk says no, and when the power goes ----

_CALLS = ("open", "write", "fsync", "rename", "stat", "fstat", "pread")


class WatchedOs:
    """The os module as the code under test sees it, with something done before each call that touches the disk."""

    def __init__(self, before: Callable[[str], None]) -> None:
        self._before = before

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in _CALLS and name not in ("close", "link"):
            return real

        def watched(*args: Any, **kwargs: Any) -> Any:
            self._before(name)
            return real(*args, **kwargs)

        return watched


@pytest.mark.parametrize("call", _CALLS)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_each_failing_call_leaves_the_old_ceiling_standing(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    with PnCeiling.open(path, KI) as file:
        file.reserve(10)
        for nth in range(5):
            seen = 0

            def fail(name: str, nth: int = nth) -> None:
                nonlocal seen
                if name == call:
                    seen += 1
                    if seen == nth + 1:
                        raise OSError(code, "planted")

            before, on_disk = file.ceiling, read_record(path).ceiling
            with monkeypatch.context() as patch:
                patch.setattr(ceiling, "os", WatchedOs(fail))
                refused = ""
                try:
                    file.reserve(10)
                except KeyStoreError as error:
                    refused = str(error)
            if refused:
                assert os.strerror(code) in refused
                assert file.ceiling == before
                assert read_record(path).ceiling in (on_disk, before + 10)
            assert bool(refused) == (seen > nth), "the fault was swallowed, or came from nowhere"
            # The disk may be ahead of us, never behind, and the next call succeeds.
            assert read_record(path).ceiling >= file.ceiling
            assert file.reserve(10) > before
            assert [p.name for p in path.parent.iterdir()] == ["pn"]


def test_a_disk_that_is_full_half_way_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def full(fd: int, octets: bytes) -> int:
        if len(octets) < 40:
            raise OSError(errno.ENOSPC, "planted")
        return real(fd, octets[: len(octets) // 2])

    with PnCeiling.open(path, KI) as file:
        file.reserve(10)
        before = path.read_bytes()
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(KeyStoreError, match=os.strerror(errno.ENOSPC)):
            file.reserve(10)
        assert path.read_bytes() == before
        assert file.ceiling == 11
        with pytest.raises(KeyStoreError):
            file.close(5)
    monkeypatch.undo()
    with PnCeiling.open(path, KI) as file:
        assert (file.next_pn, file.was_clean) == (11, False)


def test_the_disk_has_the_record_before_its_name_and_the_name_before_we_return(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order that a power cut cannot fool: write, fsync of the file, rename, fsync of the folder."""
    calls: list[str] = []
    with PnCeiling.open(path, KI) as file:
        monkeypatch.setattr(ceiling, "os", WatchedOs(calls.append))
        file.reserve(10)
        reserve, calls[:] = [c for c in calls if c in ("write", "fsync", "rename")], []
        file.close(5)
        close = [c for c in calls if c in ("write", "fsync", "rename")]
    assert reserve == close == ["write", "fsync", "rename", "fsync"]


@pytest.mark.slow
def test_killed_before_each_single_call_the_next_life_starts_above_the_last(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every point at which a life can end, one after the other; what was reserved counts as sent at once."""
    import mmap

    highest = mmap.mmap(-1, 8)
    ended = False
    for nth in range(200):
        count = 0

        def die(_: str, nth: int = nth) -> None:
            nonlocal count
            if count == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1

        def life(die: Callable[[str], None] = die) -> bool:
            ceiling.os = WatchedOs(die)  # in the child only
            file = PnCeiling.open(path, KI)
            assert file.next_pn >= int.from_bytes(highest[:8], "big")
            for _ in range(3):
                highest[:8] = file.reserve(10).to_bytes(8, "big")
            stopped_at = file.ceiling - 5
            highest[:8] = stopped_at.to_bytes(8, "big")
            file.close(stopped_at)
            return True

        status = in_child(life)
        assert status == 0 or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
        with PnCeiling.open(path, KI) as file:
            assert file.next_pn >= int.from_bytes(highest[:8], "big")
        if status == 0:
            ended = True
            break
    assert ended
    assert nth > 30, "the kill points were not reached"


def test_killed_while_it_is_made_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    for nth in range(30):
        where, count = tmp_path / f"pn{nth}", 0

        def die(_: str, nth: int = nth) -> None:
            nonlocal count
            if count == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1

        def life(die: Callable[[str], None] = die, where: Path = where) -> bool:
            ceiling.os = WatchedOs(die)
            PnCeiling.create(where, KI, SUITE).close()
            return True

        status = in_child(life)
        if not where.exists():
            PnCeiling.create(where, KI, SUITE).close()
        with PnCeiling.open(where, KI) as file:
            assert file.next_pn == 1
        if status == 0:
            assert nth > 3
            return
    pytest.fail("it never ended")


def test_no_message_says_more_than_the_ki(path: Path) -> None:
    with pytest.raises(PysecError) as caught:
        PnCeiling.open(path, OTHER_KI)
    assert str(KI) in str(caught.value)
    with PnCeiling.open(path, KI) as file:
        assert repr(file) == f"PnCeiling({str(path)!r}, ki={KI}, next_pn=1, ceiling=1)"
