"""Writing captures: what goes in comes out with its times, and a file is whole or not there."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pysec.errors import UsageError
from pysec.tools.pcap.reader import CaptureReader, Item, Packet
from pysec.tools.pcap.writer import CaptureWriter, NoWriter, capture_output, pass_on, refuse_overwriting
from tests.unit.tools import captures as c


def copied(octets: bytes) -> bytes:
    """What the writer makes of a capture."""
    out = io.BytesIO()
    writer = CaptureWriter(out)
    for item in CaptureReader(io.BytesIO(octets), "capture"):
        pass_on(item, writer, NoWriter())
        if isinstance(item, Packet):
            writer.write(item, item.data)
    return out.getvalue()


def items(octets: bytes) -> list[Item]:
    return list(CaptureReader(io.BytesIO(octets), "capture"))


@pytest.mark.parametrize("nano", [False, True])
def test_classic_round_trip(nano: bool) -> None:
    packets = [(1_700_000_000, 999_999, c.frame()), (0xFFFFFFFF, 1, c.frame(length=14))]
    octets = c.pcap(packets, nano=nano)
    assert copied(octets) == octets
    assert copied(c.pcap(packets, nano=nano, order=">")) == octets


def test_pcapng_round_trip() -> None:
    octets = c.section(">") + c.interface(options=[(9, b"\x89"), (14, bytes(7) + b"\x05")], order=">")
    octets += c.enhanced(c.frame(length=61), (1 << 63) + 5, order=">") + c.simple(c.frame(length=62), order=">")
    octets += c.section() + c.interface() + c.interface() + c.enhanced(c.frame(), 7, 1)
    before, after = items(octets), items(copied(octets))
    assert before == after


def test_a_file_appears_only_when_all_went_well(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"

    def fail() -> None:
        with capture_output(out) as writer:
            for item in items(c.pcap([(0, 0, c.frame())])):
                pass_on(item, writer)
            assert not out.exists()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []
    out.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), capture_output(out):
        raise KeyboardInterrupt
    assert out.read_bytes() == b"old"
    with capture_output(out) as writer:
        for item in items(c.pcap([])):
            pass_on(item, writer)
    assert out.read_bytes() == c.pcap([])
    assert list(tmp_path.iterdir()) == [out]


def test_a_link_is_followed_not_replaced(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    link.symlink_to(real)
    with capture_output(link) as writer:
        for item in items(c.pcap([])):
            pass_on(item, writer)
    assert link.is_symlink()
    assert real.read_bytes() == c.pcap([])


def test_a_device_is_written_as_it_stands() -> None:
    with capture_output(Path("/dev/null")) as writer:
        for item in items(c.pcap([])):
            pass_on(item, writer)
    assert Path("/dev/null").is_char_device()


def test_folders_and_missing_folders_are_refused(tmp_path: Path) -> None:
    for wrong in (tmp_path, tmp_path / "none" / "out.pcap"):
        with pytest.raises(UsageError), capture_output(wrong):
            pass


def test_no_input_is_overwritten(tmp_path: Path) -> None:
    real, hard, soft = tmp_path / "in", tmp_path / "hard", tmp_path / "soft"
    real.write_bytes(b"input")
    hard.hardlink_to(real)
    soft.symlink_to(real)
    for name in (real, hard, soft, tmp_path / "." / "in"):
        with pytest.raises(UsageError):
            refuse_overwriting(name, [tmp_path / "other", real])
    with pytest.raises(UsageError):
        refuse_overwriting(tmp_path / "new", [tmp_path / "x" / ".." / "new"])
    refuse_overwriting(tmp_path / "new", [real])
    refuse_overwriting(Path("/dev/null"), [Path("/dev/null")])
    refuse_overwriting(None, [real])
