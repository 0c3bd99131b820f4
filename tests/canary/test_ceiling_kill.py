"""Canary of tests/unit/sa/test_kill.py: the loop of kills must find a ceiling that is written wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from pysec.sa import CeilingPump, CeilingRecord
from pysec.types import CipherSuite
from tests.unit.sa.kill_loop import LEAP, Report, run

SEED = 802_1


class WrittenAfterUse(CeilingPump):
    """The fault: the SecY gets its leap first, and the file hears of it when it has been used."""

    def pump(self) -> bool:
        next_pn = self._next_pn()
        self._secy.set_pn_ceiling(self._ki, next_pn + LEAP)
        while self._ceiling.ceiling + LEAP <= next_pn:
            self._ceiling.reserve(LEAP)
        return True


def test_a_ceiling_written_after_use_is_caught(tmp_path: Path) -> None:
    report = run(tmp_path, CipherSuite.GCM_AES_128, 8, pump_type=WrittenAfterUse, seed=SEED)
    assert report.reused > 0


def test_resuming_at_the_recorded_next_pn_after_a_dirty_end_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CeilingRecord, "resume_pn", property(lambda record: record.next_pn))
    report = run(tmp_path, CipherSuite.GCM_AES_128, 8, seed=SEED)
    assert report.reused > 0


def test_the_loop_counts_overlaps_exactly() -> None:
    assert Report(0, [(1, 10), (11, 20)]).reused == 0
    assert Report(0, [(1, 10), (10, 20)]).reused == 1
    assert Report(0, [(1, 100), (5, 20), (30, 40)]).reused == 27
