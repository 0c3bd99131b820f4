"""Why this exists: an engine must not know what drives it, so what it needs of the world stands here as Protocols.

`SecYDriver` is all that key agreement asks of a data plane; `L2Link`, `Clock` and `Rng` are a link, the time and
randomness. The frozen values beside them are what crosses a driver, and have no behaviour.

A driver's calls are synchronous, and each may be repeated: a step that is done already changes nothing. What a driver
cannot do raises a `PysecError`; it never returns as if it had been done.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pysec.secret import Secret
from pysec.types import An, CipherSuite, Ki, Sci, Ssci, ValidateFrames


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a data plane can do.

    cipher_suites: those it implements. confidentiality_offsets: of 0, 30, 50. max_receive_channels: receive SCs.
    max_keys: SAKs held at a time; a rollover needs two.
    """

    cipher_suites: tuple[CipherSuite, ...]
    confidentiality_offsets: tuple[int, ...] = (0, 30, 50)
    max_receive_channels: int = 4096
    max_keys: int = 4


@dataclass(frozen=True, slots=True)
class Controls:
    """The controls of a SecY that the Controlled Port machine sets (802.1AE-2018 10.7.5, 10.7.8, 10.7.17, 10.7.25).

    controlled_port_enabled: off, nothing passes in either direction. cipher_suite: currentCipherSuite; another one
    ends every SA.
    """

    controlled_port_enabled: bool = False
    protect_frames: bool = True
    validate_frames: ValidateFrames = ValidateFrames.STRICT
    replay_protect: bool = True
    replay_window: int = 0
    cipher_suite: CipherSuite = CipherSuite.GCM_AES_128


@dataclass(frozen=True, slots=True)
class InstalledSa:
    """An SA as the data plane reports it. next_pn may be one past the last PN; lowest_pn is None for a transmit SA."""

    transmit: bool
    sci: Sci
    an: An
    ki: Ki
    in_use: bool
    next_pn: int
    lowest_pn: int | None


@dataclass(frozen=True, slots=True)
class Installed:
    """What the data plane holds: its controls, the KIs with a SAK, its receive SCs and its SAs."""

    controls: Controls
    keys: frozenset[Ki]
    receive_scs: tuple[Sci, ...]
    sas: tuple[InstalledSa, ...]


class DriverEventKind(enum.Enum):
    """What a data plane has to say by itself."""

    PN_THRESHOLD = "packet numbers passed the threshold"
    PN_EXHAUSTED = "packet numbers are used up"


@dataclass(frozen=True, slots=True)
class DriverEvent:
    """An SA's packet numbers ask for a new SAK."""

    kind: DriverEventKind
    transmit: bool
    sci: Sci
    ki: Ki
    next_pn: int


class SecYDriver(Protocol):
    """The data plane of one port, as MKA sees it. SAs are named by key identifier, never by AN alone."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def create_receive_sc(self, sci: Sci) -> None:
        """Create a receive SC (802.1AE-2018 10.7.11)."""

    def delete_receive_sc(self, sci: Sci) -> None:
        """Delete a receive SC with its SAs and counters."""

    def install_sak(
        self, ki: Ki, sak: Secret, *, cipher_suite: CipherSuite, salt: bytes | None, confidentiality_offset: int
    ) -> None:
        """Install a SAK under its KI (802.1AE-2018 10.7.28)."""

    def create_receive_sa(self, sci: Sci, an: An, ki: Ki, *, lowest_pn: int, ssci: Ssci | None) -> None:
        """Create a receive SA, not yet in use (802.1AE-2018 10.7.13)."""

    def enable_receive(self, ki: Ki) -> None:
        """Take every receive SA with this KI into use (802.1AE-2018 10.7.15)."""

    def raise_lowest_pn(self, sci: Sci, ki: Ki, pn: int) -> None:
        """Raise the lowest acceptable PN of a receive SA; it never falls (802.1AE-2018 10.7.15)."""

    def create_transmit_sa(self, an: An, ki: Ki, *, next_pn: int, ssci: Ssci | None, confidentiality: bool) -> None:
        """Create a transmit SA, not yet in use (802.1AE-2018 10.7.22); next_pn is the floor of its PNs."""

    def enable_transmit(self, ki: Ki, enable: bool = True) -> None:
        """Make the SA with this KI the encoding SA, or stop it (802.1AE-2018 10.7.24)."""

    def retire(self, ki: Ki) -> None:
        """End every SA with this KI and wipe its SAK; one that is not there changes nothing."""

    def set_controls(self, controls: Controls) -> None:
        """Set the controls, all of them in one step."""

    def read(self) -> Installed:
        """What is installed now."""

    def events(self) -> Sequence[DriverEvent]:
        """Take what has come up since the last call."""


class L2Link(Protocol):
    """Ethernet frames in and out, for one EtherType, without blocking."""

    def send(self, frame: bytes) -> None:
        """Send a frame (DriverError); one that the system has no room for is lost, as on a wire."""

    def receive(self) -> bytes | None:
        """The next frame, or None."""

    def fileno(self) -> int:
        """A descriptor that becomes readable when there is a frame."""

    def close(self) -> None:
        """Let go of it."""


class Clock(Protocol):
    """Monotonic time."""

    def __call__(self) -> float:
        """Seconds since some moment; never falls."""


class Rng(Protocol):
    """Randomness."""

    def __call__(self, octets: int, /) -> bytes:
        """As many random octets."""
