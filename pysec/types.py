"""Why this exists: an SCI, an AN and a packet number are all just integers until one is passed for another.

Small frozen types that check themselves on construction and print as people write them. Names are those of
IEEE 802.1AE-2018 and IEEE 802.1X-2020.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, Self

from pysec.errors import UsageError

XPN_SPACE: Final = 1 << 64
PN_SPACE: Final = 1 << 32
MI_OCTETS: Final = 12
MAX_CKN_OCTETS: Final = 32
_GCM_AES_128_OF_2006: Final = bytes.fromhex("0080020001000001")


def _octets(text: str | bytes, want: int, what: str) -> bytes:
    if isinstance(text, str):
        digits = text.replace(":", "").replace("-", "").replace(".", "")
        try:
            text = bytes.fromhex(digits)
        except ValueError:
            raise UsageError(f"{what}: not hex digits") from None
    if len(text) != want:
        raise UsageError(f"{what}: {len(text)} octets, must be {want}")
    return bytes(text)


@dataclass(frozen=True, slots=True, order=True)
class MacAddress:
    """A 48-bit MAC address; prints as `52:54:00:00:0a:01`."""

    octets: bytes

    def __post_init__(self) -> None:
        if len(self.octets) != 6:
            raise UsageError(f"MAC address: {len(self.octets)} octets, must be 6")

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read `52:54:00:00:0a:01`, with `:`, `-` or nothing between the digits, or 6 octets (UsageError)."""
        return cls(_octets(text, 6, "MAC address"))

    @property
    def is_group(self) -> bool:
        """Whether the group bit is set."""
        return bool(self.octets[0] & 1)

    def __str__(self) -> str:
        return self.octets.hex(":")


@dataclass(frozen=True, slots=True, order=True)
class Sci:
    """Secure Channel Identifier (802.1AE-2018 8.2.1, 9.9): a MAC address and a 16-bit Port Identifier.

    Prints as `52:54:00:00:0a:01/1`. Ordered as the standard compares SCIs: as 64-bit numbers.
    """

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value < XPN_SPACE - 1:
            raise UsageError("SCI: must be a 64-bit number other than all ones (802.1AE-2018 9.9)")

    @classmethod
    def of(cls, mac: MacAddress | str | bytes, port: int = 1) -> Self:
        """The SCI of a MAC address and a Port Identifier of 0 to 65535 (UsageError)."""
        if not 0 <= port <= 0xFFFF:
            raise UsageError(f"SCI: port identifier {port}, must be 0 to 65535")
        address = mac if isinstance(mac, MacAddress) else MacAddress.parse(mac)
        return cls(int.from_bytes(address.octets, "big") << 16 | port)

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read `525400000a010001`, `52:54:00:00:0a:01/1` or 8 octets (UsageError)."""
        if isinstance(text, str) and "/" in text:
            mac, _, port = text.partition("/")
            if not port.isdecimal():
                raise UsageError("SCI: the port identifier after '/' is not a decimal number")
            return cls.of(mac, int(port))
        return cls(int.from_bytes(_octets(text, 8, "SCI"), "big"))

    @property
    def octets(self) -> bytes:
        """The 8 octets in network order."""
        return self.value.to_bytes(8, "big")

    @property
    def mac(self) -> MacAddress:
        """The system identifier."""
        return MacAddress(self.octets[:6])

    @property
    def port(self) -> int:
        """The Port Identifier."""
        return self.value & 0xFFFF

    def __str__(self) -> str:
        return f"{self.mac}/{self.port}"


@dataclass(frozen=True, slots=True, order=True)
class Ssci:
    """Short SCI of the XPN suites (802.1AE-2018 7.1.2, 10.7.13): 32 bits, unique for each SCI that uses a SAK."""

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value < PN_SPACE:
            raise UsageError("SSCI: must be a 32-bit number")

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read 8 hex digits or 4 octets (UsageError)."""
        return cls(int.from_bytes(_octets(text, 4, "SSCI"), "big"))

    def __str__(self) -> str:
        return f"{self.value:08x}"


