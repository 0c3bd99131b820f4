"""A process that is killed at any moment never makes its successor send a packet number again (SP 800-38D 8.2.1).

20 lives in every run of the tests; `make soak` runs 1,000 (PYSEC_SOAK_KILLS). The canary of this proof is
tests/canary/test_ceiling_kill.py.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pysec.sa import PnCeiling
from pysec.types import PN_SPACE, CipherSuite
from tests.unit.sa.kill_loop import KI, run

KINDS = pytest.mark.parametrize(
    ("suite", "first_pn"),
    [
        pytest.param(CipherSuite.GCM_AES_128, 1, id="32-bit"),
        pytest.param(CipherSuite.GCM_AES_XPN_256, PN_SPACE - 500, id="xpn-across-2^32"),
    ],
)


def prove(folder: Path, suite: CipherSuite, first_pn: int, rounds: int) -> None:
    report = run(folder, suite, rounds, first_pn=first_pn)
    print(f"seed {report.seed}: {report.lives} lives, of which {len(report.intervals)} sent {report.sent} frames")
    assert report.lives == rounds
    assert report.reused == 0, f"seed {report.seed}"
    # Not by sending nothing: three quarters of all lives were awaited, nine tenths of these beyond their first leap.
    assert len(report.intervals) >= rounds // 4
    assert report.pumped >= rounds // 8
    with PnCeiling.open(folder / "ceiling", KI) as ceiling:
        assert not ceiling.was_clean
        assert ceiling.next_pn > max(last for _, last in report.intervals)


@pytest.mark.slow
@KINDS
def test_no_packet_number_is_sent_twice_across_sigkill(tmp_path: Path, suite: CipherSuite, first_pn: int) -> None:
    prove(tmp_path, suite, first_pn, 20)


@pytest.mark.soak
@KINDS
def test_nor_across_a_thousand(tmp_path: Path, suite: CipherSuite, first_pn: int) -> None:
    rounds = int(os.environ.get("PYSEC_SOAK_KILLS", "0"))
    if not rounds:
        pytest.skip("make soak runs it")
    prove(tmp_path, suite, first_pn, rounds)
