"""Why this exists: what an MKPDU costs, made and taken in, bounds how many stations one core can speak to.

All members of a connectivity association live here, on a LAN that is a loop and in a time that is a number. Each round
is one Hello Time: every member sends, and every other takes it in. Timed are the calls, not the round.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.mka_rows import MkaRow
from bench.timing import CallCase
from pysec.errors import InternalError
from pysec.mka.events import SakReady
from pysec.mka.kay import Kay, KayConfig, KeyUse
from pysec.mka.keys import Cak
from pysec.protocols import Rng
from pysec.secret import Secret
from pysec.types import Ckn, Sci

PEERS = (1, 2, 8)
_COME_UP_ROUNDS = 100


class Ca:
    """A key server and its peers, all live, all using the SAK."""

    def __init__(self, peers: int, rng: Rng) -> None:
        """InternalError if they do not agree."""
        self.now = 1000.0
        self._cak = Cak.from_octets(Secret(rng(16)), Ckn(b"bench"))
        self.kays = [Kay(KayConfig(key_server_priority=1 + n), Sci.of(f"02{n:010x}", 1), rng) for n in range(peers + 1)]
        for kay in self.kays:
            kay.add_cak(self._cak, self.now)
        for _ in range(_COME_UP_ROUNDS):
            self.round(step_s=0.1)
            if all(kay.port.latest and kay.principal and len(kay.principal.peers.live) == peers for kay in self.kays):
                break
        else:
            raise InternalError(f"bench: {peers + 1} members do not agree")
        for _ in range(10):  # until nobody is hurried any more
            self.round()

    def round(self, step_s: float = 2.0) -> tuple[int, int, list[bytes]]:
        """Nanoseconds that making and taking in took, and the bodies that were sent."""
        clock = time.perf_counter_ns
        self.now += step_s
        made = taken = 0
        bodies: list[bytes] = []
        for sender in self.kays:
            begin = clock()
            sent = sender.pdus_to_send(self.now)
            made += clock() - begin
            bodies += sent
            for body in sent:
                for kay in self.kays:
                    if kay is not sender:
                        begin = clock()
                        kay.receive_mkpdu(body, self.now)
                        taken += clock() - begin
        for kay in self.kays:
            self._do_as_told(kay)
        return made, taken, bodies

    def _do_as_told(self, kay: Kay) -> None:
        while (event := kay.next_event()) is not None:
            if isinstance(event, SakReady):
                kay.set_sak_use(KeyUse(event.ki, event.an, True, True), None, False, False)
                event.sak.erase()

    def close(self) -> None:
        """Erase the CAK."""
        self._cak.erase()


def cases(peers: int, rng: Rng) -> list[CallCase]:
    """Making and taking in, with so many peers."""
    ca = Ca(peers, rng)
    octets = max(len(body) for body in ca.round()[2])
    rows = [
        MkaRow.of(f"{what}-{peers}-peers", peers=peers, mkpdu_octets=octets, members=peers + 1)
        for what in ("build", "take-in")
    ]

    def build() -> int:
        made, _, bodies = ca.round()
        return made if len(bodies) == peers + 1 else _refuse(rows[0], len(bodies), peers + 1)

    def take_in() -> int:
        _, taken, bodies = ca.round()
        return taken if len(bodies) == peers + 1 else _refuse(rows[1], len(bodies), peers + 1)

    return [CallCase(rows[0], build, peers + 1, [ca.close]), CallCase(rows[1], take_in, peers * (peers + 1))]


def _refuse(row: MkaRow, found: int, wanted: int) -> int:
    raise InternalError(f"bench: {row.op}: {found} MKPDUs in a Hello Time, there must be {wanted}")


def refusals(rng: Rng) -> list[CallCase]:
    """What costs anybody who can reach the wire: an MKPDU with a wrong ICV, and one of an unknown CAK."""
    ca = Ca(1, rng)
    kay = ca.kays[0]
    body = next(body for body in ca.round()[2] if kay.port.sci.octets not in body)
    forged = {"bad ICV": body[:-1] + bytes((body[-1] ^ 1,)), "unknown CKN": body.replace(b"bench", b"other", 1)}

    def refuse(cause: str, frame: bytes) -> Callable[[], int]:
        def work() -> int:
            before = kay.port.counters[cause]
            begin = time.perf_counter_ns()
            for _ in range(16):
                kay.receive_mkpdu(frame, ca.now)
            ns = time.perf_counter_ns() - begin
            if kay.port.counters[cause] != before + 16:
                raise InternalError(f"bench: an MKPDU with {cause} was not refused for that")
            return ns

        return work

    names = {"bad ICV": "refuse-bad-icv", "unknown CKN": "refuse-unknown-ckn"}
    return [
        CallCase(MkaRow.of(names[cause], peers=1, mkpdu_octets=len(frame)), refuse(cause, frame), 16)
        for cause, frame in forged.items()
    ]
