"""`pysec lab chaos` tells what it did and what held, and says so when something did not."""

from __future__ import annotations

import json

import pytest

from pysec.cli.main import main
from pysec.lab import chaos
from pysec.lab.chaos import CLAIMS, ChaosOptions
from pysec.lab.sim.referee import Referee, Violation


def test_a_seed_is_told_and_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "chaos", "--seed", "7"]) == 0
    text = capsys.readouterr().out
    assert "INJECTED" in text
    assert "HEALED" in text
    assert "claims, all held." in text


def test_json_is_the_last_line_and_has_every_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "chaos", "--seed", "7", "--members", "3", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert said["ok"] is True
    assert said["seed"] == 7
    assert said["faults"]
    assert {check["id"] for check in said["checks"]} == set(CLAIMS)


def test_canary_a_claim_that_does_not_hold_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Referee, *args: object) -> None:
        raise Violation("pn-reused", "planted")

    monkeypatch.setattr(Referee, "sent", broken)
    lines: list[str] = []
    result = chaos.run(ChaosOptions(seed=7), lines.append)
    assert not result.ok
    assert [check.id for check in result.checks if not check.ok] == ["pn-reused"]
    assert "not-secured" not in {check.id for check in result.checks}
    assert any("FAILED" in line and "planted" in line for line in lines)


def test_a_number_of_members_that_cannot_be() -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["lab", "chaos", "--members", "13"])
    assert stopped.value.code == 2
