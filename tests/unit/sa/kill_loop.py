"""Lives that send with a static key as fast as they can and are killed with SIGKILL; what did each of them send?

Each life is a forked child. What it "sent" it writes into memory that it shares with its parent, which therefore
survives it. The packet numbers are read from the SecTAGs of the protected frames, so they are those of the wire.
The parent keeps the interval that each life used, and a packet number used twice is an overlap of two intervals.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pysec import FrameArena, SecY
from pysec.sa import CeilingPump, PnCeiling
from pysec.types import CipherSuite, Ki, Sci, Ssci

KI = Ki(bytes(range(16)))
SCI = Sci.of("02:00:00:00:00:01")
FRAME = bytes.fromhex("020000000002 020000000001 0800") + bytes(46)
LOG_ENTRIES = 1 << 16
LEAP = 64  # small, so that a life that lasts milliseconds writes its ceiling dozens of times


@dataclass
class Report:
    """What all lives together sent."""

    seed: int
    intervals: list[tuple[int, int]] = field(default_factory=list)
    lives: int = 0
    pumped: int = 0  # lives that went past their first leap

    @property
    def sent(self) -> int:
        return sum(last - first + 1 for first, last in self.intervals)

    @property
    def reused(self) -> int:
        """How many packet numbers were sent twice."""
        again, highest = 0, 0
        for first, last in sorted(self.intervals):
            again += max(0, min(last, highest) - first + 1)
            highest = max(highest, last)
        return again


def make_secy(suite: CipherSuite) -> SecY:
    secy = SecY(SCI, suite)
    secy.install_sak(KI, bytes(range(suite.sak_octets)), salt=bytes(12) if suite.is_xpn else None)
    return secy


def wire_pn(frame: memoryview, pn: int) -> int:
    """The packet number of a protected frame; its upper half, which XPN does not send, from the descriptor."""
    low = int.from_bytes(frame[16:20], "big")
    assert low == pn & 0xFFFFFFFF
    return pn


def live(path: Path, suite: CipherSuite, log: np.ndarray, pump_type: type[CeilingPump], seed: int) -> None:
    """Send bursts and log them, until killed."""
    rng = random.Random(seed)
    secy, arena, n = make_secy(suite), FrameArena(32, 256), 0
    pump = pump_type(secy, KI, PnCeiling.open(path, KI), leap=LEAP)
    pump.install(0, ssci=Ssci(1) if suite.is_xpn else None)
    while n + 32 <= len(log):
        arena.fill([FRAME] * rng.randint(1, 32))
        secy.protect(arena)
        sent = [wire_pn(arena[i], int(pn)) for i, pn in enumerate(arena.pns) if pn]
        log[n : n + len(sent)] = sent
        n += len(sent)
        pump.pump()
    signal.pause()


def fork(work: Callable[[], None], complaint: Path) -> int:
    """Start work in a child that ends without returning into the test."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            with contextlib.suppress(OSError):
                complaint.write_text(traceback.format_exc())
        finally:
            os._exit(3)
    return pid


def run(
    folder: Path,
    suite: CipherSuite,
    rounds: int,
    *,
    first_pn: int = 1,
    pump_type: type[CeilingPump] = CeilingPump,
    seed: int | None = None,
) -> Report:
    """Start, kill and start again, rounds times, each at a random moment."""
    report = Report(int.from_bytes(os.urandom(4), "big") if seed is None else seed)
    rng = random.Random(report.seed)
    path, complaint = folder / "ceiling", folder / "complaint"
    PnCeiling.create(path, KI, suite, next_pn=first_pn).close()
    shared = mmap.mmap(-1, LOG_ENTRIES * 8)
    log = np.frombuffer(shared, dtype=np.uint64)
    for _ in range(rounds):
        log[:] = 0
        life_seed = rng.randrange(1 << 32)
        pid = fork(lambda s=life_seed: live(path, suite, log, pump_type, s), complaint)
        # A quarter may not even have begun to send. The others are awaited by what they did, not by the clock, so
        # that a slow disk makes the test slower and not weaker.
        if rng.random() < 0.75:
            progress, deadline = rng.randrange(10 * LEAP), time.monotonic() + 60
            while not log[progress] and not complaint.exists() and time.monotonic() < deadline:
                time.sleep(0.0005)
        time.sleep(rng.uniform(0, 0.02))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), complaint.read_text()
        sent = log[log != 0]
        if len(sent):
            first, last = int(sent[0]), int(sent[-1])
            assert np.array_equal(sent - np.uint64(first), np.arange(len(sent))), "within a life each PN is sent once"
            report.intervals.append((first, last))
            report.pumped += len(sent) > LEAP
        report.lives += 1
    return report
