"""Why this exists: a port access entity (802.1X-2020 clause 12) is several machines, and somebody has to join them.

`entity` joins the KaY, the Controlled Port machine, the SA plan and a driver into one port, bytes and time in, frames
and events out; `logon` decides what a port may do that is not secured.
"""

from pysec.pae.config import PaeConfig, Policy
from pysec.pae.entity import PortAccessEntity
from pysec.pae.events import PortEvent, Source
from pysec.pae.status import PortStatus

__all__ = ["PaeConfig", "Policy", "PortAccessEntity", "PortEvent", "PortStatus", "Source"]
