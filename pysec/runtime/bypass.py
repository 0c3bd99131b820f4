"""Why this exists: what may go round MACsec is chosen by name, and a name must say exactly which frames are meant.

A bypassed protocol is the host's own business on the common port: it comes and goes there in clear, through the host's
stack, and never reaches the controlled port. The list is empty unless somebody fills it. Only untagged frames are
meant, as all these protocols have them.

Sources: EtherTypes of the IEEE registry as `linux/if_ether.h` lists them; the reserved group addresses of
IEEE Std 802.1Q, Table 8-1; LLDP: IEEE Std 802.1AB 7.1, 7.2; gPTP: IEEE Std 802.1AS 11.3; Slow Protocols: IEEE Std 802.3
Annex 57A; MAC Control: IEEE Std 802.3 Annex 31A; spanning tree: IEEE Std 802.1Q clause 14, in LLC frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pysec.errors import UsageError
from pysec.types import MacAddress

# A type field below this is a length, and LLC follows (802.3 3.2.6).
FIRST_ETHERTYPE: Final = 0x0600


@dataclass(frozen=True, slots=True)
class Bypass:
    """A protocol that may go round MACsec: by its EtherType or, in LLC frames, by its group address."""

    name: str
    words: str
    ethertype: int | None = None
    address: MacAddress | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.words})"


_BRIDGE_GROUP: Final = MacAddress.parse("01:80:c2:00:00:00")

KNOWN: Final = {
    entry.name: entry
    for entry in (
        Bypass("cfm", "connectivity faults, EtherType 0x8902", 0x8902),
        Bypass("lacp", "Slow Protocols: LACP, marker, OAM, ESMC; EtherType 0x8809", 0x8809),
        Bypass("lldp", "discovery of neighbours, EtherType 0x88cc", 0x88CC),
        Bypass("mmrp", "registration of groups, EtherType 0x88f6", 0x88F6),
        Bypass("mvrp", "registration of VLANs, EtherType 0x88f5", 0x88F5),
        Bypass("pause", "MAC Control, where the card hands it up; EtherType 0x8808", 0x8808),
        Bypass("ptp", "PTP and gPTP over Ethernet, EtherType 0x88f7", 0x88F7),
        Bypass("stp", "spanning tree, LLC to 01:80:c2:00:00:00", address=_BRIDGE_GROUP),
    )
}


def named(names: Iterable[str]) -> tuple[Bypass, ...]:
    """The protocols of these names, each once, in the order given (UsageError, with the names there are)."""
    found: dict[str, Bypass] = {}
    for name in names:
        if name not in KNOWN:
            raise UsageError(f"--bypass {name[:20]}: must be one of {', '.join(KNOWN)}")
        found[name] = KNOWN[name]
    return tuple(found.values())
