"""Why this exists: a frame's verdict is its management counter, and people want to read it by name.

The names come out of the one table in csrc/macsec/verdict.c (802.1AE-2018 10.7.9, 10.7.18).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from pysec.dataplane.bridge import ffi, lib, text


@dataclass(frozen=True, slots=True)
class _Row:
    yang: str
    kernel_name: str
    text: str
    standard: bool
    per_sc: bool
    delivered: bool


class Verdict(enum.IntEnum):
    """What became of a frame. Values are those of enum pysec_verdict in csrc/pysec.h."""

    NONE = lib.PYSEC_V_NONE
    IN_UNTAGGED = lib.PYSEC_V_IN_UNTAGGED
    IN_NO_TAG = lib.PYSEC_V_IN_NO_TAG
    IN_BAD_TAG = lib.PYSEC_V_IN_BAD_TAG
    IN_NO_SA = lib.PYSEC_V_IN_NO_SA
    IN_NO_SA_ERROR = lib.PYSEC_V_IN_NO_SA_ERROR
    IN_OVERRUN = lib.PYSEC_V_IN_OVERRUN
    IN_OK = lib.PYSEC_V_IN_OK
    IN_UNCHECKED = lib.PYSEC_V_IN_UNCHECKED
    IN_DELAYED = lib.PYSEC_V_IN_DELAYED
    IN_LATE = lib.PYSEC_V_IN_LATE
    IN_INVALID = lib.PYSEC_V_IN_INVALID
    IN_NOT_VALID = lib.PYSEC_V_IN_NOT_VALID
    IN_KAY = lib.PYSEC_V_IN_KAY
    IN_BYPASS = lib.PYSEC_V_IN_BYPASS
    IN_DUPLICATE = lib.PYSEC_V_IN_DUPLICATE
    IN_CLOSED = lib.PYSEC_V_IN_CLOSED
    IN_MALFORMED = lib.PYSEC_V_IN_MALFORMED
    OUT_UNTAGGED = lib.PYSEC_V_OUT_UNTAGGED
    OUT_TOO_LONG = lib.PYSEC_V_OUT_TOO_LONG
    OUT_PROTECTED = lib.PYSEC_V_OUT_PROTECTED
    OUT_ENCRYPTED = lib.PYSEC_V_OUT_ENCRYPTED
    OUT_BYPASS = lib.PYSEC_V_OUT_BYPASS
    OUT_CLOSED = lib.PYSEC_V_OUT_CLOSED
    OUT_MALFORMED = lib.PYSEC_V_OUT_MALFORMED

    @property
    def yang(self) -> str:
        """The counter's name: the IEEE YANG leaf, e.g. `in-pkts-ok`, or one in its manner."""
        return _ROWS[self].yang

    @property
    def kernel_name(self) -> str:
        """What Linux and 802.1AE-2006 call it, e.g. `InPktsOK`; empty for the project's own."""
        return _ROWS[self].kernel_name

    @property
    def text(self) -> str:
        """One line for people."""
        return _ROWS[self].text

    @property
    def standard(self) -> bool:
        """Whether the standard has this counter."""
        return _ROWS[self].standard

    @property
    def per_sc(self) -> bool:
        """Whether it is counted per SC as well."""
        return _ROWS[self].per_sc

    @property
    def delivered(self) -> bool:
        """Whether the frame goes on."""
        return _ROWS[self].delivered


class Reason(enum.IntEnum):
    """Why, where one verdict has several causes. Values are those of enum pysec_reason."""

    NONE = lib.PYSEC_R_NONE
    UNKNOWN_SCI = lib.PYSEC_R_UNKNOWN_SCI
    UNUSED_SA = lib.PYSEC_R_UNUSED_SA
    TRUNCATED = lib.PYSEC_R_TRUNCATED
    VERSION = lib.PYSEC_R_VERSION
    SC_WITH_ES_SCB = lib.PYSEC_R_SC_WITH_ES_SCB
    SL_RESERVED = lib.PYSEC_R_SL_RESERVED
    LENGTH = lib.PYSEC_R_LENGTH
    PN_ZERO = lib.PYSEC_R_PN_ZERO
    SCI_RESERVED = lib.PYSEC_R_SCI_RESERVED
    ICV = lib.PYSEC_R_ICV
    NOT_OURS = lib.PYSEC_R_NOT_OURS
    NOT_CHECKED = lib.PYSEC_R_NOT_CHECKED
    NULL = lib.PYSEC_R_NULL
    NO_TRANSMIT_SA = lib.PYSEC_R_NO_TRANSMIT_SA
    PN_EXHAUSTED = lib.PYSEC_R_PN_EXHAUSTED
    PN_CEILING = lib.PYSEC_R_PN_CEILING
    DISABLED = lib.PYSEC_R_DISABLED
    TOO_SHORT = lib.PYSEC_R_TOO_SHORT
    NO_ROOM = lib.PYSEC_R_NO_ROOM

    @property
    def slug(self) -> str:
        """A short name, e.g. `unknown-sci`."""
        return text(lib.pysec_reason_name(int(self)))

    @property
    def text(self) -> str:
        """One line for people; empty for NONE."""
        return text(lib.pysec_reason_text(int(self)))


class Action(enum.IntEnum):
    """Where a frame goes. Values are those of enum pysec_action."""

    DISCARD = lib.PYSEC_A_DISCARD
    CONTROLLED = lib.PYSEC_A_CONTROLLED
    UNCONTROLLED = lib.PYSEC_A_UNCONTROLLED
    COMMON = lib.PYSEC_A_COMMON


def _read_table() -> dict[Verdict, _Row]:
    info = ffi.new("struct pysec_verdict_info *")
    rows = {}
    for verdict in Verdict:
        lib.pysec_verdict_get_info(info, int(verdict))
        rows[verdict] = _Row(
            text(info.name),
            text(info.kernel_name),
            text(info.text),
            bool(info.standard),
            bool(info.per_sc),
            bool(info.delivered),
        )
    return rows


_ROWS = _read_table()
