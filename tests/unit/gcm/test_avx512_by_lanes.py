"""The algorithms of vaes512 and zen512 on a CPU without AVX-512: every operation of them done lane by lane.

Few machines that tests run on have AVX-512, and what these share with vaes256 is worked on without one. So avx512.inc.h
is compiled over tests/c/avx512_by_lanes.h, and both go through the cases that test_gcm_cases.py gives to every
implementation that the CPU has. What zen512 has in assembly is not shown by this: it goes the way of the others here.
"""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from tests.canary.plant import compile_program, plant
from tests.unit.gcm import suites
from tests.unit.gcm.programs import CSRC, FOLDERS, PROGRAMS, run_program
from tests.unit.gcm.test_gcm_cases import CasesOf, Suite, run_cases

FILE = "gcm/avx512.inc.h"
IMPLS = ("vaes512", "zen512")
NEEDS = "aes,pclmul,avx2"
# The two passages that are not operations: one instruction that assembles a vector from memory, and the wiping.
BROADCAST = '__asm__("vbroadcasti32x4 %1, %0" : "=v"(v) : "m"(*(const block *)p));'

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="they are for x86-64"),
]


def by_lanes(folder: Path) -> Path:
    """A copy of csrc/ whose vaes512 and zen512 need no AVX-512, and call themselves usable."""
    text = (CSRC / FILE).read_text("utf-8")
    probe = re.search(r"const uint32_t need =[^;]*;", text)
    wiping = re.search(r"INLINE void clear_registers\(void\)\n\{\n.*?\n\}\n", text, re.S)
    assert probe
    assert wiping
    copy = plant(folder, FILE, probe[0], "const uint32_t need = CPU_SSSE3 | CPU_AESNI | CPU_PCLMUL | CPU_AVX2;")
    plant(folder, FILE, wiping[0], "INLINE void clear_registers(void) {}\n")
    plant(folder, FILE, BROADCAST, "v = lanes_each(block_load(p));")
    plant(folder, FILE, "#include <immintrin.h>", f'#include "{PROGRAMS / "avx512_by_lanes.h"}"')
    planted = (copy / FILE).read_text("utf-8")
    (copy / FILE).write_text(re.sub(r'target\("[^"]*"\)', f'target("{NEEDS}")', planted), "utf-8")
    for impl in IMPLS:  # plant.py would leave out one that has the name of what this CPU cannot run
        (copy / f"gcm/x86_{impl}.c").rename(copy / f"gcm/x86_lanes_{impl}.c")
    return copy


def program(csrc: Path) -> Path:
    """tests/c/gcm_cases.c over it; a skip where not even these instructions are there."""
    flags = ("-O1", "-DONE_OF_EACH", "-DGROUP_IN_ASM=0")
    out = compile_program(csrc, PROGRAMS / "gcm_cases.c", csrc.parent / "gcm_cases", flags, folders=FOLDERS)
    found = dict(line.split("\t") for line in run_program([out, "--list"]).stdout.splitlines())
    if "no AVX-512" in found["vaes512"]:
        pytest.skip(f"this CPU has not even {NEEDS}")
    return out


@pytest.fixture(scope="module")
def lanes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program(by_lanes(tmp_path_factory.mktemp("lanes")))


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("suite", suites.SUITES, ids=lambda suite: suite.__name__)
def test_suite(lanes: Path, cases_of: CasesOf, suite: Suite, impl: str) -> None:
    assert run_cases([lanes, impl], cases_of(suite)).endswith(f" octets: {impl}")


# Each is in a part that only vectors of four lanes have, or that only they take; and the suite that has to see it if
# the known answers, which run first, do not.
FAULTS = {
    "sums of two messages mixed up": (
        FILE,
        "_mm512_set_epi64(13, 12, 7, 6, 9, 8, 3, 2)",
        "_mm512_set_epi64(13, 12, 7, 6, 3, 2, 9, 8)",
        suites.burst_sizes,
    ),
    "a lane compared with another": (FILE, "(both >> 3 & 8)", "(both >> 2 & 8)", suites.burst_sizes),
    "a message that fails counted twice": (
        "gcm/burst.inc.h",
        "(void)open_short(st, set, 1, blocks);",
        "return open_short(st, set, 1, blocks);",
        suites.spoilt_neighbours,
    ),
    "short messages that are forgotten": (
        "gcm/burst.inc.h",
        "q[i < num ? i : num - 1]",
        "q[i < num - 1 ? i : 0]",
        suites.burst_sizes,
    ),
    "AAD that has what is behind it": (
        "gcm/long.inc.h",
        "*const keep_at = first_of_32 + 32 - q[0]->aad_len;",
        "*const keep_at = first_of_32;",
        suites.burst_sizes,
    ),
    "lengths of other messages": (
        "gcm/short.inc.h",
        "if (key != l->key) {",
        "if (l->key == 0) {",
        suites.random_bursts,
    ),
}


@pytest.mark.soak
@pytest.mark.parametrize("fault", FAULTS)
def test_canary(tmp_path: Path, cases_of: CasesOf, fault: str) -> None:
    file, old, new, suite = FAULTS[fault]
    by_lanes(tmp_path)
    out = program(plant(tmp_path, file, old, new))
    found = dict(line.split("\t") for line in run_program([out, "--list"]).stdout.splitlines())
    assert any(found[impl] != "usable" or is_caught([out, impl], cases_of(suite)) for impl in IMPLS)


def is_caught(command: list[str | Path], cases: Path) -> bool:
    try:
        run_cases(command, cases)
    except AssertionError:
        return True
    return False
