"""Why this exists: a pre-shared CAK has to come from somewhere, and neither argv nor the environment is the place.

A key file is a few lines of text, `name = value`, made by `pysec genkey` or by hand (docs/formats.md). It is read only
if nobody but its owner can read it, and never overwritten by accident. What is wrong with one is told by line and name,
never by value.
"""

from __future__ import annotations

import binascii
import os
import stat
import sys
from pathlib import Path
from typing import Final

from pysec.errors import FormatError, KeyStoreError, UsageError
from pysec.mka.keys import Cak
from pysec.secret import Secret
from pysec.types import MAX_CKN_OCTETS, Ckn

FORMAT: Final = "pysec-cak/1"
MAX_OCTETS: Final = 4096
NAMES: Final = ("format", "ckn", "cak")
_CAREFULLY: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def read_cak(path: str | os.PathLike[str], *, allow_exposed: bool = False) -> Cak:
    """Read a key file; `-` is the standard input.

    A regular file must belong to this user or root, and no other may be able to read it, unless allow_exposed. A pipe
    is read to its end. KeyStoreError for what the file is, FormatError for what it says, OSError if it cannot be read.
    """
    if str(path) == "-":
        text = bytearray(sys.stdin.buffer.read(MAX_OCTETS + 1))
        return _parse("standard input", text)
    fd = os.open(path, _CAREFULLY)
    try:
        _check(path, os.fstat(fd), allow_exposed)
        os.set_blocking(fd, True)
        text = bytearray()
        while len(text) <= MAX_OCTETS and (piece := os.read(fd, MAX_OCTETS + 1 - len(text))):
            text += piece
    finally:
        os.close(fd)
    return _parse(str(path), text)


def generate(bits: int = 128, ckn: Ckn | None = None) -> tuple[Ckn, bytearray]:
    """The text of a fresh key file, and its CKN: the one given, or a random one of 32 octets, which every vendor takes.

    The caller wipes it. UsageError if bits is neither 128 nor 256.
    """
    if bits not in (128, 256):
        raise UsageError(f"CAK: {bits} bits, must be 128 or 256")
    name = ckn or Ckn(os.urandom(MAX_CKN_OCTETS))
    text = bytearray(f"# A pre-shared CAK of {bits} bits. Whoever reads it can join the link.\n".encode())
    text += f"format = {FORMAT}\nckn = {name}\ncak = ".encode()
    text += binascii.b2a_hex(os.urandom(bits // 8)) + b"\n"
    return name, text


def write(path: str | os.PathLike[str], text: bytes | bytearray, *, force: bool = False) -> None:
    """Put a key file on disk, mode 0600, whole or not at all (KeyStoreError if there is one and not force; OSError)."""
    where = Path(path)
    temporary = where.with_name(f".{where.name}.{os.urandom(8).hex()}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            _write_all(fd, text)
            os.fsync(fd)
        finally:
            os.close(fd)
        if force:
            temporary.replace(where)
        else:
            os.link(temporary, where)
    except FileExistsError:
        raise KeyStoreError(f"{where}: exists, and a lost key is lost: --force overwrites it") from None
    finally:
        temporary.unlink(missing_ok=True)


def write_to_stdout(text: bytes | bytearray) -> None:
    """Put a key file on the standard output: into a file, which becomes 0600, or a pipe, but not on a terminal."""
    fd = sys.stdout.fileno()
    if os.isatty(fd):
        raise UsageError("a key does not go to a terminal: name a file, or redirect the output")
    if stat.S_ISREG(os.fstat(fd).st_mode):
        os.fchmod(fd, 0o600)
    sys.stdout.flush()
    _write_all(fd, text)


def wipe(text: bytearray) -> None:
    """Overwrite the text of a key file."""
    text[:] = bytes(len(text))


def _write_all(fd: int, text: bytes | bytearray) -> None:
    left = memoryview(text)
    while left:
        left = left[os.write(fd, left) :]


def _check(path: str | os.PathLike[str], found: os.stat_result, allow_exposed: bool) -> None:
    is_file = stat.S_ISREG(found.st_mode)
    if not is_file and not stat.S_ISFIFO(found.st_mode):
        raise KeyStoreError(f"{path}: neither a file nor a pipe")
    if allow_exposed:
        return
    if is_file and found.st_uid not in (os.geteuid(), 0):
        raise KeyStoreError(f"{path}: belongs to another user, who knows this key and can change it")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise KeyStoreError(f"{path}: mode {mode:04o} lets others at the key; chmod 600, and think of a new key")


def _parse(name: str, text: bytearray) -> Cak:
    """Read the text and wipe it."""
    found: dict[str, bytes] = {}
    try:
        if len(text) > MAX_OCTETS:
            raise FormatError(f"{name}: more than {MAX_OCTETS} octets, too long for a key file")
        for number, line in enumerate(text.splitlines(), start=1):
            words = line.strip()
            if words and not words.startswith(b"#"):
                _take(f"{name}: line {number}", words, found)
        for wanted in NAMES:
            if wanted not in found:
                raise FormatError(f"{name}: no line `{wanted} = ...`")
        if found["format"] != FORMAT.encode():
            raise FormatError(f"{name}: format: must be {FORMAT}")
        ckn = _hex(f"{name}: ckn", found["ckn"], range(1, MAX_CKN_OCTETS + 1), "1 to 32")
        cak = _hex(f"{name}: cak", found["cak"], (16, 32), "16 or 32")
        return Cak(Secret(cak), Ckn(ckn))
    finally:
        wipe(text)


def _take(where: str, words: bytearray, found: dict[str, bytes]) -> None:
    left, equals, right = words.partition(b"=")
    names = [name for name in NAMES if left.strip() == name.encode()]
    if not equals or not names:
        raise FormatError(f"{where}: must be `name = value`, and name one of {', '.join(NAMES)}")
    if names[0] in found:
        raise FormatError(f"{where}: {names[0]} comes twice")
    found[names[0]] = bytes(right.strip())


def _hex(where: str, digits: bytes, lengths: range | tuple[int, ...], wanted: str) -> bytes:
    try:
        octets = binascii.a2b_hex(digits)
    except ValueError:
        raise FormatError(f"{where}: must be an even number of hex digits") from None
    if len(octets) not in lengths:
        raise FormatError(f"{where}: {len(octets)} octets, must be {wanted}")
    return octets
