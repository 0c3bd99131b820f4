"""`pysec pcap dissect`: what a line says, with and without keys; the fields of a SecTAG are those of
802.1AE-2018 9.3."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pysec.tools.pcap.dissect import name, stamp
from pysec.tools.pcap.sectag import SecTag, find_sectag
from tests.unit.tools import captures as c
from tests.unit.tools.conftest import Run

SCI = bytes.fromhex("0254000000ff0007")


def tagged(tci_an: int, sl: int = 0, pn: int = 9, sci: bytes = b"", before: bytes = b"") -> bytes:
    return c.RIGHT + c.LEFT + before + b"\x88\xe5" + bytes([tci_an, sl]) + pn.to_bytes(4, "big") + sci + bytes(64)


def test_every_bit_of_the_tci_is_told() -> None:
    """802.1AE-2018 9.3: V, ES, SC, SCB, E, C and AN, from the top."""
    for octet in range(256):
        tag = find_sectag(tagged(octet, 0x12, 0xDEADBEEF, SCI if octet & 0x20 else b""))
        assert tag is not None
        assert (tag.v, tag.es, tag.sc, tag.scb, tag.e, tag.c) == tuple(
            bool(octet & 1 << bit) for bit in (7, 6, 5, 4, 3, 2)
        )
        assert (tag.an, tag.sl, tag.pn, tag.octets) == (octet & 3, 0x12, 0xDEADBEEF, 16 if octet & 0x20 else 8)
        assert (
            tag.says
            == {0: "integrity only", 4: "changed, not encrypted", 8: "for the KaY", 12: "encrypted"}[octet & 12]
        )


@pytest.mark.parametrize(
    ("tci", "sci"),
    [
        (0x20, int.from_bytes(SCI, "big")),
        (0x40, 0x025400000A010001),
        (0x10, 0x025400000A010000),
        (0x50, 0x025400000A010000),
        (0, None),
    ],
)
def test_the_sci_that_a_tag_tells_or_implies(tci: int, sci: int | None) -> None:
    tag = find_sectag(tagged(tci, sci=SCI if tci & 0x20 else b""))
    assert tag is not None
    assert tag.sci(c.LEFT) == sci


def test_where_a_sectag_is_looked_for() -> None:
    one, two = bytes.fromhex("81000001"), bytes.fromhex("88a8000281000001")
    assert find_sectag(tagged(0, before=one)) is None
    assert find_sectag(tagged(0, before=one), 1) == SecTag(16, 0, 0, 9, None)
    assert find_sectag(tagged(0, before=two), 1) is None
    assert find_sectag(tagged(0, before=two), 2) == SecTag(20, 0, 0, 9, None)
    assert find_sectag(tagged(0), 2) == SecTag(12, 0, 0, 9, None)
    whole = tagged(0x20, sci=SCI)
    for cut in range(28):
        assert find_sectag(whole[:cut], 2) is None
    assert find_sectag(whole[:28], 2) is not None


def test_times_and_names() -> None:
    assert stamp(None) is None
    assert stamp(0) == "1970-01-01T00:00:00.000000Z"
    assert stamp(1_700_000_000_123_456_000) == "2023-11-14T22:13:20.123456Z"
    assert stamp(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456789Z"
    assert stamp(1 << 90) == f"{(1 << 90) // 10**9}.{(1 << 90) % 10**9:09d}"
    assert (name(0x88E5), name(0x1234), name(46), name(None)) == (
        "MACsec",
        "EtherType 1234",
        "802.3 length 46",
        "no EtherType",
    )


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    path = tmp_path / "mixed.pcap"
    frames = [
        c.frame(ethertype=0x888E),
        tagged(0x2D, 0, 5, SCI),
        tagged(0x81, 3),
        tagged(0x0C, before=bytes.fromhex("81000001")),
        b"short",
    ]
    path.write_bytes(c.pcap([(i, i, f) for i, f in enumerate(frames)] + [(9, 9, c.frame(length=60), 1500)]))
    return path


def test_lines_without_keys(pysec: Run, mixed: Path) -> None:
    done = pysec("pcap", "dissect", mixed)
    assert (done.status, done.err) == (0, "")
    ends = "02:54:00:00:0a:01 > 02:54:00:00:0b:01"
    day = "1970-01-01T00:00:0"
    assert done.out.splitlines() == [
        f"1 {day}0.000000Z {ends} EAPOL, 80 octets",
        f"2 {day}1.000001Z {ends} MACsec AN 1, encrypted, SCI 02:54:00:00:00:ff/7 in the tag, PN 5, 92 octets",
        f"3 {day}2.000002Z {ends} MACsec AN 1, integrity only, no SCI told, PN 9, SL 3, V set, 84 octets",
        f"4 {day}3.000003Z {ends} MACsec AN 0, encrypted, no SCI told, PN 9, after 1 VLAN tag in clear, 88 octets",
        f"5 {day}4.000004Z 5 octets: no Ethernet frame",
        f"6 {day}9.000009Z {ends} IPv4, 1500 octets of which 60 were captured",
    ]


def test_json_without_keys(pysec: Run, mixed: Path) -> None:
    lines = [json.loads(line) for line in pysec("pcap", "dissect", mixed, "--json").out.splitlines()]
    assert [line["n"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[0] == {
        "n": 1,
        "time": "1970-01-01T00:00:00.000000Z",
        "octets": 80,
        "captured": 80,
        "dst": "02:54:00:00:0b:01",
        "src": "02:54:00:00:0a:01",
        "ethertype": "888e",
    }
    assert lines[1]["sectag"] == {
        "an": 1, "v": False, "es": False, "sc": True, "scb": False, "e": True, "c": True, "sl": 0, "pn": 5,
        "sci": "02:54:00:00:00:ff/7",
    }  # fmt: skip
    assert (lines[5]["octets"], lines[5]["captured"]) == (1500, 60)


def test_with_keys_there_is_a_verdict(pysec: Run, mixed: Path, tmp_path: Path) -> None:
    keys = c.write_json(tmp_path / "keys.json", c.keys())
    clear, secure = tmp_path / "clear.pcap", tmp_path / "secure.pcap"
    clear.write_bytes(c.pcap([(0, 0, c.frame()), (0, 1, c.frame(c.RIGHT, ethertype=0x86DD))]))
    assert pysec("pcap", "protect", clear, "--keys", keys, secure).status == 0
    done = pysec("pcap", "dissect", secure, "--keys", keys)
    assert [line.partition(" octets: ")[2] for line in done.out.splitlines()] == [
        "in-pkts-ok, IPv4 inside",
        "in-pkts-ok, IPv6 inside",
    ]
    lines = [json.loads(line) for line in pysec("pcap", "dissect", secure, "--keys", keys, "--json").out.splitlines()]
    assert (lines[1]["verdict"], lines[1]["reason"], lines[1]["pn"]) == ("in-pkts-ok", None, 1)
    assert (lines[1]["sci"], lines[1]["inner_ethertype"]) == ("02:54:00:00:0b:01/1", "86dd")
    done = pysec("pcap", "dissect", mixed, "--keys", keys)
    assert [line.partition(": ")[2] for line in done.out.splitlines() if ": " in line] == [
        "in-pkts-bypass",
        "in-pkts-no-sa-error (no receive SC has this SCI)",
        "in-pkts-bad-tag (the V bit is set)",
        "in-pkts-no-tag",
        "no Ethernet frame: in-pkts-malformed (shorter than an Ethernet header)",
    ]
    assert c.KEY not in done.out


def test_xpn_shows_the_full_packet_number(pysec: Run, tmp_path: Path) -> None:
    sas = [{"sci": "02:54:00:00:0a:01/1", "an": 3, "key": c.KEY, "ssci": 1, "salt": "01" * 12}]
    values = c.keys(cipher_suite="GCM-AES-XPN-128", first_pn=(5 << 32) - 1, sas=sas)
    keys = c.write_json(tmp_path / "keys.json", values)
    clear, secure = tmp_path / "clear.pcap", tmp_path / "secure.pcap"
    clear.write_bytes(c.pcap([(0, 0, c.frame())] * 2))
    assert pysec("pcap", "protect", clear, "--keys", keys, secure).status == 0
    lines = pysec("pcap", "dissect", secure, "--keys", keys).out.splitlines()
    assert "AN 3" in lines[0]
    assert "PN 21474836479 (4294967295 in the tag)" in lines[0]
    assert "PN 21474836480 (0 in the tag)" in lines[1]


def test_a_packet_without_time(pysec: Run, tmp_path: Path) -> None:
    source = tmp_path / "simple.pcapng"
    source.write_bytes(c.section() + c.interface() + c.simple(c.frame()))
    assert pysec("pcap", "dissect", source).out.startswith("1 - 02:54")


def test_bad_input(pysec: Run, tmp_path: Path) -> None:
    source = tmp_path / "bad.pcap"
    source.write_bytes(c.pcap([(0, 0, c.frame())])[:-3])
    done = pysec("pcap", "dissect", source)
    assert (done.status, done.err) == (2, f"pysec: {source}: ends inside a packet\n")
    assert pysec("pcap", "dissect", source, "out.pcap").status == 2
