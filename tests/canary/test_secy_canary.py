"""Why this exists: the comparison of the core with the oracle is the main proof of the SecY. Here it is shown cores
that are wrong, each in one place, and must say so; and one that is right, about which it must say nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.canary.plant import CSRC, plant
from tests.canary.secy_package import make_package, run_tests

BURSTS = "tests/property/test_secy_bursts.py"
LIFE = "tests/property/test_sa_life.py"
UNIT = "tests/unit/macsec"

FAULTS = {
    # what the core does wrong: file, passage, what stands there instead; the tests that must notice, what they say
    "uses a packet number twice": (
        "macsec/protect.c", "after = next + got;", "after = next + got - (got > 3);",
        BURSTS, "pn: oracle|state of SAs"),
    "accepts a wrong ICV": (
        "macsec/validate.c", "bool valid = work->step == STEP_OPEN && burst->lane->msgs[work->msg].ok;",
        "bool valid = work->step == STEP_OPEN;", BURSTS, "oracle 'IN_(NOT_VALID|INVALID)', core 'IN_(OK|DELAYED)"),
    "checks for replays before the cipher only": (
        "macsec/validate.c", "bool below = pn_less(work->pn, lowest);",
        "bool below = work->step != STEP_OPEN && pn_less(work->pn, lowest);", BURSTS,
        "oracle 'IN_(LATE|DELAYED)', core"),
    "moves the lowest PN before the ICV is checked": (
        "macsec/validate.c", "    if (!valid) {\n", "    advance(burst, sa, NULL, work->pn);\n    if (!valid) {\n",
        BURSTS, "core 'IN_(LATE|DELAYED)'|pn: oracle|state of SAs"),
}  # fmt: skip

MORE_FAULTS = {
    "drops one frame of many": (
        "macsec/protect.c", "PYSEC_R_NONE, PYSEC_A_COMMON);\n    bump(encrypted",
        "PYSEC_R_NONE, work->pn % 97 == 96 ? PYSEC_A_DISCARD : PYSEC_A_COMMON);\n    bump(encrypted", BURSTS,
        "oracle 'COMMON', core 'DISCARD'"),
    "recovers all PNs of a burst from its first lowest PN": (
        "macsec/validate.c", "if (xpn_recover(track->best_lowest_pn, tag->pn) != *pn)", "if (0)", BURSTS, "pn: oracle"),
    "leaves refused plain text behind": (
        "macsec/validate.c", "        wipe(burst->arena + work->data, work->data_len);\n", "        ;\n", BURSTS,
        "refused plain text is still in the arena"),
    "forgets duplicates when the window slides": (
        "macsec/replay.h", "if (pn - next >= SEEN_BITS) {", "if (pn - next >= 64) {", BURSTS,
        "oracle 'IN_DUPLICATE', core 'IN_OK'"),
    "forgets what a retired KI has used": (
        "macsec/sa.c", "    sa->sak->tx_next_pn = atomic_load(&sa->next_pn);\n", "    sa->sak->tx_next_pn = 1;\n", LIFE,
        "the oracle says 'PN_USED', the core ''"),
    "opens the window one PN too far": (
        "macsec/replay.h", "return pn_less(lowest, next - window) ? next - window : lowest;",
        "return pn_less(lowest, next - window - 1) ? next - window - 1 : lowest;", UNIT,
        "test_replay|test_a_wrap|test_the_last_pn"),
    "looks for the implied SCI at port 0": (
        "macsec/validate.c", "(tag->tci_an & TCI_SCB ? 0 : 1)", "0", UNIT, "test_every_tci|test_which_sc|test_padding"),
    "counts octets of late frames": (
        "macsec/validate.c", "        discard(burst, frame, work, PYSEC_V_IN_LATE, PYSEC_R_NONE);\n",
        "        bump(&burst->lane->in_octets_decrypted, work->data_len);\n"
        "        discard(burst, frame, work, PYSEC_V_IN_LATE, PYSEC_R_NONE);\n", BURSTS, "octets: in_"),
}  # fmt: skip


@pytest.mark.soak
def test_a_right_core_is_not_blamed(tmp_path: Path) -> None:
    """Without a fault the same tests pass, in the same place and built the same way."""
    status, said = run_tests(make_package(tmp_path, CSRC), f"{BURSTS}::test_one_mood", LIFE, UNIT)
    assert status == 0, said


def check(tmp_path: Path, fault: tuple[str, str, str, str, str]) -> None:
    """Plant a fault, run the tests that must notice, and see one of them fail for the reason that it should."""
    file, old, new, proof, why = fault
    status, said = run_tests(make_package(tmp_path, plant(tmp_path, file, old, new)), proof)
    assert status == 1, said
    failures = [line for line in said.splitlines() if line.startswith(("E  ", "FAILED"))]
    assert re.search(why, "\n".join(failures)), said


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.replace(" ", "-"))
def test_a_fault_is_found(tmp_path: Path, fault: str) -> None:
    """The four that matter most: nonces, authenticity, replays, and who may move the window."""
    check(tmp_path, FAULTS[fault])


@pytest.mark.soak
@pytest.mark.parametrize("fault", MORE_FAULTS, ids=lambda fault: fault.replace(" ", "-"))
def test_another_fault_is_found(tmp_path: Path, fault: str) -> None:
    """Others that a burst, a retired key or a window could hide."""
    check(tmp_path, MORE_FAULTS[fault])
