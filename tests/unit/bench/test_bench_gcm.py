"""bench gcm yields the rows that it promises, and a provider that is wrong, or missing, is not measured in silence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import rows
from bench.chart import curves, draw
from bench.gcm_cases import take_turns
from bench.gcm_harness import PEERS, GcmHarness, Peer, Way, best_limits
from bench.gcm_rows import ALL_IN_CLEAR, LOADS, GcmRow, Group, Limits, Load
from bench.gcm_table import FLOORS, load_name, summary
from bench.harness import ROOT, build_shared
from pysec.errors import DriverError
from pysec.types import CipherSuite
from tests.unit.bench.inside import status

AES_128, AES_256 = CipherSuite.GCM_AES_128, CipherSuite.GCM_AES_256
PROMISED = {"bench", "provider", "suite", "op", "aad", "payload", "burst", "ns", "cycles", "spread", "limit_cycles"}
PROMISED |= {"cpu", "compiler"}
SMALL = ["--repeats", "1", "--sample-ms", "0.001"]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A process of its own: a bench pins itself to one CPU."""
    command = [sys.executable, "-m", "bench", "gcm", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=300)


@pytest.fixture
def harness() -> Any:
    running = GcmHarness()
    yield running
    running.close()


# ---- What comes out


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[dict[str, Any]], str]:
    path = tmp_path_factory.mktemp("gcm") / "rows.jsonl"
    payloads = ",".join(str(load) for load in LOADS if not load.ring_mib)
    ran = bench("--quick", "--payload", payloads, *SMALL, "--json", str(path))
    assert ran.returncode == 0, ran.stderr
    return path, *rows.read(str(path)), ran.stdout


def test_quick_has_every_payload_key_direction_and_provider(
    quick: tuple[Path, dict[str, Any], list[dict[str, Any]], str],
) -> None:
    _, card, found, _ = quick
    there = {f"pysec:{impl}" for impl in card["impls"]} | {"ipsec-mb", "openssl", "cryptography"} - set(card["missing"])
    frames = [row for row in found if row["op"] != "setup"]
    assert {(row["provider"], row["suite"], row["op"], load_name(row)) for row in frames} == {
        (provider, suite, op, str(load))
        for provider in there
        for suite in ("GCM-AES-128", "GCM-AES-256")
        for op in ("seal", "open")
        for load in LOADS
        if not load.ring_mib
    }
    assert {row["provider"] for row in found if row["op"] == "setup"} == there
    for row in frames:
        assert set(row) >= PROMISED
        assert (row["burst"], row["aad"], row["cpu"]) == (32, 28, card["cpu"])
        assert row["payload"] == row["octets"]
        assert row["cycles_min"] <= row["cycles_p25"] <= row["cycles"] <= row["cycles_p75"]
        assert row["cycles"] == pytest.approx(row["ns"] * row["ghz"], rel=1e-3)
        assert ("ipsec_mb_ratio" in row) == (row["provider"].startswith("pysec:") and "ipsec-mb" in there)
    keys = [tuple(row.get(name) for name in rows.KEY) for row in found]
    assert len(set(keys)) == len(keys), "two rows of one name"


def test_the_table_for_people_has_ours_the_best_the_limit_and_the_floor(
    quick: tuple[Path, dict[str, Any], list[dict[str, Any]], str],
) -> None:
    _, _, found, printed = quick
    lines = summary(found).splitlines()
    assert len(lines) == 1 + 2 * 2 * 8
    assert all(line in printed for line in lines)
    assert "ipsec-mb/ours" in lines[0]


def test_the_picture_lies_beside_the_rows_and_is_theirs(
    quick: tuple[Path, dict[str, Any], list[dict[str, Any]], str],
) -> None:
    path, card, found, _ = quick
    picture = path.with_suffix(".svg").read_text("utf-8")
    assert picture == draw(card, found)
    lines = curves(found)
    assert set(lines) >= {"pysec:portable"}
    assert len(lines["pysec:portable"]) == 7
    tree = ElementTree.fromstring(picture)  # noqa: S314 - our own
    assert len(tree.findall("{*}polyline")) == len(lines)
    assert "prefers-color-scheme: dark" in picture


def measured(path: Path, *arguments: str) -> set[tuple[Any, Any, int]]:
    """AAD, payload and burst of the rows that `portable` got."""
    ran = bench("--impl", "portable", "--provider", "pysec", *arguments, *SMALL, "--json", str(path))
    assert ran.returncode == 0, ran.stderr
    _, found = rows.read(str(path))
    assert {row["provider"] for row in found} == {"pysec:portable"}
    return {(row["aad"], row["payload"], row["burst"]) for row in found if row["op"] != "setup"}


