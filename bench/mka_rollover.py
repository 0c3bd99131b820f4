"""Why this exists: a new key is worth nothing if frames get lost with it, and how many do is for the receiver to say.

Two hosts of the lab with a cable between them, keys agreed by MKA. Numbered frames go from one to the other, sent and
counted by processes of their own; meanwhile the key server makes one SAK after the other. The same without new SAKs is
measured in turns, because on a machine that does other things, too, frames are late without them.

And under full load: over a cable in memory, where who is full makes others wait and loses nothing, as fast as the
sender can, with a new SAK every second.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import statistics
import time
from dataclasses import dataclass
from typing import Final

from bench.mka_rows import MkaRow, significant
from pysec.errors import DriverError
from pysec.lab import netns
from pysec.lab.agreement import Agreement, Member
from pysec.lab.hosts import Lan, MemoryLan, NamespaceLan
from pysec.lab.traffic import Pace, SenderPlant, start_receiver, start_sender
from pysec.mka.kay import KayConfig
from pysec.pae import PaeConfig
from pysec.protocols import Controls
from pysec.secret import Secret
from pysec.types import CipherSuite

SUITE: Final = CipherSuite.GCM_AES_128
RETIRE_S: Final = 0.3
OCTETS: Final = 200
RATE: Final = 15_000
FULL_RATE: Final = 1_000_000  # more than any sender reaches
WAIT_S: Final = 10.0


@dataclass(frozen=True)
class Traffic:
    """What came of one run."""

    sent: int
    received: int
    lost: int
    duplicated: int
    reordered: int
    gap_ns: float
    sender_pause_ms: float  # the longest: what the receiver did not see because it was not sent
    rate: float
    rollovers: int


class Pair:
    """Two hosts that are secured: in namespaces as root, else in memory."""

    def __init__(self, in_memory: bool = False) -> None:
        """in_memory: also as root (DriverError if they do not agree; nothing is left then)."""
        self._in_memory = in_memory
        self._stack = contextlib.ExitStack()
        try:
            self._lan = self._build()
            self._agreement = self._agree()
            self._ends: tuple[socket.socket, socket.socket, bytes] = self._lan.traffic_ends()
        except BaseException:
            self._stack.close()
            raise

    def _build(self) -> Lan:
        if self._in_memory or netns.why_unavailable() is not None:
            return MemoryLan(self._stack)
        lan = NamespaceLan(self._stack)
        lan.wire.close()  # the listener: it takes CPU time, and nobody asks it
        return lan

    def _agree(self) -> Agreement:
        lan, members = self._lan, []
        with Secret(secrets.token_bytes(16)) as key:
            for priority, host in enumerate((lan.a, lan.b), 1):
                kay = KayConfig(key_server_priority=priority, cipher_suites=(SUITE,), sak_retire_time_s=RETIRE_S)
                config = PaeConfig(kay=kay, secured=Controls(cipher_suite=SUITE))
                members.append(Member(host.name, host.sci, host.driver, host.link, config, key))
            agreement = Agreement(members)
            self._stack.callback(agreement.close)
            agreement.start()
        if not agreement.wait(agreement.settled_on_one_key, WAIT_S):
            raise DriverError(f"bench: no key after {WAIT_S:g} s")
        return agreement

    @property
    def over(self) -> str:
        """What the cable is."""
        return "veth" if self._lan.mode == "namespaces" else "memory"

    def roll(self) -> bool:
        """A new SAK; whether both use it and no other in the end."""
        agreement = self._agreement
        old = agreement.status("A").ki
        agreement.request_sak("A", "the bench wants another")
        return agreement.wait(lambda: agreement.settled_on_one_key(not_on=old), WAIT_S)

    def run(
        self,
        seconds: float,
        *,
        rolling: bool,
        rate: int = RATE,
        every_s: float = 0.0,
        plant: SenderPlant | None = None,
    ) -> Traffic:
        """Traffic for so long. every_s: from one new SAK to the next, 0 for as soon as it can be (DriverError if one
        was asked for and not used)."""
        with contextlib.ExitStack() as stack:
            out, into, prefix = self._ends
            receiver = start_receiver(into, prefix)
            stack.callback(receiver.close)
            sender = start_sender(out, Pace(rate, seconds, OCTETS, prefix), plant)
            stack.callback(sender.close)
            sender.tell()
            end = time.monotonic() + seconds * 0.9
            time.sleep(seconds * 0.1)
            rollovers = 0
            while rolling and (now := time.monotonic()) < end:
                if not self.roll():
                    raise DriverError(f"bench: the new SAK was not used after {WAIT_S:g} s")
                rollovers += 1
                time.sleep(max(0.0, min(now + every_s, end) - time.monotonic()))
            sent = sender.result()
            receiver.tell()
            seen = receiver.result()
        if not sent or not seen:
            raise DriverError("bench: the numbered traffic ended before it was told to")
        return Traffic(
            sent=int(sent["sent"]),
            received=int(seen["messages"]),
            lost=int(sent["sent"] - seen["distinct"]),
            duplicated=int(seen["duplicated"]),
            reordered=int(seen["reordered"]),
            gap_ns=seen["longest_gap_ms"] * 1e6,
            sender_pause_ms=sent["longest_pause_ms"],
            rate=sent["sent"] / sent["seconds"],
            rollovers=rollovers,
        )

    def close(self) -> None:
        """Take everything down."""
        self._stack.close()


def measure(repeats: int, seconds: float, plant: SenderPlant | None = None) -> list[MkaRow]:
    """Rows with and without new SAKs. plant: a fault of the sender, which the row must tell."""
    with contextlib.closing(Pair()) as pair:
        found: dict[str, list[Traffic]] = {"rollover": [], "no-rollover": []}
        for _ in range(repeats):
            for op, runs in found.items():
                runs.append(pair.run(seconds, rolling=op == "rollover", plant=plant))
        return [_row(op, runs, pair.over) for op, runs in found.items()]


def measure_full(seconds: float, every_s: float = 1.0, plant: SenderPlant | None = None) -> MkaRow:
    """One row: as fast as the sender can, and in 0.8 of the time a new SAK every so many seconds. plant: a fault of the
    sender."""
    with contextlib.closing(Pair(in_memory=True)) as pair:
        run = pair.run(seconds, rolling=True, rate=FULL_RATE, every_s=every_s, plant=plant)
        return _row("full-rollover", [run], pair.over)


def _row(op: str, runs: list[Traffic], over: str) -> MkaRow:
    row = MkaRow.of(op, over=over, frame_octets_sent=OCTETS)
    row.samples = [run.gap_ns for run in runs]
    for name in ("rollovers", "sent", "received", "lost", "duplicated", "reordered"):
        row.facts[name] = sum(getattr(run, name) for run in runs)
    row.facts["sender_pause_ms"] = significant(statistics.median(run.sender_pause_ms for run in runs))
    row.facts["rate_per_s"] = significant(sum(run.rate for run in runs) / len(runs))
    row.faults = [f"{row.facts[name]} frames {name}" for name in ("lost", "duplicated", "reordered") if row.facts[name]]
    if op != "no-rollover" and not row.facts["rollovers"]:
        row.faults.append("there was no rollover")
    return row
