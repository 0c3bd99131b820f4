"""Why this exists: what a user would call instead, and what a Python call adds, measured on the same frames.

pysec-python        arena calls: frames lie in the arena, each burst is one call; the call is included
pysec-python-bytes  bytes in, bytes out: FrameArena.fill, the call, to_list
cryptography-aesgcm AESGCM.encrypt or decrypt, once a frame: the AEAD alone, no SecTAG, no packet number, no replay
scapy-macsecsa      bytes in, bytes out: Ether, encap and encrypt, or decrypt and decap; no replay either

Frames, SCs and what is timed are as in bench/c/secy_bench.c.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.rows import Row
from bench.timing import CallCase
from pysec import FrameArena, SecY, SecYConfig, Verdict
from pysec.errors import InternalError
from pysec.types import CipherSuite, Ki, Sci, Ssci

RING = 256
SALT = b"\x22" * 12
SCAPY_FRAMES = 8  # it is slow enough


def sci_of(i: int) -> Sci:
    """The SCI of sender i."""
    return Sci((0x020000000000 + i) << 16 | 1)


def sak_of(suite: CipherSuite, i: int) -> bytes:
    """The SAK of link i."""
    return (i.to_bytes(4, "big") + b"\x11" * 28)[: suite.sak_octets]


def plain_frame(octets: int) -> bytes:
    """An unprotected frame, of an EtherType that scapy does not dissect, which is kind to scapy."""
    return (bytes.fromhex("02000000ffff020000000000 88b5") + b"\x5a" * octets)[:octets]


class Senders:
    """SecYs that send, each with a SAK of its own."""

    def __init__(self, suite: CipherSuite, scs: int, impl: str | None) -> None:
        self.secys = []
        for i in range(scs):
            secy = SecY(sci_of(i), suite, SecYConfig(always_include_sci=True), max_receive_channels=1, gcm=impl)
            ki = Ki(bytes(12) + i.to_bytes(4, "big"))
            secy.install_sak(ki, sak_of(suite, i), salt=SALT if suite.is_xpn else None)
            secy.create_transmit_sa(0, ki, ssci=Ssci(i + 1) if suite.is_xpn else None)
            secy.enable_transmit(ki)
            self.secys.append(secy)

    def close(self) -> None:
        """Free them."""
        for secy in self.secys:
            secy.close()


def make_receiver(suite: CipherSuite, scs: int, impl: str | None) -> SecY:
    """A SecY with so many receive SCs, one SAK, replay protection with window 0."""
    secy, ki = SecY(sci_of(scs), suite, max_receive_channels=scs, gcm=impl), Ki(bytes(16))
    secy.install_sak(ki, sak_of(suite, 0), salt=SALT if suite.is_xpn else None)
    for i in range(scs):
        secy.create_receive_sc(sci_of(i))
        secy.create_receive_sa(sci_of(i), 0, ki, ssci=Ssci(i + 1) if suite.is_xpn else None)
        secy.enable_receive(sci_of(i), ki)
    return secy


def _slot(octets: int) -> int:
    return (octets + 64 + 63) // 64 * 64


def _must(verdicts: npt.NDArray[np.uint8], want: Verdict) -> None:
    if (verdicts != want).any():
        raise InternalError(f"bench: verdicts {sorted(set(verdicts.tolist()))}, all should be {want:d} ({want.name})")


class _Wire:
    """Protected frames without end, from all SCs in turn.

    Sealed with the AEAD alone, so that no sender's state drives the receiver's out of the cache.
    """

    def __init__(self, suite: CipherSuite, scs: int, octets: int) -> None:
        self._aead, self._scs, self._pn, self._xpn = AESGCM(sak_of(suite, 0)), scs, 0, suite.is_xpn
        plain = plain_frame(octets)
        self._data = plain[12:]
        self._start = plain[:12] + b"\x88\xe5\x2c" + bytes([len(self._data) if len(self._data) < 48 else 0])

    def ring(self) -> list[bytes]:
        """The next ring of them, each with a packet number not seen before."""
        return [self._frame(pn) for pn in range(self._pn + 1, self._pn + 1 + RING)]

    def _frame(self, pn: int) -> bytes:
        sci, self._pn = sci_of((pn - 1) % self._scs).octets, pn
        header = self._start + (pn & 0xFFFFFFFF).to_bytes(4, "big") + sci
        nonce = sci + header[16:20]
        if self._xpn:
            counter = ((pn - 1) % self._scs + 1 << 64) | pn
            nonce = (counter ^ int.from_bytes(SALT, "big")).to_bytes(12, "big")
        return header + self._aead.encrypt(nonce, self._data, header)


def _protect(row: Row, suite: CipherSuite, impl: str | None, with_bytes: bool) -> CallCase:
    octets, burst, scs = row.frame_octets or 0, row.burst, row.scs or 1
    senders = Senders(suite, scs, impl)
    frames, bursts, turn = [plain_frame(octets)] * burst, RING // burst, 0
    arenas = [FrameArena(burst, _slot(octets)) for _ in range(1 if with_bytes else bursts)]

    def whose() -> list[SecY]:
        nonlocal turn
        first, turn = turn, turn + bursts
        return [senders.secys[i % scs] for i in range(first, first + bursts)]

    def in_arenas() -> int:
        for arena in arenas:
            arena.fill(frames)
        work = list(zip(whose(), arenas, strict=True))
        start = perf_counter_ns()
        for secy, arena in work:
            secy.protect(arena)
        took = perf_counter_ns() - start
        for arena in arenas:
            _must(arena.verdicts, Verdict.OUT_ENCRYPTED)
        return took

    def from_bytes() -> int:
        arena, secys = arenas[0], whose()
        start = perf_counter_ns()
        for secy in secys:
            arena.fill(frames)
            secy.protect(arena)
            arena.to_list()
        took = perf_counter_ns() - start
        _must(arena.verdicts, Verdict.OUT_ENCRYPTED)
        return took

    row.impl = senders.secys[0].status().gcm
    return CallCase(row, from_bytes if with_bytes else in_arenas, RING, [senders.close])


def _validate(row: Row, suite: CipherSuite, impl: str | None, with_bytes: bool) -> CallCase:
    octets, burst, scs = row.frame_octets or 0, row.burst, row.scs or 1
    receiver, wire, parts = make_receiver(suite, scs, impl), _Wire(suite, scs, octets), range(0, RING, burst)
    arenas = [FrameArena(burst, _slot(octets)) for _ in range(1 if with_bytes else len(parts))]

    def in_arenas() -> int:
        ring = wire.ring()
        for arena, part in zip(arenas, parts, strict=True):
            arena.fill(ring[part : part + burst])
        start = perf_counter_ns()
        for arena in arenas:
            receiver.validate(arena)
        took = perf_counter_ns() - start
        for arena in arenas:
            _must(arena.verdicts, Verdict.IN_OK)
        return took

    def from_bytes() -> int:
        ring, arena = wire.ring(), arenas[0]
        work = [ring[part : part + burst] for part in parts]
        start = perf_counter_ns()
        for frames in work:
            arena.fill(frames)
            receiver.validate(arena)
            arena.to_list()
        took = perf_counter_ns() - start
        _must(arena.verdicts, Verdict.IN_OK)
        return took

    row.impl = receiver.status().gcm
    return CallCase(row, from_bytes if with_bytes else in_arenas, RING, [receiver.close])


def pysec_python(row: Row, suite: CipherSuite, impl: str | None) -> CallCase:
    """Arena calls; or with bytes in and out, if the row's provider says so."""
    make = _validate if row.op == "validate" else _protect
    return make(row, suite, impl, row.provider == "pysec-python-bytes")