def test_what_the_full_run_adds(tmp_path: Path) -> None:
    """Away from what is typical in one way at a time."""
    some = ["--payload", "48,114,imix", "--suite", "GCM-AES-256"]
    assert measured(tmp_path / "rows.jsonl", *some) == {
        *((28, payload, burst) for payload in (48, 114, "imix") for burst in (1, 4, 8, 16, 32, 64, 256)),
        *((20, payload, 32) for payload in (48, 114, "imix")),
        *((28 + 30, 48 - 30, 32), (28 + 30, 114 - 30, 32), (28 + 50, 114 - 50, 32)),
        *((28 + 48, 0, 32), (28 + 114, 0, 32)),
    }


def test_all_is_measured_that_is_named(tmp_path: Path) -> None:
    some = ["--payload", "114", "--burst", "1,7", "--aad", "20", "--mode", "integrity", "--mode", "offset30"]
    wanted = {(20 + clear, 114 - clear, burst) for clear in (30, 114) for burst in (1, 7)}
    assert measured(tmp_path / "rows.jsonl", *some, "--suite", "GCM-AES-128") == wanted


def test_the_large_ring_has_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    some = ["--quick", "--payload", "1500,1500M", "--suite", "GCM-AES-128", "--provider", "openssl", "--op", "seal"]
    ran = bench(*some, *SMALL, "--json", str(path))
    assert ran.returncode == 0, ran.stderr
    _, found = rows.read(str(path))
    assert [(row["payload"], row.get("ring_mib")) for row in found if row["provider"] == "openssl"] in (
        [(1500, None), (1500, 64)],
        [],  # it is missing here
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--burst", "257"],
        ["--aad", "24"],
        ["--payload", "0"],
        ["--payload", "many"],
        ["--provider", "no-such"],
        ["--impl", "no-such"],
        ["--mode", "no-such"],
        ["--quick", "--repeats", "-1"],
    ],
)
def test_bad_usage_is_status_2_and_no_traceback(arguments: list[str]) -> None:
    assert status(["gcm", *arguments]) == 2


def test_compare_knows_these_rows(
    quick: tuple[Path, dict[str, Any], list[dict[str, Any]], str], capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.__main__ import main

    assert main(["compare", str(quick[0]), str(quick[0])]) == 0
    assert f"0 faster, 0 slower, {len(quick[2])} within the noise" in capsys.readouterr().out


# ---- Peers that are wrong, or not there

# No cryptography at all: payloads are exclusive-ored with 0x5a, tags are a sum that anybody can make. It agrees with
# itself and refuses what was changed, so but for its octets nothing is wrong with it, unless FAULT adds something.
WRONG = """
#include "gcm_peer.h"
#define IS(fault) (__builtin_strcmp(fault, "%s") == 0)
static void *key_new(const uint8_t *key, size_t len, const char *impl, int opens)
{
    (void)key, (void)len, (void)impl, (void)opens;
    return (void *)1;
}
static void key_free(void *key) { (void)key; }
static void flip(struct pysec_gcm_op *op)
{
    for (uint32_t k = 0; k < op->data_len; k++)
        op->data[k] ^= 0x5a;
}
static void sum(const struct pysec_gcm_op *op, uint64_t tag[2])
{
    tag[0] = tag[1] = 1;
    for (uint32_t k = 0; k < op->aad_len; k++)
        tag[0] = tag[0] * 31 + op->aad[k];
    for (uint32_t k = 0; k < op->data_len; k++)
        tag[1] = tag[1] * 31 + op->data[k];
}
static void seal(void *key, struct pysec_gcm_op *ops, size_t n)
{
    (void)key;
    for (struct pysec_gcm_op *op = ops; op < ops + n; op++) {
        uint64_t tag[2];
        flip(op);
        sum(op, tag);
        __builtin_memcpy(op->tag, tag, 16);
    }
}
static size_t open_ops(void *key, struct pysec_gcm_op *ops, size_t n)
{
    size_t bad = 0;
    (void)key;
    for (struct pysec_gcm_op *op = ops; op < ops + n; op++) {
        uint64_t tag[2];
        sum(op, tag);
        bad += !same_tag(op->tag, (uint8_t *)tag);
        if (!IS("garbles"))
            flip(op);
    }
    return IS("refuses all") ? n : IS("opens all") ? 0 : bad;
}
static const struct gcm_way ways[] = {{"fast", 0, key_new, key_free, seal, open_ops}};
const char *gcm_peer_start(const struct gcm_way **w, size_t *n, const char **provider)
{
    *w = ways, *n = 1, *provider = "wrong";
    return IS("does not start") ? 0 : "0.1";
}
"""


def wrong_peer(folder: Path, fault: str) -> Path:
    """It, compiled."""
    source = folder / "peer_wrong.c"
    source.write_text(WRONG % fault, "utf-8")
    return build_shared("test_wrong", source, "c")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("opens all", "it opened a frame that was changed"),
        ("refuses all", "it refused its own frames"),
        ("garbles", "what it opened is not what it sealed"),
    ],
)
def test_canary_a_provider_that_opens_wrongly(harness: GcmHarness, tmp_path: Path, fault: str, said: str) -> None:
    (way,) = harness.load(wrong_peer(tmp_path, fault))
    harness.ring(Group(AES_128, Load(114), 32))
    with pytest.raises(DriverError, match=f"wrong .fast. is wrong: .*{said}"):
        harness.check(way, harness.add(way))


