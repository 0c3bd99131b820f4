"""The known answers that decide which implementation is offered, the choice itself, and the keys."""

from __future__ import annotations

import platform
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.model import gcm as oracle
from tests.unit.gcm import make_known_answers as made
from tests.unit.gcm.driver import Library
from tests.unit.gcm.programs import CSRC


def test_the_oracle_gives_the_answers_of_fips_197() -> None:
    """FIPS 197 appendices A.1, A.3 (key expansion) and C.1 to C.3."""
    assert oracle.key_expansion(bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"))[10].hex() == (
        "d014f9a8c9ee2589e13f0cc8b6630ca6"
    )
    assert oracle.key_expansion(bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"))[
        14
    ].hex() == ("fe4890d1e6188d0b046df344706c631e")
    block = bytes(0x11 * i for i in range(16))
    assert oracle.aes(bytes(range(16)), block).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"
    assert oracle.aes(bytes(range(24)), block).hex() == "dda97ca4864cdfe06eaf70a0ec0d7191"
    assert oracle.aes(bytes(range(32)), block).hex() == "8ea2b7ca516745bfeafc49904b496089"


@pytest.mark.parametrize("case", made.PUBLISHED, ids=lambda case: f"case{case[0]}")
def test_the_oracle_gives_the_published_answers(case: tuple[int, int, int, int, int, str]) -> None:
    """SP 800-38D 7.1 and SP 800-38D 7.2, by the cases of McGrew and Viega; SP 800-38D 6.3 is inside."""
    _, key_len, is_set, aad_len, data_len, tag = case
    key, iv, plain = (made.KEY[:key_len], made.IV, made.PLAIN) if is_set else (bytes(key_len), bytes(12), bytes(64))
    cipher, got = oracle.seal(key, iv, plain[:data_len], made.AAD[:aad_len])
    assert got.hex() == tag
    assert oracle.open_(key, iv, cipher, made.AAD[:aad_len], got) == plain[:data_len]
    assert oracle.open_(key, iv, cipher, made.AAD[:aad_len], bytes(16)) is None


def test_the_oracle_hashes_other_ivs() -> None:
    """McGrew and Viega, test case 6: an IV of 60 octets. pysec has no such IVs; the oracle is the standard's."""
    iv = bytes.fromhex(
        "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728"
        "c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b"
    )
    _, tag = oracle.seal(made.KEY[:16], iv, made.PLAIN[:60], made.AAD)
    assert tag.hex() == "619cc5aefffe0bfa462af43c1699d050"


def table(key_len: int) -> list[tuple[int, int, int, bytes]]:
    """The rows of made_128 or made_256 as they stand in the C file."""
    text = (CSRC / "gcm/known_answers.c").read_text("utf-8")
    body = text.split(f"made_{key_len * 8}[NUM_MADE] = {{")[1].split("};")[0]
    rows = re.findall(r"\{(\d+), (\d+), UINT64_C\((\w+)\), \{([^}]*)\}\}", body)
    return [(int(a), int(d), int(check, 16), bytes(int(o, 16) for o in tag.split(", "))) for a, d, check, tag in rows]


@pytest.mark.parametrize("key_len", [16, 32])
def test_the_oracle_agrees_with_the_table(key_len: int) -> None:
    """The table came from OpenSSL; the oracle is the other witness. The longest rows are left to one key size."""
    rows = table(key_len)
    assert [(a, d) for a, d, _, _ in rows] == list(made.LENGTHS)
    key = made.burst_key(key_len)
    for i, (aad_len, data_len, check, tag) in enumerate(rows):
        if aad_len + data_len > 600 and key_len == 32:
            continue
        iv, aad, data = made.message(i)
        cipher, got = oracle.seal(key, iv, data, aad)
        assert (made.checksum(cipher), got) == (check, tag), f"row {i}: AAD {aad_len}, data {data_len}"


def test_the_table_is_what_its_generator_writes() -> None:
    text = (CSRC / "gcm/known_answers.c").read_text("utf-8")
    assert made.published_table() in text
    assert made.made_table() in text


