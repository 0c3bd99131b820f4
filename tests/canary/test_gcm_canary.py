"""Each proof of csrc/gcm is shown the fault that it is there to find, and must find it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.canary.plant import CSRC, compile_program, plant
from tests.unit.gcm import checklist
from tests.unit.gcm.driver import Library
from tests.unit.gcm.programs import FOLDERS, PROGRAMS, run_program
from tests.unit.gcm.test_constant_time import FOUND, prove

# Each compiles the core anew, which makes these the longest tests of all.
pytestmark = pytest.mark.soak

QUICK = ("-O1",)  # quicker to compile than at -O0, which keeps what was made anew for each length
BRANCH = 'if ({}) __asm__ __volatile__("nop");'
TABLE = "static const volatile uint8_t table[256];"
IMPLS = ("portable", "aesni")


def planted(tmp_path: Path, file: str, old: str, new: str, *, offered: bool = True) -> Library:
    """A library with one fault; `offered` also keeps the known answers from refusing it, for the proof to do so."""
    copy = plant(tmp_path, file, old, new)
    if offered:
        plant(tmp_path, "gcm/gcm.c", "if (status->num_failed > 0)", "if (0)")
    return Library.build(copy, tmp_path / "planted.so", QUICK)


# ---- The constant-time proof ----------------------------------------------------------------------------------------

# What is looked up is also used: valgrind drops a load whose value goes nowhere before memcheck sees it.
LEAKS = {
    "a branch on data and digest": (
        "portable",
        "gcm/portable.c",
        "    uint64_t lo_back = backwards(b.lo), hi_back",
        f"    {BRANCH.format('b.lo & 1')}\n    uint64_t lo_back = backwards(b.lo), hi_back",
    ),
    "a look-up by an octet of the state": (
        "portable",
        "gcm/portable.c",
        "    (void)n;\n    sub_bytes(l->bit);\n    switch (round % 4) {",
        f"    {TABLE}\n    (void)n;\n    l->bit[0][0] ^= table[l->bit[0][0] & 255];\n"
        "    sub_bytes(l->bit);\n    switch (round % 4) {",
    ),
    "a look-up in the key expansion": (
        "aesni",
        "gcm/x86_aesni.c",
        "    return (uint32_t)_mm_cvtsi128_si32(x);",
        f"    {TABLE}\n    return (uint32_t)_mm_cvtsi128_si32(x) ^ table[w & 255];",
    ),
    "a branch on a power of H": (
        "aesni",
        "gcm/schedule.inc.h",
        "    uint64_t carry = w.hi >> 63;",
        f"    uint64_t carry = w.hi >> 63;\n    {BRANCH.format('carry')}",
    ),
    "a comparison that stops early": (
        "aesni",
        "base/secret.c",
        "diff |= (uint32_t)(a[i] ^ b[i]);",
        "{ diff |= (uint32_t)(a[i] ^ b[i]); if (diff) break; }",
    ),
    "a verdict that nobody made public": ("portable", "gcm/kernel.inc.h", "declassify(&ok, sizeof ok);", ""),
}


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.replace(" ", "-"))
def test_a_leak_is_found(tmp_path: Path, leak: str) -> None:
    name, file, old, new = LEAKS[leak]
    status, said = prove(plant(tmp_path, file, old, new), name, tmp_path / "proof", flags=("-O1",))
    assert status == FOUND, f"{leak} was not found: exit status {status}\n{said}"
    assert "uninitialised" in said


# ---- The checklist --------------------------------------------------------------------------------------------------

WRONG = {
    "the last octet of the ICV is not compared": (
        "base/secret.c",
        "for (int i = 0; i < 16; i++)",
        "for (int i = 0; i < 15; i++)",
        checklist.check_tag_bits,
    ),
    "one bit of the ICV is not compared": (
        "base/secret.c",
        "diff |= (uint32_t)(a[i] ^ b[i]);",
        "diff |= (uint32_t)(a[i] ^ b[i]) & (i == 7 ? 0xfb : 0xff);",
        checklist.check_tag_bits,
    ),
    "every ICV is taken": (
        "gcm/kernel.inc.h",
        "ok = ct_equal_16(tag, msgs[i].tag);",
        "ok = 1;",
        checklist.check_wrong_inputs,
    ),
    "the length of the AAD is not authenticated": (
        "gcm/kernel.inc.h",
        "lengths = {(uint64_t)aad_len * 8,",
        "lengths = {0,",
        checklist.check_aad_lengths,
    ),
    "data is left behind after a failure": (
        "gcm/kernel.inc.h",
        "wipe(msgs[i].data, msgs[i].data_len);",
        "",
        checklist.check_cleared,
    ),
    "the first octet is left behind after a failure": (
        "gcm/kernel.inc.h",
        "wipe(msgs[i].data, msgs[i].data_len);",
        "wipe(msgs[i].data + 1, msgs[i].data_len - (msgs[i].data_len > 0));",
        checklist.check_tag_bits,
    ),
    "a failure stops the burst": (
        "gcm/kernel.inc.h",
        "            num_bad++;",
        "            num_bad++;\n            break;",
        checklist.check_cleared,
    ),
    "J0 of a neighbour": (
        "gcm/kernel.inc.h",
        "j0[i] = iv_words(msgs[i].iv);",
        "j0[i] = iv_words(msgs[i & 5].iv);",
        checklist.check_bursts,
    ),
    "an octet behind the data is written": (
        "gcm/kernel.inc.h",
        "        part_store(p, out, rest);",
        "        part_store(p, out, rest);\n        p[rest] = 0;",
        checklist.check_data_lengths,
    ),
    "the counter has 16 bits": (
        "gcm/kernel.inc.h",
        "        i += LANES;\n",
        "        i = (uint16_t)(i + LANES);\n",
        checklist.check_counter,
    ),
}


@pytest.mark.parametrize("fault", WRONG, ids=lambda fault: fault.replace(" ", "-"))
def test_the_checklist_finds(tmp_path: Path, fault: str) -> None:
    file, old, new, check = WRONG[fault]
    refuses(planted(tmp_path, file, old, new), "portable", check)


def test_the_checklist_finds_a_counter_that_turns_too_late(tmp_path: Path) -> None:
    """With two blocks a vector a group may begin exactly where a multiple of 256 is reached; with four, none does."""
    library = planted(tmp_path, "gcm/jumbo.inc.h", "num * VEC_BLOCKS < turn", "num * VEC_BLOCKS <= turn")
    if "vaes256" not in library.usable():
        pytest.skip("vaes256 does not run on this machine")
    with pytest.raises(AssertionError):
        checklist.agree(library, "vaes256", checklist.a_key(1, 16), checklist.messages(1, [(20, 4096 + 96)]))


def refuses(library: Library, name: str, check: Callable[[Library, str], None]) -> None:
    with pytest.raises(AssertionError):
        check(library, name)


# ---- The known answers ----------------------------------------------------------------------------------------------


def test_a_wrong_known_answer_offers_nobody(tmp_path: Path) -> None:
    """One bit of the tag of test case 1, which is sealed and opened."""
    library = planted(tmp_path, "gcm/known_answers.c", "0x58, 0xe2, 0xfc", "0x58, 0xe2, 0xfd", offered=False)
    assert library.usable() == []
    assert library.lib.gcm_impl_find(library.ffi.NULL) == library.ffi.NULL
    assert library.lib.gcm_impl_find(b"portable") == library.ffi.NULL
    for status in library.statuses().values():
        assert status.num_failed == 2 or status.num_tests == 0
        assert status.num_tests == 0 or "known answers" in library.text(status.why_not)


BROKEN = {
    "reduction": ("portable", "gcm/portable.c", "w ^ w >> 1 ^ w >> 2 ^ w >> 7", "w ^ w >> 1 ^ w >> 2 ^ w >> 6"),
    "s-box": ("portable", "gcm/portable.c", "x[6] = y2 ^ y6;", "x[6] = y2 ^ y5;"),
    "clmul": ("aesni", "gcm/x86_aesni.c", "_mm_clmulepi64_si128(x, p->h, 0x11)", "_mm_clmulepi64_si128(x, p->h, 0x10)"),
    "order": ("aesni", "gcm/x86_aesni.c", "_mm_set_epi32(0, 0, 0, k)", "_mm_set_epi32(0, 0, 0, k ^ (k == 6))"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_wrong_implementation_is_not_offered_and_another_is(tmp_path: Path, fault: str) -> None:
    name, file, old, new = BROKEN[fault]
    library = planted(tmp_path, file, old, new, offered=False)
    status = library.statuses().get(name)
    if status is None or status.num_tests == 0:
        pytest.skip(f"{name} does not run on this machine")
    assert status.num_failed > 0
    assert name not in library.usable()
    assert library.lib.gcm_impl_find(name.encode()) == library.ffi.NULL
    rest = library.lib.gcm_impl_find(library.ffi.NULL)
    assert rest == library.ffi.NULL or library.text(rest.name) != name


def test_an_implementation_that_accepts_any_tag_is_not_offered(tmp_path: Path) -> None:
    library = planted(tmp_path, "gcm/kernel.inc.h", "if (!ok) {", "msgs[i].ok = 1;\n        if (0) {", offered=False)
    assert not {"portable", "aesni", "arm64"} & set(library.usable())


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("gcm/long.inc.h", "q[i]->ok = ok >> i & 1;", "q[i]->ok = 1;"),
        ("gcm/short.inc.h", "f->q[i]->ok = ok >> i & 1;", "f->q[i]->ok = 1;"),
        ("gcm/burst.inc.h", "m->ok = ct_equal_16(tag, m->tag);", "m->ok = 1;"),
    ],
)
def test_a_way_through_a_burst_that_accepts_any_tag_is_not_offered(
    tmp_path: Path, file: str, old: str, new: str
) -> None:
    library = planted(tmp_path, file, old, new, offered=False)
    assert not {"zen512", "vaes512", "vaes256"} & set(library.usable())


# ---- Guard pages and the stack --------------------------------------------------------------------------------------

READ = "(void)*(const volatile uint8_t *)({});"
STRAY = {
    "one octet behind a part of a block": (
        "gcm/part.h",
        "    struct words w = {0, 0};\n",
        f"    struct words w = {{0, 0}};\n    {READ.format('p + len')}\n",
    ),
    "one octet in front of a part of a block": (
        "gcm/part.h",
        "    struct words w = {0, 0};\n",
        f"    struct words w = {{0, 0}};\n    {READ.format('p - 1')}\n",
    ),
    "a whole block where there is a part": (
        "gcm/kernel.inc.h",
        "block in = block_of(part_load(p, rest));",
        "block in = block_of(part_clear(block_words(block_load(p)), rest));",
    ),
    "one octet behind the tag": (
        "gcm/kernel.inc.h",
        "ok = ct_equal_16(tag, msgs[i].tag);",
        f"ok = ct_equal_16(tag, msgs[i].tag); {READ.format('msgs[i].tag + 16')}",
    ),
}


@pytest.mark.parametrize("fault", STRAY, ids=lambda fault: fault.replace(" ", "-"))
def test_the_guard_pages_stop(tmp_path: Path, fault: str) -> None:
    copy = plant(tmp_path, *STRAY[fault])
    guard = compile_program(copy, PROGRAMS / "gcm_guard.c", tmp_path / "guard", QUICK, folders=FOLDERS)
    assert run_program([guard, "portable"]).returncode == -signal.SIGSEGV


STRAY_256 = {
    "a load of one octet behind": (
        "    const struct words w = part_load(p, len);",
        f"    const struct words w = part_load(p, len);\n    {READ.format('p + len')}",
    ),
    "a load of a whole vector": (
        "        const block last = block_load(p + len - 16);",
        f"        const block last = block_load(p + len - 16);\n        {READ.format('p + 31')}",
    ),
    "a store of a whole vector": (
        "        block_store(p, vec_first(v));\n        block_store(p + len",
        f"        {READ.format('p + 31')}\n        block_store(p, vec_first(v));\n        block_store(p + len",
    ),
}


@pytest.mark.parametrize("fault", STRAY_256, ids=lambda fault: fault.replace(" ", "-"))
def test_the_guard_pages_stop_parts_of_two_blocks(tmp_path: Path, fault: str) -> None:
    copy = plant(tmp_path, "gcm/x86_vaes256.c", *STRAY_256[fault])
    plant(tmp_path, "gcm/gcm.c", "if (status->num_failed > 0)", "if (0)")
    guard = compile_program(copy, PROGRAMS / "gcm_guard.c", tmp_path / "guard", QUICK, folders=FOLDERS)
    status = run_program([guard, "vaes256"]).returncode
    if status == 2:
        pytest.skip("vaes256 does not run on this machine")
    assert status == -signal.SIGSEGV


@pytest.mark.parametrize("name", IMPLS)
def test_a_stack_that_is_not_erased_is_found(tmp_path: Path, name: str) -> None:
    copy = plant(tmp_path, "gcm/kernel.inc.h", "    wipe(stack, sizeof stack);\n", "    (void)stack;\n")
    program = compile_program(copy, PROGRAMS / "gcm_stack.c", tmp_path / "stack", folders=FOLDERS)
    done = run_program([program, name])
    if done.returncode == 2:
        pytest.skip(f"{name} does not run on this machine")
    assert done.returncode == 1, done.stdout
    assert "left octets" in done.stdout


# ---- The canaries themselves ----------------------------------------------------------------------------------------


def test_a_fault_that_is_not_planted_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="stands 0 times"):
        plant(tmp_path, "gcm/gcm.c", "no such text", "")
    with pytest.raises(AssertionError, match=r"stands \d+ times"):
        plant(tmp_path, "gcm/gcm.c", "gcm", "")
    assert (tmp_path / "csrc/gcm/gcm.c").read_text("utf-8") == (CSRC / "gcm/gcm.c").read_text("utf-8")


def test_without_a_fault_nothing_is_found(tmp_path: Path) -> None:
    """The same steps on a clean copy: what the canaries see is the fault, not the copy."""
    library = planted(tmp_path, "gcm/gcm.c", "static void look(void)", "static void look(void)")
    for name in library.usable():
        checklist.check_tag_bits(library, name)
        checklist.check_cleared(library, name)
