"""Bursts in several threads while keys roll: no data race, no half-made SA, no packet number twice.

Canaries: freeing an SA without waiting for the bursts that use it, and giving packet numbers out without one atomic
step, must each be found.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.slow
SOURCES = ("macsec", "gcm", "base", "api")


def build(tmp_path: Path, csrc: Path, sanitizer: str) -> Path:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("no gcc")
    machine_files = "arm64" if subprocess.check_output(["uname", "-m"], text=True).strip() == "x86_64" else "x86"
    files = [
        str(p) for part in SOURCES for p in sorted((csrc / part).glob("*.c")) if not p.stem.startswith(machine_files)
    ]
    out = tmp_path / f"race-{sanitizer}"
    command = [gcc, "-std=gnu11", "-O1", "-g", f"-fsanitize={sanitizer}", "-I", str(csrc), "-pthread", "-o", str(out)]
    done = subprocess.run(
        [*command, str(ROOT / "tests/c/secy_race.c"), *files], capture_output=True, text=True, check=False
    )
    if done.returncode and "cannot find" in done.stderr:
        pytest.skip(f"this gcc has no {sanitizer} sanitizer")
    assert done.returncode == 0, done.stderr
    return out


def run(program: Path) -> subprocess.CompletedProcess[str]:
    # ThreadSanitizer cannot place its shadow memory under some settings of address space randomisation.
    prefix = ["setarch", "-R"] if shutil.which("setarch") else []
    done = subprocess.run([*prefix, str(program)], capture_output=True, text=True, timeout=300, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("ThreadSanitizer does not run in this address space")
    return done


def planted(tmp_path: Path, file: str, old: str, new: str) -> Path:
    csrc = tmp_path / "csrc"
    shutil.copytree(ROOT / "csrc", csrc)
    path = csrc / file
    text = path.read_text()
    assert old in text, f"the text to plant the fault in is gone from {file}"
    path.write_text(text.replace(old, new))
    return csrc


@pytest.mark.parametrize("sanitizer", ["thread", "address"])
def test_workers_and_rollovers(tmp_path: Path, sanitizer: str) -> None:
    done = run(build(tmp_path, ROOT / "csrc", sanitizer))
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.split()
    figures = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    assert figures["wrong"] == 0
    assert figures["received"] > 0
    assert figures["rollovers"] == 150


def test_canary_no_quiet_point(tmp_path: Path) -> None:
    csrc = planted(tmp_path, "macsec/lane.c", "while (epoch % 2 &&", "while (0 && epoch % 2 &&")
    assert run(build(tmp_path, csrc, "address")).returncode != 0


def test_canary_packet_numbers_not_in_one_step(tmp_path: Path) -> None:
    old = "} while (!atomic_compare_exchange_weak(&sa->next_pn, &next, after));"
    new = "extern int sched_yield(void); sched_yield(); atomic_store(&sa->next_pn, after); } while (0);"
    csrc = planted(tmp_path, "macsec/protect.c", old, new)
    assert run(build(tmp_path, csrc, "thread")).returncode != 0