@dataclass(frozen=True, slots=True, order=True)
class An:
    """Association Number (802.1AE-2018 9.6): 0 to 3."""

    value: int

    def __post_init__(self) -> None:
        if self.value not in (0, 1, 2, 3):
            raise UsageError(f"AN: {self.value}, must be 0 to 3")

    @property
    def next(self) -> An:
        """The AN after this one, 0 after 3."""
        return An((self.value + 1) & 3)

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True, order=True)
class Pn:
    """Packet Number (802.1AE-2018 9.8): 1 to 2^32 - 1, or to 2^64 - 1 with extended packet numbering."""

    value: int

    def __post_init__(self) -> None:
        if not 1 <= self.value < XPN_SPACE:
            raise UsageError(f"PN: {self.value}, must be 1 to 2^64 - 1")

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True, order=True)
class Mi:
    """Member Identifier (802.1X-2020 9.4.2): 12 octets drawn at random that name a participant of a CA."""

    octets: bytes

    def __post_init__(self) -> None:
        if len(self.octets) != MI_OCTETS:
            raise UsageError(f"MI: {len(self.octets)} octets, must be {MI_OCTETS}")

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read 24 hex digits or 12 octets (UsageError)."""
        return cls(_octets(text, MI_OCTETS, "MI"))

    def __str__(self) -> str:
        return self.octets.hex()


@dataclass(frozen=True, slots=True, order=True)
class Kn:
    """Key Number (802.1X-2020 9.8): 32 bits; a key server numbers its SAKs from 1."""

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value < PN_SPACE:
            raise UsageError("KN: must be a 32-bit number")

    @property
    def octets(self) -> bytes:
        """The 4 octets in network order."""
        return self.value.to_bytes(4, "big")

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True, order=True)
class Ckn:
    """CAK Name (802.1X-2020 9.3.1): 1 to 32 octets that say which CAK is meant, and nothing of its value.

    Two names that differ in their length alone are two names: nothing is padded.
    """

    octets: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.octets) <= MAX_CKN_OCTETS:
            raise UsageError(f"CKN: {len(self.octets)} octets, must be 1 to {MAX_CKN_OCTETS}")

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read an even number of hex digits, or 1 to 32 octets (UsageError)."""
        if isinstance(text, str):
            try:
                text = bytes.fromhex(text)
            except ValueError:
                raise UsageError("CKN: not an even number of hex digits") from None
        return cls(bytes(text))

    def __str__(self) -> str:
        return self.octets.hex()


@dataclass(frozen=True, slots=True, order=True)
class Ki:
    """Key identifier (802.1AE-2018 10.7.14): 16 octets that name a SAK and say nothing of its value.

    With MKA it is the key server's Member Identifier (12 octets) and the Key Number (4).
    """

    octets: bytes

    def __post_init__(self) -> None:
        if len(self.octets) != 16:
            raise UsageError(f"KI: {len(self.octets)} octets, must be 16")

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read 32 hex digits, 16 octets, or what `mka_text` gives (UsageError)."""
        if isinstance(text, str) and "/" in text:
            mi, _, kn = text.partition("/")
            if not kn.isascii() or not kn.isdecimal() or len(kn) > 10:
                raise UsageError("KI: the key number after '/' is not a decimal number of 32 bits")
            return cls.of(Mi.parse(mi), Kn(int(kn)))
        return cls(_octets(text, 16, "KI"))

    @classmethod
    def of(cls, mi: Mi | bytes, kn: Kn | int) -> Self:
        """The KI of a Member Identifier of 12 octets and a Key Number of 32 bits (UsageError)."""
        octets, number = mi.octets if isinstance(mi, Mi) else mi, kn.value if isinstance(kn, Kn) else kn
        if len(octets) != MI_OCTETS or not 0 <= number < PN_SPACE:
            raise UsageError("KI: needs an MI of 12 octets and a KN of 32 bits")
        return cls(bytes(octets) + number.to_bytes(4, "big"))

    @property
    def mi(self) -> Mi:
        """The key server's Member Identifier, of a KI that MKA made."""
        return Mi(self.octets[:MI_OCTETS])

    @property
    def kn(self) -> Kn:
        """The Key Number, of a KI that MKA made."""
        return Kn(int.from_bytes(self.octets[MI_OCTETS:], "big"))

    @property
    def mka_text(self) -> str:
        """MI and KN, as `62eb1b15f34df450fef5fa33/1`."""
        return f"{self.mi}/{self.kn}"

    def __str__(self) -> str:
        return self.octets.hex()


