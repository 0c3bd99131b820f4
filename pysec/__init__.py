"""Why this exists: one place to import pysec from, MACsec (IEEE 802.1AE) in userland.

`SecY` protects and validates frames, `FrameArena` lends it memory,
`GcmKey` is AES-GCM without MACsec; the value types and errors are those that every part of the project uses.
"""

from pysec.dataplane import (
    Action,
    Counters,
    EventKind,
    FrameArena,
    GcmInfo,
    GcmKey,
    Reason,
    SaEvent,
    SaStatus,
    SecY,
    SecYConfig,
    SecYStatus,
    Verdict,
    default_gcm,
    gcm_implementations,
    xpn_recover,
)
from pysec.errors import (
    CryptoError,
    DriverError,
    FormatError,
    InternalError,
    InvalidIcv,
    KeyExhausted,
    KeyStoreError,
    NonceReused,
    ProtocolError,
    PysecError,
    UsageError,
)
from pysec.secret import Secret
from pysec.types import An, CipherSuite, Ki, MacAddress, Pn, Sci, Ssci, ValidateFrames

__version__ = "0.1.0"

__all__ = [
    "Action",
    "An",
    "CipherSuite",
    "Counters",
    "CryptoError",
    "DriverError",
    "EventKind",
    "FormatError",
    "FrameArena",
    "GcmInfo",
    "GcmKey",
    "InternalError",
    "InvalidIcv",
    "KeyExhausted",
    "KeyStoreError",
    "Ki",
    "MacAddress",
    "NonceReused",
    "Pn",
    "ProtocolError",
    "PysecError",
    "Reason",
    "SaEvent",
    "SaStatus",
    "Sci",
    "SecY",
    "SecYConfig",
    "SecYStatus",
    "Secret",
    "Ssci",
    "UsageError",
    "ValidateFrames",
    "Verdict",
    "__version__",
    "default_gcm",
    "gcm_implementations",
    "xpn_recover",
]
