"""Why this exists: every key of 802.1X comes out of one function, and a wrong label or length there gives keys that
nobody else has.

The KDF of 802.1X-2020 6.2.1 is that of SP 800-108 in counter mode, over AES-CMAC, with a counter of one octet in front
and the length in bits as two octets behind: i | Label | 0x00 | Context | L.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

from pysec.errors import UsageError

KEY_OCTETS: Final = (16, 32)


def kdf(key: memoryview | bytes, label: str, context: bytes, octets: int) -> bytes:
    """The KDF of 802.1X-2020 6.2.1: `octets` of key material out of a key of 16 or 32 octets (UsageError)."""
    fixed = label.encode("ascii") + b"\0" + context + (8 * octets).to_bytes(2, "big")
    return counter_mode(key, fixed, octets)


def counter_mode(key: memoryview | bytes, fixed: bytes, octets: int) -> bytes:
    """SP 800-108 4.1 with AES-CMAC and a counter of 8 bits in front of the fixed input (UsageError)."""
    if len(key) not in KEY_OCTETS:
        raise UsageError(f"KDF: a key of {len(key)} octets, must be 16 or 32")
    machine = KBKDFCMAC(
        algorithm=AES,
        mode=Mode.CounterMode,
        length=octets,
        rlen=1,
        llen=None,
        location=CounterLocation.BeforeFixed,
        label=None,
        context=None,
        fixed=fixed,
    )
    return machine.derive(key)
