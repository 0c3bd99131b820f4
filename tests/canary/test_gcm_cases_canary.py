"""What tests/c/gcm_cases.c says of the product it also says of a product with a fault, and then it must say otherwise.

The faults are planted where a burst goes in and comes out, so they are those of any implementation.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.canary.plant import compile_program, plant
from tests.unit.gcm import suites
from tests.unit.gcm.cases import Cases
from tests.unit.gcm.programs import FOLDERS, PROGRAMS, run_program
from tests.unit.gcm.test_gcm_cases import Suite

# Each compiles the core anew, which makes these the longest tests of all.
pytestmark = pytest.mark.soak

SEAL = "    key->impl->seal(key->state, msgs, num_msgs);\n"
OPEN = "    return key->impl->open(key->state, msgs, num_msgs);\n"
OPENED = "    size_t num_bad = key->impl->open(key->state, msgs, num_msgs);\n{}    return num_bad;\n"
EACH = "    for (size_t i = 0; i < num_msgs; i++) {{ {} }}\n"

# Suite, what is done behind seal, what behind open, and what must be said.
FAULTS = {
    "one length of data": (
        suites.data_lengths,
        "if (msgs[i].data_len == 7777) msgs[i].data[7776] ^= 1;",
        "",
        "the ciphertext is wrong at octet 7776",
    ),
    "one length of AAD": (
        suites.aad_lengths,
        "if (msgs[i].aad_len == 5003) msgs[i].tag[15] ^= 1;",
        "",
        "the tag is wrong",
    ),
    "one size of a burst": (
        suites.burst_sizes,
        "if (num_msgs == 201) msgs[200].tag[0] ^= 128;",
        "",
        "the tag is wrong",
    ),
    "three sizes met": (
        suites.size_classes,
        "if (i > 1 && msgs[i - 2].data_len == 7 && msgs[i - 1].data_len == 1500 && msgs[i].data_len == 60)"
        " msgs[i].tag[0]++;",
        "",
        "the tag is wrong",
    ),
    "a store behind the tag": (suites.alignments, "msgs[i].tag[16] ^= 1;", "", "octets beside piece"),
    "a store in front of the data": (
        suites.guards,
        "if (msgs[i].data_len > 0) msgs[i].data[-1] ^= 1;",
        "",
        "octets beside piece",
    ),
    "a load behind the AAD": (
        suites.guards,
        "if (msgs[i].aad_len > 0) (void)*(const volatile uint8_t *)(msgs[i].aad + msgs[i].aad_len);",
        "",
        "0 octets behind the end of piece",
    ),
    "a load behind the messages": (
        suites.guards,
        "if (msgs[i + 1].aad_len == 1) msgs[i].ok = 3;",
        "",
        "touched",
    ),
    "a changed AAD": (
        suites.alignments,
        "if (msgs[i].aad_len > 9) *(uint8_t *)(msgs[i].aad + 9) ^= 1;",
        "",
        "its AAD was",
    ),
    "a changed IV": (suites.every_octet, "if (i == 5) msgs[i].iv[11]++;", "", "its fields were changed"),
    "a bit of the tag not compared": (
        suites.tag_bits,
        "",
        "if (i == 77 && num_msgs == 128) msgs[i].ok = 1;",
        "was accepted",
    ),
    "an octet left behind": (
        suites.spoilt_neighbours,
        "",
        "if (!msgs[i].ok && msgs[i].data_len > 0) msgs[i].data[msgs[i].data_len - 1] = 1;",
        "its data is not all zeros",
    ),
    "a neighbour refused": (
        suites.spoilt_neighbours,
        "",
        "if (!msgs[i].ok && i + 1 < num_msgs && num_msgs == 64) msgs[i + 1].ok = 0;",
        "it was refused",
    ),
    "a count that is wrong": (
        suites.spoilt_neighbours,
        "",
        "if (i == 8 && num_bad == 5) num_bad = 4;",
        "open returned 4",
    ),
    "a tag changed by open": (
        suites.key_life,
        "",
        "if (!msgs[i].ok) {} else msgs[i].tag[3]++;",
        "open changed the tag",
    ),
    "a third octet of the counter": (
        suites.counters,
        "if (msgs[i].data_len > 1 << 20) msgs[i].data[65534 * 16 + 1]++;",
        "",
        "the ciphertext is wrong at octet 1048545",
    ),
}


def run_suite(csrc: Path, tmp_path: Path, suite: Suite) -> tuple[int, str]:
    program = compile_program(csrc, PROGRAMS / "gcm_cases.c", tmp_path / "cases", folders=FOLDERS)
    with (tmp_path / "stream").open("w+b") as stream:
        suite(Cases(stream, 1))
        stream.seek(0)
        done = run_program([program, "portable"], stdin=stream)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.replace(" ", "-"))
def test_the_cases_find(tmp_path: Path, fault: str) -> None:
    suite, behind_seal, behind_open, said = FAULTS[fault]
    copy = plant(tmp_path, "gcm/gcm.c", SEAL, SEAL + EACH.format(behind_seal))
    plant(tmp_path, "gcm/gcm.c", OPEN, OPENED.format(EACH.format(behind_open)))
    status, found = run_suite(copy, tmp_path, suite)
    assert status in {1, -signal.SIGSEGV}, found
    assert said in found


def test_without_a_fault_the_cases_find_nothing(tmp_path: Path) -> None:
    copy = plant(tmp_path, "gcm/gcm.c", SEAL, SEAL + EACH.format(""))
    status, found = run_suite(copy, tmp_path, suites.sample)
    assert status == 0, found


@pytest.mark.parametrize("octet", [48 + 32, 48 + 32 + 15])
def test_a_wrong_result_is_refused(tmp_path: Path, octet: int) -> None:
    """The other way round: a bit of what the product is compared with."""
    with (tmp_path / "stream").open("w+b") as stream:
        cases = Cases(stream, 1, pool=256)
        cases.key(16)
        before = stream.tell()
        cases.burst([(20, 48)])
        stream.seek(before + 1 + 4 + 8 + octet)
        changed = bytes([stream.read(1)[0] ^ 1])
        stream.seek(-1, 1)
        stream.write(changed)
        stream.seek(0)
        copy = plant(tmp_path, "gcm/gcm.c", SEAL, SEAL + EACH.format(""))
        program = compile_program(copy, PROGRAMS / "gcm_cases.c", tmp_path / "cases", folders=FOLDERS)
        done = run_program([program, "portable"], stdin=stream)
    assert done.returncode == 1
    assert "the tag is wrong" in done.stdout
    assert "it was refused" in done.stdout
