"""libFuzzer finds a planted fault in each target, from nothing and within a bounded number of runs.

The faults need octets that no file of the start corpus has, so that it is mutation that must find them.
`make fuzz` runs this first.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.canary.plant import plant
from tests.fuzz import programs

pytestmark = [pytest.mark.slow, pytest.mark.target]

PLANTED = {
    "sectag": (
        "macsec/sectag.c",
        "tag->pn = load_be32(mpdu + 4);",
        "tag->pn = load_be32(mpdu + 4);\n    if (tag->pn == 0x77777777)\n        tag->pn = mpdu[mpdu_len];",
    ),
    "validate": (
        "macsec/validate.c",
        "uint16_t ethertype = load_be16(octets + mpdu);",
        "uint16_t ethertype = load_be16(octets + mpdu);\n    if (ethertype == 0x7777)\n"
        "        burst->arena[frame->slot + frame->slot_len] ^= 1;",
    ),
    "segment": (
        "port/segment.c",
        "cut->size = header->gso_size;",
        "cut->size = header->gso_size;\n    if (cut->size >> 8 == 0x77)\n        cut->size += octets[len];",
    ),
}
RUNS = 4_000_000


@pytest.mark.parametrize("target", programs.TARGETS)
def test_canary_a_planted_fault_is_found(tmp_path: Path, target: str) -> None:
    corpus = programs.make_corpus(tmp_path / "corpus")
    program = programs.build_fuzzer(plant(tmp_path, *PLANTED[target]), target, tmp_path / target)
    kept = tmp_path / "kept"
    kept.mkdir()
    done = programs.run([str(program), f"-runs={RUNS}", "-seed=1", f"-artifact_prefix={kept}/", str(corpus / target)])
    assert done.returncode != 0, "the planted fault was not found"
    assert "AddressSanitizer" in done.stderr
    assert [path.name.split("-")[0] for path in kept.iterdir()] == ["crash"]