def test_canary_a_provider_that_answers_wrong_octets(harness: GcmHarness, tmp_path: Path) -> None:
    """It would be the fastest of all, and only OpenSSL can tell."""
    (way,) = harness.load(wrong_peer(tmp_path, "none"))
    harness.ring(Group(AES_128, Load(114), 32))
    with pytest.raises(DriverError, match="the ciphertext of frame 0, 28 octets of additional data and 114 of data"):
        harness.check(way, harness.add(way))


def test_canary_one_octet_of_one_frame(harness: GcmHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    way = Way("pysec:portable", "portable")
    harness.ring(Group(AES_256, Load(48), 4, header=20))
    case = harness.add(way)
    harness.check(way, case)
    read = Path.read_bytes
    for at, part in ((-1, "tag"), (-17, "ciphertext")):

        def planted(path: Path, at: int = at) -> bytes:
            raw = bytearray(read(path))
            raw[at] ^= 1
            return bytes(raw)

        monkeypatch.setattr(Path, "read_bytes", planted)
        with pytest.raises(DriverError, match=f"the {part} of frame 511, 20 octets .* 48 of data, is not OpenSSL's"):
            harness.check(way, case)


def test_a_peer_that_does_not_start(harness: GcmHarness, tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="it does not start"):
        harness.load(wrong_peer(tmp_path, "does not start"))


def test_peers_that_are_not_there_are_named_as_missing(harness: GcmHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    ghosts = (Peer("ipsec-mb", "ipsec_mb", "no-such-header.h", "IPSec_MB", "libipsec-mb-dev"),)
    monkeypatch.setattr("bench.gcm_harness.PEERS", (*ghosts, *PEERS[1:]))
    assert "ipsec-mb" not in {way.provider for way in harness.find_peers()}
    assert harness.missing["ipsec-mb"] == "needs no-such-header.h and libIPSec_MB (Debian: libipsec-mb-dev)"


GHOSTS = """
import dataclasses, sys
from bench import __main__, gcm_harness
gone = [dataclasses.replace(peer, header=f"no-such/{peer.header}") for peer in gcm_harness.PEERS]
gcm_harness.PEERS = tuple(gone)
sys.exit(__main__.main(sys.argv[1:]))
"""


def test_a_missing_peer_is_no_error(tmp_path: Path) -> None:
    """Named in the card and at the end, and the rest is measured."""
    path = tmp_path / "rows.jsonl"
    some = ["--quick", "--payload", "48", "--suite", "GCM-AES-128", "--impl", "portable", *SMALL, "--json", str(path)]
    ran = subprocess.run(
        [sys.executable, "-c", GHOSTS, "gcm", *some], capture_output=True, text=True, check=False, cwd=ROOT, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    card, found = rows.read(str(path))
    assert set(card["missing"]) == {"ipsec-mb", "openssl"}
    assert "missing: ipsec-mb: needs no-such/intel-ipsec-mb.h" in ran.stdout
    assert "no ipsec-mb" in ran.stdout
    assert {row["provider"] for row in found} == {"pysec:portable", "cryptography"}


# ---- The limit, and what is made of rows


def test_the_limit_is_the_busier_unit() -> None:
    """Zen 5: two VAESENC of any width a cycle, a VPCLMULQDQ every other one. The limits were worked out by hand."""
    zen5 = Limits.of({"aes:512": 0.5, "aes:128": 0.5, "clmul:512": 2.0, "clmul:128": 2.0})
    for octets, cycles in ((48, 10), (114, 17.5), (8988, 848.5)):
        assert zen5.cycles(Group(AES_128, Load(octets), 32)) == (pytest.approx(cycles), "clmul")
    # 8988 octets are 562 blocks, and one for the tag; 13 of 14 rounds each, and the first once.
    assert zen5.cycles(Group(AES_256, Load(8988), 32)) == (pytest.approx((563 * 13 + 1) / 8), "aes")
    assert zen5.cycles(Group(AES_128, Load(48), 32, clear=ALL_IN_CLEAR)) == (pytest.approx((6 * 3 + 2) / 2), "clmul")
    mix = zen5.cycles(Group(AES_128, Load(None), 32))
    alone = [zen5.cycles(Group(AES_128, Load(octets), 32)) for octets in (50, 576, 1500)]
    assert mix[0] == pytest.approx((7 * alone[0][0] + 4 * alone[1][0] + alone[2][0]) / 12)
    assert zen5.cycles(Group(AES_128, Load(1500, 64), 32), memory=500) == (500, "memory")
    assert Limits.of({}).cycles(Group(AES_128, Load(48), 32)) is None


def test_a_core_without_vaes_has_the_limit_of_its_xmm_registers() -> None:
    xmm = Limits.of({"aes:128": 0.5, "clmul:128": 1.0})
    assert xmm.cycles(Group(AES_128, Load(48), 32)) == (pytest.approx(20), "clmul")


def test_of_two_measurements_the_faster_counts() -> None:
    assert best_limits({"aes:128": 0.5, "clmul:128": 1.5}, {"aes:128": 0.7, "clmul:128": 1.0}) == Limits(2.0, 1.0)


def test_the_core_has_limits_or_no_such_instructions(harness: GcmHarness) -> None:
    found = harness.limits()
    assert {name.partition(":")[0] for name in found} in ({"aes", "clmul"}, set())
    assert all(cycles > 0 for cycles in found.values())


class Spy:
    """A case that writes down when it is sampled."""

    def __init__(self, name: str, seen: list[str]) -> None:
        self.rows = [GcmRow(name, "seal", AES_128)]
        self._seen = seen

    def sample(self, at_least_ns: int) -> None:
        self._seen.append(self.rows[0].provider)
        self.rows[0].samples.append(at_least_ns)
        self.rows[0].ghz.append(1.0)


def test_cases_take_turns_forwards_and_backwards() -> None:
    seen: list[str] = []
    cases = [Spy("a", seen), Spy("b", seen)]
    take_turns(cases, 3, 1_000_000)
    assert "".join(seen) == "ab" + "ab" + "ba" + "ab"
    assert [case.rows[0].samples for case in cases] == [[1_000_000] * 3] * 2


def test_of_several_ways_the_faster_stands_and_is_named() -> None:
    from bench.gcm_cases import faster_way

    found = [GcmRow("ipsec-mb", "seal", AES_128, None, way, [ns], [2.0]) for way, ns in (("direct", 9), ("burst", 7))]
    found.append(GcmRow("openssl", "seal", AES_128, None, "evp", [5], [2.0]))
    assert [(row.provider, row.way) for row in faster_way(found)] == [("ipsec-mb", "burst"), ("openssl", None)]


@pytest.mark.parametrize(("ratio", "word"), [(4.0, "met"), (3.99, "BELOW"), (None, "no ipsec-mb")])
def test_a_floor_is_met_or_not(ratio: float | None, word: str) -> None:
    row = {"provider": "pysec:a", "suite": "GCM-AES-128", "op": "seal", "octets": 48, "aad": 28, "burst": 32}
    row |= {"mode": "encrypt", "cycles": 20, "limit_cycles": None} | ({"ipsec_mb_ratio": ratio} if ratio else {})
    assert summary([row]).splitlines()[-1].endswith(f"  {FLOORS['48']}  {word}".rstrip())


def test_canary_rows_without_their_card(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = GcmRow("pysec:a", "seal", AES_128, Group(AES_128, Load(48), 32), None, [1.0, 2.0], [3.0, 3.0])
    rows.write(str(path), {"cpu": "a"}, [row])
    assert rows.read(str(path))[1][0]["cycles"] == 4.5
    path.write_text(json.dumps(row.as_dict()) + "\n")
    with pytest.raises(rows.FormatError, match="the first line is not a machine card"):
        rows.read(str(path))
