"""Why this exists: what every call into the core needs: a loaded module, and an exception for each error code."""

from __future__ import annotations

import os
from typing import Any, NoReturn

from pysec.errors import (
    DriverError,
    InternalError,
    NonceReused,
    PysecError,
    UsageError,
)

try:
    from pysec._native import ffi, lib
except ImportError as error:  # pragma: no cover - only without a build
    raise ImportError(
        "pysec's C core is not built for this Python: run `make build` in the source tree, or `pip install .`"
    ) from error

__all__ = ["check", "ffi", "lib", "no_gcm", "text"]


def _errors() -> dict[int, type[PysecError]]:
    return {
        lib.PYSEC_E_INVAL: UsageError,
        lib.PYSEC_E_NOENT: UsageError,
        lib.PYSEC_E_EXIST: UsageError,
        lib.PYSEC_E_KI_REUSED: NonceReused,
        lib.PYSEC_E_PN_USED: NonceReused,
        lib.PYSEC_E_FULL: UsageError,
        lib.PYSEC_E_SSCI: UsageError,
        lib.PYSEC_E_UNSUPPORTED: UsageError,
        lib.PYSEC_E_SYS: DriverError,
        lib.PYSEC_E_BUSY: UsageError,
    }


def text(pointer: Any) -> str:
    """A C string as str."""
    return str(ffi.string(pointer).decode("utf-8"))


def check(error: int, what: str) -> None:
    """Raise what a negative enum pysec_error means; `what` names the object, never a key."""
    if error < 0:
        _fail(error, what)


def no_gcm(impl: str | None) -> UsageError:
    """The error for an AES-GCM implementation that is not to be had; None stands for the one of the environment."""
    named = f"{impl!r}" if impl is not None else f"{os.environ.get('PYSEC_GCM')!r} (from PYSEC_GCM)"
    return UsageError(f"AES-GCM implementation {named}: not in this build, or not usable here; see `pysec selftest`")


def _fail(error: int, what: str) -> NoReturn:
    if error == lib.PYSEC_E_NOMEM:
        raise MemoryError(what)
    if error == lib.PYSEC_E_SYS:
        raise DriverError(f"{what}: {os.strerror(ffi.errno)}")
    raise _errors().get(error, InternalError)(f"{what}: {text(lib.pysec_strerror(error))}")
