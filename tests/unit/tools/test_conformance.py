"""`pysec conformance`: our own vectors hold both ways, the report says so, and what is no vector file is not taken
for one. The shared vectors are run where they are there.

xpn_recovery runs the rule of 802.1AE-2018 10.6.2; captures have SAs by key identifier (802.1AE-2018 10.7.28).
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from pysec.dataplane import default_gcm
from tests.data import make_vectors
from tests.unit.tools import captures as c
from tests.unit.tools.conftest import Done, Run

COUNTS = {
    "macsec_padded_short_frames.json": (4, 0),
    "macsec_reject_frames.json": (40, 0),
    "macsec_sequences.json": (3, 0),
    "macsec_synthetic_frames.json": (32, 0),
    "macsec_vlan_frames.json": (3, 0),
    "mka-psk.json": (19, 0),
    "mka-rekey.json": (10, 5),
    "mka_kdf_8021x_annex_g.json": (19, 0),
    "mkpdu_parse_only.json": (1, 0),
    "mkpdu_real.json": (4, 0),
    "static-nosci.json": (8, 0),
    "static-rekey.json": (16, 0),
    "wycheproof_aes_cmac.json": (20, 0),
    "wycheproof_aes_gcm.json": (20, 1),
    "wycheproof_aes_wrap.json": (12, 0),
    "xpn_recovery.json": (5, 0),
    "xpn_salt_ssci.json": (1, 0),
}


def report(done: Done) -> dict[str, object]:
    assert done.err == ""
    found: dict[str, object] = json.loads(done.out.splitlines()[-1])
    return found


def test_our_vectors_are_those_that_their_generator_makes(own_vectors: Path, tmp_path: Path) -> None:
    make_vectors.main(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in own_vectors.iterdir()}


@pytest.mark.parametrize("impl", ["portable", None])
def test_our_vectors_hold(pysec: Run, own_vectors: Path, impl: str | None) -> None:
    options = ["--impl", impl] if impl else []
    done = pysec("conformance", own_vectors, "--json", *options)
    assert done.status == 0
    found = report(done)
    assert found["ok"] is True
    assert found["impl"] == impl or default_gcm()
    files = {Path(f["file"]).name: f for f in found["files"]}
    assert {name: (f["passed"], f["skipped"]) for name, f in files.items()} == COUNTS
    assert all(f["failed"] == 0 and f["failures"] == [] for f in files.values())
    assert all(f["cases"] == f["passed"] + f["skipped"] for f in files.values())
    passed, skipped = (sum(n[i] for n in COUNTS.values()) for i in (0, 1))
    assert (found["cases"], found["passed"], found["failed"], found["skipped"]) == (
        passed + skipped,
        passed,
        0,
        skipped,
    )
    assert [check["id"] for check in found["checks"]] == [f["file"] for f in found["files"]]
    assert all(check["ok"] for check in found["checks"])
    assert found["formats"]["pysec-vectors/macsec_capture/1"]["passed"] == 53


def test_the_text_is_for_people(pysec: Run, own_vectors: Path) -> None:
    done = pysec("conformance", own_vectors / "xpn_recovery.json", own_vectors / "mka-rekey.json")
    assert done.status == 0
    head, *rows, skipped, last = done.out.splitlines()
    assert head.split() == ["file", "cases", "passed", "failed", "skipped", "format"]
    assert rows[0].split()[1:] == ["5", "5", "0", "0", "pysec-vectors/xpn_recovery/1"]
    assert rows[1].split()[1:] == ["15", "10", "0", "5", "pysec-vectors/macsec_capture/1"]
    assert skipped.startswith("skipped 5: MKPDU")
    assert last == f"ok: 20 cases, 15 passed, 0 failed, 5 skipped; AES-GCM by {default_gcm()}"


def test_nothing_that_could_be_tried(pysec: Run, own_vectors: Path, tmp_path: Path) -> None:
    values = json.loads((own_vectors / "mka-rekey.json").read_text())
    shutil.copy(own_vectors / "mka-rekey.pcap", tmp_path)
    values["frames"] = [frame if frame["kind"] == "mkpdu" else frame | {"kind": "other"} for frame in values["frames"]]
    done = pysec("conformance", c.write_json(tmp_path / "a.json", values))
    assert done.status == 77
    assert "15 cases, 0 passed, 0 failed, 15 skipped" in done.out
    assert "skipped 5: MKPDU: the CAK is not given" in done.out


def test_an_unknown_format_is_a_failure(pysec: Run, own_vectors: Path, tmp_path: Path) -> None:
    path = c.write_json(tmp_path / "a.json", {"format": "pysec-vectors/macsec_anex_c_frames/1", "vectors": [{}]})
    done = pysec("conformance", path, own_vectors / "xpn_recovery.json", "--json")
    assert done.status == 1
    found = report(done)
    assert found["ok"] is False
    (failure,) = found["files"][0]["failures"]
    assert failure["id"] == "format"
    assert failure["got"] == "pysec-vectors/macsec_anex_c_frames/1"
    assert [check["ok"] for check in found["checks"]] == [False, True]


def test_a_folder_is_read_to_any_depth_and_holds_other_things(pysec: Run, own_vectors: Path, tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    shutil.copy(own_vectors / "xpn_recovery.json", deep)
    (tmp_path / "README.md").write_text("text")
    (tmp_path / "a" / "not.json").write_text("text")
    c.write_json(tmp_path / "keys.json", {"cak": c.KEY})
    c.write_json(tmp_path / "list.json", [1])
    done = pysec("conformance", tmp_path, "--json")
    assert done.status == 0
    found = report(done)
    assert [f["file"] for f in found["files"]] == [str(deep / "xpn_recovery.json")]
    assert {(Path(i["file"]).name, i["why"]) for i in found["passed_over"]} == {
        ("not.json", "not JSON"),
        ("keys.json", "no format"),
        ("list.json", "no format"),
    }
    assert "passed over 3 JSON files" in pysec("conformance", tmp_path).out


def test_a_file_too_long_is_passed_over_unless_it_is_one_of_ours(
    pysec: Run, own_vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(own_vectors / "xpn_recovery.json", tmp_path)
    limit = (tmp_path / "xpn_recovery.json").stat().st_size
    monkeypatch.setattr("pysec.tools.fields.JSON_LIMIT", limit)
    (tmp_path / "theirs.json").write_text("[" + " " * limit + "]")
    done = pysec("conformance", tmp_path)
    assert done.status == 0
    assert "passed over 1 JSON file" in done.out
    (tmp_path / "ours.json").write_text('{"format": "pysec-vectors/xpn_recovery/1"' + " " * limit + "}")
    assert "too long" in refused(pysec("conformance", tmp_path))


def test_a_damaged_vector_file_in_a_folder_is_not_passed_over(pysec: Run, own_vectors: Path, tmp_path: Path) -> None:
    octets = (own_vectors / "xpn_recovery.json").read_bytes()
    (tmp_path / "cut.json").write_bytes(octets[:-20])
    shutil.copy(own_vectors / "xpn_salt_ssci.json", tmp_path)
    done = pysec("conformance", tmp_path)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"pysec: {tmp_path / 'cut.json'}: not JSON")


def refused(done: Done) -> str:
    assert (done.status, done.out) == (2, ""), done
    assert done.err.count("\n") == 1
    assert done.err.startswith("pysec: ")
    return done.err


def test_bad_paths(pysec: Run, own_vectors: Path, tmp_path: Path) -> None:
    good = own_vectors / "xpn_recovery.json"
    assert "no such file" in refused(pysec("conformance", good, tmp_path / "none.json"))
    assert "no vector file" in refused(pysec("conformance", tmp_path))
    text = tmp_path / "text.json"
    text.write_text("text")
    assert "not JSON" in refused(pysec("conformance", text))
    assert "format: missing" in refused(pysec("conformance", c.write_json(tmp_path / "x.json", {"vectors": []})))
    assert "not a JSON object" in refused(pysec("conformance", c.write_json(tmp_path / "y.json", [])))
    assert "usable here are" in refused(pysec("conformance", good, "--impl", "none"))


def changed(own_vectors: Path, tmp_path: Path, name: str, **changes: object) -> Path:
    """A vector file whose first vector is changed."""
    values = json.loads((own_vectors / name).read_text())
    first = values["vectors"][0] if "vectors" in values else values["testGroups"][0]["tests"][0]
    for field, value in changes.items():
        first[field] = value
        if value is None:
            del first[field]
    return c.write_json(tmp_path / name, values)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("mka_kdf_8021x_annex_g.json", {"kind": "sck"}),
        ("mka_kdf_8021x_annex_g.json", {"key": "00" * 17}),
        ("mka_kdf_8021x_annex_g.json", {"out": None}),
        ("mkpdu_real.json", {"cak": "00" * 15}),
        ("mkpdu_real.json", {"ckn": ""}),
        ("mkpdu_real.json", {"mka_version": "1"}),
        ("mkpdu_parse_only.json", {"ckn": "0"}),
        ("wycheproof_aes_cmac.json", {"key": "00"}),
        ("wycheproof_aes_wrap.json", {"result": "perhaps"}),
        ("macsec_synthetic_frames.json", {"key": None}),
        ("macsec_synthetic_frames.json", {"key": "00" * 15}),
        ("macsec_synthetic_frames.json", {"key": 7}),
        ("macsec_synthetic_frames.json", {"suite": "GCM-AES-512"}),
        ("macsec_synthetic_frames.json", {"secure": "0"}),
        ("macsec_synthetic_frames.json", {"secure": "00" * 40}),
        ("macsec_synthetic_frames.json", {"an": 4}),
        ("macsec_synthetic_frames.json", {"pn": 0}),
        ("macsec_synthetic_frames.json", {"conf_offset": 31}),
        ("macsec_synthetic_frames.json", {"sci": "ff" * 8}),
        ("macsec_vlan_frames.json", {"clear_tag_octets": 3}),
        ("macsec_vlan_frames.json", {"clear_tag_octets": 4}),
        ("macsec_reject_frames.json", {"expect_counter_strict": None}),
        ("macsec_sequences.json", {"frames": []}),
        ("macsec_sequences.json", {"expect_by_replay_window": {}}),
        ("macsec_sequences.json", {"expect_by_replay_window": {"0": ["deliver"]}}),
        ("macsec_sequences.json", {"expect_by_replay_window": {"x": ["deliver"] * 5}}),
        ("wycheproof_aes_gcm.json", {"iv": "00"}),
        ("wycheproof_aes_gcm.json", {"result": "perhaps"}),
        ("xpn_recovery.json", {"pn_field": "00"}),
        ("xpn_salt_ssci.json", {"kn": -1}),
        ("xpn_salt_ssci.json", {"ssci": {"52": 1}}),
    ],
)
def test_a_malformed_vector_is_one_line(
    pysec: Run, own_vectors: Path, tmp_path: Path, name: str, changes: dict[str, object]
) -> None:
    path = changed(own_vectors, tmp_path, name, **changes)
    message = refused(pysec("conformance", path))
    assert message.startswith(f"pysec: {path}: ")
    key = json.loads(path.read_text()).get("vectors", [{}])[0].get("key")
    assert not isinstance(key, str) or key not in message


@pytest.mark.parametrize("damage", ["missing", "elsewhere", "cut"])
def test_a_capture_that_cannot_be_read_is_bad_input(pysec: Run, own_vectors: Path, tmp_path: Path, damage: str) -> None:
    values = json.loads((own_vectors / "static-nosci.json").read_text())
    if damage == "elsewhere":
        values["pcap"] = "../static-nosci.pcap"
    if damage == "cut":
        (tmp_path / "static-nosci.pcap").write_bytes((own_vectors / "static-nosci.pcap").read_bytes()[:-1])
    refused(pysec("conformance", c.write_json(tmp_path / "x.json", values)))


def test_the_shared_vectors_hold(pysec: Run, vectors_dir: Path) -> None:
    static = sorted((vectors_dir / "interop").glob("static-*.json"))
    assert static
    folders = [vectors_dir / name for name in ("macsec", "mka", "crypto")]
    found = report(pysec("conformance", *folders, *static, "--json"))
    assert found["ok"] is True
    assert len({f["format"] for f in found["files"]}) == 15
    skips = sum((Counter(f["skips"]) for f in found["files"]), Counter())
    assert skips == {"acceptable either way": 1}


def test_captures_of_mka_hold(pysec: Run, vectors_dir: Path) -> None:
    """Every MKPDU, derived key, wrapped SAK and protected frame of real peers; the keys come out of the MKPDUs."""
    captures = sorted((vectors_dir / "interop").glob("mka-*.json"))
    found = report(pysec("conformance", *captures, "--json"))
    assert found["ok"] is True
    kinds = Counter(frame["kind"] for path in captures for frame in json.loads(path.read_text())["frames"])
    keys = sum(3 if "eap" in json.loads(path.read_text()) else 2 for path in captures)
    assert found["passed"] == kinds["mkpdu"] + kinds["macsec"] + keys > 250
    assert found["skipped"] == kinds["eapol"]


def test_a_key_file_of_a_real_capture_opens_it(pysec: Run, vectors_dir: Path, tmp_path: Path) -> None:
    for path in sorted((vectors_dir / "interop").glob("*.json")):
        values = json.loads(path.read_text())
        if not (values.get("sas") or values.get("saks")):
            continue
        out = tmp_path / path.with_suffix(".pcap").name
        done = pysec("pcap", "validate", path.with_suffix(".pcap"), "--keys", path, out, "--json")
        assert done.status == 0, path
        assert json.loads(done.out)["verdicts"]["in-pkts-ok"] == values["counts"]["macsec"]
