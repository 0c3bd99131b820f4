"""`pysec selftest`: what it says, and that each kind of fault makes it fail."""

from __future__ import annotations

import json
import platform
from dataclasses import replace

import pytest

from pysec.dataplane import GcmInfo, SecY, Verdict, gcm_implementations
from pysec.tools.selftest import KNOWN_FRAMES, selftest
from tests.unit.tools.conftest import Run


def test_everything_holds(pysec: Run) -> None:
    done = pysec("selftest", "--json")
    assert (done.status, done.err) == (0, "")
    found = json.loads(done.out.splitlines()[-1])
    assert found["ok"] is True
    infos = gcm_implementations()
    assert [i["name"] for i in found["implementations"]] == [i.name for i in infos]
    usable = [i for i in infos if i.why_not is None]
    assert found["gcm"] == max(usable, key=lambda i: i.priority).name
    assert f"the highest of {len(usable)}" in found["why"]
    assert len(found["checks"]) == len(infos) + len(usable) * len(KNOWN_FRAMES)
    assert all(set(check) == {"id", "ok", "detail"} and check["ok"] for check in found["checks"])


def test_the_text(pysec: Run) -> None:
    done = pysec("selftest")
    assert done.status == 0
    assert done.out.startswith("AES-GCM on this machine: ")
    assert "ok     gcm/portable: " in done.out
    assert done.out.splitlines()[-1].startswith("ok: ")
    for known in KNOWN_FRAMES:
        assert known.key.hex() not in done.out


def test_an_implementation_asked_for_by_environment(pysec: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSEC_GCM", "portable")
    assert "AES-GCM on this machine: portable (PYSEC_GCM asks for it)" in pysec("selftest").out


def test_all_four_suites_are_tried() -> None:
    assert len({known.suite for known in KNOWN_FRAMES}) == 4


def test_an_implementation_that_is_not_here_is_no_failure() -> None:
    absent = GcmInfo("vector9", "AES instructions", "not this CPU", 200, 0, 0)
    found = selftest(lambda: [*gcm_implementations(), absent])
    assert found.ok
    assert any(check.id == "gcm/vector9" and "not this CPU" in check.detail for check in found.checks)


@pytest.mark.skipif(platform.machine() == "aarch64", reason="this build has it")
def test_what_is_for_another_cpu_is_shown_with_the_reason(pysec: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ok     gcm/arm64: not used here: not in this build (for ARMv8-A" in pysec("selftest").out
    monkeypatch.setenv("PYSEC_GCM", "arm64")
    done = pysec("selftest")
    assert done.status == 2
    assert "'arm64' (from PYSEC_GCM): not in this build" in done.err


@pytest.mark.parametrize("fault", [{"num_failed": 1}, {"num_tests": 0}, {"num_failed": 2, "why_not": "failed"}])
def test_canary_known_answers(fault: dict[str, object]) -> None:
    infos = gcm_implementations()
    infos[0] = replace(infos[0], **fault)
    found = selftest(lambda: infos)
    assert not found.ok
    assert [check.id for check in found.checks if not check.ok] == [f"gcm/{infos[0].name}"]
    assert found.lines()[-1].startswith("FAILED: 1 of ")


class Forged(SecY):
    """Takes everything for good."""

    def validate_frame(self, frame: bytes) -> tuple[Verdict, bytes | None]:
        return Verdict.IN_OK, super().validate_frame(frame)[1]


class Changed(SecY):
    """Makes a wrong ICV."""

    def protect_frame(self, frame: bytes) -> bytes:
        made = super().protect_frame(frame)
        return made[:-1] + bytes([made[-1] ^ 1])


class Dropping(SecY):
    """Delivers nothing."""

    def validate_frame(self, frame: bytes) -> tuple[Verdict, bytes | None]:
        return super().validate_frame(frame)[0], None


@pytest.mark.parametrize("fault", [Forged, Changed, Dropping])
def test_canary_a_faulty_secy(fault: type[SecY], pysec: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = selftest(make=fault)
    assert {check.ok for check in found.checks if check.id.startswith("secy/")} == {False}
    monkeypatch.setattr("pysec.cli.selftest.selftest", lambda: found)
    done = pysec("selftest")
    assert done.status == 1
    assert "FAILED secy/portable/GCM-AES-128" in done.out
