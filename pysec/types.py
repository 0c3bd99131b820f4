"""Why this exists: an SCI, an AN and a packet number are all just integers until one is passed for another.

Small frozen types that check themselves on construction and print as people write them. Names are those of
IEEE 802.1AE-2018.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, Self

from pysec.errors import UsageError

XPN_SPACE: Final = 1 << 64
PN_SPACE: Final = 1 << 32


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
        """Read 32 hex digits or 16 octets (UsageError)."""
        return cls(_octets(text, 16, "KI"))

    @classmethod
    def of(cls, mi: bytes, kn: int) -> Self:
        """The KI of a Member Identifier of 12 octets and a Key Number of 32 bits (UsageError)."""
        if len(mi) != 12 or not 0 <= kn < PN_SPACE:
            raise UsageError("KI: needs an MI of 12 octets and a KN of 32 bits")
        return cls(bytes(mi) + kn.to_bytes(4, "big"))

    def __str__(self) -> str:
        return self.octets.hex()


class CipherSuite(enum.Enum):
    """The Cipher Suites of 802.1AE-2018 Table 14-1."""

    GCM_AES_128 = "GCM-AES-128"
    GCM_AES_256 = "GCM-AES-256"
    GCM_AES_XPN_128 = "GCM-AES-XPN-128"
    GCM_AES_XPN_256 = "GCM-AES-XPN-256"

    @classmethod
    def parse(cls, text: str) -> CipherSuite:
        """Read the standard's name in any case (UsageError)."""
        try:
            return cls(text.upper())
        except ValueError:
            names = ", ".join(suite.value for suite in cls)
            raise UsageError(f"cipher suite {text[:40]!r}: must be one of {names}") from None

    @property
    def identifier(self) -> bytes:
        """The 8 octets that identify the suite (802.1AE-2018 Table 14-1)."""
        return bytes.fromhex("0080c20001000001")[:7] + bytes([list(CipherSuite).index(self) + 1])

    @property
    def sak_octets(self) -> int:
        """Octets of a SAK: 16 or 32."""
        return 32 if self.value.endswith("256") else 16

    @property
    def is_xpn(self) -> bool:
        """Whether packet numbers have 64 bits."""
        return "XPN" in self.value

    @property
    def pn_space(self) -> int:
        """One more than the greatest packet number."""
        return XPN_SPACE if self.is_xpn else PN_SPACE

    def __str__(self) -> str:
        return self.value


class ValidateFrames(enum.Enum):
    """The validateFrames control (802.1AE-2018 10.7.8)."""

    NULL = "null"
    DISABLED = "disabled"
    CHECK = "check"
    STRICT = "strict"
