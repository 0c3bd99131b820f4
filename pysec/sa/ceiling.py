"""Why this exists: a static key outlives the process, and its packet numbers must not start again when that dies.

The packet number is the part of the GCM nonce that changes, and a nonce used twice with a key gives the plaintext
and the authentication key away (SP 800-38D 8.2.1). With MKA a restart brings a new SAK. A static SAK comes back, so
where its packet numbers stand has to be on disk *before* they are used, and to write once a frame would be far too
slow. So they are written ahead in leaps:

    reserve      the ceiling on disk rises by a leap: written to a new file, fsync, rename, fsync of the folder;
    then only    the SecY is told (`set_pn_ceiling`): it sends nothing from the ceiling on, whatever happens to us;
    clean end    the SecY is stopped at its next PN, and that PN is recorded: nothing is lost;
    dirty end    (SIGKILL, power) the record still says "open": the next life starts at the ceiling. What was left of
                 the leap is burnt, never used.

What it cannot see: a file put back from a backup, or a snapshot of the whole machine resumed twice. An older record
is as well formed as the newest. Keep these files out of backups, or throw the key away when you restore one.
A process that forks has its SecY twice, with the same key and the same packet numbers: only one may go on sending.

The record names the key by its KI and holds nothing of the key.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pysec.dataplane.single import Single
from pysec.errors import KeyExhausted, KeyStoreError, UsageError
from pysec.types import XPN_SPACE, CipherSuite, Ki

FORMAT: Final = "pysec-pn-ceiling/1"
# The ceiling itself is a 64-bit number for the SecY, so with 64-bit packet numbers the very last one is never sent.
_LIMIT: Final = {32: 1 << 32, 64: XPN_SPACE - 1}
_MAX_OCTETS: Final = 4096
# `.NAME.<16 hex digits>.tmp`: create() and open() refuse such a NAME, so it is never a ceiling file of its own.
_TEMPORARY: Final = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.tmp", re.DOTALL)
# A FIFO or a device that has the name must not hold us up, nor become our terminal, before it is seen for what it is.
_CAREFULLY: Final = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


@dataclass(frozen=True, slots=True)
class CeilingRecord:
    """What the file says."""

    ki: Ki
    pn_bits: int
    """32, or 64 with the XPN suites."""
    next_pn: int
    """The first packet number that was not used when this was written."""
    ceiling: int
    """The first packet number that may not be used without writing a new record."""
    clean: bool
    """Whether the process that wrote it had stopped sending."""

    @property
    def resume_pn(self) -> int:
        """The first packet number that no earlier life can have used."""
        return self.next_pn if self.clean else self.ceiling

    @property
    def limit(self) -> int:
        """The highest ceiling there is."""
        return _LIMIT[self.pn_bits]

    def encode(self) -> bytes:
        """One line of JSON, and a second one with its SHA-256: against damage, not against forgery."""
        fields = {"format": FORMAT, "ki": str(self.ki), "pn_bits": self.pn_bits, "next_pn": self.next_pn}
        line = json.dumps({**fields, "ceiling": self.ceiling, "state": "clean" if self.clean else "open"}).encode()
        return line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n"

    @classmethod
    def decode(cls, octets: bytes) -> Self:
        """Read what `encode` wrote, and nothing else (ValueError with the reason)."""
        line, _, rest = octets.partition(b"\n")
        if len(octets) > _MAX_OCTETS or rest != hashlib.sha256(line).hexdigest().encode() + b"\n":
            raise ValueError("damaged or truncated: its checksum does not fit")
        try:
            fields = json.loads(line)
        except RecursionError:
            raise ValueError("damaged: nested without end") from None
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            raise ValueError(f"not of the format {FORMAT}")
        numbers = [fields.get(name) for name in ("pn_bits", "next_pn", "ceiling")]
        pn_bits, next_pn, ceiling = (number if type(number) is int else 0 for number in numbers)
        if pn_bits not in _LIMIT or not 1 <= next_pn <= ceiling <= _LIMIT[pn_bits]:
            raise ValueError("packet numbers are missing or out of range")
        if fields.get("state") not in ("clean", "open"):
            raise ValueError("neither clean nor open")
        return cls(Ki.parse(str(fields.get("ki"))), pn_bits, next_pn, ceiling, fields["state"] == "clean")


def read_record(path: str | os.PathLike[str]) -> CeilingRecord:
    """Read a ceiling file without locking it, for people who look, whoever owns it (KeyStoreError)."""
    with _as_key_store_error(path):
        fd = os.open(path, os.O_RDONLY | _CAREFULLY)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ValueError("not a regular file")
            return CeilingRecord.decode(os.read(fd, _MAX_OCTETS + 1))
        finally:
            os.close(fd)


class PnCeiling(Single):
    """The ceiling file of one SAK, locked for this process. A key's file is made once, with the key (`create`)."""

    def __init__(self, path: Path, fd: int, record: CeilingRecord, written: bytes) -> None:
        """Use `create` or `open`."""
        super().__init__()
        self.path: Final = path
        self.was_clean: Final = record.clean
        """False if the life before this one ended dirty and the rest of its leap was burnt."""
        self._fd = fd
        self._written = written
        # Nothing may be sent before the first reserve(): until then the ceiling of this life is where it starts.
        self._record = CeilingRecord(record.ki, record.pn_bits, record.resume_pn, record.resume_pn, record.clean)
        self._reserved = False
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: str | os.PathLike[str], ki: Ki, suite: CipherSuite, *, next_pn: int = 1) -> Self:
        """Make the file for a SAK that has sent nothing from next_pn on. KeyStoreError if there is one already.

        Call it where the key is made, and only there: a second file for the same key starts its packet numbers again.
        """
        bits = 64 if suite.is_xpn else 32
        if not 1 <= next_pn < _LIMIT[bits]:
            raise UsageError(f"PN ceiling: next PN {next_pn} is outside the space of {suite}")
        record, where = CeilingRecord(ki, bits, next_pn, next_pn, True), Path(path)
        octets = record.encode()
        with _as_key_store_error(where):
            _refuse_temporary(where)
            fd, temporary = _write_new(where, octets)
            try:
                try:
                    os.link(temporary, where)  # fails if the name is taken, which a rename would not
                finally:
                    temporary.unlink(missing_ok=True)
                _sync_folder(where)
            except BaseException:
                os.close(fd)
                raise
        return cls(where, fd, record, octets)

    @classmethod
    def open(cls, path: str | os.PathLike[str], ki: Ki) -> Self:
        """Lock and read the file of a SAK. KeyStoreError if it is missing, damaged, another key's, or in use."""
        where = Path(path)
        with _as_key_store_error(where):
            _refuse_temporary(where)
            fd = _lock_existing(where)
            try:
                octets = os.read(fd, _MAX_OCTETS + 1)
                record = CeilingRecord.decode(octets)
                if record.ki != ki:
                    raise ValueError(f"belongs to the key {record.ki}, not to {ki}")
                _sweep(where, fd)
            except BaseException:
                os.close(fd)
                raise
        return cls(where, fd, record, octets)

    @property
    def ki(self) -> Ki:
        """The key that the file belongs to."""
        return self._record.ki

    @property
    def pn_bits(self) -> int:
        """32 or 64."""
        return self._record.pn_bits

    @property
    def next_pn(self) -> int:
        """The first packet number that this life may use."""
        return self._record.next_pn

    @property
    def ceiling(self) -> int:
        """The first packet number that this life may not use as yet. Equal to next_pn before the first reserve()."""
        return self._record.ceiling

    @property
    def limit(self) -> int:
        """The end of the packet numbers: the ceiling rises no further."""
        return self._record.limit

    def reserve(self, leap: int) -> int:
        """Raise the ceiling on disk by a leap, or to the limit, and return it once it is there to stay.

        KeyExhausted if it is at the limit; KeyStoreError if it cannot be written: then the old ceiling stands.
        """
        if leap < 1:
            raise UsageError(f"PN ceiling: a leap of {leap}, must be 1 or more")
        with self._lock:
            old = self._record
            if old.ceiling >= old.limit:
                raise KeyExhausted(f"PN ceiling {self.path}: no packet number is left for the key {old.ki}")
            ceiling = min(old.ceiling + leap, old.limit)
            self._replace(CeilingRecord(old.ki, old.pn_bits, old.next_pn, ceiling, False))
            self._reserved = True
            return ceiling

    def close(self, next_pn: int | None = None) -> None:
        """Unlock the file. With next_pn, which must be sure never to be reached any more, the end is a clean one.

        Without it the rest of the leap is burnt, unless none was reserved. Closing twice does nothing.
        """
        with self._lock:
            if self._fd < 0:
                return
            try:
                if next_pn is not None and not self._record.next_pn <= next_pn <= self._record.ceiling:
                    raise UsageError(f"PN ceiling: next PN {next_pn} lies outside what was reserved")
                if next_pn is not None and self._reserved:
                    old = self._record
                    self._replace(CeilingRecord(old.ki, old.pn_bits, next_pn, old.ceiling, True))
            finally:
                os.close(self._fd)
                self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PnCeiling({str(self.path)!r}, ki={self.ki}, next_pn={self.next_pn}, ceiling={self.ceiling})"

    def _replace(self, record: CeilingRecord) -> None:
        """Put a new record where the old one is, so that a crash at any point leaves one of the two."""
        if self._fd < 0:
            raise UsageError(f"PN ceiling {self.path}: closed")
        self._check_process()
        octets = record.encode()
        with _as_key_store_error(self.path):
            if not _same_file(self._fd, self.path) or os.pread(self._fd, _MAX_OCTETS + 1, 0) != self._written:
                raise ValueError("was changed or replaced by somebody else while in use")
            fd, temporary = _write_new(self.path, octets)
            try:
                os.rename(temporary, self.path)
            except BaseException:
                os.close(fd)
                temporary.unlink(missing_ok=True)
                raise
            # The new file was locked before it got its name, so at no time can another process have either.
            os.close(self._fd)
            self._fd, self._written = fd, octets
            _sync_folder(self.path)
        self._record = record


