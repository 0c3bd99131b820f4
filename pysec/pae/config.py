"""Why this exists: what an operator decides about a port stands in one value, with the safe choice as default."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from pysec.cp import CpConfig
from pysec.errors import UsageError
from pysec.mka.config import KayConfig
from pysec.protocols import Controls
from pysec.types import CipherSuite


class Policy(enum.Enum):
    """What a port may do while MKA has not secured it."""

    MUST_SECURE = "must-secure"
    """Nothing: the controlled port is open with a live SA only."""
    SHOULD_SECURE = "should-secure"
    """Pass frames in the clear, once MKA has had its time. Whoever can suppress MKPDUs can bring this about."""


@dataclass(frozen=True, slots=True)
class PaeConfig:
    """The choices of one port.

    policy: see Policy. kay: key agreement. secured: the controls while the port is secured; the cipher suite in it is
    only that of the SecY before a SAK has said another. open_after_s: under should-secure, for how long MKA may try
    before the port opens in the clear; None: the MKA Life Time. The project's.
    """

    policy: Policy = Policy.MUST_SECURE
    kay: KayConfig = field(default_factory=KayConfig)
    secured: Controls = field(default_factory=Controls)
    open_after_s: float | None = None

    def __post_init__(self) -> None:
        if self.policy is Policy.MUST_SECURE and self.kay.plain_allowed:
            raise UsageError("must-secure: the key server must not be allowed to decide against MACsec")
        if self.policy is Policy.MUST_SECURE and not self.secured.protect_frames:
            raise UsageError("must-secure: a secured port must protect its frames")
        if self.open_after_s is not None and self.open_after_s < 0:
            raise UsageError(f"open_after_s: {self.open_after_s}, must not be negative")

    @property
    def first_suite(self) -> CipherSuite:
        """The suite that the SecY is made with."""
        return self.secured.cipher_suite

    def cp(self) -> CpConfig:
        """What the Controlled Port machine is given."""
        return CpConfig(
            self.secured,
            self.kay.confidentiality_offset,
            transmit_delay_s=self.kay.life_time_s,
            retire_delay_s=self.kay.sak_retire_time_s,
        )

    def patience_s(self) -> float:
        """How long a should-secure port waits for MKA."""
        return self.kay.life_time_s if self.open_after_s is None else self.open_after_s
