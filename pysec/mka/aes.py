"""Why this exists: MKA uses AES in two ways, CMAC for ICVs and Key Wrap for keys, and each has vectors of its own.

`MacKey` and `WrapKey` hold one key each. They know nothing of MKA; `keys` decides what they are keyed with.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from pysec.errors import CryptoError, InvalidIcv, UsageError
from pysec.secret import Secret


class MacKey:
    """A key for AES-CMAC (SP 800-38B 6.2), set up once."""

    __slots__ = ("_fresh",)

    def __init__(self, key: bytes | memoryview) -> None:
        # A CMAC that has its key and no data yet: copying it saves setting the key up for every message.
        self._fresh: CMAC | None = CMAC(AES(key))

    def compute(self, data: bytes) -> bytes:
        """The 16 octets that authenticate the data."""
        return self._of(data).finalize()

    def verify(self, data: bytes, icv: bytes) -> None:
        """Compare in constant time (SP 800-38B 6.3; InvalidIcv)."""
        try:
            self._of(data).verify(icv)
        except InvalidSignature:
            raise InvalidIcv("the ICV does not verify") from None

    def erase(self) -> None:
        """Forget the key."""
        self._fresh = None

    def _of(self, data: bytes) -> CMAC:
        if self._fresh is None:
            raise UsageError("the key was erased")
        mac = self._fresh.copy()
        mac.update(data)
        return mac


class WrapKey:
    """A key for AES Key Wrap (RFC 3394 2.2)."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes | memoryview) -> None:
        self._key = Secret(key)

    def wrap(self, key: Secret) -> bytes:
        """Wrap a key of 16 octets or more, a multiple of 8 (RFC 3394 2.2.1; UsageError)."""
        if len(key) < 16 or len(key) % 8:
            raise UsageError(f"key wrap: a key of {len(key)} octets cannot be wrapped")
        return aes_key_wrap(self._key.reveal(), key.reveal())

    def unwrap(self, wrapped: bytes) -> Secret:
        """Unwrap what was wrapped with this key (RFC 3394 2.2.2; CryptoError if it was not)."""
        key = self._key.reveal()
        try:
            return Secret(aes_key_unwrap(key, wrapped))
        except (InvalidUnwrap, ValueError):
            raise CryptoError("key wrap: not wrapped by this key") from None

    def erase(self) -> None:
        """Forget the key."""
        self._key.erase()
