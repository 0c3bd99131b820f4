"""Why this exists: a scenario shows a capability end to end on one machine, and proves each sentence that it prints.

As root the hosts are network namespaces; without, the same is told over memory links, and says so.
"""

from __future__ import annotations

from typing import Final

WIRE_SECONDS: Final = 3.0  # how long the numbered traffic lasts
WIRE_RATE: Final = 15_000  # frames in each second; with room above the 10,000 that are promised

SCENARIOS: Final[dict[str, str]] = {
    "wire": "two hosts, one cable: ping, what the cable carries, forged frames, a key change under traffic, counters",
    "chaos": "ports on a LAN in memory under loss, cuts, restarts and replays: what was injected and what held",
}
