"""Published vectors through every implementation: NIST's CAVP and Wycheproof, where the IV has 96 bits and the tag 128.

MACsec has no other IVs and tags (802.1AE-2018 14.5), so this library has none: the rest is counted and left out. CAVP
comes with the package cryptography-vectors; Wycheproof lies in tests/data, a small part of it, and whole beside the
checkout if anywhere. Each vector is sealed, opened, and opened once more with a bit of its tag flipped.
"""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gcm.cases import Cases
from tests.unit.gcm.test_gcm_cases import run_cases

CAVP = ("gcmEncryptExtIV128.rsp", "gcmEncryptExtIV256.rsp", "gcmDecrypt128.rsp", "gcmDecrypt256.rsp")
FIELDS = {"Key", "IV", "CT", "PT", "AAD", "Tag"}


def cavp_folder() -> Path:
    spec = importlib.util.find_spec("cryptography_vectors")
    if spec is None or spec.origin is None:
        pytest.skip("the package cryptography-vectors is not installed")
    return Path(spec.origin).parent / "ciphers/AES/GCM"


def cavp(path: Path) -> Iterator[dict[str, bytes]]:
    """The vectors of a file. One that must be refused has no PT."""
    found: dict[str, bytes] = {}
    for line in path.read_text("ascii").splitlines():
        field, _, value = line.partition(" =")
        if field == "Count" and found:
            yield found
            found = {}
        if field in FIELDS:
            found[field] = bytes.fromhex(value.strip())
    yield found


def write_cavp(cases: Cases, path: Path, counts: Counter[str]) -> None:
    for v in cavp(path):
        if len(v["IV"]) != 12 or len(v["Tag"]) != 16:
            counts["left out"] += 1
            continue
        valid = "PT" in v
        plain = v["PT"] if valid else bytes(len(v["CT"]))
        cases.vector(v["Key"], v["IV"], v["AAD"], plain, result=v["CT"] + v["Tag"], valid=valid)
        counts["valid" if valid else "refused"] += 1


def write_wycheproof(cases: Cases, path: Path, counts: Counter[str]) -> None:
    for group in json.loads(path.read_text("utf-8"))["testGroups"]:
        if group["ivSize"] != 96 or group["tagSize"] != 128 or group["keySize"] == 192:
            counts["left out"] += len(group["tests"])
            continue
        for test in group["tests"]:
            key, iv, aad, plain, cipher, tag = (
                bytes.fromhex(test[f]) for f in ("key", "iv", "aad", "msg", "ct", "tag")
            )
            valid = test["result"] == "valid"
            cases.vector(key, iv, aad, plain, result=cipher + tag, valid=valid)
            counts["valid" if valid else "refused"] += 1


@pytest.mark.parametrize("file", CAVP)
def test_cavp(gcm_cases: Path, name: str, tmp_path: Path, file: str) -> None:
    """Of the 7875 vectors of a file, 375 have an IV of 96 bits and a tag of 128; 7500 are left out."""
    counts: Counter[str] = Counter()
    with (tmp_path / "cases").open("wb") as out:
        write_cavp(Cases(out, 1, pool=0), cavp_folder() / file, counts)
    last = run_cases([gcm_cases, name], tmp_path / "cases")
    assert counts["valid"] + counts["refused"] == 375
    assert (counts["refused"] > 150) == file.startswith("gcmDecrypt")
    assert counts["left out"] == 7500
    assert " 375 messages" in last


@pytest.mark.parametrize("place", ["tests/data", "beside the checkout"])
def test_wycheproof(gcm_cases: Path, name: str, tmp_path: Path, request: pytest.FixtureRequest, place: str) -> None:
    if place == "tests/data":
        path = request.getfixturevalue("repo_root") / "tests/data/vectors/wycheproof_aes_gcm.json"
    else:
        path = request.getfixturevalue("vectors_dir") / "crypto/wycheproof_aes_gcm.json"
    if not path.exists():
        pytest.skip("no Wycheproof vectors of AES-GCM here")
    counts: Counter[str] = Counter()
    with (tmp_path / "cases").open("wb") as out:
        write_wycheproof(Cases(out, 1, pool=0), path, counts)
    last = run_cases([gcm_cases, name], tmp_path / "cases")
    num = counts["valid"] + counts["refused"]
    assert num > 15
    assert counts["refused"] > 0
    assert f" {num} messages" in last
