"""`pysec lab wire`: every claim holds, in both modes, and the output is what programs and people were promised."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from pysec import DriverError
from pysec.cli.main import main
from pysec.lab.accounts import Sum
from pysec.lab.agreement import Agreement
from pysec.lab.report import Story
from pysec.lab.wire import WireOptions, WireResult, run
from pysec.sa.plan import SakMaterial

ROOT = Path(__file__).resolve().parents[3]
# At this rate the promised one is missed, on purpose: how fast a test runs is not what it tests.
RATE = 3000
SECONDS = 0.4
CLAIMS = {
    "mka-secured", "ping", "wire-unreadable", "wire-opens-with-key", "tampered-refused", "replay-refused", "rollover",
    "traffic-whole", "traffic-rate", "ping-after", "counters-a-to-b", "counters-b-to-a", "no-drops", "nothing-left",
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """One run of the scenario: what it gave, what it printed, the keys it made, and the descriptors around it."""

    memory: bool
    result: WireResult
    text: str
    random_octets: list[bytes]
    left: set[str]


@pytest.fixture(scope="module", params=[True, pytest.param(False, marks=pytest.mark.root)], ids=["memory", "root"])
def told(request: pytest.FixtureRequest) -> Told:
    """The scenario, told once in each mode."""
    lines: list[str] = []
    made: list[bytes] = []
    true = secrets.token_bytes
    note_sak = Agreement._note_sak

    def noted(octets: int) -> bytes:
        made.append(true(octets))
        return made[-1]

    def note(self: Agreement, sak: SakMaterial) -> None:
        made.append(bytes(sak.sak.reveal()))
        note_sak(self, sak)

    before = set(os.listdir("/proc/self/fd"))
    with mock.patch("secrets.token_bytes", noted), mock.patch.object(Agreement, "_note_sak", note):
        result = run(WireOptions(seconds=SECONDS, rate=RATE, memory=request.param), lines.append)
    left = set(os.listdir("/proc/self/fd")) - before
    return Told(request.param, result, "\n".join(lines), [each for each in made if len(each) == 16], left)


def test_every_claim_holds(told: Told) -> None:
    result = told.result
    failed = {check.id: check.detail for check in result.checks if not check.ok}
    assert failed.pop("traffic-rate", None) is not None, "a rate below the promised one must not pass"
    assert failed == {}
    assert {check.id for check in result.checks} == CLAIMS
    assert result.mode == ("memory" if told.memory else "namespaces")
    assert not result.ok
    assert result.traffic["sent"] == result.traffic["received"] > 0
    assert told.text.count("FAILED") == 1
    assert ("No namespaces here (asked for)" in told.text) == told.memory
    assert told.left == set()


def test_the_counters_are_those_that_the_text_gives(told: Told) -> None:
    a, b = told.result.counters["A"], told.result.counters["B"]
    assert a["out-pkts-encrypted"] == b["in-pkts-ok"] > told.result.traffic["sent"]
    assert (b["in-pkts-not-valid"], b["in-pkts-late"]) == (1, 1)
    assert b["out-pkts-encrypted"] == a["in-pkts-ok"]
    rows = [line.split() for line in told.text.splitlines()]
    assert ["A", "encrypted", str(a["out-pkts-encrypted"]), "out-pkts-encrypted"] in rows
    assert ["B", "accepted", str(b["in-pkts-ok"]), "in-pkts-ok"] in rows


def test_no_key_is_told(told: Told) -> None:
    everything = told.text + json.dumps(told.result.as_json())
    assert len(told.random_octets) >= 4  # the CAK, nonces, and two SAKs at each end
    for octets in told.random_octets:
        assert octets.hex() not in everything
        assert octets.hex(" ") not in everything


def test_no_line_is_too_wide_for_a_terminal(told: Told) -> None:
    assert max(map(len, told.text.splitlines())) <= 110


def test_a_system_that_refuses_gets_the_memory_link() -> None:
    error = DriverError("unshare: Operation not permitted")
    with (
        mock.patch("pysec.lab.wire.why_unavailable", return_value=None),
        mock.patch("pysec.lab.hosts.NetNs", mock.Mock(side_effect=error)),
    ):
        result = run(WireOptions(seconds=0.2, rate=RATE), lambda line: None)
    assert (result.mode, result.why_memory) == ("memory", str(error))
    assert {check.id for check in result.checks if not check.ok} == {"traffic-rate"}


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`pysec lab ...` as a process."""
    return subprocess.run(
        [sys.executable, "-m", "pysec.cli.main", "lab", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_json_is_one_object_on_the_last_line() -> None:
    done = command("wire", "--memory", "--json", "--seconds", str(SECONDS), "--rate", str(RATE))
    found = json.loads(done.stdout.splitlines()[-1])
    assert done.stderr == ""
    assert done.returncode == (0 if found["ok"] else 1) == 1
    assert {"ok", "mode", "why_memory", "checks", "counters"} <= set(found)
    assert {check["id"] for check in found["checks"]} == CLAIMS
    assert all(set(check) == {"id", "ok", "detail"} for check in found["checks"])
    wanted = {"sent", "received", "lost", "duplicated", "reordered", "longest_gap_ms", "rate_per_s"}
    assert wanted <= set(found)
    assert found["why_memory"] == "asked for"


@pytest.mark.slow
def test_text_ends_with_what_failed() -> None:
    done = command("wire", "--memory", "--seconds", str(SECONDS), "--rate", str(RATE))
    assert done.stdout.splitlines()[-1] == "FAILED: traffic-rate"
    assert done.returncode == 1


@pytest.mark.parametrize(
    "arguments", [["wire", "--seconds", "x"], ["wire", "--seconds", "0"], ["wire", "--rate", "1"], [], ["none"]]
)
def test_bad_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lab", *arguments])
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "list"]) == 0
    assert capsys.readouterr().out.startswith("wire  ")
    assert main(["lab", "list", "--json"]) == 0
    assert "wire" in json.loads(capsys.readouterr().out)["scenarios"]


def test_a_sum_that_does_not_hold_says_so() -> None:
    assert str(Sum("sent", 5, "received", 5)) == "sent 5 = received 5"
    assert str(Sum("sent", 5, "received", 4)) == "sent 5 is not received 4"


def test_a_story_without_claims_did_not_hold() -> None:
    lines: list[str] = []
    story = Story(lines.append)
    assert not story.ok
    story.check("one", True, "It holds.")
    assert story.ok
    story.check("two", False, "It does not.")
    assert not story.ok
    assert lines == ["  ok     It holds.", "  FAILED It does not."]
