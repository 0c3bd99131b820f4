"""`python -m bench mka` runs, and says so when something is not as it must be. No test asserts a time."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import mka, mka_carrier, mka_guest, mka_messages, mka_ports, mka_rollover, mka_tables, rows
from bench.__main__ import main
from bench.card import machine_card
from bench.mka_rows import MkaRow
from pysec.errors import InternalError, UsageError
from pysec.lab.traffic import SenderPlant
from tests.unit.bench.inside import as_we_were, status


@pytest.fixture(autouse=True)
def where_we_were() -> Iterator[None]:
    with as_we_were():
        yield


def results(path: Path) -> dict[str, dict[str, Any]]:
    card, found = rows.read(str(path))
    assert card["cpu"]
    assert "skipped" in card
    assert len({row["op"] for row in found}) == len(found)
    return {row["op"]: row for row in found}


def test_quick_measures_messages_and_ports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rows.jsonl"
    arguments = ["--part", "messages", "--part", "ports", "--ports", "4", "--peers", "1,3"]
    assert main(["mka", "--quick", "--json", str(path), *arguments]) == 0
    found = results(path)
    assert set(found) == {
        *("build-1-peers", "take-in-1-peers", "build-3-peers", "take-in-3-peers"),
        *("refuse-bad-icv", "refuse-unknown-ckn", "ports-4"),
    }
    assert found["build-3-peers"]["mkpdu_octets"] - found["build-1-peers"]["mkpdu_octets"] == 2 * 16
    assert all(row["per_s"] > 0 for op, row in found.items() if op != "ports-4")
    ports = found["ports-4"]
    assert ports["ports"] == 4
    assert 0 < ports["cores"] < 1
    assert "rss_octets_per_port" not in ports
    assert "faults" not in ports
    assert "ports-4" in capsys.readouterr().out


@pytest.mark.root
@pytest.mark.slow
def test_carrier_to_first_protected_frame_over_veth(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert main(["mka", "--quick", "--json", str(path), "--part", "carrier"]) == 0
    row = results(path)["carrier"]
    assert row["ns_per_call"]["n"] == 1
    assert row["over"] == "veth"


@pytest.mark.root
@pytest.mark.slow
def test_a_frame_that_goes_round_macsec_is_told() -> None:
    assert mka_carrier.plug_in(plain=True).faults == ["a frame went over the cable in clear"]


def test_without_a_guest_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mka_guest, "find", lambda: "no guest here: make interop makes it")
    path = tmp_path / "rows.jsonl"
    assert mka.run(arguments(path, "guest")) == 0
    assert "carrier-guest: not measured: no guest here: make interop makes it" in capsys.readouterr().err
    assert rows.read(str(path))[0]["skipped"] == {"carrier-guest": "no guest here: make interop makes it"}


def arguments(path: Path, part: str, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    mka.add_parser(parser.add_subparsers())
    return parser.parse_args(["mka", "--quick", "--json", str(path), "--part", part, *more])


@pytest.mark.parametrize(
    "what", ["drop", pytest.param("duplicate", marks=pytest.mark.slow), pytest.param("reorder", marks=pytest.mark.slow)]
)
def test_a_frame_lost_twice_or_late_is_told_and_is_status_1(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pysec.lab.netns.why_unavailable", lambda: "a test")
    path = tmp_path / "rows.jsonl"
    assert mka.run(arguments(path, "rollover"), SenderPlant(what, 100)) == 1
    name = {"drop": "lost", "duplicate": "duplicated", "reorder": "reordered"}[what]
    said = capsys.readouterr().err
    for op, row in results(path).items():
        assert row[name] >= 1
        assert row["over"] == "memory"
        assert f"bench: not as it must be: {op}: {row[name]} frames {name}" in said


@pytest.mark.slow
def test_rollovers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert mka.run(arguments(path, "rollover")) == 0
    found = results(path)
    assert found["rollover"]["rollovers"] >= 1
    assert found["no-rollover"]["rollovers"] == 0
    full = found["full-rollover"]
    assert full["rollovers"] >= 2
    assert full["over"] == "memory"
    assert full["rate_per_s"] > found["rollover"]["rate_per_s"]
    for row in found.values():
        assert row["sent"] == row["received"] > 0
        assert row["lost"] == row["duplicated"] == row["reordered"] == 0


@pytest.mark.slow
def test_ports_that_do_not_listen_are_told() -> None:
    row = mka_ports.measure(4, 1, 0.0, sorted(os.sched_getaffinity(0)), deaf=1)
    assert "3 of 4 ports are secured in the end" in row.faults


def test_a_window_without_enough_hellos_is_told() -> None:
    window = {"cpu_ns": 10, "wall_s": 2.0, "sent": 8, "received": 7, "lost": 1}
    found = {"windows": [window], "secured": 8, "refused": 2, "rss": 80, "come_up_cpu_ns": 1, "came_up_s": 1}
    assert mka_ports._row(8, found).faults == [
        "window 0: 8 MKPDUs sent and 7 received in 2.00 s, there must be one for each of 8 ports",
        "window 0: 1 MKPDUs had no room in a socket",
        "2 MKPDUs were refused",
    ]


def test_memory_is_told_of_many_ports_only() -> None:
    window = {"cpu_ns": 10, "wall_s": 2.0, "sent": 64, "received": 64, "lost": 0}
    found = {"windows": [window], "secured": 64, "refused": 0, "rss": 6400, "come_up_cpu_ns": 1, "came_up_s": 1}
    row = mka_ports._row(64, found)
    assert row.facts["rss_octets_per_port"] == 100
    assert not row.faults
    few = mka_ports._row(63, found)
    assert "rss_octets_per_port" not in few.facts


def test_more_descriptors_than_allowed_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda which: (100, 200))
    assert mka_ports.why_unavailable(10) is None
    assert mka_ports.why_unavailable(100) == "100 ports: 264 descriptors are needed, 200 are allowed (ulimit -Hn)"


def test_what_cannot_be_measured_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pysec.lab.netns.why_unavailable", lambda: "not root")
    path = tmp_path / "rows.jsonl"
    assert mka.run(arguments(path, "carrier")) == 0
    assert "carrier: not measured: not root" in capsys.readouterr().err
    assert json.loads(path.read_text().splitlines()[0])["card"]["skipped"] == {"carrier": "not root"}


def test_parts_measured_one_after_the_other_are_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one machine and commit. The card here is without a commit, as where there is no git, and the tree does not
    become dirty between two runs."""
    monkeypatch.setattr("pysec.lab.netns.why_unavailable", lambda: "not root")
    card = {**machine_card(), "commit": None}
    monkeypatch.setattr("bench.options.machine_card", lambda: {**card, "skipped": {}})
    path = tmp_path / "rows.jsonl"
    assert mka.run(arguments(path, "messages", "--peers", "1")) == 0
    before = results(path)
    assert mka.run(arguments(path, "carrier", "--add")) == 0
    assert results(path) == before
    assert rows.read(str(path))[0]["skipped"] == {"carrier": "not root"}
    assert mka.run(arguments(path, "messages", "--peers", "2", "--add")) == 0
    after = results(path)
    assert set(after) == set(before) | {"build-2-peers", "take-in-2-peers"}
    assert after["build-1-peers"] == before["build-1-peers"]
    assert after["refuse-bad-icv"] != before["refuse-bad-icv"]
    assert rows.read(str(path))[0]["skipped"] == {"carrier": "not root"}
    monkeypatch.setattr("bench.options.machine_card", lambda: {**card, "commit": "another"})
    with pytest.raises(UsageError, match="differs in commit"):
        mka.run(arguments(path, "carrier", "--add"))


