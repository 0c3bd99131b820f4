"""`pysec pcap protect` and `validate` as people call them: captures in, captures and counters out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from pysec.dataplane import SecY, SecYConfig
from pysec.tools.pcap.reader import CaptureReader, Packet
from pysec.types import Ki, Sci
from tests.unit.tools import captures as c
from tests.unit.tools.conftest import Run

CLEAR = [(7, i, c.frame((c.LEFT, c.RIGHT)[i % 2], 60 + i)) for i in range(20)]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return c.write_json(tmp_path / "keys.json", c.keys())


@pytest.fixture
def clear(tmp_path: Path) -> Path:
    path = tmp_path / "clear.pcap"
    path.write_bytes(c.pcap(CLEAR))
    return path


def packets(path: Path) -> list[Packet]:
    return [item for item in CaptureReader(io.BytesIO(path.read_bytes()), str(path)) if isinstance(item, Packet)]


def test_there_and_back(pysec: Run, tmp_path: Path, keys: Path, clear: Path) -> None:
    secure, back = tmp_path / "secure.pcap", tmp_path / "back.pcap"
    done = pysec("pcap", "protect", clear, "--keys", keys, secure)
    assert (done.status, done.err) == (0, "")
    assert "20  out-pkts-encrypted" in done.out
    assert "02:54:00:00:0a:01/1  out-pkts-encrypted 10" in done.out
    assert f"20 written to {secure}" in done.out
    for before, after in zip(packets(clear), packets(secure), strict=True):
        assert len(after.data) == len(before.data) + 32
        assert after.data[:12] == before.data[:12]
        assert after.data[12:14] == b"\x88\xe5"
        assert (after.stamp, after.length) == (before.stamp, len(after.data))
    done = pysec("pcap", "validate", "--keys", keys, secure, back, "--json")
    assert done.status == 0
    assert back.read_bytes() == clear.read_bytes()
    report = json.loads(done.out)
    assert report["ok"] is True
    assert report["verdicts"] == {"in-pkts-ok": 20}
    assert report["secure_channels"]["02:54:00:00:0b:01/1"] == {"in-pkts-ok": 10}
    assert all(check["ok"] for check in report["checks"])


def test_pcapng_keeps_interfaces_and_times(pysec: Run, tmp_path: Path, keys: Path) -> None:
    source, secure, back = (tmp_path / f"{name}.pcapng" for name in ("in", "secure", "back"))
    octets = c.section() + c.interface() + c.interface(options=[(9, b"\x09")])
    octets += c.enhanced(c.frame(), 5, 0) + c.enhanced(c.frame(c.RIGHT), 6, 1) + c.simple(c.frame())
    octets += c.section() + c.interface() + c.enhanced(c.frame(), 7, 0)
    source.write_bytes(octets)
    assert pysec("pcap", "protect", source, secure, "--keys", keys).status == 0
    assert pysec("pcap", "validate", secure, "--keys", keys, back).status == 0
    before, after = (list(CaptureReader(io.BytesIO(p.read_bytes()), "x")) for p in (source, back))
    assert before == after


def test_without_out_there_is_only_the_summary(pysec: Run, tmp_path: Path, keys: Path, clear: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert pysec("pcap", "protect", clear, "--keys", keys).status == 0
    assert sorted(tmp_path.iterdir()) == before


def secured(tmp_path: Path, keys: Path, clear: Path, pysec: Run, *options: object) -> list[bytes]:
    out = tmp_path / "secured.pcap"
    assert pysec("pcap", "protect", clear, out, "--keys", keys, *options).status == 0
    return [packet.data for packet in packets(out)]


def test_refused_frames_are_counted_by_verdict_and_kept_apart(
    pysec: Run, tmp_path: Path, keys: Path, clear: Path
) -> None:
    frames = secured(tmp_path, keys, clear, pysec)
    forged = frames[4][:-1] + bytes([frames[4][-1] ^ 1])
    stranger = bytearray(frames[6])
    stranger[20] ^= 1  # in the SCI
    version = bytearray(frames[8])
    version[14] |= 0x80
    kay = bytearray(frames[10])
    kay[14] &= 0xFB
    eapol, untagged = c.frame(ethertype=0x888E), c.frame()
    bad = [frames[0], frames[0], forged, bytes(stranger), bytes(version), bytes(kay), eapol, untagged, b"short"]
    source, out, rejects = (tmp_path / f"{name}.pcap" for name in ("bad", "good", "rejects"))
    source.write_bytes(c.pcap([(0, i, frame) for i, frame in enumerate(bad)]))
    done = pysec("pcap", "validate", source, "--keys", keys, out, "--rejects", rejects, "--json")
    assert done.status == 1
    report = json.loads(done.out)
    assert report["verdicts"] == {
        "in-pkts-no-tag": 1,
        "in-pkts-bad-tag": 1,
        "in-pkts-no-sa-error": 1,
        "in-pkts-ok": 1,
        "in-pkts-late": 1,
        "in-pkts-not-valid": 1,
        "in-pkts-kay": 1,
        "in-pkts-bypass": 1,
        "in-pkts-malformed": 1,
    }
    assert report["reasons"]["in-pkts-no-sa-error/unknown-sci"] == 1
    assert [p.data for p in packets(out)] == [CLEAR[0][2], eapol]
    assert [p.data for p in packets(rejects)] == [bad[i] for i in (1, 2, 3, 4, 5, 7, 8)]
    assert [p.stamp for p in packets(rejects)] == [1, 2, 3, 4, 5, 7, 8]


def test_a_kay_frame_alone_is_no_failure(pysec: Run, tmp_path: Path, keys: Path, clear: Path) -> None:
    frame = bytearray(secured(tmp_path, keys, clear, pysec)[0])
    frame[14] &= 0xFB
    source = tmp_path / "kay.pcap"
    source.write_bytes(c.pcap([(0, 0, bytes(frame))]))
    assert pysec("pcap", "validate", source, "--keys", keys).status == 0


def test_a_wrong_key_opens_nothing_and_shows_nothing(pysec: Run, tmp_path: Path, keys: Path, clear: Path) -> None:
    secured(tmp_path, keys, clear, pysec)
    wrong = c.keys()
    wrong["sas"][0]["key"] = c.OTHER_KEY[::-1]
    out = tmp_path / "out.pcap"
    done = pysec("pcap", "validate", tmp_path / "secured.pcap", "--keys", c.write_json(tmp_path / "w", wrong), out)
    assert done.status == 1
    assert "10  in-pkts-not-valid" in done.out
    assert [p.data[6:12] for p in packets(out)] == [c.RIGHT] * 10
    assert c.OTHER_KEY[::-1] not in done.out + done.err


def test_replay_window_and_check_mode(pysec: Run, tmp_path: Path, keys: Path, clear: Path) -> None:
    frames = secured(tmp_path, keys, clear, pysec, "--integrity-only")
    forged = frames[2][:-1] + bytes([frames[2][-1] ^ 1])
    source = tmp_path / "mixed.pcap"
    source.write_bytes(c.pcap([(0, 0, f) for f in (frames[4], frames[0], forged)]))

    def verdicts(*options: object) -> dict[str, int]:
        found: dict[str, int] = json.loads(pysec("pcap", "validate", source, "--keys", keys, "--json", *options).out)[
            "verdicts"
        ]
        return found

    assert verdicts() == {"in-pkts-ok": 1, "in-pkts-late": 2}
    assert verdicts("--replay-window", 10) == {"in-pkts-ok": 2, "in-pkts-not-valid": 1}
    assert verdicts("--replay-window", 10, "--validate-frames", "check") == {"in-pkts-ok": 2, "in-pkts-invalid": 1}
    assert verdicts("--validate-frames", "null") == {"in-pkts-untagged": 3}


def test_packets_cut_short_are_counted_and_not_written(pysec: Run, tmp_path: Path, keys: Path) -> None:
    source, out = tmp_path / "cut.pcap", tmp_path / "out.pcap"
    source.write_bytes(c.pcap([(0, 0, c.frame(length=64), 1500), (0, 1, c.frame())]))
    for command in ("protect", "validate"):
        done = pysec("pcap", command, source, "--keys", keys, out)
        assert done.status == 1
        assert "1  cut short by the capture" in done.out
    assert pysec("pcap", "protect", source, "--keys", keys, out).status == 1
    assert [p.stamp for p in packets(out)] == [1]


def test_frames_without_a_key_are_left_out_unless_allowed(pysec: Run, tmp_path: Path, clear: Path) -> None:
    one = c.keys()
    del one["sas"][1]
    keys, out = c.write_json(tmp_path / "one.json", one), tmp_path / "out.pcap"
    done = pysec("pcap", "protect", clear, "--keys", keys, out)
    assert done.status == 1
    assert "10  no key for their source address: not written" in done.out
    assert all(p.data[12:14] == b"\x88\xe5" for p in packets(out))
    done = pysec("pcap", "protect", clear, "--keys", keys, out, "--allow-clear")
    assert done.status == 0
    assert len(packets(out)) == 20
    done = pysec("pcap", "protect", clear, "--keys", keys, out, "--sci", "02:54:00:00:0a:01/1")
    assert (done.status, len(packets(out))) == (0, 20)


def test_eapol_goes_by_in_clear_whoever_sends_it(pysec: Run, tmp_path: Path, keys: Path) -> None:
    source, out = tmp_path / "eapol.pcap", tmp_path / "out.pcap"
    source.write_bytes(c.pcap([(0, 0, c.frame(bytes(6), ethertype=0x888E))]))
    assert pysec("pcap", "protect", source, "--keys", keys, out).status == 0
    assert out.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("mode", ["sci", "es", "scb", "nosci"])
def test_sci_modes(pysec: Run, tmp_path: Path, clear: Path, mode: str) -> None:
    bits, longer = {"sci": (0x2C, 32), "es": (0x4C, 24), "scb": (0x1C, 24), "nosci": (0x0C, 24)}[mode]
    values = c.keys(sci_mode=mode)
    if mode == "scb":
        values["sas"][0]["sci"] = "02:54:00:00:0a:01/0"
        values["sas"][1]["sci"] = "02:54:00:00:0b:01/0"
    keys = c.write_json(tmp_path / "m.json", values)
    frames = secured(tmp_path, keys, clear, pysec)
    assert {frame[14] for frame in frames} == {bits}
    assert len(frames[0]) == len(CLEAR[0][2]) + longer
    back = tmp_path / "back.pcap"
    assert pysec("pcap", "validate", tmp_path / "secured.pcap", "--keys", keys, back).status == 0
    assert back.read_bytes() == clear.read_bytes()


@pytest.mark.parametrize(("mode", "port"), [("es", 1), ("scb", 0)])
def test_an_sci_that_the_mode_cannot_tell_is_refused(
    pysec: Run, tmp_path: Path, clear: Path, mode: str, port: int
) -> None:
    values = c.keys(sci_mode=mode)
    values["sas"][0]["sci"] = "02:54:00:00:0a:01/7"
    done = pysec("pcap", "protect", clear, "--keys", c.write_json(tmp_path / "k.json", values))
    assert (done.status, done.err) == (2, f"pysec: SCI 02:54:00:00:0a:01/7: sci_mode {mode} needs port {port}\n")


def test_frames_that_do_not_tell_their_sci(pysec: Run, tmp_path: Path, keys: Path, clear: Path) -> None:
    """802.1AE-2018 9.9: without SC, ES and SCB the SCI is that of the only receive SC; with two it is taken to be
    port 1 of the source address, and where it is not, each direction needs a receiver of its own."""
    secured(tmp_path, keys, clear, pysec, "--sci-mode", "nosci")
    done = pysec("pcap", "validate", tmp_path / "secured.pcap", "--keys", keys)
    assert (done.status, "20  in-pkts-ok" in done.out) == (0, True)
    values = c.keys()
    for sa in values["sas"]:
        sa["sci"] = sa["sci"].replace("/1", "/7")
    keys = c.write_json(tmp_path / "port7.json", values)
    secured(tmp_path, keys, clear, pysec, "--sci-mode", "nosci")
    done = pysec("pcap", "validate", tmp_path / "secured.pcap", "--keys", keys)
    assert done.status == 1
    assert "--point-to-point" in done.out
    done = pysec("pcap", "validate", tmp_path / "secured.pcap", "--keys", keys, "--point-to-point")
    assert done.status == 0
    assert "20  in-pkts-ok" in done.out
    bridged = [(0, 0, c.frame(bytes(6), 90)[:6] + c.LEFT + f[12:]) for _, _, f in CLEAR[:1]]
    source = tmp_path / "bridged.pcap"
    source.write_bytes(c.pcap(bridged))
    assert pysec("pcap", "validate", source, "--keys", keys, "--point-to-point").status == 1


def test_point_to_point_finds_explicit_scis_of_bridged_frames(pysec: Run, tmp_path: Path, keys: Path) -> None:
    sci = Sci.parse("02:54:00:00:0b:01/1")
    with SecY(sci, config=SecYConfig(always_include_sci=True)) as secy:
        secy.install_sak(Ki(bytes(16)), bytes.fromhex(c.OTHER_KEY))
        secy.create_transmit_sa(0, Ki(bytes(16)))
        secy.enable_transmit(Ki(bytes(16)))
        made = secy.protect_frame(c.frame(bytes.fromhex("020000000077")))
    source = tmp_path / "bridged.pcap"
    source.write_bytes(c.pcap([(0, 0, made)]))
    assert pysec("pcap", "validate", source, "--keys", keys, "--point-to-point").status == 0


def test_an_and_first_pn(pysec: Run, tmp_path: Path, clear: Path) -> None:
    values = c.keys()
    values["sas"] += [{"sci": "02:54:00:00:0a:01/1", "an": 2, "key": "22" * 16}]
    keys = c.write_json(tmp_path / "k.json", values)
    frames = secured(tmp_path, keys, clear, pysec, "--first-pn", 1000)
    assert [int.from_bytes(f[16:20], "big") for f in frames[:4]] == [1000, 1000, 1001, 1001]
    assert {f[14] & 3 for f in frames} == {0}
    done = pysec("pcap", "protect", clear, "--keys", keys, "--an", 2)
    assert (done.status, done.err) == (2, "pysec: SCI 02:54:00:00:0b:01/1: the key file has no key for AN 2\n")
    frames = secured(tmp_path, keys, clear, pysec, "--an", 2, "--sci", "02:54:00:00:0a:01/1")
    assert {f[14] & 3 for f in frames} == {2}


def test_vlan_tags_in_clear(pysec: Run, tmp_path: Path, keys: Path) -> None:
    plain = c.frame()
    tagged = plain[:12] + bytes.fromhex("88a800648100000a") + plain[12:]
    source, back = tmp_path / "vlan.pcap", tmp_path / "back.pcap"
    source.write_bytes(c.pcap([(0, 0, tagged)]))
    (frame,) = secured(tmp_path, keys, source, pysec, "--vlan-tags-in-clear", 2)
    assert frame[:20] == tagged[:20]
    assert frame[20:22] == b"\x88\xe5"
    secure = tmp_path / "secured.pcap"
    assert pysec("pcap", "validate", secure, "--keys", keys, back, "--vlan-tags-in-clear", 2).status == 0
    assert back.read_bytes() == source.read_bytes()


def test_packet_numbers_end(pysec: Run, tmp_path: Path, keys: Path, clear: Path) -> None:
    out = tmp_path / "out.pcap"
    done = pysec("pcap", "protect", clear, "--keys", keys, out, "--first-pn", (1 << 32) - 3, "--json")
    assert done.status == 1
    report = json.loads(done.out)
    assert report["verdicts"] == {"out-pkts-encrypted": 6, "out-pkts-closed": 14}
    assert report["reasons"] == {"out-pkts-closed/pn-exhausted": 14}
    assert len(packets(out)) == 6


def test_long_frames_and_many_bursts_keep_their_order(pysec: Run, tmp_path: Path, keys: Path) -> None:
    lengths = [60, 9000, 61, 60_000, 62, 262_000, 63] * 3 + [64 + i % 40 for i in range(700)]
    sent = [(1, i, c.frame((c.LEFT, c.RIGHT)[i % 3 == 0], n, fill=i % 251)) for i, n in enumerate(lengths)]
    source, back = tmp_path / "long.pcap", tmp_path / "back.pcap"
    source.write_bytes(c.pcap(sent))
    secured(tmp_path, keys, source, pysec)
    assert pysec("pcap", "validate", tmp_path / "secured.pcap", "--keys", keys, back).status == 0
    assert back.read_bytes() == source.read_bytes()


def test_a_frame_that_no_capture_could_hold_is_too_long(pysec: Run, tmp_path: Path, keys: Path) -> None:
    source = tmp_path / "long.pcap"
    source.write_bytes(c.pcap([(0, 0, c.frame(length=262_144)), (0, 0, c.frame(length=262_112))]))
    done = pysec("pcap", "protect", source, "--keys", keys, tmp_path / "out.pcap", "--json")
    assert json.loads(done.out)["verdicts"] == {"out-pkts-too-long": 1, "out-pkts-encrypted": 1}
    assert len(packets(tmp_path / "out.pcap")) == 1


@pytest.mark.parametrize("damage", ["cut", "link", "text", "empty"])
@pytest.mark.parametrize("command", ["protect", "validate"])
def test_a_bad_capture_is_one_line_and_nothing_is_written(
    pysec: Run, tmp_path: Path, keys: Path, command: str, damage: str
) -> None:
    octets = {
        "cut": c.pcap([(0, i, c.frame()) for i in range(1000)])[:-1],
        "link": c.pcap([(0, 0, c.frame())], network=113),
        "text": b"not a capture, but text\n",
        "empty": b"",
    }[damage]
    source, out, rejects = (tmp_path / name for name in ("in.pcap", "out.pcap", "rejects.pcap"))
    source.write_bytes(octets)
    options = ["--rejects", rejects] if command == "validate" else []
    done = pysec("pcap", command, source, "--keys", keys, out, *options)
    assert (done.status, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert done.err.startswith(f"pysec: {source}: ")
    assert sorted(tmp_path.iterdir()) == sorted([keys, source])


def test_bad_key_files_and_arguments(pysec: Run, tmp_path: Path, keys: Path, clear: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"format": "pysec-keys/1", "key": "' + c.KEY)
    out = tmp_path / "out.pcap"
    before = sorted(tmp_path.iterdir())
    calls: list[list[object]] = [
        ["validate", clear, "--keys", bad, out],
        ["validate", clear, "--keys", tmp_path / "none.json", out],
        ["validate", tmp_path / "none.pcap", "--keys", keys, out],
        ["validate", clear, "--keys", keys, clear],
        ["validate", clear, "--keys", keys, keys],
        ["validate", clear, "--keys", keys, out, "--rejects", out],
        ["validate", clear, "--keys", keys, tmp_path / "none" / "out.pcap"],
        ["validate", clear, "--keys", keys, out, "--replay-window", 1 << 32],
        ["validate", clear, "--keys", keys, out, "--first-pn", 0],
        ["validate", clear, "--keys", keys, out, "--impl", "none"],
        ["protect", clear, "--keys", keys, out, "--sci", "nonsense"],
        ["protect", clear, "--keys", keys, out, "--sci", "02:54:00:00:0c:01/1"],
        ["protect", clear, out],
        ["protect", clear, out, "third", "--keys", keys],
    ]
    for call in calls:
        done = pysec("pcap", *call)
        assert (done.status, done.out) == (2, ""), call
        assert c.KEY not in done.err
        assert "Traceback" not in done.err
    assert sorted(tmp_path.iterdir()) == before


def test_two_scis_of_one_address_need_a_choice(pysec: Run, tmp_path: Path, clear: Path) -> None:
    values = c.keys()
    values["sas"][1]["sci"] = "02:54:00:00:0a:01/2"
    keys = c.write_json(tmp_path / "k.json", values)
    done = pysec("pcap", "protect", clear, "--keys", keys)
    assert (done.status, "--sci" in done.err) == (2, True)
    assert pysec("pcap", "protect", clear, "--keys", keys, "--sci", "02:54:00:00:0a:01/2").status == 0


def test_an_implementation_can_be_forced(pysec: Run, tmp_path: Path, keys: Path, clear: Path) -> None:
    assert secured(tmp_path, keys, clear, pysec, "--impl", "portable") == secured(tmp_path, keys, clear, pysec)
