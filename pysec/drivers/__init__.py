"""Why this exists: key agreement drives data planes of several kinds through one Protocol, `SecYDriver`.

`software` is this project's own SecY; `fake` has no frames, records what it is asked, and can refuse any of it.
"""

from pysec.drivers.fake import Call, FakeDriver
from pysec.drivers.software import SoftwareDriver

__all__ = ["Call", "FakeDriver", "SoftwareDriver"]
