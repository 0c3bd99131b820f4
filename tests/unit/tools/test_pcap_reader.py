"""Reading captures: both byte orders, both resolutions, pcapng with what it may hold, and everything that is wrong."""

from __future__ import annotations

import io
import itertools
import struct

import pytest

from pysec.errors import FormatError
from pysec.tools.pcap.reader import MAX_INTERFACES, MAX_PACKET, CaptureReader, Interface, Packet, Section
from tests.unit.tools import captures as c

SECOND = 1_700_000_000
NS = 1_000_000_000


def read(octets: bytes) -> tuple[list[Section | Interface], list[tuple[Packet, int | None]]]:
    reader = CaptureReader(io.BytesIO(octets), "capture")
    described: list[Section | Interface] = []
    packets = []
    for item in reader:
        if isinstance(item, Packet):
            packets.append((item, reader.time_ns(item)))
        else:
            described.append(item)
    return described, packets


def refused(octets: bytes) -> str:
    with pytest.raises(FormatError) as caught:
        read(octets)
    message = str(caught.value)
    assert message.startswith("capture: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("order", "nano"), list(itertools.product("<>", (False, True))))
def test_classic(order: str, nano: bool) -> None:
    one, two = c.frame(), c.frame(c.RIGHT, 61)
    described, packets = read(c.pcap([(SECOND, 5, one), (SECOND + 1, 6, two, 1500)], order=order, nano=nano))
    assert described == [Section(False), Interface(1, 262144, 9 if nano else 6)]
    unit = 1 if nano else 1000
    assert [time for _, time in packets] == [SECOND * NS + 5 * unit, (SECOND + 1) * NS + 6 * unit]
    assert [(p.number, p.data, p.length, p.is_cut) for p, _ in packets] == [(1, one, 80, False), (2, two, 1500, True)]


def test_empty_capture() -> None:
    assert read(c.pcap([])) == ([Section(False), Interface(1, 262144, 6)], [])


@pytest.mark.parametrize("order", "<>")
def test_pcapng(order: str) -> None:
    one, two, three, four = (c.frame(length=n) for n in (60, 61, 62, 63))
    options = [(2, b"eth0"), (9, b"\x09"), (14, struct.pack(order + "q", -10))]
    octets = (
        c.section(order)
        + c.interface(order=order)
        + c.block(0x0BAD, b"unknown!" * 40_000, order)
        + c.interface(options=options, order=order)
        + c.enhanced(one, SECOND * 1_000_000 + 1, 0, order=order)
        + c.block(5, bytes(12), order)
        + c.enhanced(two, (SECOND + 10) * NS + 2, 1, order=order)
        + c.simple(three, order=order)
        + c.obsolete(four, SECOND * 1_000_000 + 4, order=order)
    )
    described, packets = read(octets)
    assert described == [Section(True), Interface(1, 0, 6), Interface(1, 0, 9, -10)]
    assert [p.data for p, _ in packets] == [one, two, three, four]
    assert [p.interface for p, _ in packets] == [0, 1, 0, 0]
    assert [time for _, time in packets] == [SECOND * NS + 1000, SECOND * NS + 2, None, SECOND * NS + 4000]


def test_sections_count_their_interfaces_anew_and_may_change_byte_order() -> None:
    frame = c.frame()
    octets = c.section() + c.interface() + c.interface() + c.enhanced(frame, number=1)
    octets += c.section(">") + c.interface(options=[(9, b"\x83")], order=">") + c.enhanced(frame, 20, order=">")
    described, packets = read(octets)
    assert described == [Section(True), Interface(1, 0), Interface(1, 0), Section(True), Interface(1, 0, 0x83)]
    assert [(p.number, p.interface) for p, _ in packets] == [(1, 1), (2, 0)]
    assert packets[1][1] == 20 * NS // 8  # resolution 2^-3
    refused(octets + c.enhanced(frame, number=1, order=">"))


def test_simple_packets_are_cut_at_the_snaplen() -> None:
    frame = c.frame(length=64)
    _, packets = read(c.section() + c.interface(snaplen=64) + c.simple(frame, 1500))
    assert (packets[0][0].data, packets[0][0].length) == (frame, 1500)


@pytest.mark.parametrize("octets", [b"", b"\xd4", b"GIF89a", b"{}  ", b"\x1f\x8b\x08\x00" + bytes(40)])
def test_no_capture_at_all(octets: bytes) -> None:
    refused(octets)


def test_every_cut_of_a_classic_capture_is_refused_or_ends_at_a_packet() -> None:
    octets = c.pcap([(1, 2, c.frame()), (3, 4, c.frame())])
    ends = {24, 24 + 96, 24 + 2 * 96}
    for cut in range(len(octets)):
        if cut in ends:
            read(octets[:cut])
        else:
            assert "ends inside" in refused(octets[:cut])


def test_every_cut_of_a_pcapng_is_refused_or_ends_at_a_block() -> None:
    blocks = [c.section(), c.interface(), c.enhanced(c.frame()), c.block(77, bytes(8)), c.simple(c.frame())]
    octets = b"".join(blocks)
    ends = set(itertools.accumulate(map(len, blocks)))
    for cut in range(len(octets)):
        if cut in ends:
            read(octets[:cut])
        else:
            assert "ends inside" in refused(octets[:cut])


@pytest.mark.parametrize("link", [0, 113, 276])
def test_only_ethernet(link: int) -> None:
    assert "only Ethernet" in refused(c.pcap([(0, 0, c.frame())], network=link))
    assert "only Ethernet" in refused(c.section() + c.interface() + c.interface(link) + c.enhanced(c.frame(), number=1))
    assert read(c.section() + c.interface() + c.interface(link) + c.enhanced(c.frame()))[1]  # that one has no packet


def test_fcs_is_refused() -> None:
    assert "FCS" in refused(c.pcap([], network=0x2400_0001))
    assert "FCS" in refused(c.section() + c.interface(options=[(13, b"\x04")]))


def _length(octets: bytes, at: int, value: int) -> bytes:
    return octets[:at] + struct.pack("<I", value) + octets[at + 4 :]


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (c.pcap([], snaplen=0)[:4] + b"\x03" + c.pcap([])[5:], "version"),
        (_length(c.pcap([(0, 0, b"")]), 24 + 8, MAX_PACKET + 1), "limit"),
        (_length(c.pcap([(0, 0, b"")]), 24 + 8, 0xFFFFFFFF), "limit"),
        (_length(c.section(), 4, 24), "no such block"),
        (_length(c.section(), 4, 30), "no such block"),
        (_length(c.section(), 8, 0), "byte order"),
        (_length(c.section(), 12, 2), "version"),
        (_length(c.section(), 24, 32), "lengths differ"),
        (c.section() + _length(c.block(9, bytes(4)), 4, 8), "no such block"),
        (c.section() + _length(c.block(9, bytes(4)), 4, 0xFFFFFFFF), "no such block"),
        (c.section() + _length(c.block(9, bytes(4)), 12, 12), "lengths differ"),
        (c.section() + c.block(1, bytes(4)), "no such block"),
        (c.section() + c.block(1, bytes(1 << 20)), "described in"),
        (
            c.section() + c.interface(options=[(9, b"\x06")])[:-8] + b"\x02\x00\xff\xff" + struct.pack("<I", 32),
            "leaves",
        ),
        (c.section() + c.enhanced(c.frame()), "not described"),
        (c.section() + c.simple(c.frame()), "not described"),
        (c.section() + c.interface() + c.enhanced(c.frame(), number=1), "not described"),
        (c.section() + c.interface() + c.block(6, bytes(16)), "no such block"),
        (c.section() + c.interface() + _length(c.enhanced(c.frame()), 20, 200), "leaves its block"),
        (c.section() + c.interface() + _length(c.simple(c.frame()), 8, 81), "leaves its block"),
        (c.section() + c.interface() + c.enhanced(bytes(MAX_PACKET + 4)), "limit"),
    ],
)
def test_what_is_malformed_is_refused(octets: bytes, says: str) -> None:
    assert says in refused(octets)


def test_interfaces_are_bounded() -> None:
    assert "interfaces" in refused(c.section() + c.interface() * (MAX_INTERFACES + 1))


def test_a_huge_unknown_block_is_skipped_without_being_held() -> None:
    class Endless(io.RawIOBase):
        """A block of 1 GiB that is never in memory."""

        def __init__(self) -> None:
            self.head = c.section() + struct.pack("<II", 0x0BAD, 1 << 30)
            self.left = (1 << 30) - 12

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            assert 0 <= size <= 1 << 20, "the reader asked for more than it should hold"
            if self.head:
                part, self.head = self.head[:size], self.head[size:]
                return part
            if self.left:
                size = min(size, self.left)
                self.left -= size
                return bytes(size)
            return b""

    with pytest.raises(FormatError, match="ends inside a block"):
        list(CaptureReader(Endless(), "capture"))
