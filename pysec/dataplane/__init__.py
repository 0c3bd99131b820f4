"""Why this exists: the C core has one door, and this package is it. Nothing else imports `pysec._native`.

Frames cross in bursts, in memory that Python lends (`FrameArena`), with the GIL released; keys cross inwards once.
"""

from pysec.dataplane.arena import FRAME_DTYPE, MAX_BURST, FrameArena
from pysec.dataplane.config import SecYConfig
from pysec.dataplane.counters import Counters, ScGaps
from pysec.dataplane.gcm import GcmInfo, GcmKey, default_gcm, gcm_implementations
from pysec.dataplane.port import Port, PortStats
from pysec.dataplane.secy import SecY, xpn_recover
from pysec.dataplane.status import EventKind, SaEvent, SaStatus, SecYStatus
from pysec.dataplane.verdicts import Action, Reason, Verdict

__all__ = [
    "FRAME_DTYPE",
    "MAX_BURST",
    "Action",
    "Counters",
    "EventKind",
    "FrameArena",
    "GcmInfo",
    "GcmKey",
    "Port",
    "PortStats",
    "Reason",
    "SaEvent",
    "SaStatus",
    "ScGaps",
    "SecY",
    "SecYConfig",
    "SecYStatus",
    "Verdict",
    "default_gcm",
    "gcm_implementations",
    "xpn_recover",
]
