"""Why this exists: a port's life is told in one stream, in order, each line with its reason, whichever part spoke."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Source(enum.Enum):
    """Which part of the port speaks."""

    MKA = "mka"
    CP = "cp"
    SECY = "secy"
    PORT = "port"


@dataclass(frozen=True, slots=True)
class PortEvent:
    """Something that happened at a port. name: short and fit for programs; reason: one line for people.

    event: what the part itself said, never with a key in its repr.
    """

    at: float
    source: Source
    name: str
    reason: str
    event: object = None

    def __str__(self) -> str:
        return f"{self.source.value:4} {self.name}: {self.reason}"
