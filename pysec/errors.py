"""Why this exists: every error has an addressee, so that a program can tell its own mistake from its peer's.

The data path raises none of these: a frame has a verdict, never an exception.
Messages name the object and the fact, and never a key.
"""

from __future__ import annotations


class PysecError(Exception):
    """The root of every error that pysec raises on purpose."""


class UsageError(PysecError, ValueError):
    """You, the caller: an argument is wrong, or a call does not fit the object's state."""


class ProtocolError(PysecError):
    """The peer sent something that its protocol forbids."""


class FormatError(PysecError):
    """A file (capture, key file, vector) is not what it says it is."""


class DriverError(PysecError):
    """The back end (a kernel, a device, a system call) refused."""


class CryptoError(PysecError):
    """Cryptography said no."""


class InvalidIcv(CryptoError):
    """A tag or ICV does not verify; nothing of the plaintext is available."""


class KeyExhausted(CryptoError):
    """No packet number or nonce is left for this key; a fresh key is needed."""


class NonceReused(CryptoError):
    """A nonce, or a range of packet numbers, may have been used with this key before."""


class KeyStoreError(PysecError):
    """A key store, or a file that keeps key state, cannot be used."""


class InternalError(PysecError):
    """Us: please report it."""


class IdentityError(PysecError):
    """A certificate, a list of revoked ones, or whoever shows them is refused; `refusal` is the reason in short."""

    def __init__(self, refusal: str, message: str) -> None:
        super().__init__(f"{refusal}: {message}")
        self.refusal = refusal
