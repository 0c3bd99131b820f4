"""Why this exists: the Controlled Port machine decides when a port is open and which key it sends with.

`table` is the machine of IEEE Std 802.1X-2020 clause 12.4 as data, `machine` the loop that applies it.
"""

from pysec.cp.machine import ControlledPort, CpConfig, Transitioned
from pysec.cp.table import Action, Condition, Connect, CpVariables, KeyState, State

__all__ = [
    "Action",
    "Condition",
    "Connect",
    "ControlledPort",
    "CpConfig",
    "CpVariables",
    "KeyState",
    "State",
    "Transitioned",
]