class ConfidentialityOffset(enum.IntEnum):
    """What MKA distributes with a SAK (802.1X-2020 11.11.3): whether to encrypt, and from which octet on."""

    INTEGRITY_ONLY = 0
    ZERO = 1
    THIRTY = 2
    FIFTY = 3

    @property
    def encrypts(self) -> bool:
        """Whether the SAK is for confidentiality too."""
        return self is not ConfidentialityOffset.INTEGRITY_ONLY

    @property
    def octets(self) -> int:
        """Octets of user data that stay readable in front: 0, 30 or 50."""
        return (0, 0, 30, 50)[self]


class MacsecCapability(enum.IntEnum):
    """What a participant's SecY can do (802.1X-2020 11.11.3); each includes those before it."""

    NONE = 0
    INTEGRITY = 1
    CONFIDENTIALITY = 2
    """From the first octet on."""
    OFFSETS = 3
    """Confidentiality from the first octet, or after 30 or 50."""


class CipherSuite(enum.Enum):
    """The Cipher Suites of 802.1AE-2018 Table 14-1."""

    GCM_AES_128 = "GCM-AES-128"
    GCM_AES_256 = "GCM-AES-256"
    GCM_AES_XPN_128 = "GCM-AES-XPN-128"
    GCM_AES_XPN_256 = "GCM-AES-XPN-256"

    # Attributes and not properties: key agreement asks for them with every MKPDU.
    is_xpn: bool
    """Whether packet numbers have 64 bits."""
    pn_space: int
    """One more than the greatest packet number."""
    sak_octets: int
    """Octets of a SAK: 16 or 32."""

    def __init__(self, name: str) -> None:
        self.is_xpn = "XPN" in name
        self.pn_space = XPN_SPACE if self.is_xpn else PN_SPACE
        self.sak_octets = 32 if name.endswith("256") else 16

    @classmethod
    def parse(cls, text: str) -> CipherSuite:
        """Read the standard's name in any case (UsageError)."""
        try:
            return cls(text.upper())
        except ValueError:
            names = ", ".join(suite.value for suite in cls)
            raise UsageError(f"cipher suite {text[:40]!r}: must be one of {names}") from None

    @classmethod
    def of_identifier(cls, octets: bytes) -> CipherSuite | None:
        """The suite of an identifier of 8 octets, that which 802.1AE-2006 gave GCM-AES-128 included; None if it is none
        of these."""
        return _SUITES_BY_IDENTIFIER.get(bytes(octets))

    @property
    def identifier(self) -> bytes:
        """The 8 octets that identify the suite (802.1AE-2018 Table 14-1)."""
        return _SUITE_IDENTIFIERS[self]

    def __str__(self) -> str:
        return str(self.value)


_SUITE_IDENTIFIERS: Final = {
    suite: bytes.fromhex("0080c200010000") + bytes([place]) for place, suite in enumerate(CipherSuite, start=1)
}
_SUITES_BY_IDENTIFIER: Final = {
    _GCM_AES_128_OF_2006: CipherSuite.GCM_AES_128,
    **{octets: suite for suite, octets in _SUITE_IDENTIFIERS.items()},
}


class ValidateFrames(enum.Enum):
    """The validateFrames control (802.1AE-2018 10.7.8)."""

    NULL = "null"
    DISABLED = "disabled"
    CHECK = "check"
    STRICT = "strict"
