"""Why this exists: "no frame was lost" is worth what its counting is worth.

A sender and a receiver of numbered messages, each a process of its own, so that neither waits for the other or for
the scenario between them. They get a socket each and need neither pysec nor root: this file imports the standard
library alone and is run by its path. A process ends when its standard input does, so neither outlives its parent.

    traffic.py send FD RATE SECONDS OCTETS PREFIX      begins at a line on standard input
    traffic.py receive FD PREFIX                       ends 0.3 s after the last message once a line has come

PREFIX is hex, put before each message (a frame's header) and expected before each; the number follows in 8 octets.
Each prints one JSON object. Times are the receiver's own: when it read a message from its socket.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

NUMBER_OCTETS = 8
STEP_S = 0.0005  # how often the sender looks how many messages are due
QUIET_MS = 300
MOST_AT_ONCE = 64


@dataclass(frozen=True)
class SenderPlant:
    """A fault for the canaries: what the sender does to the message with number `at`."""

    what: str  # drop, duplicate or reorder
    at: int


def _numbers(number: int, plant: SenderPlant | None) -> tuple[int, ...]:
    """The numbers to send in the place of one: itself, unless a fault is planted here."""
    if plant is None or number not in (plant.at, plant.at + 1):
        return (number,)
    if plant.what == "reorder":
        return (number + 1,) if number == plant.at else (number - 1,)
    if number != plant.at:
        return (number,)
    return () if plant.what == "drop" else (number, number)


def _parent_left() -> bool:
    ready, _, _ = select.select([0], [], [], 0)
    return bool(ready) and os.read(0, 64) == b""


@dataclass(frozen=True)
class Pace:
    """What to send: messages of so many octets, so many a second, for so long; `prefix` stands before each."""

    rate: int
    seconds: float
    octets: int
    prefix: bytes


def send(out: socket.socket, pace: Pace, plant: SenderPlant | None) -> None:
    """Send numbers from 0 on, and print what became of it."""
    if sys.stdin.buffer.readline() == b"":
        return
    filling = bytes(x & 0xFF for x in range(max(0, pace.octets - NUMBER_OCTETS)))
    begin = time.monotonic()
    number = 0
    before, pause = begin, 0.0
    while (now := time.monotonic() - begin) < pace.seconds:
        due = min(int(now * pace.rate) + 1 - number, MOST_AT_ONCE)
        for _ in range(due):
            for which in _numbers(number, plant):
                out.send(pace.prefix + which.to_bytes(NUMBER_OCTETS, "big") + filling)
                after = time.monotonic()
                before, pause = after, max(pause, after - before)
            number += 1
        if _parent_left():
            return
        time.sleep(STEP_S)
    figures = {"sent": number, "seconds": time.monotonic() - begin, "longest_pause_ms": round(pause * 1000, 3)}
    print(json.dumps(figures), flush=True)


class Tally:
    """What the receiver sees of the numbers."""

    def __init__(self) -> None:
        self._seen = bytearray()
        self._highest = -1
        self._last_ns = 0
        self._longest_ns = 0
        self._messages = 0
        self._foreign = 0
        self._distinct = 0
        self._duplicated = 0
        self._reordered = 0
        self._before_gap = -1

    def note(self, number: int, now_ns: int) -> None:
        """A message with this number was read at this time."""
        self._messages += 1
        if self._last_ns and now_ns - self._last_ns > self._longest_ns:
            self._longest_ns = now_ns - self._last_ns
            self._before_gap = self._highest
        self._last_ns = now_ns
        if number >= len(self._seen):
            self._seen.extend(bytes(max(number + 1 - len(self._seen), 65536)))
        if self._seen[number]:
            self._duplicated += 1
            return
        self._seen[number] = 1
        self._distinct += 1
        if number < self._highest:
            self._reordered += 1
        else:
            self._highest = number

    def note_foreign(self) -> None:
        """Something else came."""
        self._foreign += 1

    def result(self) -> dict[str, float]:
        """The figures."""
        return {
            "messages": self._messages,
            "distinct": self._distinct,
            "duplicated": self._duplicated,
            "reordered": self._reordered,
            "foreign": self._foreign,
            "longest_gap_ms": round(self._longest_ns / 1e6, 3),
            "last_before_gap": self._before_gap,
        }


def receive(source: socket.socket, prefix: bytes) -> None:
    """Read numbers until told that no more will be sent and none comes, and print the figures."""
    tally = Tally()
    poller = select.poll()
    poller.register(source, select.POLLIN)
    poller.register(0, select.POLLIN)
    at = len(prefix)
    print("ready", flush=True)
    ending = False
    while events := dict(poller.poll(QUIET_MS if ending else None)):
        if 0 in events:
            if os.read(0, 64) == b"":
                return
            ending = True
            poller.unregister(0)
        try:
            while message := source.recv(65536, socket.MSG_DONTWAIT):
                if message.startswith(prefix) and len(message) >= at + NUMBER_OCTETS:
                    tally.note(int.from_bytes(message[at : at + NUMBER_OCTETS], "big"), time.monotonic_ns())
                else:
                    tally.note_foreign()
        except BlockingIOError:
            continue
        break  # an empty message: the other end has closed
    print(json.dumps(tally.result()), flush=True)


class Worker:
    """A process that runs this file. It is in a session of its own, so a Ctrl-C is for its parent alone."""

    def __init__(self, sock: socket.socket, *arguments: str) -> None:
        command = [sys.executable, "-I", "-S", __file__, arguments[0], str(sock.fileno()), *arguments[1:]]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # so that nothing is left to be flushed into a pipe that has no reader any more
            pass_fds=[sock.fileno()],
            start_new_session=True,
        )

    def tell(self) -> None:
        """Send the line that it waits for."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    def wait_ready(self) -> None:
        """Wait until it says that it is listening."""
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def result(self) -> dict[str, float]:
        """Its figures, once it has ended; none if it ended without."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self._process.wait()
        found: dict[str, float] = json.loads(line) if line else {}
        return found

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def start_sender(out: socket.socket, pace: Pace, plant: SenderPlant | None = None) -> Worker:
    """A sender that waits for `tell`."""
    fault = [] if plant is None else [plant.what, str(plant.at)]
    return Worker(out, "send", str(pace.rate), str(pace.seconds), str(pace.octets), pace.prefix.hex(), *fault)


def start_receiver(source: socket.socket, prefix: bytes) -> Worker:
    """A receiver that is listening."""
    worker = Worker(source, "receive", prefix.hex())
    worker.wait_ready()
    return worker


def main(arguments: list[str]) -> None:
    """What the process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    what, fd, *rest = arguments
    sock = socket.socket(fileno=int(fd))
    if what == "receive":
        receive(sock, bytes.fromhex(rest[0]))
        return
    plant = SenderPlant(rest[4], int(rest[5])) if len(rest) > 4 else None
    with contextlib.suppress(BrokenPipeError):  # the scenario is being taken down around us
        send(sock, Pace(int(rest[0]), float(rest[1]), int(rest[2]), bytes.fromhex(rest[3])), plant)


if __name__ == "__main__":
    main(sys.argv[1:])
