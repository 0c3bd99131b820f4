"""Why this exists: what a running pysec leaves for the next one lies where no other user can put something else.

`/run/pysec`, which does not outlive a reboot, as interfaces do not. It belongs to one network namespace, that of
process 1; where we may not look at that, to the first that was there. Every other namespace has a folder of its own in
it, so that a command finds the service that lives where it lives. `PYSEC_RUN_DIR` names another folder.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from pysec.errors import KeyStoreError

ENVIRONMENT: Final = "PYSEC_RUN_DIR"
ROOT: Final = Path("/run/pysec")
_OWNER: Final = "namespace"


def namespace() -> int:
    """The number by which the system tells the calling thread's network namespace from others."""
    return Path("/proc/thread-self/ns/net").stat().st_ino


def run_folder() -> Path:
    """Where it is, whether it is there or not."""
    if named := os.environ.get(ENVIRONMENT):
        return Path(named)
    ours = namespace()
    return ROOT if _owner() in (None, ours) else ROOT / f"netns-{ours}"


def _owner() -> int | None:
    """The namespace that the folder itself belongs to, if any."""
    with contextlib.suppress(OSError):
        return Path("/proc/1/ns/net").stat().st_ino
    with contextlib.suppress(OSError, ValueError):
        return int((ROOT / _OWNER).read_text("ascii"))
    return None


def made(folder: Path) -> Path:
    """The folder, made if it is not there (KeyStoreError if others can write there, OSError)."""
    if folder.parent == ROOT:
        made(ROOT)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o755)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise KeyStoreError(f"{folder}: is no folder")
    if found.st_uid not in (os.geteuid(), 0) or found.st_mode & 0o022:
        raise KeyStoreError(f"{folder}: others can write there; it must belong to this user, mode 0755 or less")
    if folder == ROOT and _owner() is None:
        (ROOT / _OWNER).write_text(f"{namespace()}\n", "ascii")
    return folder


def write_whole(path: Path, text: str) -> None:
    """Put a text on disk for its owner alone, whole or not at all (OSError: what was there
    before stays)."""
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