def cryptography_aesgcm(row: Row, suite: CipherSuite) -> CallCase:
    """The `cryptography` package, a call a frame."""
    aead, data = AESGCM(sak_of(suite, 0)), plain_frame(row.frame_octets or 0)[12:]
    aad, count = bytes(28), 0

    def nonces() -> list[bytes]:
        nonlocal count
        first, count = count, count + RING
        return [i.to_bytes(12, "big") for i in range(first, first + RING)]

    def protect() -> int:
        encrypt, fresh = aead.encrypt, nonces()
        start = perf_counter_ns()
        for nonce in fresh:
            encrypt(nonce, data, aad)
        return perf_counter_ns() - start

    def validate() -> int:
        decrypt = aead.decrypt
        work = [(nonce, aead.encrypt(nonce, data, aad), aad) for nonce in nonces()]
        start = perf_counter_ns()
        for nonce, sealed, additional in work:
            decrypt(nonce, sealed, additional)
        return perf_counter_ns() - start

    return CallCase(row, validate if row.op == "validate" else protect, RING)


def scapy_macsecsa(row: Row, suite: CipherSuite) -> CallCase:
    """scapy's MACsecSA, from bytes to bytes."""
    from scapy.contrib.macsec import MACsecSA
    from scapy.layers.l2 import Ether

    xpn = {"xpn_en": True, "ssci": 1, "salt": SALT} if suite.is_xpn else {}
    sa = MACsecSA(sci_of(0).octets, 0, 1, sak_of(suite, 0), 16, True, True, **xpn)
    plain = plain_frame(row.frame_octets or 0)

    def seal() -> bytes:
        sa.pn += 1
        return bytes(sa.encrypt(sa.encap(Ether(plain))))

    def protect() -> int:
        start = perf_counter_ns()
        for _ in range(SCAPY_FRAMES):
            seal()
        return perf_counter_ns() - start

    def validate() -> int:
        work = [seal() for _ in range(SCAPY_FRAMES)]
        start = perf_counter_ns()
        for wire in work:
            bytes(sa.decap(sa.decrypt(Ether(wire))))
        return perf_counter_ns() - start

    return CallCase(row, validate if row.op == "validate" else protect, SCAPY_FRAMES)


PEERS: dict[str, Callable[[Row, CipherSuite], CallCase]] = {
    "cryptography-aesgcm": cryptography_aesgcm,
    "scapy-macsecsa": scapy_macsecsa,
}
