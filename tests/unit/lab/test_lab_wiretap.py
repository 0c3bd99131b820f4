"""The listener on the wire sees what is there, and the wire in memory carries all of it unless told otherwise."""

from __future__ import annotations

import socket

import pytest

from pysec import MacAddress
from pysec.dataplane.port import memory_link
from pysec.lab.wiretap import MemoryWire, WireLog, WirePlant

MAC = MacAddress.parse("02:00:00:00:00:0a")


def tagged(an: int, pn: int) -> bytes:
    """A frame with a SecTAG, as far as the listener looks."""
    return bytes(6) + MAC.octets + b"\x88\xe5" + bytes([0x0C | an, 0]) + pn.to_bytes(4, "big") + bytes(40)


def test_the_log_keeps_books_by_sender_and_an() -> None:
    log = WireLog(keep=2)
    for an, pn in ((0, 5), (0, 6), (0, 6), (1, 1), (1, 2)):
        log.note(tagged(an, pn))
    log.note(bytes(12) + b"\x08\x00" + bytes(40))
    old, new = log.flow(MAC, 0), log.flow(MAC, 1)
    assert (old.frames, old.first_pn, old.last_pn, old.not_rising) == (3, 5, 6, 1)
    assert (new.frames, new.first_pn, new.last_pn, new.not_rising) == (2, 1, 2, 0)
    assert (log.turns, log.unprotected, log.frames_from(MAC)) == ({MAC.octets: 1}, 1, 5)
    assert log.kept == [tagged(0, 5), tagged(0, 6)]


def test_going_back_to_an_old_an_is_a_turn() -> None:
    log = WireLog()
    for an in (0, 1, 0, 1):
        log.note(tagged(an, 1))
    assert log.turns == {MAC.octets: 3}


def carried(plant: WirePlant | None, frames: list[bytes]) -> tuple[list[bytes], WireLog]:
    """What comes out at B of what goes in at A, and what the listener saw."""
    host_a, end_a = memory_link()
    end_b, host_b = memory_link()
    wire = MemoryWire(end_a, end_b, plant)
    wire.arm()
    for each in frames:
        host_a.send(each)
    host_a.send(b"the end" + bytes(60))
    got: list[bytes] = []
    while not (got and got[-1].startswith(b"the end")):
        got.append(host_b.recv(65536))
    wire.close()
    host_a.close()
    host_b.close()
    return got[:-1], wire.log


def test_a_wire_without_fault_carries_all() -> None:
    frames = [tagged(0, pn) for pn in range(1, 100)]
    got, log = carried(None, frames)
    assert got == frames
    assert log.flow(MAC, 0).frames == 99


@pytest.mark.parametrize(
    ("what", "pns"),
    [("drop", [1, 3, 4]), ("duplicate", [1, 2, 2, 3, 4]), ("reorder", [1, 3, 2, 4]), ("corrupt", [1, 3, 4])],
)
def test_canary_a_planted_fault_happens(what: str, pns: list[int]) -> None:
    frames = [tagged(0, pn) for pn in range(1, 5)]
    got, _ = carried(WirePlant(what, 2), frames)
    whole = [int.from_bytes(frame[16:20], "big") for frame in got if frame in frames]
    assert whole == pns
    assert (len(got) - len(whole) == 1) == (what == "corrupt")


def test_a_frame_put_on_the_wire_reaches_b() -> None:
    host_a, end_a = memory_link()
    end_b, host_b = memory_link()
    wire = MemoryWire(end_a, end_b)
    wire.inject(tagged(0, 7))
    assert host_b.recv(100) == tagged(0, 7)
    wire.close()
    wire.close()
    assert wire.missed() == 0
    for end in (host_a, host_b):
        end.close()


def test_a_wire_that_nobody_reads_can_be_taken_down() -> None:
    host_a, end_a = memory_link()
    end_b, host_b = memory_link()
    wire = MemoryWire(end_a, end_b)
    host_a.setblocking(False)
    blocked = 0
    while blocked < 200:
        try:
            host_a.send(tagged(0, 1))
        except BlockingIOError:
            blocked += 1
    wire.close()
    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        socket.socket.send(host_a, b"x")
    host_a.close()
    host_b.close()
