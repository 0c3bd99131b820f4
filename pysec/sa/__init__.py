"""Why this exists: a key that outlives the process needs its packet numbers kept outside the process.

`ceiling` is the file that does so for a static key, `pump` keeps it ahead of a SecY. Keys agreed by MKA die with the
session and need none of it.
"""

from pysec.sa.ceiling import CeilingRecord, PnCeiling, read_record
from pysec.sa.pump import DEFAULT_LEAP, CeilingPump, TransmittingSecY

__all__ = ["DEFAULT_LEAP", "CeilingPump", "CeilingRecord", "PnCeiling", "TransmittingSecY", "read_record"]
