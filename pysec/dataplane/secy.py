"""Why this exists: the SecY of IEEE 802.1AE-2018 as Python sees it; frames in bursts, SAs by key identifier.

Every step of an SA's life may be repeated. What the core refuses raises; what happens to a frame never does.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from pysec.dataplane.arena import HEADROOM, TAILROOM, FrameArena, Octets
from pysec.dataplane.bridge import check, ffi, lib, no_gcm, text
from pysec.dataplane.config import SecYConfig
from pysec.dataplane.counters import Counters, ScGaps
from pysec.dataplane.single import Single
from pysec.dataplane.status import EventKind, SaEvent, SaStatus, SecYStatus
from pysec.dataplane.verdicts import Action, Reason, Verdict
from pysec.errors import KeyExhausted, UsageError
from pysec.secret import Secret
from pysec.types import An, CipherSuite, Ki, Pn, Sci, Ssci


def _an(an: An | int) -> int:
    return an.value if isinstance(an, An) else An(an).value


def _pn(pn: Pn | int, what: str) -> int:
    value = pn.value if isinstance(pn, Pn) else pn
    if not 0 <= value < 1 << 64:
        raise UsageError(f"{what}: {value}, must be 1 to 2^64 - 1")
    return value


class SecY(Single):
    """A SecY with one transmit SC (802.1AE-2018 clause 10).

    Thread safe: bursts in one thread go on while another installs and retires keys. Close it, or use it as a context
    manager, to have the keys wiped at a known time.
    """

    def __init__(
        self,
        sci: Sci,
        cipher_suite: CipherSuite = CipherSuite.GCM_AES_128,
        config: SecYConfig | None = None,
        *,
        max_receive_channels: int = 4096,
        gcm: str | None = None,
    ) -> None:
        """Make a SecY for a transmit SCI. gcm names an AES-GCM implementation, None takes the best (UsageError)."""
        super().__init__()
        self.sci = sci
        self._name = f"SecY {sci}"  # for errors; who polls thousands of SecYs should not spell it each time
        self.cipher_suite = cipher_suite
        self._config = config or SecYConfig()
        self._native: Any = ffi.NULL
        self._ports = 0
        self._lock = threading.Lock()
        if not 1 <= max_receive_channels <= 4096:
            raise UsageError(f"max_receive_channels: {max_receive_channels}, must be 1 to 4096")
        if self._config.use_scb and sci.port != 0:
            raise UsageError("use_scb: the SCI needs port identifier 0 (802.1AE-2018 9.5)")
        if self._config.use_es and not self._config.use_scb and sci.port != 1:
            raise UsageError("use_es: the SCI needs port identifier 1 (802.1AE-2018 9.5)")
        out = ffi.new("struct pysec_secy **")
        suite = list(CipherSuite).index(cipher_suite)
        name = ffi.NULL if gcm is None else gcm.encode()
        seed = secrets.randbits(64)
        raw = self._config.to_native()
        error = lib.pysec_secy_new(out, sci.value, suite, raw, max_receive_channels, name, seed)
        if error == lib.PYSEC_E_NOENT:
            raise no_gcm(gcm)
        check(error, self._name)
        self._native = ffi.gc(out[0], lib.pysec_secy_free, size=1 << 17)

    # ---- its own life

    def close(self) -> None:
        """Wipe all keys and end the SecY; any later call is a UsageError. No thread may be in a call of it.

        UsageError, with nothing done, while a port uses it: its threads would go on with freed memory.
        """
        with self._lock:
            if self._ports:
                raise UsageError(f"SecY {self.sci}: a port uses it; close that first")
            native, self._native = self._native, ffi.NULL
        if native != ffi.NULL:
            ffi.release(native)

    def hold(self) -> None:
        """Note that a port uses this SecY from now on; `release` takes it back."""
        with self._lock:
            self._ports += 1

    def release(self) -> None:
        """Note that a port has ended."""
        with self._lock:
            self._ports -= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._native == ffi.NULL else self.cipher_suite.value
        return f"SecY({self.sci}, {state})"

    def native(self) -> Any:
        """The struct pysec_secy pointer, for the rest of this package (UsageError once closed)."""
        self._check_process()
        if self._native == ffi.NULL:
            raise UsageError(f"SecY {self.sci}: closed")
        return self._native

    @property
    def config(self) -> SecYConfig:
        """The controls as they are."""
        return self._config

    def reconfigure(self, **changes: Any) -> None:
        """Change controls by their names in SecYConfig; a burst sees all of the change or none (UsageError)."""
        with self._lock:
            try:
                config = replace(self._config, **changes)
            except TypeError:
                raise UsageError(f"SecY {self.sci}: no such control among {', '.join(sorted(changes))}") from None
            check(lib.pysec_secy_set_config(self.native(), config.to_native()), f"SecY {self.sci}: controls")
            self._config = config

    # ---- SAKs, SCs and SAs

    def install_sak(
        self, ki: Ki, sak: Secret | bytes, *, salt: bytes | None = None, confidentiality_offset: int = 0
    ) -> None:
        """Install a SAK under its KI (802.1AE-2018 10.7.28); again with the same SAK changes nothing.

        sak: 16 or 32 octets after the suite. salt: 12 octets, XPN suites only. confidentiality_offset: 0, 30 or 50,
        0 only with XPN. NonceReused if the KI was used with another SAK or the SAK under another KI; UsageError.
        """
        suite = self.cipher_suite
        if len(sak) != suite.sak_octets:
            raise UsageError(f"SAK {ki}: {len(sak)} octets, {suite} needs {suite.sak_octets}")
        if (salt is not None) != suite.is_xpn or (salt is not None and len(salt) != 12):
            need = "a salt of 12 octets" if suite.is_xpn else "no salt"
            raise UsageError(f"SAK {ki}: {suite} takes {need}")
        if confidentiality_offset not in ((0,) if suite.is_xpn else (0, 30, 50)):
            raise UsageError(f"SAK {ki}: confidentiality offset {confidentiality_offset} does not go with {suite}")
        octets = sak.reveal() if isinstance(sak, Secret) else sak
        with ffi.from_buffer("uint8_t[]", octets) as key:
            if len(key) != suite.sak_octets:
                raise UsageError(f"SAK {ki}: not a string of octets")
            error = lib.pysec_secy_install_sak(
                self.native(), ki.octets, key, len(key), ffi.NULL if salt is None else salt, confidentiality_offset
            )
        check(error, f"SAK {ki}")

    def create_receive_sc(self, sci: Sci) -> None:
        """Create a receive SC (802.1AE-2018 10.7.11); one that exists stays as it is (UsageError if too many)."""
        check(lib.pysec_secy_create_receive_sc(self.native(), sci.value), f"receive SC {sci}")

    def delete_receive_sc(self, sci: Sci) -> None:
        """Delete a receive SC with its SAs and counters; one that does not exist changes nothing."""
        check(lib.pysec_secy_delete_receive_sc(self.native(), sci.value), f"receive SC {sci}")

    def receive_scs(self) -> list[Sci]:
        """The receive SCs, in the order of their SCIs."""
        num = ffi.new("size_t *")
        room = 16
        while True:
            scis = ffi.new("uint64_t[]", room)
            check(lib.pysec_secy_list_receive_scs(self.native(), scis, room, num), self._name)
            if num[0] <= room:
                return [_sci(value) for value in sorted(ffi.unpack(scis, num[0]))]
            room = int(num[0]) + 16

    def create_receive_sa(
        self, sci: Sci, an: An | int, ki: Ki, *, lowest_pn: Pn | int = 1, ssci: Ssci | None = None
    ) -> None:
        """Create a receive SA, not yet in use (802.1AE-2018 10.7.13); an older SA with the same AN ends (UsageError).

        The same KI and AN again change nothing, but lowest_pn may rise.
        """
        error = lib.pysec_secy_create_receive_sa(
            self.native(), sci.value, _an(an), ki.octets, _pn(lowest_pn, "lowest_pn"), self._ssci(ssci)
        )
        check(error, f"receive SA {_an(an)} of SC {sci}, KI {ki}")

    def enable_receive(self, sci: Sci, ki: Ki, enable: bool = True) -> None:
        """Take the SA into use for reception, or out of it (802.1AE-2018 10.7.15; UsageError)."""
        error = lib.pysec_secy_enable_receive(self.native(), sci.value, ki.octets, enable)
        check(error, f"receive SA of SC {sci}, KI {ki}")

    def update_lowest_pn(self, sci: Sci, ki: Ki, pn: Pn | int) -> None:
        """Raise the lowest acceptable PN; it never falls (802.1AE-2018 10.7.15; UsageError)."""
        error = lib.pysec_secy_update_lowest_pn(self.native(), sci.value, ki.octets, _pn(pn, "lowest PN"))
        check(error, f"receive SA of SC {sci}, KI {ki}")

    def create_transmit_sa(
        self,
        an: An | int,
        ki: Ki,
        *,
        next_pn: Pn | int = 1,
        ssci: Ssci | None = None,
        confidentiality: bool = True,
        pn_ceiling: int | None = None,
        pn_threshold: int | None = None,
    ) -> None:
        """Create a transmit SA, not yet in use (802.1AE-2018 10.7.22).

        next_pn is the floor of its packet numbers: NonceReused if it lies below what was used with this KI before.
        pn_ceiling: PNs from it on are not sent. pn_threshold: PN at which EventKind.PN_THRESHOLD is raised, None for
        three quarters of the space. The same KI and AN again change nothing, but next_pn may rise (UsageError).
        """
        error = lib.pysec_secy_create_transmit_sa(
            self.native(),
            _an(an),
            ki.octets,
            _pn(next_pn, "next_pn"),
            self._ssci(ssci),
            confidentiality,
            self._ceiling(pn_ceiling),
            _pn(pn_threshold or 0, "pn_threshold"),
        )
        check(error, f"transmit SA {_an(an)}, KI {ki}")

    def enable_transmit(self, ki: Ki, enable: bool = True) -> None:
        """Make the SA with this KI the encoding SA, or stop it (802.1AE-2018 10.7.24; UsageError)."""
        check(lib.pysec_secy_enable_transmit(self.native(), ki.octets, enable), f"transmit SA, KI {ki}")

    def set_pn_ceiling(self, ki: Ki, pn: Pn | int | None) -> None:
        """Move the PN ceiling of a transmit SA, None for none (NonceReused below next PN; UsageError)."""
        value = pn.value if isinstance(pn, Pn) else pn
        error = lib.pysec_secy_set_pn_ceiling(self.native(), ki.octets, self._ceiling(value))
        check(error, f"transmit SA, KI {ki}: PN ceiling {value}")

    def retire(self, ki: Ki) -> None:
        """End every SA with this KI, wipe its SAK, remember its packet numbers (UsageError if never installed)."""
        check(lib.pysec_secy_retire(self.native(), ki.octets), f"SAK {ki}")

    def _ssci(self, ssci: Ssci | None) -> int:
        if (ssci is not None) != self.cipher_suite.is_xpn:
            raise UsageError(f"SSCI: {self.cipher_suite} takes {'one' if self.cipher_suite.is_xpn else 'none'}")
        return 0 if ssci is None else ssci.value

    def _ceiling(self, pn: int | None) -> int:
        """The ceiling as C takes it: one past the last PN means no ceiling at all."""
        if pn is None or pn == self.cipher_suite.pn_space:
            return 0
        if not 1 <= pn < self.cipher_suite.pn_space:
            raise UsageError(f"PN ceiling: {pn}, must be 1 to {self.cipher_suite.pn_space}")
        return pn

    # ---- frames

    def protect(self, arena: FrameArena) -> npt.NDArray[np.uint8]:
        """Protect the frames of an arena where they lie; their verdicts, dtype uint8, in order (802.1AE-2018 10.5)."""
        lib.pysec_secy_protect(self.native(), *arena.native())
        return arena.verdicts

    def validate(self, arena: FrameArena) -> npt.NDArray[np.uint8]:
        """Validate the frames of an arena where they lie; their verdicts, dtype uint8, in order (802.1AE-2018 10.6)."""
        lib.pysec_secy_validate(self.native(), *arena.native())
        return arena.verdicts

    def protect_frame(self, frame: Octets) -> bytes:
        """One frame, protected. KeyExhausted if no packet number is left, UsageError if it was not sent otherwise."""
        arena = self._single(frame)
        verdict = Verdict(int(self.protect(arena)[0]))
        if arena.actions[0] == Action.COMMON:
            return bytes(arena[0])
        reason = Reason(int(arena.reasons[0]))
        message = f"SecY {self.sci}: frame of {len(frame)} octets not sent: {verdict.text}"
        if reason:
            message += f" ({reason.text})"
        raise (KeyExhausted if reason in (Reason.PN_EXHAUSTED, Reason.PN_CEILING) else UsageError)(message)

    def validate_frame(self, frame: Octets) -> tuple[Verdict, bytes | None]:
        """One frame's verdict, and the frame for the controlled port if it is delivered there."""
        arena = self._single(frame)
        verdict = Verdict(int(self.validate(arena)[0]))
        return verdict, bytes(arena[0]) if arena.actions[0] == Action.CONTROLLED else None

    def _single(self, frame: Octets) -> FrameArena:
        arena = FrameArena(1, max(len(frame), 14) + HEADROOM + TAILROOM)
        arena.add(frame)
        return arena

    # ---- what it says

    def counters(self) -> Counters:
        """The counters of the SecY: every frame it has seen, under one verdict each (802.1AE-2018 10.7.9, 10.7.18)."""
        raw = ffi.new("struct pysec_counters *")
        lib.pysec_secy_get_counters(self.native(), raw)
        return Counters.from_native(raw)

    def sc_counters(self, sci: Sci) -> Counters:
        """The counters of the transmit SC or of a receive SC, over present and past SAs (UsageError: no such SC)."""
        raw = ffi.new("struct pysec_counters *")
        check(lib.pysec_secy_get_sc_counters(self.native(), raw, sci.value), f"SC {sci}")
        return Counters.from_native(raw)

    def sc_gaps(self, sci: Sci) -> ScGaps:
        """What the packet numbers of a receive SC tell of loss and reordering (UsageError: no such SC)."""
        raw = ffi.new("struct pysec_sc_gaps *")
        check(lib.pysec_secy_get_sc_gaps(self.native(), raw, sci.value), f"SC {sci}")
        return ScGaps(raw.passed, raw.valid, raw.reordered, raw.deepest)

    def status(self) -> SecYStatus:
        """A snapshot of the SecY's state."""
        raw = ffi.new("struct pysec_status *")
        lib.pysec_secy_get_status(self.native(), raw)
        return SecYStatus(
            sci=self.sci,
            cipher_suite=self.cipher_suite,
            receive_scs=raw.num_receive_scs,
            receiving_scs=raw.num_receiving_scs,
            saks=raw.num_saks,
            retired_kis=raw.num_retired_kis,
            forgotten_kis=raw.num_forgotten_kis,
            including_sci=bool(raw.including_sci),
            transmitting=bool(raw.transmitting),
            encoding_an=None if raw.encoding_an == 255 else An(raw.encoding_an),
            exhausted=bool(raw.exhausted),
            mac_operational=bool(raw.mac_operational),
            gcm=text(raw.gcm_impl),
        )

    def sas(self) -> list[SaStatus]:
        """The SAs, in use or not: transmit SAs first, then receive SAs."""
        num = ffi.new("size_t *")
        room = 4
        while True:
            raw = ffi.new("struct pysec_sa_status[]", room)
            check(lib.pysec_secy_list_sas(self.native(), raw, room, num), self._name)
            if num[0] <= room:
                return [self._sa_status(raw[i]) for i in range(num[0])]
            room = int(num[0]) + 16

    def _sa_status(self, raw: Any) -> SaStatus:
        transmit = bool(raw.transmit)
        return SaStatus(
            transmit=transmit,
            sci=_sci(raw.sci),
            an=_ANS[raw.an],
            ki=_ki(bytes(ffi.buffer(raw.ki))),
            in_use=bool(raw.in_use),
            next_pn=raw.next_pn or 1 << 64,
            lowest_pn=None if transmit else raw.lowest_pn or 1 << 64,
            pn_ceiling=raw.pn_ceiling or None,
            pn_threshold=raw.pn_threshold or None,
            ssci=Ssci(raw.ssci) if self.cipher_suite.is_xpn else None,
            confidentiality=bool(raw.confidentiality) if transmit else None,
            confidentiality_offset=raw.confidentiality_offset,
            exhausted=bool(raw.exhausted),
        )

    def events(self) -> list[SaEvent]:
        """Take the events that have come up since the last call."""
        raw = ffi.new("struct pysec_event *")
        found = []
        while lib.pysec_secy_next_event(self.native(), raw):
            ki = Ki(bytes(ffi.buffer(raw.ki)))
            kind = EventKind(raw.kind)
            found.append(SaEvent(kind, bool(raw.transmit), Sci(raw.sci), An(raw.an), ki, raw.next_pn or 1 << 64))
        return found


# A SecY is read once a hello, and its names seldom change.
_ANS: Final = tuple(An(value) for value in range(4))
_sci = lru_cache(4096)(Sci)
_ki = lru_cache(4096)(Ki)


def xpn_recover(lowest_acceptable_pn: int, pn_field: int) -> int:
    """The 64-bit PN of a frame that carries these 32 bits (802.1AE-2018 10.6.2, Table 10-2)."""
    return int(lib.pysec_xpn_recover(_pn(lowest_acceptable_pn, "lowest acceptable PN"), pn_field))
