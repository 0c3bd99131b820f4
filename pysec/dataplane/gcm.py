"""Why this exists: AES-GCM bursts for those who have no MACsec frames, with nonces that cannot go wrong.

A nonce used twice gives away the authentication key, so `GcmKey` makes its own: a fixed field and a counter, the
deterministic construction of SP 800-38D 8.2.1 and RFC 5116 3.2. Nonces from the caller must rise strictly, all
through the life of the object.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pysec.dataplane.arena import Octets
from pysec.dataplane.bridge import check, ffi, lib, no_gcm, text
from pysec.dataplane.single import Single
from pysec.errors import InvalidIcv, KeyExhausted, NonceReused, UsageError
from pysec.secret import Secret

TAG_OCTETS: Final = 16
NONCE_OCTETS: Final = 12
FIXED_OCTETS: Final = 4
MAX_COUNTER: Final = (1 << 64) - 1
MAX_MESSAGE_OCTETS: Final = 0x7FFF_FFFF


@dataclass(frozen=True, slots=True)
class GcmInfo:
    """An AES-GCM implementation of this build. why_not is None if it can be used on this machine."""

    name: str
    what: str
    why_not: str | None
    priority: int
    num_tests: int
    num_failed: int


def gcm_implementations() -> list[GcmInfo]:
    """Every implementation in this build, with the outcome of its known answers."""
    raw = ffi.new("struct pysec_gcm_info *")
    found = []
    for i in range(lib.pysec_gcm_num_impls()):
        lib.pysec_gcm_get_info(raw, i)
        why_not = None if raw.why_not == ffi.NULL else text(raw.why_not)
        found.append(GcmInfo(text(raw.name), text(raw.what), why_not, raw.priority, raw.num_tests, raw.num_failed))
    return found


def default_gcm() -> str:
    """The implementation that a key gets when none is named (UsageError if PYSEC_GCM names one that is not here)."""
    return GcmKey(bytes(16)).impl


class GcmKey(Single):
    """An AES key of 16 or 32 octets for authenticated encryption in bursts.

    Not for two objects with the same key unless their fixed fields differ. Thread safe; not after a fork.
    """

    def __init__(self, key: Secret | bytes, *, fixed: bytes | None = None, impl: str | None = None) -> None:
        """fixed: the 4-octet fixed field of the nonces that `seal` makes, random if None (UsageError)."""
        if len(key) not in (16, 32):
            raise UsageError(f"AES key: {len(key)} octets, must be 16 or 32")
        if fixed is not None and len(fixed) != FIXED_OCTETS:
            raise UsageError(f"fixed field: {len(fixed)} octets, must be {FIXED_OCTETS}")
        super().__init__()
        self._lock = threading.Lock()
        self._fixed = secrets.token_bytes(FIXED_OCTETS) if fixed is None else bytes(fixed)
        self._counter = 0
        self._last_nonce: bytes | None = None
        out = ffi.new("struct pysec_gcm **")
        octets = key.reveal() if isinstance(key, Secret) else key
        with ffi.from_buffer("uint8_t[]", octets) as raw:
            if len(raw) != len(key):
                raise UsageError("AES key: not a string of octets")
            error = lib.pysec_gcm_new(out, raw, len(raw), ffi.NULL if impl is None else impl.encode())
        if error == lib.PYSEC_E_NOENT:
            raise no_gcm(impl)
        check(error, "AES-GCM key")
        self._native = ffi.gc(out[0], lib.pysec_gcm_free, size=8192)

    @property
    def impl(self) -> str:
        """The name of the implementation in use."""
        return text(lib.pysec_gcm_impl(self._native))

    def __repr__(self) -> str:
        return f"GcmKey({self.impl})"

    # ---- sealing

    def seal(self, messages: Sequence[Octets], aads: Sequence[Octets] | None = None) -> list[tuple[bytes, bytes]]:
        """Encrypt messages under nonces of our own; for each its nonce and its ciphertext with the tag behind.

        KeyExhausted when the 2^64 - 1 nonces of the fixed field are used (SP 800-38D 8.3); UsageError.
        """
        self._check_process()
        count = len(messages)
        with self._lock:  # nonces are claimed first: whatever fails afterwards burns them
            if self._last_nonce is not None:
                raise UsageError(
                    "this key has been used with nonces of the caller's; it makes none of its own any more"
                )
            first = self._counter + 1
            if first + count - 1 > MAX_COUNTER:
                raise KeyExhausted("AES-GCM key: no nonce is left")
            self._counter += count
        nonces = [self._fixed + (first + i).to_bytes(8, "big") for i in range(count)]
        buffer, raw = self._lay_out(nonces, messages, aads, sealed=False)
        return list(zip(nonces, self._seal(buffer, raw), strict=True))

    def seal_with_nonces(
        self, nonces: Sequence[bytes], messages: Sequence[Octets], aads: Sequence[Octets] | None = None
    ) -> list[bytes]:
        """Encrypt messages under the caller's 12-octet nonces; each ciphertext with its tag behind.

        Nonces, read as 96-bit numbers, must rise strictly from call to call: NonceReused, with nothing encrypted, if
        one does not (SP 800-38D 8.2.1). UsageError.
        """
        self._check_process()
        if len(nonces) != len(messages):
            raise UsageError(f"{len(nonces)} nonces for {len(messages)} messages")
        buffer, raw = self._lay_out(nonces, messages, aads, sealed=False)
        with self._lock:
            if self._counter:
                raise UsageError("this key makes its own nonces; it takes none of the caller's any more")
            last = self._last_nonce
            for i, nonce in enumerate(map(bytes, nonces)):
                if last is not None and nonce <= last:
                    raise NonceReused(f"nonce {i} does not rise")
                last = nonce
            self._last_nonce = last
        return self._seal(buffer, raw)

    def _seal(self, buffer: Any, raw: Any) -> list[bytes]:
        native = ffi.from_buffer("uint8_t[]", buffer, require_writable=True)
        check(lib.pysec_gcm_seal(self._native, native, len(buffer), raw, len(raw)), "AES-GCM seal")
        return [bytes(buffer[m.data : m.data + m.data_len + TAG_OCTETS]) for m in raw]

    # ---- opening

    def try_open(
        self, nonces: Sequence[bytes], sealed: Sequence[Octets], aads: Sequence[Octets] | None = None
    ) -> list[bytes | None]:
        """Decrypt; None for each message whose tag does not verify (UsageError)."""
        if len(nonces) != len(sealed):
            raise UsageError(f"{len(nonces)} nonces for {len(sealed)} messages")
        buffer, raw = self._lay_out(nonces, sealed, aads, sealed=True)
        native = ffi.from_buffer("uint8_t[]", buffer, require_writable=True)
        num_bad = ffi.new("size_t *")
        check(lib.pysec_gcm_open(self._native, num_bad, native, len(buffer), raw, len(raw)), "AES-GCM open")
        return [bytes(buffer[m.data : m.data + m.data_len]) if m.ok else None for m in raw]

    def open(
        self, nonces: Sequence[bytes], sealed: Sequence[Octets], aads: Sequence[Octets] | None = None
    ) -> list[bytes]:
        """Decrypt; InvalidIcv, with nothing returned, if any tag does not verify (UsageError)."""
        opened = self.try_open(nonces, sealed, aads)
        plain = [message for message in opened if message is not None]
        if len(plain) != len(opened):
            raise InvalidIcv(f"message {opened.index(None)}: the tag does not verify")
        return plain

    def _lay_out(
        self, nonces: Sequence[bytes], messages: Sequence[Octets], aads: Sequence[Octets] | None, *, sealed: bool
    ) -> tuple[Any, Any]:
        """One buffer with aad, data and tag of every message behind each other, and the table that says where."""
        if aads is None:
            aads = [b""] * len(messages)
        if len(aads) != len(messages):
            raise UsageError(f"{len(aads)} additional data for {len(messages)} messages")
        behind = TAG_OCTETS if sealed else 0
        for i, (nonce, message) in enumerate(zip(nonces, messages, strict=True)):
            if len(nonce) != NONCE_OCTETS:
                raise UsageError(f"nonce {i}: {len(nonce)} octets, must be {NONCE_OCTETS}")
            if len(message) < behind:
                raise UsageError(f"message {i}: {len(message)} octets are no tag")
        total = sum(map(len, aads)) + sum(map(len, messages)) + TAG_OCTETS * len(messages)
        if total > MAX_MESSAGE_OCTETS:
            raise UsageError(f"a burst of {total} octets, at most {MAX_MESSAGE_OCTETS}")
        buffer = np.zeros(max(total, 1), np.uint8).data
        raw = ffi.new("struct pysec_gcm_msg[]", len(messages))
        at = 0
        for slot, nonce, message, aad in zip(raw, nonces, messages, aads, strict=True):
            slot.aad, slot.aad_len = at, len(aad)
            slot.data, slot.data_len = at + len(aad), len(message) - behind
            slot.tag = slot.data + slot.data_len
            ffi.memmove(slot.nonce, nonce, NONCE_OCTETS)
            buffer[at : at + len(aad)] = aad
            buffer[slot.data : slot.data + len(message)] = message
            at = slot.tag + TAG_OCTETS
        return buffer, raw