def test_members_that_fall_silent_end_the_bench() -> None:
    build, *_ = mka_messages.cases(1, os.urandom)
    assert isinstance(build.row, MkaRow)
    with pytest.raises(InternalError, match="must be 2"):
        mka_messages._refuse(build.row, 1, 2)


def test_a_pair_that_does_not_agree_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pysec.lab.netns.why_unavailable", lambda: "a test")
    monkeypatch.setattr(mka_rollover, "WAIT_S", 0.0)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(Exception, match="no key after"):
        mka_rollover.Pair()
    assert set(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize("wrong", [["--ports", "0"], ["--peers", "61"], ["--ports", "x"], ["--part", "none"]])
def test_bad_usage_is_status_2(wrong: list[str]) -> None:
    assert status(["mka", "--quick", *wrong]) == 2


def test_a_link_that_takes_seconds_is_told_in_whole_milliseconds() -> None:
    spans = {"median": 3.3476e9, "p25": 9.5e8, "p75": 5.984e6, "n": 11}
    row = {"bench": "mka", "op": "carrier-guest-client", "over": "tap", "ns_per_call": spans, "slowest_ms": 3984.6}
    assert mka_tables.carrier({}, [row]).endswith("| tap | 11 | 3,348 (950-5.98) | 3,985 |")
