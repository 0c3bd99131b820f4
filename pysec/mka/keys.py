"""Why this exists: whoever has the CAK is in the CA, so the CAK is something to be used and not something to be read.

A `Cak` computes and verifies ICVs, wraps and unwraps, derives SAKs; it never hands out its octets, nor those of the KEK
and the ICK that it makes of itself. So a token can take its place later. The hierarchy is that of 802.1X-2020 6.2 and
9.3: CAK -> KEK, ICK, and with EAP MSK -> CAK, CKN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NoReturn, Self

from pysec.errors import CryptoError, InvalidIcv, UsageError
from pysec.mka.aes import MacKey, WrapKey
from pysec.mka.kdf import KEY_OCTETS, kdf
from pysec.secret import Secret
from pysec.types import CipherSuite, Ckn, Kn, MacAddress, Mi

ICV_OCTETS: Final = 16
EAP_CKN_OCTETS: Final = 16
Rng = Callable[[int], bytes]
"""Gives so many random octets, as os.urandom does."""


class Cak:
    """A CAK of 128 or 256 bits with its name. Make one with `from_octets`, `from_eap` or `generate`."""

    __slots__ = ("_cak", "_ick", "_kek", "ckn")

    def __init__(self, cak: Secret, ckn: Ckn) -> None:
        """Keep a secret of 16 or 32 octets, which is then this object's own (UsageError)."""
        if len(cak) not in KEY_OCTETS:
            raise UsageError(f"CAK: {len(cak)} octets, must be 16 or 32")
        self.ckn: Final = ckn
        self._cak = cak
        # 802.1X-2020 9.3.3: the context is 16 octets of the CKN, filled up with zeros.
        context = ckn.octets[:16].ljust(16, b"\0")
        self._kek = WrapKey(kdf(cak.reveal(), "IEEE8021 KEK", context, len(cak)))
        self._ick = MacKey(kdf(cak.reveal(), "IEEE8021 ICK", context, len(cak)))

    @classmethod
    def from_octets(cls, cak: Secret, ckn: Ckn | bytes) -> Self:
        """A pre-shared CAK of 16 or 32 octets, copied, and its CKN of 1 to 32 (UsageError)."""
        return cls(Secret(cak.reveal()), ckn if isinstance(ckn, Ckn) else Ckn(ckn))

    @classmethod
    def from_eap(cls, msk: Secret, session_id: bytes, mac1: MacAddress, mac2: MacAddress, *, bits: int = 128) -> Self:
        """The pairwise CAK of two stations that met by EAP, and its CKN (802.1X-2020 6.2.2).

        msk: of which the first 16 octets are used, or with bits=256 the first 32. session_id: the method's Session-Id.
        The order of the two addresses is of no account. UsageError if the MSK is too short or bits is neither.
        """
        if bits not in (128, 256) or len(msk) * 8 < bits:
            raise UsageError("CAK from EAP: bits must be 128 or 256, and the MSK no shorter")
        macs = b"".join(mac.octets for mac in sorted((mac1, mac2)))
        with Secret(msk.reveal()[: bits // 8]) as key:
            cak = Secret(kdf(key.reveal(), "IEEE8021 EAP CAK", macs, bits // 8))
            ckn = Ckn(kdf(key.reveal(), "IEEE8021 EAP CKN", bytes(session_id) + macs, EAP_CKN_OCTETS))
        return cls(cak, ckn)

    @classmethod
    def generate(cls, ckn: Ckn, rng: Rng, *, bits: int = 128) -> Self:
        """A fresh CAK, for a group whose key server distributes it."""
        if bits not in (128, 256):
            raise UsageError("CAK: must have 128 or 256 bits")
        return cls(Secret(rng(bits // 8)), ckn)

    @property
    def octets(self) -> int:
        """How long the CAK is: 16 or 32 octets."""
        return len(self._cak)

    def icv(self, data: bytes) -> bytes:
        """The ICV of a frame up to where the ICV goes, 16 octets (802.1X-2020 9.4.1: AES-CMAC with the ICK)."""
        return self._ick.compute(data)

    def verify_icv(self, data: bytes, icv: bytes) -> None:
        """Verify an ICV in constant time (802.1X-2020 9.4.1; InvalidIcv)."""
        try:
            self._ick.verify(data, icv)
        except InvalidIcv:
            raise InvalidIcv(f"the ICV does not verify with the CAK named {self.ckn}") from None

    def wrap(self, sak: Secret) -> bytes:
        """Wrap a key of 16 or 32 octets with the KEK, for the wire (802.1X-2020 9.8.2, RFC 3394 2.2.1)."""
        if len(sak) not in KEY_OCTETS:
            raise UsageError(f"key wrap: a key of {len(sak)} octets, must be 16 or 32")
        return self._kek.wrap(sak)

    def unwrap(self, wrapped: bytes) -> Secret:
        """Unwrap a key that was wrapped with the KEK (802.1X-2020 9.8.2, RFC 3394 2.2.2; CryptoError if it was not)."""
        if len(wrapped) - 8 not in KEY_OCTETS:
            raise CryptoError(f"key wrap: {len(wrapped)} octets are no wrapped key, which has 24 or 40")
        try:
            return self._kek.unwrap(wrapped)
        except CryptoError:
            raise CryptoError(f"key wrap: not wrapped by the CAK named {self.ckn}") from None

    def derive_sak(
        self, key_server_nonce: bytes, member_mis: Sequence[Mi], kn: Kn | int, suite_or_octets: CipherSuite | int
    ) -> Secret:
        """A SAK out of this CAK (802.1X-2020 9.8.1). Only the key server makes it, so only it must be able to.

        key_server_nonce: as many random octets as the SAK has, drawn afresh for each. member_mis: the MIs of all
        members, the key server's own among them.
        """
        octets = suite_or_octets.sak_octets if isinstance(suite_or_octets, CipherSuite) else suite_or_octets
        if octets not in KEY_OCTETS or len(key_server_nonce) != octets:
            raise UsageError("SAK: has 16 or 32 octets, and is made with a nonce of the same length")
        number = kn if isinstance(kn, Kn) else Kn(kn)
        context = key_server_nonce + b"".join(mi.octets for mi in member_mis) + number.octets
        return Secret(kdf(self._cak.reveal(), "IEEE8021 SAK", context, octets))

    def wrap_cak(self, group: Cak) -> bytes:
        """Wrap another CAK of the same length, to distribute it to a group (802.1X-2020 9.12)."""
        if group.octets != self.octets:
            raise UsageError("key wrap: a CAK is distributed under one of its own length")
        return self.wrap(group._cak)

    def unwrap_cak(self, wrapped: bytes, ckn: Ckn) -> Cak:
        """The CAK that a key server distributes (802.1X-2020 9.12; CryptoError)."""
        cak = self.unwrap(wrapped)
        if len(cak) != self.octets:
            raise CryptoError("key wrap: a CAK is distributed under one of its own length")
        return Cak(cak, ckn)

    def erase(self) -> None:
        """Forget the CAK and what was made of it. The object cannot be used any more."""
        self._cak.erase()
        self._kek.erase()
        self._ick.erase()

    def __repr__(self) -> str:
        return f"Cak({self.ckn}, {8 * self.octets} bits)" if len(self._cak) else f"Cak({self.ckn}, erased)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Cak does not pickle")

    def __copy__(self) -> NoReturn:
        raise TypeError("a Cak does not copy")

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError("a Cak does not copy")
