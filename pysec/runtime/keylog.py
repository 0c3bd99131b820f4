"""Why this exists: whoever may see the keys of a link can have Wireshark open its frames, if they ask for it.

The file has the form of Wireshark's own table "Pre-Shared Key List" of the MACsec protocol (its file `psk_config_data`
in a profile): one line for each SAK, the key in hex and a comment in quotation marks. Wireshark tries every key of that
table on every MACsec frame; it knows no XPN. Copy the lines there, or `tshark -o 'uat:psk_config_data:LINE'`.

Nothing is written unless a file was named. It is made with mode 0600, and a file that others can read is refused.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from pysec.errors import KeyStoreError
from pysec.sa.plan import SakMaterial


class KeyLog:
    """A key log that is being written."""

    def __init__(self, path: Path) -> None:
        """Open it to append (KeyStoreError if it is not a file of ours that only we can read; OSError)."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(path, flags, 0o600)
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            self.close()
            raise KeyStoreError(f"{path}: a key log must be a file of this user that no other can read")

    def write(self, sak: SakMaterial) -> None:
        """Add a SAK; once for each KI is enough."""
        line = bytearray(bytes(sak.sak.reveal()).hex().encode("ascii"))
        line += f',"{sak.cipher_suite} KI {sak.ki.mka_text} AN {sak.an}"\n'.encode("ascii")
        try:
            os.write(self._fd, line)
        finally:
            line[:] = bytes(len(line))

    def close(self) -> None:
        """End it."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
