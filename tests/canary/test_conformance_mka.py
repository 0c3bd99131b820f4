"""Conformance fails, and names the case, when a vector of MKA is wrong by one octet, and when the product is faulty.

802.1X-2020 9.4.1, 9.8.2 and 11.11.3 are what the planted faults break.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pysec.errors import InvalidIcv
from pysec.mka.aes import MacKey, WrapKey
from pysec.mka.kdf import kdf
from pysec.mka.keys import Cak
from pysec.secret import Secret
from pysec.tools.conformance.product import Product
from pysec.tools.conformance.report import Report
from pysec.tools.conformance.run import run
from pysec.wire import mkpdu

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def own(repo_root: Path) -> Path:
    return repo_root / "tests" / "data" / "vectors"


def flip(field: str, at: int = -1) -> Change:
    def change(values: dict[str, Any]) -> None:
        octets = bytearray.fromhex(values[field])
        octets[at] ^= 0x01
        values[field] = octets.hex()

    return change


def put(field: str, value: object) -> Change:
    return lambda values: values.__setitem__(field, value)


VECTOR_FAULTS = [
    ("mka_kdf_8021x_annex_g", "kdf-128", flip("out")),
    ("mka_kdf_8021x_annex_g", "kdf-256", put("label", "HI THERF")),
    ("mka_kdf_8021x_annex_g", "cak-128", flip("msk", 15)),
    ("mka_kdf_8021x_annex_g", "cak-256", flip("msk", 31)),
    ("mka_kdf_8021x_annex_g", "cak-256", flip("mac2")),
    ("mka_kdf_8021x_annex_g", "ckn", flip("eap_session_id", 0)),
    ("mka_kdf_8021x_annex_g", "kek-128-1", put("ckn", "00")),
    ("mka_kdf_8021x_annex_g", "kek-256-16", flip("out")),
    ("mka_kdf_8021x_annex_g", "ick-128-32", flip("ckn", 15)),
    ("mka_kdf_8021x_annex_g", "ick-256-16", flip("cak")),
    ("mka_kdf_8021x_annex_g", "sak-128", put("kn", 0x01020305)),
    ("mka_kdf_8021x_annex_g", "sak-256", flip("ks_nonce")),
    ("mkpdu_real", "hello-128", flip("frame")),
    ("mkpdu_real", "hello-128", flip("frame", 0)),
    ("mkpdu_real", "hello-256", flip("kek")),
    ("mkpdu_real", "hello-256", flip("ick")),
    ("mkpdu_real", "hello-256", put("mka_version", 1)),
    ("mkpdu_real", "hello-128", put("key_server_priority", 17)),
    ("mkpdu_real", "hello-128", put("icv_indicator", False)),
    ("mkpdu_real", "hello-128", put("sak", "00" * 32)),
    ("mkpdu_real", "sak-128", flip("sak")),
    ("mkpdu_real", "sak-256", flip("wrapped_sak")),
    ("mkpdu_real", "sak-256", put("kn", 6)),
    ("mkpdu_parse_only", "wan-hello", put("ckn", "08")),
    ("mkpdu_parse_only", "wan-hello", lambda values: values.update(frame=values["frame"][:-2])),
]


@pytest.mark.parametrize(("name", "case", "change"), VECTOR_FAULTS, ids=range(len(VECTOR_FAULTS)))
def test_canary_a_wrong_vector(own: Path, tmp_path: Path, name: str, case: str, change: Change) -> None:
    values = json.loads((own / f"{name}.json").read_text())
    vector = next(vector for vector in values["vectors"] if vector["id"] == case)
    change(vector)
    (tmp_path / "planted.json").write_text(json.dumps(values))
    report = run([tmp_path / "planted.json"])
    (failure,) = report.files[0].failures
    assert failure.id == case
    assert failure.want != failure.got
    said = json.dumps(report.as_dict()) + "\n".join(report.lines())
    assert not any(vector.get(key, "no such key") in said for key in ("cak", "sak", "kek", "ick", "msk", "key"))


@pytest.mark.parametrize("kind", ["cmac", "wrap"])
@pytest.mark.parametrize("case", [0, 1])
def test_canary_a_wrong_wycheproof_case(own: Path, tmp_path: Path, kind: str, case: int) -> None:
    values = json.loads((own / f"wycheproof_aes_{kind}.json").read_text())
    test = values["testGroups"][1]["tests"][case]
    test["result"] = "invalid" if test["result"] == "valid" else "valid"
    (tmp_path / "planted.json").write_text(json.dumps(values))
    assert [failure.id for failure in run([tmp_path / "planted.json"]).files[0].failures] == [f"tc{test['tcId']}"]


# ---- the capture ----------------------------------------------------------------------------------------------------

FRAMES = {"first-sak": 4, "first-use": 5, "second-sak": 12, "last": 17}
ALL_BUT_THE_BAD_ONE = [f"frame {n}" for n in range(1, 18) if n != 3]
AFTER_FIRST = [f"frame {n}" for n in range(6, 12)]


def in_set(frame: str, at: int, change: Change) -> Change:
    return lambda values: change(values["frames"][FRAMES[frame] - 1]["sets"][at])


def in_frame(frame: str, change: Change) -> Change:
    return lambda values: change(values["frames"][FRAMES[frame] - 1])


CAPTURE_FAULTS: dict[str, tuple[Change, list[str]]] = {
    "cak": (lambda v: flip("cak")(v["cas"][0]), ["CA 1: KEK, ICK", *ALL_BUT_THE_BAD_ONE, "SAKs"]),
    "ick": (lambda v: flip("ick")(v["cas"][0]), ["CA 1: KEK, ICK"]),
    "kek": (lambda v: flip("kek")(v["cas"][0]), ["CA 1: KEK, ICK"]),
    "icv said to be good": (lambda v: put("icv_ok", True)(v["frames"][2]), ["frame 3"]),
    "icv said to be bad": (in_frame("first-use", put("icv_ok", False)), ["frame 5"]),
    "icv": (in_frame("first-use", flip("icv")), ["frame 5"]),
    "mi": (in_frame("first-use", flip("mi")), ["frame 5"]),
    "mn": (in_frame("first-use", put("mn", 4)), ["frame 5"]),
    "key server": (in_frame("first-use", put("key_server", True)), ["frame 5"]),
    "a set too few": (lambda v: v["frames"][3]["sets"].pop(), ["frame 4"]),
    "a peer": (in_set("first-sak", 1, lambda found: flip("mi")(found["peers"][0])), ["frame 4"]),
    "a peer's mn": (in_set("first-sak", 1, lambda found: put("mn", 3)(found["peers"][0])), ["frame 4"]),
    "distributed an": (in_set("first-sak", 0, put("an", 1)), ["frame 4"]),
    "distributed sak": (in_set("first-sak", 0, flip("sak")), ["frame 4"]),
    "distributed suite": (in_set("first-sak", 0, put("cipher_suite", "0080c20001000003")), ["frame 4"]),
    "offset": (in_set("second-sak", 1, put("mka_confidentiality_offset_code", 3)), ["frame 12"]),
    "wrapped": (in_set("second-sak", 1, flip("wrapped")), ["frame 12"]),
    "latest ki": (in_set("first-use", 0, flip("latest_ki")), ["frame 5"]),
    "latest pn": (in_set("last", 0, put("latest_lpn", 2)), ["frame 17"]),
    "old rx": (in_set("last", 0, put("old_rx", False)), ["frame 17"]),
    "delay protect": (in_set("last", 0, put("delay_protect", False)), ["frame 17"]),
    "listed sak": (lambda v: flip("sak")(v["saks"][1]), ["SAKs"]),
    "listed ki": (lambda v: flip("ki")(v["saks"][0]), ["SAKs"]),
    "a listed sak too few": (lambda v: v["saks"].pop(), ["SAKs"]),
    "user data": (lambda v: flip("user_data")(v["frames"][7]), ["frame 8"]),
}


@pytest.mark.parametrize("fault", CAPTURE_FAULTS)
def test_canary_a_wrong_capture(own: Path, tmp_path: Path, fault: str) -> None:
    change, failed = CAPTURE_FAULTS[fault]
    values = json.loads((own / "mka-psk.json").read_text())
    shutil.copy(own / "mka-psk.pcap", tmp_path)
    change(values)
    (tmp_path / "planted.json").write_text(json.dumps(values))
    report = run([tmp_path / "planted.json"])
    assert [failure.id for failure in report.files[0].failures] == failed
    said = json.dumps(report.as_dict())
    keys = [sak["sak"] for sak in values["saks"]] + list(values["cas"][0].values())[:1]
    assert not any(key in said for key in keys)


def test_canary_the_keys_come_out_of_the_mkpdus(own: Path, tmp_path: Path) -> None:
    """Without the MKPDU that brings the first SAK its frames do not open, whatever is noted beside them."""
    values = json.loads((own / "mka-psk.json").read_text())
    shutil.copy(own / "mka-psk.pcap", tmp_path)
    values["frames"][3] = {"n": 4, "kind": "other"}
    (tmp_path / "planted.json").write_text(json.dumps(values))
    failed = [failure.id for failure in run([tmp_path / "planted.json"]).files[0].failures]
    assert failed == [*AFTER_FIRST, "frame 14", "frame 16", "SAKs"]


# ---- the product ----------------------------------------------------------------------------------------------------


class TakesAnyIcv(Cak):
    """Believes everybody."""

    def verify_icv(self, data: bytes, icv: bytes) -> None:
        return


class ComparesHalf(MacKey):
    """Looks at the first octets of a tag only."""

    def verify(self, data: bytes, icv: bytes) -> None:
        if self.compute(data)[:8] != icv[:8]:
            raise InvalidIcv("no")


class UnwrapsAnything(WrapKey):
    """Hands out whatever lies behind the check value."""

    def unwrap(self, wrapped: bytes) -> Secret:
        try:
            return super().unwrap(wrapped)
        except Exception:
            return Secret(wrapped[8:])


class SwapsMis(Cak):
    """Derives SAKs with the members in another order."""

    def derive_sak(self, key_server_nonce: bytes, member_mis: Any, kn: Any, suite_or_octets: Any) -> Secret:
        return super().derive_sak(key_server_nonce, member_mis[::-1], kn, suite_or_octets)


def failed(report: Report) -> dict[str, int]:
    return {Path(file.file).stem: len(file.failures) for file in report.files if file.failures}


def forgets_ssci(body: bytes, **more: Any) -> mkpdu.MkPdu:
    """Does not see the key server's place in the list."""
    pdu = mkpdu.decode(body, **more)
    return replace(pdu, live=replace(pdu.live, key_server_ssci=None)) if pdu.live else pdu


