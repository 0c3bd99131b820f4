"""The proofs of csrc/gcm/arm64_ce.c are shown the faults that they are there to find, under qemu."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.canary.plant import plant
from tests.unit.gcm.arm64 import build, first_difference, qemu, traces
from tests.unit.gcm.programs import run_program

pytestmark = [pytest.mark.slow, pytest.mark.soak]

FILE = "gcm/arm64_ce.c"
BRANCH = 'if ({}) __asm__ __volatile__("nop");'
TABLE = "static const volatile uint8_t table[256];"
SUM = "    s->hi = veorq_u8(s->hi, low_by_low(to_poly(x), p->h));\n"

LEAKS = {
    "a branch on one bit of data or digest": (
        FILE,
        SUM,
        SUM + f"    {BRANCH.format('vgetq_lane_u8(x, 5) & 4')}\n",
    ),
    "a look-up in the key expansion": (
        FILE,
        "    return vgetq_lane_u32(vreinterpretq_u32_u8(x), 0);",
        f"    {TABLE}\n    return vgetq_lane_u32(vreinterpretq_u32_u8(x), 0) ^ table[w & 255];",
    ),
    "a branch on a power of H": (
        "gcm/schedule.inc.h",
        "    uint64_t carry = w.hi >> 63;",
        f"    uint64_t carry = w.hi >> 63;\n    {BRANCH.format('carry')}",
    ),
    "a comparison that stops early": (
        "base/secret.c",
        "diff |= (uint32_t)(a[i] ^ b[i]);",
        "{ diff |= (uint32_t)(a[i] ^ b[i]); if (diff) break; }",
    ),
}


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.replace(" ", "-"))
def test_a_leak_is_found(tmp_path: Path, leak: str) -> None:
    first, *others = traces(plant(tmp_path, *LEAKS[leak]), "arm64", tmp_path)
    assert any(first_difference(first, other) for other in others)


BROKEN = {
    "product": ("low_by_low(to_poly(mid), p->mid)", "low_by_low(to_poly(mid), p->h)"),
    "counter": ("{0, 0, 0, 1};", "{0, 0, 1, 1};"),
    "key": ("block key = st->key[round - 1];", "block key = st->key[round];"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_wrong_implementation_is_not_offered(tmp_path: Path, fault: str) -> None:
    done = run_program([*qemu(), build(plant(tmp_path, FILE, *BROKEN[fault]), "gcm_kat", tmp_path / "kat")])
    assert done.returncode == 1
    assert "arm64: it failed its known answers" in done.stdout
    assert "portable: usable, 0 of" in done.stdout


def test_a_stack_that_is_not_erased_is_found(tmp_path: Path) -> None:
    copy = plant(tmp_path, "gcm/kernel.inc.h", "    wipe(stack, sizeof stack);\n", "    (void)stack;\n")
    done = run_program([*qemu(), build(copy, "gcm_stack", tmp_path / "stack", ["-Wno-unused"]), "arm64"])
    assert done.returncode == 1, done.stdout
    assert "left octets" in done.stdout


def test_the_first_difference_is_told() -> None:
    one = b"".join(n.to_bytes(8, "little") for n in (0x400, 0x404, 1 << 63 | 0x7000, 0x408))
    other = one[:16] + (1 << 63 | 0x7001).to_bytes(8, "little") + one[24:]
    assert first_difference(one, one) is None
    assert first_difference(one, other) == "entry 2: the runs part behind the instruction at 0x404"
    assert first_difference(one, one[:-8]) == "entry 3: the runs part behind the instruction at 0x404"
