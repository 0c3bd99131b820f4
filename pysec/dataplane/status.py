"""Why this exists: what a SecY and its SAs say of themselves, as values that can be kept and compared."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from pysec.dataplane.bridge import lib
from pysec.types import An, CipherSuite, Ki, Sci, Ssci


@dataclass(frozen=True, slots=True)
class SecYStatus:
    """The state of a SecY (802.1AE-2018 10.5.3, 10.7.4, 10.7.21)."""

    sci: Sci
    cipher_suite: CipherSuite
    receive_scs: int
    receiving_scs: int
    saks: int
    retired_kis: int
    forgotten_kis: int
    including_sci: bool
    transmitting: bool
    encoding_an: An | None
    exhausted: bool
    mac_operational: bool
    gcm: str


@dataclass(frozen=True, slots=True)
class SaStatus:
    """The state of one SA (802.1AE-2018 10.7.14, 10.7.23). next_pn can be one past the last PN of the suite."""

    transmit: bool
    sci: Sci
    an: An
    ki: Ki
    in_use: bool
    next_pn: int
    lowest_pn: int | None
    pn_ceiling: int | None
    pn_threshold: int | None
    ssci: Ssci | None
    confidentiality: bool | None
    confidentiality_offset: int
    exhausted: bool


class EventKind(enum.IntEnum):
    """What an SA has to say; each is said once."""

    PN_THRESHOLD = lib.PYSEC_EV_PN_THRESHOLD
    PN_EXHAUSTED = lib.PYSEC_EV_PN_EXHAUSTED
    PN_CEILING = lib.PYSEC_EV_PN_CEILING


@dataclass(frozen=True, slots=True)
class SaEvent:
    """An event of an SA: its packet numbers passed the threshold, are used up, or met the ceiling."""

    kind: EventKind
    transmit: bool
    sci: Sci
    an: An
    ki: Ki
    next_pn: int
