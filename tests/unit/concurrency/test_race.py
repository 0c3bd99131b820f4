"""Bursts in several threads while keys roll: no data race, no half-made SA, no packet number twice.

Canaries: freeing an SA without waiting for the bursts that use it, and giving packet numbers out without one atomic
step, must each be found.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.canary.objects import REPO
from tests.canary.plant import CSRC, RACES, SANITIZED, compile_program, plant

pytestmark = pytest.mark.slow


def build(tmp_path: Path, csrc: Path, sanitizer: str) -> Path:
    flags = RACES if sanitizer == "thread" else SANITIZED
    program = REPO / "tests" / "c" / "secy_race.c"
    try:
        return compile_program(csrc, program, tmp_path / "race", flags, folders=("base", "gcm", "macsec", "api"))
    except AssertionError as error:
        if "cannot find" not in str(error):
            raise
        pytest.skip(f"this gcc has no {sanitizer} sanitizer")


def run(program: Path) -> subprocess.CompletedProcess[str]:
    # ThreadSanitizer cannot place its shadow memory under some settings of address space randomisation.
    prefix = ["setarch", "-R"] if shutil.which("setarch") else []
    done = subprocess.run([*prefix, str(program)], capture_output=True, text=True, timeout=300, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("ThreadSanitizer does not run in this address space")
    return done


@pytest.mark.parametrize("sanitizer", ["thread", "address"])
def test_workers_and_rollovers(tmp_path: Path, sanitizer: str) -> None:
    done = run(build(tmp_path, CSRC, sanitizer))
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.split()
    figures = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    assert figures["wrong"] == 0
    assert figures["received"] > 0
    assert figures["rollovers"] == 150


def test_canary_no_quiet_point(tmp_path: Path) -> None:
    csrc = plant(tmp_path, "macsec/lane.c", "while (epoch % 2 &&", "while (0 && epoch % 2 &&")
    assert run(build(tmp_path, csrc, "address")).returncode != 0


def test_canary_packet_numbers_not_in_one_step(tmp_path: Path) -> None:
    old = "} while (!atomic_compare_exchange_weak(&sa->next_pn, &next, after));"
    new = "extern int sched_yield(void); sched_yield(); atomic_store(&sa->next_pn, after); } while (0);"
    csrc = plant(tmp_path, "macsec/protect.c", old, new)
    assert run(build(tmp_path, csrc, "thread")).returncode != 0