def swaps_an(body: bytes, **more: Any) -> mkpdu.MkPdu:
    """Mistakes the AN of a distributed SAK."""
    pdu = mkpdu.decode(body, **more)
    sak = pdu.distributed_sak
    return replace(pdu, distributed_sak=replace(sak, an=sak.an.next)) if sak else pdu


def drops_sets(pdu: mkpdu.MkPdu, icv: bytes, **more: Any) -> bytes:
    """Leaves the ICV indicator out."""
    return mkpdu.encode(replace(pdu, icv_indicator=False), icv, **more)


FAULTY = [
    (Product(cak=TakesAnyIcv), {"mka-psk"}),
    (Product(mac_key=ComparesHalf), {"wycheproof_aes_cmac"}),
    (Product(wrap_key=UnwrapsAnything), {"wycheproof_aes_wrap"}),
    (Product(cak=SwapsMis), {"mka_kdf_8021x_annex_g"}),
    (Product(kdf=lambda key, label, context, n: kdf(key, label, context + b"\0", n)), {"mka_kdf_8021x_annex_g"}),
    (Product(decode=forgets_ssci), {"mka-psk"}),
    (Product(decode=swaps_an), {"mka-psk", "mkpdu_real"}),
    (Product(encode=drops_sets), {"mka-psk", "mkpdu_parse_only", "mkpdu_real"}),
]


@pytest.mark.parametrize(("product", "files"), FAULTY, ids=range(len(FAULTY)))
def test_canary_a_faulty_product(own: Path, product: Product, files: set[str]) -> None:
    assert failed(run([own], product)).keys() == files
