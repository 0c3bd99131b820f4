"""Why this exists: each provider's case yields two rows, seal and open, from passes over the same frames."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter_ns
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.gcm_harness import GcmHarness, Way
from bench.gcm_rows import GcmRow, Group
from pysec.errors import InternalError
from pysec.types import CipherSuite

SLOW = 8  # a case may take so many times its share; then it gets fewer samples, but LEAST at least
LEAST = 3
KEYS = 64


class Case(Protocol):
    """Something to measure. `sample` takes one sample of each of its rows, at least so much timed work in each."""

    rows: list[GcmRow]

    def sample(self, at_least_ns: int) -> None: ...


def take_turns(cases: Sequence[Case], repeats: int, at_least_ns: int) -> None:
    """Sample every case once, unrecorded, then all of them in turn, forwards and backwards, repeats times."""
    spent = dict.fromkeys(range(len(cases)), 0)
    for case in cases:
        case.sample(at_least_ns // 4)
        for row in case.rows:
            row.samples.clear()
            row.ghz.clear()
    for repeat in range(repeats):
        for number, case in list(enumerate(cases))[:: 1 if repeat % 2 == 0 else -1]:
            share = repeats * at_least_ns * len(case.rows)
            if repeat >= LEAST and spent[number] > SLOW * share:
                continue
            start = perf_counter_ns()
            case.sample(at_least_ns)
            spent[number] += perf_counter_ns() - start


class CCase:
    """A way, called from C."""

    def __init__(self, harness: GcmHarness, way: Way, group: Group) -> None:
        self.way = way
        self.rows = [GcmRow(way.provider, op, group.suite, group, way.name) for op in ("seal", "open")]
        self._harness, self._id = harness, harness.add(way)
        harness.check(way, self._id)

    def sample(self, at_least_ns: int) -> None:
        """A pass seals all frames and opens them."""
        *ns, frames, ghz = self._harness.ask(f"sample {self._id} {at_least_ns}")
        for row, took in zip(self.rows, ns, strict=True):
            row.samples.append(int(took) / int(frames))
            row.ghz.append(float(ghz))


class SetupCase:
    """Keys expanded and freed, from C."""

    def __init__(self, harness: GcmHarness, way: Way, group: Group) -> None:
        self.way, self.rows = way, [GcmRow(way.provider, "setup", group.suite, way=way.name)]
        self._harness, self._id = harness, harness.add(way)

    def sample(self, at_least_ns: int) -> None:
        """At least 64 keys."""
        ns, keys, ghz = self._harness.ask(f"setup {self._id} {at_least_ns}")
        self.rows[0].samples.append(int(ns) / int(keys))
        self.rows[0].ghz.append(float(ghz))


class PythonCase:
    """`cryptography`'s AESGCM, a call a frame: bytes in, bytes out."""

    def __init__(self, harness: GcmHarness, group: Group, frames: int) -> None:
        self.rows = [GcmRow("cryptography", op, group.suite, group) for op in ("seal", "open")]
        self._harness, self._aead, self._count = harness, AESGCM(group.key), 0
        lens = [octets for octets, weight in group.load.mix.items() for _ in range(weight)]
        self._plain = [
            self._frame(group, lens[i % len(lens)]) for i in range(min(frames, 512) // len(lens) * len(lens))
        ]

    @staticmethod
    def _frame(group: Group, octets: int) -> tuple[bytes, bytes]:
        aad, data = group.lengths(octets)
        return b"\x5a" * data, b"\xa5" * aad

    def sample(self, at_least_ns: int) -> None:
        """Seal all frames and open them, as often as it takes."""
        encrypt, decrypt = self._aead.encrypt, self._aead.decrypt
        took, frames, ghz = [0, 0], 0, self._harness.clock()
        while min(took) < at_least_ns:
            nonces = [(self._count + i).to_bytes(12, "big") for i in range(len(self._plain))]
            self._count += len(nonces)
            work = [(nonce, data, aad) for nonce, (data, aad) in zip(nonces, self._plain, strict=True)]
            start = perf_counter_ns()
            sealed = [encrypt(nonce, data, aad) for nonce, data, aad in work]
            took[0] += perf_counter_ns() - start
            work = [(nonce, wire, aad) for (nonce, _, aad), wire in zip(work, sealed, strict=True)]
            start = perf_counter_ns()
            opened = [decrypt(nonce, wire, aad) for nonce, wire, aad in work]
            took[1] += perf_counter_ns() - start
            frames += len(work)
            if any(found != data for found, (data, _) in zip(opened, self._plain, strict=True)):
                raise InternalError("cryptography: what it opened is not what it sealed")
        ghz = (ghz + self._harness.clock()) / 2
        for row, ns in zip(self.rows, took, strict=True):
            row.samples.append(ns / frames)
            row.ghz.append(ghz)


class PythonSetupCase:
    """`cryptography`'s AESGCM objects, made and let go."""

    def __init__(self, harness: GcmHarness, suite: CipherSuite) -> None:
        self.rows = [GcmRow("cryptography", "setup", suite)]
        self._harness, self._octets = harness, suite.sak_octets

    def sample(self, at_least_ns: int) -> None:
        """At least 64 keys."""
        took, keys, ghz = 0, 0, self._harness.clock()
        while took < at_least_ns:
            octets = [(keys + i).to_bytes(self._octets, "big") for i in range(KEYS)]
            start = perf_counter_ns()
            for key in octets:
                AESGCM(key)
            took += perf_counter_ns() - start
            keys += KEYS
        self.rows[0].samples.append(took / keys)
        self.rows[0].ghz.append((ghz + self._harness.clock()) / 2)


class MemoryCase:
    """No provider: one word of each line of the ring, loaded and stored. Its figure is a limit, not a row."""

    def __init__(self, harness: GcmHarness, group: Group) -> None:
        self.rows = [GcmRow("memory", "touch", group.suite, group)]
        self._harness = harness

    def sample(self, at_least_ns: int) -> None:
        """Whole rings."""
        ns, frames, ghz = self._harness.ask(f"touch {at_least_ns}")
        self.rows[0].samples.append(int(ns) / int(frames))
        self.rows[0].ghz.append(float(ghz))


def faster_way(rows: Sequence[GcmRow]) -> list[GcmRow]:
    """One row for each provider and operation: of the ways of a library the one with the least median."""
    best: dict[tuple[str, str], GcmRow] = {}
    for row in rows:
        name = (row.provider, row.op)
        if name not in best or row.median_cycles < best[name].median_cycles:
            best[name] = row
    ways: dict[str, set[str | None]] = {}
    for row in rows:
        ways.setdefault(row.provider, set()).add(row.way)
    for row in best.values():
        if len(ways[row.provider]) == 1:
            row.way = None
    return list(best.values())
