"""Why this exists: the engines have neither sockets nor a clock, and a machine has both.

A thin asyncio shell: `runner` drives one port entity over one link, `service` thousands of them in one process, `link`
are the links, `interface` what is asked of the system's interfaces, `trace` and `keylog` what is written down on
request, `single` the one port of `pysec up`. `common` makes a common port ready and gives it back: `guard` keeps the
host's own stack off it, by way of `nftables`, but for what `bypass` names; `settings` are changed and put back.
"""

from pysec.runtime.link import MemoryLink, PacketLink, SocketLink
from pysec.runtime.runner import PortRunner
from pysec.runtime.service import Service

__all__ = ["MemoryLink", "PacketLink", "PortRunner", "Service", "SocketLink"]
