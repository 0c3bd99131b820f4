"""Why this exists: MKA's protocol data unit (802.1X-2020 11.11), octets to values and back.

`sets` has the values, `peek` and `decode` read, `encode` writes; `repeat` does both for MKPDUs that differ from the one
before in their numbers only. Who receives verifies the ICV between the first two.
"""

from pysec.wire.mkpdu.announcement import Announcement, SuiteOffer, Tlv
from pysec.wire.mkpdu.decode import Peek, RawSet, decode, peek, raw_sets
from pysec.wire.mkpdu.encode import encode
from pysec.wire.mkpdu.repeat import Outline, Repeat
from pysec.wire.mkpdu.sets import (
    AGILITY,
    ICV_OCTETS,
    BasicSet,
    DistributedCak,
    DistributedSak,
    KiPn,
    MkPdu,
    PeerEntry,
    PeerList,
    SakUse,
    UnknownSet,
    Xpn,
)

__all__ = [
    "AGILITY",
    "ICV_OCTETS",
    "Announcement",
    "BasicSet",
    "DistributedCak",
    "DistributedSak",
    "KiPn",
    "MkPdu",
    "Outline",
    "Peek",
    "PeerEntry",
    "PeerList",
    "RawSet",
    "Repeat",
    "SakUse",
    "SuiteOffer",
    "Tlv",
    "UnknownSet",
    "Xpn",
    "decode",
    "encode",
    "peek",
    "raw_sets",
]
