"""Why this exists: a veth costs what it costs; whoever has two network cards and a cable wants to measure those.

`python -m bench port --dev A --peer-dev B` lends two interfaces of this namespace to the two hosts for each run, where
they are called `cable`, and takes them back under their own names. Other traffic on them ends meanwhile, and their
addresses are lost, as in every change of namespace.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pysec.errors import UsageError
from pysec.lab.netns import NetNs, Rtnl, _ifinfo
from pysec.runtime.interface import opened
from pysec.runtime.netlink import NLM_F_ACK, attribute, text

RTM_NEWLINK, IFLA_IFNAME, IFLA_NET_NS_FD = 16, 3, 28


@dataclass
class Devices:
    """Two interfaces with a cable between them; none: each run makes a veth."""

    names: tuple[str, str] | None = None

    def use(self, first: str | None, second: str | None) -> None:
        """Lend these from now on (UsageError)."""
        if first is None and second is None:
            return
        if first is None or second is None or first == second:
            raise UsageError("--dev and --peer-dev go together: two interfaces, and a cable between them")
        for name in (first, second):
            with opened(name) as found:
                if not found.exists:
                    raise UsageError(f"interface {name}: there is none of this name")
                _ = found.mac  # an Ethernet interface, or a DriverError
        self.names = first, second

    @contextlib.contextmanager
    def lent(self, a: NetNs, b: NetNs) -> Iterator[None]:
        """They are the hosts' for a while (DriverError)."""
        if self.names is None:
            yield
            return
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        places = dict(zip(self.names, (a, b), strict=True))
        gone: list[str] = []
        try:
            with Rtnl() as here:
                for name, place in places.items():
                    _move(here, name, place.fd, "cable")
                    gone.append(name)
            yield
        finally:
            for name in gone:
                _move(places[name].rtnl, "cable", home, name)
            with Rtnl() as here:
                for name in gone:
                    here.set_up(name)
            os.close(home)


def _move(rtnl: Rtnl, name: str, namespace: int, new_name: str) -> None:
    body = _ifinfo(rtnl.facts(name).index) + attribute(IFLA_NET_NS_FD, struct.pack("=i", namespace))
    rtnl.request(f"interface {name}", RTM_NEWLINK, NLM_F_ACK, body + text(IFLA_IFNAME, new_name))


DEVICES = Devices()
