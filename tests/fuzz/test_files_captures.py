"""Captures from anywhere: arbitrary octets, and good captures with damage, end in packets or in one FormatError.

Neither the reader nor a whole run of `validate`, `protect` or `dissect` may end in anything else, and a run that ends
in an error leaves no file.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pysec.errors import FormatError
from pysec.tools.fields import Fields
from pysec.tools.pcap.dissect import dissect
from pysec.tools.pcap.keys import read_keys
from pysec.tools.pcap.reader import MAX_PACKET, CaptureReader, Packet
from pysec.tools.pcap.receive import validate
from pysec.tools.pcap.transmit import protect
from pysec.tools.pcap.writer import CaptureWriter, NoWriter, capture_output
from tests.unit.tools import captures as c

KEYS = read_keys(Fields("keys", c.keys()))
SECTAG = bytes.fromhex("88e52c0000000001") + c.LEFT + b"\0\1"

frames = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=90).map(lambda rest: c.RIGHT + c.LEFT + rest),
    st.binary(max_size=90).map(lambda rest: c.RIGHT + c.LEFT + SECTAG + rest),
    st.tuples(st.integers(0, 255), st.binary(max_size=90)).map(
        lambda t: c.RIGHT + c.LEFT + b"\x88\xe5" + bytes([t[0]]) + t[1]
    ),
)
stamps = st.integers(0, (1 << 64) - 1)
orders = st.sampled_from("<>")


@st.composite
def classic(draw: st.DrawFn) -> bytes:
    packets = draw(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF), frames), max_size=6))
    return c.pcap(packets, order=draw(orders), nano=draw(st.booleans()))


@st.composite
def ng(draw: st.DrawFn) -> bytes:
    order = draw(orders)
    option = st.tuples(st.integers(0, 20), st.binary(max_size=9))
    blocks = st.one_of(
        st.builds(lambda o: c.interface(options=o, order=order), st.lists(option, max_size=3)),
        st.builds(lambda f, s, n: c.enhanced(f, s, n, order=order), frames, stamps, st.integers(0, 2)),
        st.builds(lambda f: c.simple(f, order=order), frames),
        st.builds(lambda f, s: c.obsolete(f, s, order=order), frames, stamps),
        st.builds(lambda k, b: c.block(k, b, order), st.integers(0, 12), st.binary(max_size=40)),
    )
    head = c.section(order) + (c.interface(order=order) if draw(st.integers(0, 9)) else b"")
    return head + b"".join(draw(st.lists(blocks, max_size=8)))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A capture with some 32-bit fields overwritten, cut somewhere."""
    octets = bytearray(draw(st.one_of(classic(), ng())))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(0, len(octets) - 4)))
        value = draw(st.one_of(st.sampled_from([0, 1, 12, 16, 0x7FFFFFFF, 0xFFFFFFFF]), st.integers(0, 0xFFFFFFFF)))
        octets[at : at + 4] = struct.pack("<I", value)
    return bytes(octets[: draw(st.integers(0, len(octets)))] if draw(st.booleans()) else octets)


anything = st.one_of(st.binary(max_size=300), classic(), ng(), damaged())


def reader(octets: bytes) -> CaptureReader:
    return CaptureReader(io.BytesIO(octets), "capture")


def one_line(error: FormatError) -> None:
    assert str(error).startswith("capture: ")
    assert "\n" not in str(error)


@given(anything)
@settings(max_examples=200)
def test_reading_ends_in_packets_or_a_format_error(octets: bytes) -> None:
    try:
        source = reader(octets)
        for item in source:
            if isinstance(item, Packet):
                assert len(item.data) <= min(MAX_PACKET, item.length, len(octets))
                source.time_ns(item)
    except FormatError as error:
        one_line(error)


@given(anything)
@settings(max_examples=150)
def test_whole_runs_end_in_a_summary_or_a_format_error(octets: bytes) -> None:
    def validated() -> bool:
        return validate(reader(octets), CaptureWriter(io.BytesIO()), NoWriter(), KEYS).ok

    def protected() -> bool:
        return protect(reader(octets), CaptureWriter(io.BytesIO()), KEYS).ok

    def dissected() -> bool:
        lines = [*dissect(reader(octets)), *dissect(reader(octets), KEYS)]
        return all(line.text() and line.as_dict() for line in lines)

    for run in (validated, protected, dissected):
        try:
            run()
        except FormatError as error:
            one_line(error)


@given(anything)
@settings(max_examples=100)
def test_what_is_written_can_be_read_again(octets: bytes) -> None:
    out = io.BytesIO()
    try:
        tally = protect(reader(octets), CaptureWriter(out), KEYS, allow_clear=True)
    except FormatError:
        return
    packets = [item for item in reader(out.getvalue()) if isinstance(item, Packet)] if out.getvalue() else []
    assert len(packets) == tally.written
    assert tally.packets == tally.written + tally.refused + tally.cut_short


@given(damaged())
@settings(max_examples=50)
def test_an_error_leaves_no_file(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    folder = tmp_path_factory.mktemp("out")
    target: Path = folder / "out.pcap"
    try:
        with capture_output(target) as writer:
            validate(reader(octets), writer, NoWriter(), KEYS)
    except FormatError:
        assert list(folder.iterdir()) == []
    else:
        assert list(folder.iterdir()) == [target]
