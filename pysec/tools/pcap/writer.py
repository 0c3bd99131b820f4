"""Why this exists: what comes out of `protect` and `validate` must open in Wireshark, with the times of the packets as
they were, and must never be half a file.

`CaptureWriter` writes in the format that the input had: classic pcap in the same resolution, or pcapng with the same
sections, interfaces and time stamps. `output_file` lends a stream that becomes the file only when all went well.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from pysec.errors import UsageError
from pysec.tools.pcap.reader import ETHERNET, MAX_PACKET, Interface, Item, Packet, Section

_BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
_UNKNOWN_LENGTH: Final = (1 << 64) - 1


class CaptureWriter:
    """Writes a capture item by item; the caller owns the stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._ng = False
        self._units = 1_000_000

    def describe(self, item: Section | Interface) -> None:
        """Repeat a section or an interface of the input."""
        if isinstance(item, Section):
            self._ng = item.ng
            if item.ng:
                self._block(0x0A0D0D0A, struct.pack("<IHHQ", _BYTE_ORDER_MAGIC, 1, 0, _UNKNOWN_LENGTH))
        elif self._ng:
            options = struct.pack("<HHB3x", 9, 1, item.tsresol)
            if item.tsoffset:
                options += struct.pack("<HHq", 14, 8, item.tsoffset)
            self._block(1, struct.pack("<HHI", item.link_type, 0, 0) + options + struct.pack("<HH", 0, 0))
        else:
            self._units = item.units
            magic = 0xA1B23C4D if item.tsresol == 9 else 0xA1B2C3D4
            self._stream.write(struct.pack("<IHHiIII", magic, 2, 4, 0, 0, MAX_PACKET, ETHERNET))

    def write(self, packet: Packet, frame: bytes | memoryview) -> None:
        """Write a frame that stands for a packet of the input, at its time and on its interface."""
        length = len(frame)
        if not self._ng:
            seconds, fraction = divmod(packet.stamp or 0, self._units)
            self._stream.write(struct.pack("<IIII", seconds & 0xFFFFFFFF, fraction, length, length))
            self._stream.write(frame)
            return
        padded = bytes(frame) + bytes(-length % 4)
        if packet.stamp is None:
            self._block(3, struct.pack("<I", length) + padded)
        else:
            stamp = (packet.stamp >> 32, packet.stamp & 0xFFFFFFFF)
            self._block(6, struct.pack("<IIIII", packet.interface, *stamp, length, length) + padded)

    def _block(self, kind: int, body: bytes) -> None:
        length = len(body) + 12
        self._stream.write(struct.pack("<II", kind, length) + body + struct.pack("<I", length))


class NoWriter:
    """Stands where nobody asked for a file."""

    def describe(self, item: Section | Interface) -> None:
        """Nothing."""

    def write(self, packet: Packet, frame: bytes | memoryview) -> None:
        """Nothing."""


Writer = CaptureWriter | NoWriter


def pass_on(item: Item, *writers: Writer) -> None:
    """Give a section or interface to all writers."""
    if not isinstance(item, Packet):
        for writer in writers:
            writer.describe(item)


def refuse_overwriting(output: Path | None, others: list[Path]) -> None:
    """Refuse an output that is an input or the other output, by whatever name or link (UsageError)."""
    if output is None or str(output) == "-" or (output.exists() and not output.is_file()):
        return
    for other in others:
        same = output.exists() and other.exists() and output.samefile(other)
        if same or os.path.realpath(output) == os.path.realpath(other):
            raise UsageError(f"{output}: is an input, or the other output; it would be lost")


@contextlib.contextmanager
def capture_output(output: Path | None) -> Iterator[Writer]:
    """A writer for `output`; nothing for None, and the standard output for `-`.

    A file appears under its name only when the block ends well: it is written beside it, and renamed. What is not a
    regular file (a pipe, /dev/null) is written as it stands.
    """
    if output is None:
        yield NoWriter()
    elif str(output) == "-":
        if sys.stdout.isatty():
            raise UsageError("a capture does not go to a terminal; name a file or redirect")
        yield CaptureWriter(sys.stdout.buffer)
        sys.stdout.buffer.flush()
    elif output.exists() and not output.is_file():
        if output.is_dir():
            raise UsageError(f"{output}: is a folder")
        with output.open("wb") as stream:
            yield CaptureWriter(stream)
    else:
        final = Path(os.path.realpath(output))
        if not final.parent.is_dir():
            raise UsageError(f"{output}: no such folder")
        part = final.with_name(f".{final.name}.{os.getpid()}.part")
        stream = part.open("xb")
        try:
            with stream:
                yield CaptureWriter(stream)
            part.replace(final)
        finally:
            part.unlink(missing_ok=True)
