"""The counting of numbered messages: what is lost, doubled or overtaken is seen, and the processes do not linger."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pysec.lab import traffic
from pysec.lab.traffic import Pace, SenderPlant, Tally, start_receiver, start_sender

SENT = Pace(rate=4000, seconds=0.25, octets=64, prefix=b"head")


def tally(*numbers: int, step_ns: int = 1_000_000) -> dict[str, float]:
    """What the receiver makes of these numbers, one a step."""
    counting = Tally()
    for i, number in enumerate(numbers):
        counting.note(number, (i + 1) * step_ns)
    return counting.result()


def test_every_number_once_and_in_order() -> None:
    result = tally(*range(1000))
    assert (result["messages"], result["distinct"]) == (1000, 1000)
    assert (result["duplicated"], result["reordered"], result["longest_gap_ms"]) == (0, 0, 1.0)


@pytest.mark.parametrize(
    ("numbers", "distinct", "duplicated", "reordered"),
    [
        ((0, 1, 3), 3, 0, 0),
        ((0, 1, 1, 2), 3, 1, 0),
        ((0, 2, 1, 3), 4, 0, 1),
        ((3, 2, 1, 0), 4, 0, 3),
        ((0, 2, 1, 1, 2), 3, 2, 1),
        ((200_000, 5), 2, 0, 1),
        ((), 0, 0, 0),
    ],
)
def test_faults_are_counted(numbers: tuple[int, ...], distinct: int, duplicated: int, reordered: int) -> None:
    result = tally(*numbers)
    assert (result["distinct"], result["duplicated"], result["reordered"]) == (distinct, duplicated, reordered)


def test_the_longest_gap_is_found_with_its_place() -> None:
    counting = Tally()
    for number, now_ms in enumerate((10, 11, 31, 32)):
        counting.note(number, now_ms * 1_000_000)
    assert counting.result()["longest_gap_ms"] == 20.0
    assert counting.result()["last_before_gap"] == 1


@pytest.fixture
def link() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:
        yield one, other


def measured(link: tuple[socket.socket, socket.socket], plant: SenderPlant | None = None) -> tuple[float, dict]:
    """How many were sent, and what the receiver says."""
    receiver = start_receiver(link[1], SENT.prefix)
    sender = start_sender(link[0], SENT, plant)
    try:
        sender.tell()
        sent = sender.result()["sent"]
        receiver.tell()
        return sent, receiver.result()
    finally:
        sender.close()
        receiver.close()


def test_the_processes_count_right(link: tuple[socket.socket, socket.socket]) -> None:
    sent, seen = measured(link)
    assert sent == seen["distinct"] == seen["messages"] > 0
    assert seen["foreign"] == seen["duplicated"] == seen["reordered"] == 0


def test_a_message_of_somebody_else_is_not_counted_as_a_number(link: tuple[socket.socket, socket.socket]) -> None:
    link[0].send(b"something else")
    _, seen = measured(link)
    assert seen["foreign"] == 1


@pytest.mark.parametrize(
    ("what", "lost", "duplicated", "reordered"), [("drop", 1, 0, 0), ("duplicate", 0, 1, 0), ("reorder", 0, 0, 1)]
)
def test_canary(
    link: tuple[socket.socket, socket.socket], what: str, lost: int, duplicated: int, reordered: int
) -> None:
    sent, seen = measured(link, SenderPlant(what, 50))
    assert (sent - seen["distinct"], seen["duplicated"], seen["reordered"]) == (lost, duplicated, reordered)


@pytest.mark.parametrize("what", ["send", "receive"])
@pytest.mark.parametrize("told", [False, True])
def test_they_end_with_their_parent(link: tuple[socket.socket, socket.socket], what: str, told: bool) -> None:
    """A process whose standard input ends does too, at once or in the middle of its work."""
    arguments = ["1000", "1000", "64", ""] if what == "send" else [""]
    command = [sys.executable, "-I", "-S", traffic.__file__, what, str(link[0].fileno()), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=[link[0].fileno()])
    assert process.stdin is not None
    if told and what == "send":
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert link[1].recv(100)
    process.stdin.close()
    assert process.wait() == 0


def test_a_worker_closed_early_is_gone(link: tuple[socket.socket, socket.socket]) -> None:
    worker = start_sender(link[0], SENT)
    pid = worker._process.pid
    worker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
