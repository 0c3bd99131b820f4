"""Why this exists: "is this link protected, by which key, proven by what, and if not why" is one question."""

from __future__ import annotations

from dataclasses import dataclass

from pysec.pae.saks import is_spent
from pysec.protocols import Installed
from pysec.sa.plan import transmitting
from pysec.types import An, CipherSuite, Ki, Sci


@dataclass(frozen=True, slots=True)
class PortStatus:
    """A port as it is.

    secured: frames are protected and only valid ones taken, by keys of MKA. open: the controlled port passes frames;
    open and not secured is in the clear. ki, an: of the SA that is sent with. next_pn: of that SA, as last read.
    receiving: the KIs of the SAs that are received with, by peer. pending: what the data plane still refuses, or "".
    why: the last word of the machine that holds the port where it is.
    """

    sci: Sci
    policy: str
    connect: str
    state: str
    secured: bool
    open: bool
    cipher_suite: CipherSuite
    ki: Ki | None
    an: An | None
    next_pn: int | None
    receiving: tuple[tuple[Sci, Ki], ...]
    key_server: Sci | None
    is_key_server: bool
    live_peers: tuple[Sci, ...]
    pending: str
    why: str

    def as_dict(self) -> dict[str, object]:
        """The status as `--json` has it."""
        return {
            "sci": str(self.sci),
            "policy": self.policy,
            "connect": self.connect,
            "state": self.state,
            "secured": self.secured,
            "open": self.open,
            "cipher_suite": str(self.cipher_suite),
            "ki": None if self.ki is None else self.ki.mka_text,
            "an": None if self.an is None else self.an.value,
            "next_pn": self.next_pn,
            "receiving": {str(sci): ki.mka_text for sci, ki in self.receiving},
            "key_server": None if self.key_server is None else str(self.key_server),
            "is_key_server": self.is_key_server,
            "live_peers": [str(sci) for sci in self.live_peers],
            "pending": self.pending,
            "why": self.why,
        }

    def in_words(self) -> str:
        """One line."""
        if self.secured:
            role = "key server" if self.is_key_server else f"key server {self.key_server}"
            return f"SECURED with {self.cipher_suite}, KI {self.ki.mka_text if self.ki else '-'}, AN {self.an}; {role}"
        return f"{'OPEN IN THE CLEAR' if self.open else 'CLOSED'}: {self.why}"


def is_open(installed: Installed | None) -> bool:
    """Whether frames pass, protected or not."""
    return installed is not None and installed.controls.controlled_port_enabled and not is_spent(installed)


def is_secured(installed: Installed | None) -> bool:
    """Whether frames pass, protected, and only so."""
    if installed is None or not is_open(installed):
        return False
    return installed.controls.protect_frames and transmitting(installed) is not None