def test_the_table_covers_what_it_says() -> None:
    data = {d for _, d in made.LENGTHS}
    aad = {a for a, _ in made.LENGTHS}
    assert {d % 16 for d in data} == set(range(16)), "a tail length is missing"
    assert {0, 20, 28, 50, 58, 70, 78} <= aad
    assert max(data) > 16 * 256


def test_all_known_answers_were_given(library: Library, name: str) -> None:
    status = library.statuses()[name]
    assert status.num_failed == 0
    assert status.num_tests >= 2 * 3 * len(made.LENGTHS) + 2 * len(made.PUBLISHED) + 2
    assert status.why_not == library.ffi.NULL
    assert status.priority > 0


def test_the_answers_are_asked_for_once_however_many_ask(gcm_so: Path, tmp_path: Path) -> None:
    fresh = Library(Path(shutil.copy(gcm_so, tmp_path / "fresh.so")))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: fresh.lib.gcm_impl_find(fresh.ffi.NULL), range(32)))
    assert len(set(found)) == 1
    counts = {status.num_tests for status in fresh.statuses().values() if status.why_not == fresh.ffi.NULL}
    assert len(counts) == 1, "known answers ran more than once"


def best(library: Library) -> str | None:
    found = library.lib.gcm_impl_find(library.ffi.NULL)
    return None if found == library.ffi.NULL else library.text(found.name)


def test_the_usable_one_of_the_highest_priority_is_taken(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYSEC_GCM", raising=False)
    statuses = library.statuses()
    assert best(library) == max(library.usable(), key=lambda name: statuses[name].priority)
    monkeypatch.setenv("PYSEC_GCM", "")
    assert best(library) == max(library.usable(), key=lambda name: statuses[name].priority)


def test_the_environment_may_choose(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in library.usable():
        monkeypatch.setenv("PYSEC_GCM", name)
        assert best(library) == name
    monkeypatch.setenv("PYSEC_GCM", "no such")
    assert best(library) is None, "a name that cannot be had must not turn into another implementation"
    assert library.lib.gcm_impl_find(b"portable") != library.ffi.NULL, "a name in the call goes before the environment"


def test_what_cannot_be_found(library: Library) -> None:
    assert library.lib.gcm_impl_find(b"") != library.ffi.NULL
    assert library.lib.gcm_impl_find(b"port") == library.ffi.NULL
    assert library.lib.gcm_impl_status(library.lib.gcm_num_impls()) == library.ffi.NULL


def test_keys_of_other_lengths_are_refused(library: Library, name: str) -> None:
    impl = library.lib.gcm_impl_find(name.encode())
    for key_len in (0, 1, 8, 15, 17, 24, 31, 33, 64):
        assert library.lib.gcm_key_new(impl, bytes(64), key_len) == library.ffi.NULL
    assert library.lib.gcm_key_new(library.ffi.NULL, bytes(16), 16) == library.ffi.NULL
    library.lib.gcm_key_free(library.ffi.NULL)
    key = library.key(name, bytes(16))
    assert library.lib.gcm_key_impl(key.pointer) == impl


def test_cpu_features_are_what_the_kernel_reports(library: Library) -> None:
    """The kernel also leaves out what it does not save; it may hide more, so what it shows is what we compare."""
    text = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").exists() else ""
    line = re.search(r"^(?:flags|Features)\s*: (.*)$", text, re.M)
    if line is None:
        pytest.skip("no /proc/cpuinfo with flags here")
    shown = set(line[1].split())
    bits = range(11) if platform.machine() in ("x86_64", "AMD64") else range(11, 13)
    features = library.lib.cpu_features()
    known = {library.text(library.lib.cpu_feature_name(1 << bit)): features >> bit & 1 for bit in bits}
    assert {flag for flag, held in known.items() if held} == shown & set(known)
    assert library.lib.cpu_feature_name(3) == library.ffi.NULL
    assert library.lib.cpu_feature_name(0) == library.ffi.NULL
