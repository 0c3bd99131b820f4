"""Why this exists: csrc/gcm as the tests call it, without pysec._native: compiled apart and loaded through cffi.

The declarations are gcm.h itself, so they cannot drift from it. A library can also be a planted one: the checks in
checklist.py do not know which they are run on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cffi import FFI

from tests.canary.plant import compile_so
from tests.unit.gcm.programs import CSRC, FOLDERS


def declarations() -> str:
    """What gcm.h declares, without its preprocessor lines; and the one function of base/cpu.h."""
    text = (CSRC / "gcm/gcm.h").read_text("utf-8").replace("GCM_IV_LEN]", "12]")
    cpu = "uint32_t cpu_features(void);\nconst char *cpu_feature_name(uint32_t feature);\n"
    return re.sub(r"^#.*$", "", text, flags=re.M) + cpu


@dataclass(frozen=True)
class Message:
    """One message of a burst: to be sealed, or (with a tag) to be opened."""

    iv: bytes
    aad: bytes
    data: bytes
    tag: bytes = bytes(16)


@dataclass(frozen=True)
class Opened:
    """What open left behind for one message."""

    ok: int
    data: bytes


class Library:
    """One build of csrc/base and csrc/gcm."""

    def __init__(self, path: Path) -> None:
        self.ffi = FFI()
        self.ffi.cdef(declarations())
        self.lib: Any = self.ffi.dlopen(str(path))

    @classmethod
    def build(cls, csrc: Path, out: Path, extra_flags: Sequence[str] = ()) -> Library:
        return cls(compile_so(csrc, out, extra_flags, folders=FOLDERS))

    def statuses(self) -> dict[str, Any]:
        """Every implementation of the build, by name."""
        found = (self.lib.gcm_impl_status(i) for i in range(self.lib.gcm_num_impls()))
        return {self.text(status.impl.name): status for status in found}

    def text(self, pointer: Any) -> str:
        return bytes(self.ffi.string(pointer)).decode()

    def usable(self) -> list[str]:
        return [name for name, status in self.statuses().items() if status.why_not == self.ffi.NULL]

    def key(self, name: str, key: bytes) -> Key:
        impl = self.lib.gcm_impl_find(name.encode())
        assert impl != self.ffi.NULL, f"{name} is not usable here"
        return Key(self, impl, key)


class Key:
    """One key for one implementation."""

    def __init__(self, library: Library, impl: Any, key: bytes) -> None:
        self.library = library
        self.ffi, self.lib = library.ffi, library.lib
        pointer = self.lib.gcm_key_new(impl, key, len(key))
        assert pointer != self.ffi.NULL
        self.pointer = self.ffi.gc(pointer, self.lib.gcm_key_free)

    def block(self, block: bytes) -> bytes:
        out = self.ffi.new("uint8_t[16]")
        self.lib.gcm_encrypt_block(self.pointer, out, block)
        return bytes(out)

    def _run(self, messages: Sequence[Message], opening: bool, skew: int) -> tuple[int, Any, list[tuple[bytes, bytes]]]:
        """Lay AAD, data and tag one behind the other with `skew` odd octets between messages, and run the burst."""
        msgs = self.ffi.new("struct gcm_msg[]", max(len(messages), 1))
        room = sum(len(m.aad) + len(m.data) + 16 + skew for m in messages)
        arena = self.ffi.new("uint8_t[]", b"\xa5" * (room + skew + 1))
        at, places = skew, []
        for msg, m in zip(msgs, messages, strict=False):
            msg.aad, msg.aad_len = arena + at, len(m.aad)
            self.ffi.memmove(arena + at, m.aad, len(m.aad))
            at += len(m.aad)
            msg.data, msg.data_len = arena + at, len(m.data)
            self.ffi.memmove(arena + at, m.data, len(m.data))
            at += len(m.data)
            msg.tag = arena + at
            self.ffi.memmove(arena + at, m.tag, 16)
            at += 16
            msg.iv = m.iv
            msg.ok = 0xA5A5A5A5
            places.append((at - 16 - len(m.data), at - 16))
            at += skew
        expected = self._between(arena, messages, skew)
        num_bad = (
            self.lib.gcm_open(self.pointer, msgs, len(messages))
            if opening
            else self.lib.gcm_seal(self.pointer, msgs, len(messages))
        )
        assert self._between(arena, messages, skew) == expected, "octets outside data and tag were written"
        buffer = bytes(self.ffi.buffer(arena))
        return num_bad or 0, msgs, [(buffer[a:b], buffer[b : b + 16]) for a, b in places]

    def _between(self, arena: Any, messages: Sequence[Message], skew: int) -> bytes:
        """All of the arena that a burst must not change: AADs and gaps."""
        buffer = bytes(self.ffi.buffer(arena))
        at, kept = 0, b""
        for m in messages:
            kept += buffer[at : at + skew + len(m.aad)]
            at += skew + len(m.aad) + len(m.data) + 16
        return kept + buffer[at:]

    def seal(self, messages: Sequence[Message], skew: int = 0) -> list[tuple[bytes, bytes]]:
        """Ciphertext and tag of each message."""
        return self._run(messages, opening=False, skew=skew)[2]

    def open(self, messages: Sequence[Message], skew: int = 0) -> list[Opened]:
        """What became of each message. That num_bad, ok and the data agree is checked here, whatever the test."""
        num_bad, msgs, found = self._run(messages, opening=True, skew=skew)
        opened = [Opened(msg.ok, data) for msg, (data, _) in zip(msgs, found, strict=False)]
        assert all(o.ok in (0, 1) for o in opened), "ok is neither 0 nor 1"
        assert num_bad == sum(o.ok == 0 for o in opened), "the number of bad messages is wrong"
        for o in opened:
            assert o.ok or not any(o.data), "data was left behind after a failure"
        for m, (_, tag) in zip(messages, found, strict=True):
            assert tag == m.tag, "open changed the tag"
        return opened

    def seal_one(self, iv: bytes, aad: bytes, data: bytes) -> tuple[bytes, bytes]:
        return self.seal([Message(iv, aad, data)])[0]

    def open_one(self, iv: bytes, aad: bytes, data: bytes, tag: bytes) -> bytes | None:
        opened = self.open([Message(iv, aad, data, tag)])[0]
        return opened.data if opened.ok else None
