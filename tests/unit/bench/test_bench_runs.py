"""Every bench runs with --quick and yields sound rows. No test asserts a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import rows
from pysec.types import CipherSuite
from tests.unit.bench.inside import status

REPO = Path(__file__).resolve().parents[3]
CARD = {"cpu", "flags", "kernel", "compiler", "cflags", "python", "commit", "dirty", "date", "impls", "impl_default"}


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A process of its own: a bench pins itself to one CPU."""
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPO, timeout=300)


def results(folder: Path, *arguments: str) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    path = folder / "rows.jsonl"
    ran = bench(*arguments, "--json", str(path))
    assert ran.returncode == 0, ran.stderr
    card, found = rows.read(str(path))
    lines = path.read_text().splitlines()
    assert len(lines) == len(found) + 1
    assert list(json.loads(lines[0])) == ["card"]
    return card, found, ran.stdout


def check(found: list[dict[str, Any]]) -> None:
    for row in found:
        timing = rows.timing(row)
        assert timing["min"] <= timing["p25"] <= timing["median"] <= timing["p75"]
        assert timing["n"] >= 1
        if row.get("frame_octets"):
            assert row["gbit_s"] > 0
            assert row["mpps"] > 0
        if row["provider"] == "pysec-c":
            assert row["cycles_per_octet"] > 0
        if row["provider"].startswith("pysec") and "suite" in row:
            assert row["impl"]
    keys = [tuple(row.get(name) for name in rows.KEY) for row in found]
    assert len(set(keys)) == len(keys), "two rows of one name"


@pytest.fixture(scope="module")
def quick_secy(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    return results(tmp_path_factory.mktemp("bench"), "secy", "--quick")


def test_the_card_says_what_was_measured(quick_secy: tuple[dict[str, Any], list[dict[str, Any]], str]) -> None:
    card, _, _ = quick_secy
    assert set(card) >= CARD
    assert card["impl_default"] in card["impls"]
    assert len(card["pinned_to"]) == 1


def test_secy_has_every_provider_operation_and_suite(
    quick_secy: tuple[dict[str, Any], list[dict[str, Any]], str],
) -> None:
    _, found, table = quick_secy
    check(found)
    providers = {row["provider"] for row in found}
    assert providers >= {"pysec-c", "pysec-python", "pysec-python-bytes", "cryptography-aesgcm"}
    assert {row["op"] for row in found} == {"protect", "validate"}
    assert {row["suite"] for row in found} == {str(suite) for suite in CipherSuite}
    ours = [row for row in found if row["provider"] == "pysec-c" and row["suite"] == "GCM-AES-128"]
    assert {(row["frame_octets"], row["burst"], row["scs"]) for row in ours} == {
        (octets, burst, scs) for octets in (64, 1500) for burst in (1, 32) for scs in (1, 64)
    }
    assert len(table.splitlines()) == len(found) + 1


def test_secy_takes_what_it_is_told(tmp_path: Path) -> None:
    arguments = [
        "--octets",
        "15,60",
        "--burst",
        "256",
        "--scs",
        "4096",
        "--suite",
        "gcm-aes-xpn-256",
        "--op",
        "validate",
    ]
    more = ["--provider", "pysec-c", "--provider", "pysec-python", "--impl", "portable", "--repeats", "2"]
    card, found, _ = results(tmp_path, "secy", "--quick", *arguments, *more)
    assert "portable" in card["impls"]
    check(found)
    assert [(r["provider"], r["frame_octets"], r["scs"], r["impl"], r["ns_per_frame"]["n"]) for r in found] == [
        (provider, octets, 4096, "portable", 2) for octets in (15, 60) for provider in ("pysec-c", "pysec-python")
    ]


def test_boundary(tmp_path: Path) -> None:
    _, found, _ = results(tmp_path, "boundary", "--quick")
    check(found)
    operations = {row["op"] for row in found}
    assert operations >= {"call-empty-burst", "protect", "validate", "arena-add", "arena-fill", "arena-to-list"}
    empty = next(row for row in found if row["op"] == "call-empty-burst")
    assert "ns_per_frame" not in empty
    burst = next(row for row in found if row["op"] == "validate" and row["burst"] == 32)
    per_call, per_frame = burst["ns_per_call"]["median"], burst["ns_per_frame"]["median"]
    assert per_call == pytest.approx(32 * per_frame, rel=1e-3)


@pytest.mark.parametrize(
    "arguments",
    [
        ["secy", "--burst", "3"],
        ["secy", "--scs", "5000"],
        ["secy", "--octets", "14"],
        ["secy", "--impl", "no-such"],
        ["secy", "--suite", "no-such"],
        ["secy", "--cpu", "100000"],
        ["secy", "--quick", "--repeats", "-1"],
        ["compare", "/nonexistent", "/nonexistent"],
        ["no-such-bench"],
    ],
)
def test_bad_usage_is_status_2_and_no_traceback(arguments: list[str]) -> None:
    assert status(arguments) == 2


def test_the_command_says_what_is_wrong_in_one_line_without_a_traceback() -> None:
    ran = bench("secy", "--burst", "3")
    assert ran.returncode == 2
    assert ran.stderr.startswith("bench: ")
    assert ran.stderr.count("\n") == 1
