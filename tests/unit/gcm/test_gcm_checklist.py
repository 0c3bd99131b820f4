"""The AEAD checklist for every implementation: SP 800-38D 7.1 (seal) and SP 800-38D 7.2 (open)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.canary.plant import compile_program
from tests.unit.gcm import checklist
from tests.unit.gcm.driver import Library, Message
from tests.unit.gcm.programs import CSRC, FOLDERS, PROGRAMS, run_program


@pytest.mark.parametrize("check", checklist.CHECKS, ids=lambda check: check.__name__)
def test_checklist(library: Library, name: str, check: Callable[[Library, str], None]) -> None:
    check(library, name)


def test_one_seals_another_opens(library: Library) -> None:
    names = library.usable()
    for key_len in checklist.KEY_LENS:
        key = checklist.a_key(10, key_len)
        burst = checklist.messages(10, ((n % 90, n * 5) for n in range(200)))
        sealed = {name: library.key(name, key).seal(burst) for name in names}
        for sealer in names:
            for opener in names:
                ready = checklist.sealed_messages(burst, sealed[sealer])
                opened = library.key(opener, key).open(ready)
                assert [o.data for o in opened] == [m.data for m in burst], f"{sealer} seals, {opener} does not open"
                assert all(o.ok for o in opened)


messages = st.builds(
    Message,
    iv=st.binary(min_size=12, max_size=12),
    aad=st.binary(max_size=150),
    data=st.one_of(st.binary(max_size=300), st.integers(0, 2000).map(bytes)),
)


@settings(max_examples=250)
@given(key=st.binary(min_size=16, max_size=16) | st.binary(min_size=32, max_size=32),
       burst=st.lists(messages, min_size=1, max_size=40),
       skew=st.integers(0, 31))  # fmt: skip
def test_any_burst_is_what_openssl_makes(library: Library, key: bytes, burst: list[Message], skew: int) -> None:
    for name in library.usable():
        checklist.agree(library, name, key, burst, skew=skew)


def test_every_subset_of_a_burst_may_fail(library: Library, name: str) -> None:
    """A refused message leaves its neighbours alone, whichever they are."""
    burst = checklist.messages(11, ((20, 16 * n + n) for n in range(9)))
    ours = library.key(name, checklist.a_key(11, 16))
    ready = checklist.sealed_messages(burst, ours.seal(burst))
    for subset in range(512):
        bad = [
            Message(m.iv, m.aad, m.data, checklist.flipped(m.tag, subset % 128)) if subset >> i & 1 else m
            for i, m in enumerate(ready)
        ]
        assert [o.ok for o in ours.open(bad)] == [1 - (subset >> i & 1) for i in range(9)]


def test_pointers_of_length_nought_are_not_looked_at(library: Library, name: str) -> None:
    key = library.key(name, bytes(16))
    msg, tag = library.ffi.new("struct gcm_msg *"), library.ffi.new("uint8_t[16]")
    msg.tag = tag
    library.lib.gcm_seal(key.pointer, msg, 1)
    assert bytes(tag).hex() == "58e2fccefa7e3061367f1d57a4e7455a"  # McGrew and Viega, test case 1
    assert library.lib.gcm_open(key.pointer, msg, 1) == 0
    assert msg.ok == 1
    assert library.lib.gcm_open(key.pointer, library.ffi.NULL, 0) == 0


def test_lengths_stay_within_the_standard() -> None:
    """SP 800-38D 5.2.1.1: at most 2^36 - 32 octets; and no counter of 32 bits comes round (SP 800-38D 6.2)."""
    found = re.search(r"#define GCM_MAX_DATA_LEN (\w+)u", (CSRC / "gcm/gcm.h").read_text("utf-8"))
    assert found is not None
    most = int(found[1], 16)
    assert most <= 2**36 - 32
    assert most // 16 + 3 < 2**32


def test_nothing_beside_a_message_is_touched(tmp_path: Path) -> None:
    """Every buffer against a page that may not be touched, at both ends."""
    program = compile_program(CSRC, PROGRAMS / "gcm_guard.c", tmp_path / "guard", folders=FOLDERS)
    done = run_program([program])
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    assert "portable: " in done.stdout


@pytest.mark.parametrize("cc", ["gcc", pytest.param("clang", marks=pytest.mark.soak)])
def test_no_secret_stays_on_the_stack(tmp_path: Path, name: str, cc: str) -> None:
    """Bursts of one and of many; set-up, and AES on one block."""
    program = compile_program(CSRC, PROGRAMS / "gcm_stack.c", tmp_path / "stack", folders=FOLDERS, cc=cc)
    done = run_program([program, name])
    assert done.returncode == 0, done.stdout
    assert f"{name}: 0 places" in done.stdout