@contextlib.contextmanager
def _as_key_store_error(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what goes wrong with a file into the one error that a caller has to know."""
    try:
        yield
    except FileNotFoundError:
        raise KeyStoreError(f"PN ceiling {path}: the file is missing; without it the key may not send") from None
    except FileExistsError:
        raise KeyStoreError(f"PN ceiling {path}: exists; a key's ceiling is made once") from None
    except OSError as error:
        raise KeyStoreError(f"PN ceiling {path}: {os.strerror(error.errno or errno.EIO)}") from error
    except ValueError as error:  # JSON's and Ki's errors are of this kind too
        raise KeyStoreError(f"PN ceiling {path}: {error}") from None


def _refuse_temporary(path: Path) -> None:
    """A ceiling file of such a name could be swept as the leftover of another one."""
    if _TEMPORARY.fullmatch(path.name):
        raise ValueError("has the name of a temporary file")


def _write_new(beside: Path, octets: bytes) -> tuple[int, Path]:
    """Write a new file, mode 0600, locked and on disk, under a name that nobody has; on failure it is gone again."""
    path = beside.with_name(f".{beside.name}.{os.urandom(8).hex()}.tmp")
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise ValueError(f"the temporary name {path.name} is taken; try again") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left = memoryview(octets)
        while left:
            left = left[os.write(fd, left) :]
        os.fsync(fd)
    except BaseException:
        os.close(fd)
        path.unlink(missing_ok=True)
        raise
    return fd, path


def _sweep(path: Path, locked_fd: int) -> None:
    """Remove what lives that were killed left beside this file, whose lock we hold. What resists may stay: it harms
    nobody."""
    with contextlib.suppress(OSError):
        for name in os.listdir(path.parent):
            match = _TEMPORARY.fullmatch(name)
            if match and match["name"] == path.name:
                with contextlib.suppress(OSError):
                    _sweep_one(path.with_name(name), locked_fd)


def _sweep_one(leftover: Path, locked_fd: int) -> None:
    """Remove a leftover, if it can be ours and no life that is still making its file has it locked."""
    fd = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | _CAREFULLY)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_size > _MAX_OCTETS:
            return
        if not _same_file(locked_fd, leftover):  # a create() killed between link and unlink leaves our own file
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        leftover.unlink()
    finally:
        os.close(fd)


def _lock_existing(path: Path) -> int:
    """Open and lock the file that has this name now: it may be replaced between the two."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | _CAREFULLY)
        try:
            found = os.fstat(fd)
            # Root can write everything anyway; any other owner could set our packet numbers back.
            if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o022 or found.st_uid not in (os.geteuid(), 0):
                raise ValueError("not a regular file that only its owner can write, and the owner this user or root")
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _same_file(fd, path):
                return fd
        except BlockingIOError:
            os.close(fd)
            raise ValueError("in use by another process, or opened twice in this one") from None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _same_file(fd: int, path: Path) -> bool:
    mine, named = os.fstat(fd), os.stat(path, follow_symlinks=False)
    return (mine.st_dev, mine.st_ino) == (named.st_dev, named.st_ino)


def _sync_folder(path: Path) -> None:
    """Put the folder on disk: without it a power cut may bring the old name back."""
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
