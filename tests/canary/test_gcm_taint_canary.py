"""What taint.py must report, and must not: single instructions first, then faults planted in an implementation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.canary.plant import compile_program, plant
from tests.canary.test_gcm_canary import BRANCH, LEAKS, TABLE
from tests.unit.gcm import paths
from tests.unit.gcm.programs import CSRC, PROGRAMS
from tests.unit.gcm.taint import Memory
from tests.unit.gcm.test_constant_time import STEPPED, follow, step_through

# Each compiles the core anew, which makes these the longest tests of all.
pytestmark = pytest.mark.soak

ADDRESS = "touches memory by a secret"
MUST = {
    "branch": "branches by a secret",
    "look_up": ADDRESS,
    "look_up_by_vector": ADDRESS,
    "store_by_secret": ADDRESS,
    "branch_by_mask": "branches by a secret",
    "branch_by_set_flag": "branches by a secret",
    "gather": "gathers or scatters",
    "gather_by_known": "gathers or scatters",
    "store_under_secret_mask": ADDRESS,
    "division": "takes a time",
    "deposit": "takes a time",
    "through_the_stack": "branches by a secret",
    "through_a_copy": "branches by a secret",
    "part_of_a_register": "branches by a secret",
    "under_a_merging_mask": "branches by a secret",
    "indirect_jump": "branches by a secret",
    "comparison_of_strings": "stops by a secret",
}
MUST_NOT = (
    "clean",
    "choice_without_branch",
    "cleared_register",
    "cleared_memory",
    "under_a_known_mask",
    "overwritten_under_a_mask",
    "neighbour",
    "stack_pointer",
)


@pytest.fixture(scope="module")
def leaks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("leaks") / "leaks"
    return compile_program(CSRC, PROGRAMS / "steps_leaks.c", out, ["-static", "-no-pie"], folders=("base",))


@pytest.mark.parametrize("piece", [*MUST, *MUST_NOT])
def test_a_piece(leaks: Path, piece: str) -> None:
    taint, status, said = follow(leaks, piece)
    if status == 77:
        pytest.skip("this CPU has no AVX-512")
    assert status == 0, said
    assert taint.num_steps > 3
    if piece in MUST:
        assert MUST[piece] in taint.said()
        assert piece in taint.said(), "the place is not named"
    else:
        assert not taint.reports, taint.said()


AESNI = {leak: (file, old, new) for leak, (name, file, old, new) in LEAKS.items() if name == "aesni"}
AESNI["a branch on what is encrypted"] = (
    "gcm/x86_aesni.c",
    "    return (struct words){(uint64_t)_mm_extract_epi64(b, 1), (uint64_t)_mm_cvtsi128_si64(b)};",
    f"    {BRANCH.format('_mm_cvtsi128_si64(b) & 1')}\n"
    "    return (struct words){(uint64_t)_mm_extract_epi64(b, 1), (uint64_t)_mm_cvtsi128_si64(b)};",
)
AESNI["a look-up by a digest"] = (
    "gcm/x86_aesni.c",
    "    __m128i x = swap(b), mid = _mm_xor_si128(x, swap_words(x));\n",
    f"    {TABLE}\n    b = _mm_insert_epi8(b, _mm_extract_epi8(b, 0) ^ table[_mm_extract_epi8(b, 3)], 0);\n"
    "    __m128i x = swap(b), mid = _mm_xor_si128(x, swap_words(x));\n",
)
AESNI["a verdict that nobody made public"] = ("gcm/kernel.inc.h", "declassify(&ok, sizeof ok);", "")


QUICK = "a branch on what is encrypted"


@pytest.mark.parametrize(
    "leak",
    [pytest.param(leak, marks=() if leak == QUICK else pytest.mark.soak, id=leak.replace(" ", "-")) for leak in AESNI],
)
def test_a_leak_is_found(tmp_path: Path, leak: str) -> None:
    """The faults that valgrind must find, too; on the implementation that both can watch."""
    copy = plant(tmp_path, *AESNI[leak])
    taint = step_through(copy, "aesni", tmp_path / "proof", every="96")
    assert taint.reports, f"{leak} was not found"


@pytest.mark.parametrize(
    ("file", "old"),
    [
        ("gcm/short.inc.h", "declassify(&ok, sizeof ok);"),
        ("gcm/long.inc.h", "declassify(&ok, sizeof ok);"),
        ("gcm/burst.inc.h", "declassify(&m->ok, sizeof m->ok);"),
    ],
    ids=["short", "long", "jumbo"],
)
def test_each_way_through_a_burst_is_watched(tmp_path: Path, file: str, old: str) -> None:
    name = next((name for name in STEPPED if name.startswith("vaes")), None)
    if name is None:
        pytest.skip("no implementation of bursts in the sources")
    taint = step_through(plant(tmp_path, file, old, ""), name, tmp_path / "proof", every="1")
    assert taint.reports, f"nobody looks at {file}"


def test_without_a_leak_nothing_is_found_and_what_was_not_met_is_told(tmp_path: Path) -> None:
    taint = step_through(CSRC, "aesni", tmp_path / "proof", every="96")
    assert not taint.reports, taint.said()
    num, missed = paths.not_taken(taint.program, ["x86_aesni.c"], taint.decoder.steps)
    assert 0 < sum(missed.values()) < num
    assert paths.not_taken(taint.program, ["x86_aesni.c"], [])[1].keys() >= {"impl_seal", "impl_open", "impl_expand"}


def test_octets_are_marked_one_by_one_across_pages() -> None:
    memory = Memory()
    memory.mark(4090, 12, True)
    memory.mark(4095, 2, False)
    assert [memory.tainted(4089 + i, 1) for i in range(14)] == [False] + [True] * 5 + [False] * 2 + [True] * 5 + [False]
    assert memory.tainted(0, 4091)
    assert not memory.tainted(0, 4090)
