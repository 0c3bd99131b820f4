"""Why this exists: what a SecY is made of, as 802.1AE-2018 10.7 lists it, and the Cipher Suites of clause 14.

Part of the oracle in tests/model/secy.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .replay import Replay
from .sectag import NO_SCI, Mpdu, SecTag

NO_AN = 255
SAK_OCTETS = {"GCM-AES-128": 16, "GCM-AES-256": 32, "GCM-AES-XPN-128": 16, "GCM-AES-XPN-256": 32}


class ModelError(Exception):
    """A set-up call was refused; the text is the name in enum pysec_error, without its prefix."""


@dataclass(frozen=True)
class Config:
    """The controls of 802.1AE-2018 10.7.8 and 10.7.17, and the project's own; defaults as there."""

    validate_frames: str = "strict"
    protect_frames: bool = True
    replay_protect: bool = True
    replay_window: int = 0
    refuse_duplicates: bool = False
    always_include_sci: bool = False
    use_es: bool = False
    use_scb: bool = False
    vlan_tags_in_clear: int = 0
    common_port_mtu: int | None = None
    controlled_port_enabled: bool = True
    bypass_ethertypes: tuple[int, ...] = (0x888E,)
    bypass_addresses: tuple[bytes, ...] = ()

    @property
    def protecting(self) -> bool:
        """protectFrames, which validateFrames Null makes false (802.1AE-2018 10.6)."""
        return self.protect_frames and self.validate_frames != "null"


class Outcome(NamedTuple):
    """What becomes of a frame. `frame` is None if it goes no further."""

    verdict: str
    reason: str = "NONE"
    frame: bytes | None = None
    action: str = "DISCARD"
    pn: int = 0
    sci: int = NO_SCI
    an: int = NO_AN


@dataclass
class Sak:
    """An instance of the Cipher Suite for a SAK (802.1AE-2018 10.7.28)."""

    ki: bytes
    key: bytes = field(repr=False)
    salt: bytes | None = None
    offset: int = 0


@dataclass
class TransmitSa:
    """802.1AE-2018 10.7.22 to 10.7.24."""

    an: int
    sak: Sak
    next_pn: int
    ssci: int = 0
    confidentiality: bool = True
    pn_ceiling: int = 0


@dataclass
class ReceiveSa:
    """802.1AE-2018 10.7.13 to 10.7.15."""

    an: int
    sak: Sak
    replay: Replay
    ssci: int = 0
    in_use: bool = False


@dataclass
class ReceiveSc:
    """802.1AE-2018 10.7.11, 10.7.12."""

    sci: int
    sas: dict[int, ReceiveSa] = field(default_factory=dict)
    packets: Counter[str] = field(default_factory=Counter)

    @property
    def receiving(self) -> bool:
        """Whether an SA of this SC is in use."""
        return any(sa.in_use for sa in self.sas.values())


def nonce(sak: Sak, sci: int, ssci: int, pn: int) -> bytes:
    """The 96-bit IV: SCI and PN (802.1AE-2018 14.5), or SSCI and PN under the salt (14.7)."""
    if sak.salt is None:
        return sci.to_bytes(8, "big") + pn.to_bytes(4, "big")
    plain = ssci.to_bytes(4, "big") + pn.to_bytes(8, "big")
    return bytes(a ^ b for a, b in zip(plain, sak.salt, strict=True))


def seal(sak: Sak, iv: bytes, addresses: bytes, tag: SecTag, user_data: bytes) -> bytes:
    """SecTAG, Secure Data and ICV (802.1AE-2018 10.5.4, 14.5). The E bit says whether the data is encrypted, and the
    confidentiality offset how much of it is not, for all that (10.7.25, 10.7.27).

    AES-GCM is OpenSSL's here, for speed; tests/vectors sets the one of tests/model/gcm.py to the same frames.
    """
    header = tag.encode()
    clear, hidden = (user_data[: sak.offset], user_data[sak.offset :]) if tag.e else (user_data, b"")
    return header + clear + AESGCM(sak.key).encrypt(iv, hidden, addresses + header + clear)


def unseal(sak: Sak, iv: bytes, addresses: bytes, mpdu: Mpdu) -> bytes | None:
    """The User Data, or None if the ICV does not verify (802.1AE-2018 10.6.3)."""
    clear_octets = sak.offset if mpdu.tag.e else len(mpdu.secure_data)
    clear, hidden = mpdu.secure_data[:clear_octets], mpdu.secure_data[clear_octets:]
    try:
        return clear + AESGCM(sak.key).decrypt(iv, hidden + mpdu.icv, addresses + mpdu.header + clear)
    except InvalidTag:
        return None
