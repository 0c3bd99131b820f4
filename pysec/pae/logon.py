"""Why this exists: key agreement says what it has reached, and policy says what a port may do with that.

The part of the Logon Process (802.1X-2020 12.5) that a port with pre-shared keys needs. Under must-secure only SECURE
opens the port, whatever a key server says. Under should-secure a key server may choose plain text, and where MKA has
reached nothing for a while the port opens in the clear, so that a peer without MACsec is still reached.
"""

from __future__ import annotations

from pysec.cp import Connect
from pysec.pae.config import PaeConfig, Policy


class Logon:
    """Turns the KaY's word into `connect` for the Controlled Port machine."""

    def __init__(self, config: PaeConfig, now: float) -> None:
        self._config = config
        self._agreed = Connect.PENDING
        self._pending_since = now

    def agreed(self, connect: Connect, now: float) -> None:
        """What key agreement has reached."""
        if connect is Connect.PENDING and self._agreed is not Connect.PENDING:
            self._pending_since = now
        self._agreed = connect

    @property
    def _opens_at(self) -> float:
        return self._pending_since + self._config.patience_s()

    def connect(self, now: float) -> Connect:
        """How the port may be used now."""
        if self._agreed is Connect.SECURE:
            return Connect.SECURE
        if self._config.policy is Policy.MUST_SECURE:
            return Connect.PENDING
        if self._agreed is Connect.AUTHENTICATED:
            return Connect.AUTHENTICATED
        return Connect.UNAUTHENTICATED if now >= self._opens_at else Connect.PENDING

    def next_timer(self, now: float) -> float | None:
        """When `connect` changes by itself, or None."""
        waits = self._config.policy is Policy.SHOULD_SECURE and self._agreed is Connect.PENDING
        return self._opens_at if waits and now < self._opens_at else None
