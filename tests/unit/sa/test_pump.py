"""The pump and a real SecY: never past the ceiling, no gap after a clean end, and an end that is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from pysec import FrameArena, Reason, SecY, Verdict
from pysec.errors import KeyExhausted, KeyStoreError, UsageError
from pysec.sa import DEFAULT_LEAP, CeilingPump, PnCeiling, read_record
from pysec.types import PN_SPACE, CipherSuite, Ki, Ssci
from tests.unit.sa.kill_loop import FRAME, KI, SCI, make_secy

SUITE = CipherSuite.GCM_AES_128
XPN = CipherSuite.GCM_AES_XPN_128


def start(path: Path, secy: SecY, leap: int | None = 10) -> CeilingPump:
    pump = CeilingPump(secy, KI, PnCeiling.open(path, KI), leap=leap)
    pump.install(0, ssci=Ssci(7) if secy.cipher_suite.is_xpn else None)
    return pump


def send(secy: SecY, frames: int) -> list[int]:
    """The packet numbers of the frames of one burst that were sent."""
    arena = FrameArena(frames, 256)
    arena.fill([FRAME] * frames)
    verdicts = secy.protect(arena)
    assert set(verdicts) <= {Verdict.OUT_ENCRYPTED, Verdict.OUT_CLOSED}
    return [int(pn) for pn, verdict in zip(arena.pns, verdicts, strict=True) if verdict == Verdict.OUT_ENCRYPTED]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    PnCeiling.create(tmp_path / "pn", KI, SUITE).close()
    return tmp_path / "pn"


def test_the_secy_stops_at_the_ceiling_until_pumped(path: Path) -> None:
    """802.1AE-2018 10.5.2: without a packet number nothing is sent."""
    secy = make_secy(SUITE)
    with start(path, secy) as pump:
        assert send(secy, 15) == list(range(1, 11))
        arena = FrameArena(1, 256)
        arena.fill([FRAME])
        assert secy.protect(arena)[0] == Verdict.OUT_CLOSED
        assert arena.reasons[0] == Reason.PN_CEILING
        assert pump.pump()
        assert send(secy, 15) == list(range(11, 21))


def test_it_pumps_only_when_less_than_half_a_leap_is_left(path: Path) -> None:
    secy = make_secy(SUITE)
    with start(path, secy) as pump:
        send(secy, 5)
        assert not pump.pump()
        send(secy, 1)
        assert pump.pump()
        assert not pump.pump()
        assert read_record(path).ceiling == 21
        assert not read_record(path).clean


def test_a_clean_end_loses_nothing_and_the_secy_cannot_go_on(path: Path) -> None:
    secy = make_secy(SUITE)
    with start(path, secy):
        send(secy, 7)
    record = read_record(path)
    assert (record.clean, record.next_pn) == (True, 8)
    secy.enable_transmit(KI)
    assert send(secy, 3) == [], "enabled again behind the file's back, it still sends nothing"
    again = make_secy(SUITE)
    with start(path, again):
        assert send(again, 3) == [8, 9, 10]


def test_a_dirty_end_burns_the_rest_of_the_leap(path: Path) -> None:
    secy = make_secy(SUITE)
    ceiling = PnCeiling.open(path, KI)
    CeilingPump(secy, KI, ceiling, leap=10).install(0)
    send(secy, 3)
    ceiling.close()  # as the kernel does it for a process that is killed
    again = make_secy(SUITE)
    with start(path, again):
        assert send(again, 2) == [11, 12]


def test_an_sa_that_was_retired_makes_the_end_a_dirty_one(path: Path) -> None:
    secy = make_secy(SUITE)
    with start(path, secy) as pump:
        send(secy, 3)
        secy.enable_transmit(KI, False)
        secy.retire(KI)
        with pytest.raises(UsageError, match="no transmit SA"):
            pump.pump()
    assert read_record(path).resume_pn == 11


def test_an_sa_that_could_not_be_made_burns_nothing(path: Path) -> None:
    secy = SecY(SCI, SUITE)  # without the SAK
    pump = CeilingPump(secy, KI, PnCeiling.open(path, KI), leap=10)
    with pump, pytest.raises(UsageError):
        pump.install(0)
    assert read_record(path).resume_pn == 1


@pytest.mark.parametrize(("suite", "space"), [(SUITE, PN_SPACE), (XPN, (1 << 64) - 1)])
def test_the_end_of_the_space_is_key_exhausted(tmp_path: Path, suite: CipherSuite, space: int) -> None:
    """802.1AE-2018 10.5.2. With XPN the SecY's ceiling has 64 bits, so 2^64 - 1 itself is never sent."""
    PnCeiling.create(tmp_path / "pn", KI, suite, next_pn=space - 25).close()
    secy, sent = make_secy(suite), []
    with start(tmp_path / "pn", secy) as pump:
        while len(sent) < 25:
            sent += send(secy, 4)
            if len(sent) < 25:
                pump.pump()
        with pytest.raises(KeyExhausted, match="last packet number"):
            pump.pump()
        assert sent == list(range(space - 25, space))
        assert send(secy, 1) == []
    record = read_record(tmp_path / "pn")
    assert record.ceiling == space
    again = CeilingPump(make_secy(suite), KI, PnCeiling.open(tmp_path / "pn", KI), leap=10)
    with again, pytest.raises(KeyExhausted):
        again.install(0, ssci=Ssci(7) if suite.is_xpn else None)


def test_xpn_goes_across_two_to_the_thirty_two(tmp_path: Path) -> None:
    PnCeiling.create(tmp_path / "pn", KI, XPN, next_pn=PN_SPACE - 3).close()
    secy, sent = make_secy(XPN), []
    with start(tmp_path / "pn", secy) as pump:
        for _ in range(6):
            sent += send(secy, 4)
            pump.pump()
    assert sent == list(range(PN_SPACE - 3, PN_SPACE + 21))
    assert read_record(tmp_path / "pn").next_pn == PN_SPACE + 21


def test_a_file_that_cannot_be_written_stops_the_secy_at_the_old_ceiling(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, octets: bytes) -> int:
        raise OSError(28, "planted")

    secy = make_secy(SUITE)
    with start(path, secy) as pump:
        with monkeypatch.context() as patch:
            patch.setattr("os.write", full)
            assert send(secy, 8) == list(range(1, 9))
            with pytest.raises(KeyStoreError):
                pump.pump()
            assert send(secy, 8) == [9, 10]
        assert pump.pump(), "there is room again"
        assert send(secy, 8) == list(range(11, 19))


def test_wrong_key_wrong_suite_wrong_leap_and_twice(path: Path) -> None:
    with PnCeiling.open(path, KI) as ceiling:
        with pytest.raises(KeyStoreError, match="belongs to the key"):
            CeilingPump(make_secy(SUITE), Ki(bytes(16)), ceiling)
        with pytest.raises(KeyStoreError, match="32-bit PNs"):
            CeilingPump(make_secy(XPN), KI, ceiling)
        with pytest.raises(UsageError, match="leap"):
            CeilingPump(make_secy(SUITE), KI, ceiling, leap=1)
        pump = CeilingPump(make_secy(SUITE), KI, ceiling)
        assert pump.leap == DEFAULT_LEAP[32]
        with pytest.raises(UsageError, match="no transmit SA"):
            pump.pump()
        pump.install(0, enable=False)
        with pytest.raises(UsageError, match="already"):
            pump.install(1)
        pump.close()
    assert read_record(path).resume_pn == 1
