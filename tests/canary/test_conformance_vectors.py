"""Conformance fails, and names the case, when a vector is wrong by one octet.

Every planted fault is in the vector, so it is the product that disagrees; a tool that only parses would pass them all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pysec.cli import main as cli
from pysec.tools.conformance.run import run


@pytest.fixture
def own(repo_root: Path) -> Path:
    return repo_root / "tests" / "data" / "vectors"


def flipped(digits: str, at: int = -1) -> str:
    octets = bytearray.fromhex(digits)
    octets[at] ^= 0x01
    return octets.hex()


def flip(field: str, at: int = -1) -> Callable[[dict[str, Any]], None]:
    def change(vector: dict[str, Any]) -> None:
        vector[field] = flipped(vector[field], at)

    return change


def put(field: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(vector: dict[str, Any]) -> None:
        vector[field] = value

    return change


def frame(change: Callable[[dict[str, Any]], None], at: int) -> Callable[[dict[str, Any]], None]:
    return lambda vector: change(vector["frames"][at])


Fault = tuple[str, int, Callable[[dict[str, Any]], None], str]

FAULTS: list[Fault] = [
    ("macsec_synthetic_frames", 3, flip("secure"), "in-pkts-not-valid"),
    ("macsec_synthetic_frames", 3, flip("secure", 0), "in-pkts-not-valid"),
    ("macsec_synthetic_frames", 3, flip("plain"), "delivered"),
    ("macsec_synthetic_frames", 3, flip("plain", 0), "delivered"),
    ("macsec_synthetic_frames", 3, flip("key"), "in-pkts-not-valid"),
    ("macsec_synthetic_frames", 10, flip("salt"), "in-pkts-not-valid"),
    ("macsec_synthetic_frames", 10, put("ssci", "00000077"), "in-pkts-not-valid"),
    ("macsec_synthetic_frames", 3, put("pn", 77), "PN"),
    ("macsec_synthetic_frames", 3, put("e", 0), "e bit"),
    ("macsec_synthetic_frames", 30, put("conf_offset", 30), "in-pkts-not-valid"),
    ("macsec_vlan_frames", 1, flip("secure"), "in-pkts-not-valid"),
    ("macsec_vlan_frames", 2, flip("plain", 15), "delivered"),
    ("macsec_padded_short_frames", 0, put("unpadded_secure_octets", 45), "protected"),
    ("macsec_padded_short_frames", 0, flip("secure", 40), "in-pkts-not-valid"),
    ("macsec_reject_frames", 0, put("expect_counter_strict", "InPktsNotValid"), "InPktsBadTag"),
    ("macsec_reject_frames", 7, put("expect_counter_strict", "InPktsBadTag"), "kay"),
    ("macsec_reject_frames", 0, put("expect_counter_strict", "none"), "in-pkts-bad-tag"),
    ("macsec_sequences", 0, frame(flip("secure"), 2), "not-valid"),
    ("macsec_sequences", 0, put("expect_by_replay_window", {"0": ["deliver"] * 5}), "late"),
    ("macsec_sequences", 1, frame(flip("plain"), 1), "delivered"),
    ("macsec_sequences", 2, frame(put("pn", 4294967297), 1), "protected"),
    ("xpn_recovery", 1, flip("recovered_pn"), "PN"),
    ("xpn_salt_ssci", 0, flip("salt"), "salt"),
    ("xpn_salt_ssci", 0, put("ssci", {"525400000a010001": 1, "d25400000a010001": 2}), "SSCIs"),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[0]}-{fault[1]}")
def test_canary_a_wrong_vector(own: Path, tmp_path: Path, fault: Fault) -> None:
    name, at, change, says = fault
    values = json.loads((own / f"{name}.json").read_text())
    vector = values["vectors"][at]
    change(vector)
    path = tmp_path / "planted.json"
    path.write_text(json.dumps(values))
    report = run([path])
    (failure,) = report.files[0].failures
    assert failure.id == vector.get("id", f"vectors[{at}]")
    assert says in failure.want + failure.got
    assert failure.want != failure.got
    assert vector.get("key", "no key") not in json.dumps(report.as_dict()) + "\n".join(report.lines())
    assert report.counts["failed"] == 1
    assert report.counts["passed"] == len(values["vectors"]) - 1


@pytest.mark.parametrize(
    ("at", "change"),
    [
        (2, flip("ct")), (2, flip("tag")), (2, flip("tag", 0)), (2, flip("msg")), (4, flip("aad")),
        (2, put("result", "invalid")), (3, put("result", "valid")), (5, put("result", "valid")),
    ],
)  # fmt: skip
def test_canary_wrong_aes_gcm(own: Path, tmp_path: Path, at: int, change: Callable[[dict[str, Any]], None]) -> None:
    values = json.loads((own / "wycheproof_aes_gcm.json").read_text())
    test = values["testGroups"][1]["tests"][at]
    change(test)
    path = tmp_path / "planted.json"
    path.write_text(json.dumps(values))
    assert [failure.id for failure in run([path]).files[0].failures] == [f"tc{test['tcId']}"]


def planted_capture(own: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    values = json.loads((own / "static-rekey.json").read_text())
    shutil.copy(own / "static-rekey.pcap", tmp_path)
    change(values)
    path = tmp_path / "planted.json"
    path.write_text(json.dumps(values))
    return path


CAPTURE_FAULTS: dict[str, tuple[Callable[[dict[str, Any]], None], list[str]]] = {
    "user data": (lambda v: flip("user_data")(v["frames"][4]), ["frame 5"]),
    "packet number": (lambda v: put("pn", 41)(v["frames"][0]), ["frame 1"]),
    "sci": (lambda v: put("sci", "025400000b010001")(v["frames"][0]), ["frame 1"]),
    "digest": (put("pcap_sha256", "00" * 32), ["pcap_sha256"]),
    "a key": (lambda v: flip("key")(v["sas"][3]), [f"frame {n}" for n in (10, 12, 14, 16)]),
    "no key": (lambda v: v["sas"].pop(0), [f"frame {n}" for n in (1, 3, 5, 7)]),
    "first pn": (put("first_pn", 43), [f"frame {n}" for n in range(1, 7)]),
    "a frame too few": (lambda v: v["frames"].pop(), ["packets"]),
    "a frame too many": (lambda v: v["frames"].append(v["frames"][0] | {"n": 17}), ["frame 17", "packets"]),
}


@pytest.mark.parametrize("fault", CAPTURE_FAULTS)
def test_canary_a_wrong_capture(own: Path, tmp_path: Path, fault: str) -> None:
    change, failed = CAPTURE_FAULTS[fault]
    report = run([planted_capture(own, tmp_path, change)])
    assert [failure.id for failure in report.files[0].failures] == failed


def test_canary_the_sas_alone_count(own: Path, tmp_path: Path) -> None:
    """A key that is only noted beside a frame must not open it."""
    values = json.loads((own / "static-rekey.json").read_text())
    noted = {sa["key"] for sa in values["sas"]}

    def hint(v: dict[str, Any]) -> None:
        for entry in v["frames"]:
            entry["sak"] = next(sa["key"] for sa in v["sas"] if (sa["sci"], sa["an"]) == (entry["sci"], entry["an"]))
        for sa in v["sas"]:
            sa["key"] = flipped(sa["key"])

    report = run([planted_capture(own, tmp_path, hint)])
    assert report.counts["failed"] == 16
    text = json.dumps(report.as_dict())
    assert not any(key in text or flipped(key) in text for key in noted)


def test_canary_a_replayed_frame_in_a_capture(own: Path, tmp_path: Path) -> None:
    """One receiver for the whole capture: the second copy of a frame is late."""
    values = json.loads((own / "static-rekey.json").read_text())
    octets = (own / "static-rekey.pcap").read_bytes()
    values["frames"].append(values["frames"][0] | {"n": 17})
    length = int.from_bytes(octets[32:36], "little")
    (tmp_path / "static-rekey.pcap").write_bytes(octets + octets[24 : 40 + length])
    path = tmp_path / "planted.json"
    path.write_text(json.dumps(values))
    failures = {failure.id: failure.got for failure in run([path]).files[0].failures}
    assert failures.keys() == {"pcap_sha256", "frame 17"}
    assert "in-pkts-late" in failures["frame 17"]


def test_canary_the_command_exits_1_and_names_the_case(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "COMMANDS", ("conformance",))
    values = json.loads((own / "macsec_vlan_frames.json").read_text())
    flip("secure")(values["vectors"][1])
    path = tmp_path / "planted.json"
    path.write_text(json.dumps(values))
    assert cli.main(["conformance", str(path)]) == 1
    out = capsys.readouterr().out
    assert f"FAILED {path}: vlan-clear-1" in out
    assert "  want verdict: in-pkts-ok\n  got  verdict: in-pkts-not-valid (icv)\n" in out
    assert out.splitlines()[-1].startswith("FAILED: 3 cases, 2 passed, 1 failed, 0 skipped")
    assert cli.main(["conformance", "--json", str(path)]) == 1
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["ok"] is False
    assert found["files"][0]["failures"][0].keys() == {"id", "want", "got"}
