"""Whole files as other programs see them: memory stays bounded, tshark reads what comes out, pipes work."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.tools import captures as c

RUN = """
import resource, sys
from pysec.cli import main
main.COMMANDS = ("pcap",)
status = main.main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


def pysec(*args: object, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", RUN, *map(str, args)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def peak_kib(done: subprocess.CompletedProcess[bytes]) -> int:
    """The most memory that the command held."""
    return int(done.stderr.split()[-1])


def make(path: Path, octets: int) -> int:
    """A capture of about that many octets, written as it is made; how many packets."""
    data = c.frame(length=1500)
    record = struct.pack("<IIII", 1, 2, 1500, 1500) + data
    count = octets // len(record)
    with path.open("wb") as file:
        file.write(c.pcap([]))
        for _ in range(count):
            file.write(record)
    return count


def bounded(tmp_path: Path, small: int, large: int) -> None:
    keys = c.write_json(tmp_path / "keys.json", c.keys())
    peaks = []
    for octets in (small, large):
        source, secure, back = (tmp_path / f"{name}.pcap" for name in ("in", "secure", "back"))
        count = make(source, octets)
        steps = [
            pysec("pcap", "protect", source, secure, "--keys", keys, "--json"),
            pysec("pcap", "validate", secure, back, "--keys", keys, "--json"),
        ]
        assert [step.returncode for step in steps] == [0, 0], steps
        assert json.loads(steps[1].stdout)["verdicts"] == {"in-pkts-ok": count}
        assert back.stat().st_size == source.stat().st_size
        peaks.append([peak_kib(step) for step in steps])
    for before, after in zip(*peaks, strict=True):
        assert after - before < 8 * 1024, f"memory grows with the capture: {peaks} KiB"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_capture(tmp_path: Path) -> None:
    bounded(tmp_path, 2_000_000, 24_000_000)


@pytest.mark.soak  # the one above sees it grow with 24 MB as well
def test_memory_does_not_grow_with_a_large_capture(tmp_path: Path) -> None:
    bounded(tmp_path, 2_000_000, 200_000_000)


@pytest.mark.slow
def test_many_senders_share_one_arena(tmp_path: Path) -> None:
    """A SecY for each of 1,000 senders, and not an arena for each."""
    macs = [bytes.fromhex("0254") + i.to_bytes(4, "big") for i in range(1000)]
    sas = [{"sci": mac.hex() + "0001", "an": 0, "key": f"{i:032x}"} for i, mac in enumerate(macs)]
    keys = c.write_json(tmp_path / "keys.json", c.keys(sas=sas))
    source, secure, back = (tmp_path / f"{name}.pcap" for name in ("in", "secure", "back"))
    source.write_bytes(c.pcap([(i, 0, c.frame(mac)) for i in range(2) for mac in macs]))
    few = pysec("pcap", "protect", source, "--keys", keys, "--sci", f"{macs[0].hex()}0001")
    done = pysec("pcap", "protect", source, secure, "--keys", keys)
    assert (few.returncode, done.returncode) == (0, 0)
    assert peak_kib(done) - peak_kib(few) < 1000 * 128, "more than 128 KiB for a sender"
    assert pysec("pcap", "validate", secure, back, "--keys", keys).returncode == 0
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.slow
def test_pipes(tmp_path: Path) -> None:
    keys = c.write_json(tmp_path / "keys.json", c.keys())
    clear = c.pcap([(5, i, c.frame(length=60 + i)) for i in range(300)])
    secure = pysec("pcap", "protect", "-", "-", "--keys", keys, stdin=clear)
    assert secure.returncode == 0
    assert b"300  out-pkts-encrypted" in secure.stderr
    back = pysec("pcap", "validate", "-", "--keys", keys, "-", stdin=secure.stdout)
    assert back.stdout == clear
    assert pysec("pcap", "dissect", "-", stdin=secure.stdout).stdout.count(b"MACsec AN 0, encrypted") == 300


def tshark(path: Path, *fields: str) -> list[list[str]]:
    """The fields of every packet as Wireshark sees them; skips where there is no tshark."""
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    columns = [part for field in fields for part in ("-e", field)]
    command = [program, "-n", "-r", str(path), "-T", "fields", *columns]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "cut short" not in done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("ng", [False, True])
def test_wireshark_reads_what_comes_out(tmp_path: Path, ng: bool) -> None:
    keys = c.write_json(tmp_path / "keys.json", c.keys())
    source, secure, back = (tmp_path / f"{name}.cap" for name in ("in", "secure", "back"))
    stamps = [1_700_000_000_000_001, 1_700_000_007_000_002]
    if ng:
        octets = (
            c.section() + c.interface() + b"".join(c.enhanced(c.frame(length=61 + i), s) for i, s in enumerate(stamps))
        )
    else:
        octets = c.pcap([(*divmod(s, 1_000_000), c.frame(length=61 + i)) for i, s in enumerate(stamps)])
    source.write_bytes(octets)
    assert pysec("pcap", "protect", source, secure, "--keys", keys).returncode == 0
    assert pysec("pcap", "validate", secure, back, "--keys", keys).returncode == 0
    times = ["1700000000.000001000", "1700000007.000002000"]
    rows = tshark(secure, "frame.time_epoch", "frame.len", "macsec.PN", "macsec.SCI.system_identifier", "eth.type")
    assert rows == [
        [times[0], "93", "1", "02:54:00:00:0a:01", "0x88e5"],
        [times[1], "94", "2", "02:54:00:00:0a:01", "0x88e5"],
    ]
    rows = tshark(back, "frame.time_epoch", "frame.len", "eth.type")
    assert rows == [[times[0], "61", "0x0800"], [times[1], "62", "0x0800"]]
