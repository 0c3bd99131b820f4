"""Why this exists: the lab needs hosts and a cable on one machine, and a fresh Debian has nothing to make them with.

A network namespace made here has no name: it lives as long as a descriptor of it, so it cannot outlast the process,
however that ends. Links are made by a few rtnetlink messages (RFC 3549) written out by hand, so neither iproute2 nor a
library has to be there.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pysec.errors import DriverError
from pysec.runtime.elsewhere import CLONE_NEWNET, elsewhere
from pysec.runtime.netlink import NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, attribute, attributes, text
from pysec.runtime.route import RouteSocket
from pysec.types import MacAddress

OWN_NAMESPACE: Final = "/proc/thread-self/ns/net"

RTM_NEWLINK, RTM_GETLINK, RTM_NEWADDR = 16, 18, 20
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_QDISC, IFLA_TXQLEN, IFLA_OPERSTATE, IFLA_LINKINFO = 1, 3, 4, 6, 13, 16, 18
IFLA_STATS64, IFLA_NET_NS_FD = 23, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL = 1, 2
IFF_UP: Final = 1
OPER_UP: Final = 6

_libc = ctypes.CDLL(None, use_errno=True)


def _call(what: str, *arguments: int) -> None:
    if getattr(_libc, what)(*(ctypes.c_int(x) for x in arguments)) != 0:
        error = ctypes.get_errno()
        raise DriverError(f"{what}: {os.strerror(error)}")


def why_unavailable() -> str | None:
    """None if it is worth trying to make namespaces and interfaces here, else one line that says why not."""
    if os.geteuid() != 0:
        return "not root"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "no /dev/net/tun"
    return None


class NetNs:
    """A network namespace without a name (DriverError if the system makes none)."""

    def __init__(self) -> None:
        self._fd = -1

        def keep() -> None:  # it would end with its thread but for the descriptor
            self._fd = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)

        elsewhere(keep)
        with self.inside():
            self.rtnl = Rtnl()

    @property
    def fd(self) -> int:
        """The descriptor that keeps the namespace."""
        return self._fd

    @property
    def inode(self) -> int:
        """The number by which /proc tells namespaces apart."""
        return os.fstat(self._fd).st_ino

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Have the calling thread live in this namespace for a while; sockets opened meanwhile belong to it."""
        home = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("setns", self._fd, CLONE_NEWNET)
            yield
        finally:
            _call("setns", home, CLONE_NEWNET)
            os.close(home)

    def quieten(self) -> None:
        """Have the system send nothing of its own by IPv6. Where it will not, what it sends is counted anyway."""
        with self.inside():
            for which in ("all", "default"):
                with contextlib.suppress(OSError):
                    Path(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6").write_text("1")

    def close(self) -> None:
        """Let go of the namespace; with its last descriptor it vanishes, and so do its interfaces."""
        if self._fd >= 0:
            self.rtnl.close()
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """What the kernel counts at an interface; "sent" is what the host gave to it."""

    index: int
    received: int
    sent: int
    received_dropped: int
    sent_dropped: int
    ready: bool  # it carries frames: it is up, so is the other end of its cable, and the kernel has taken note


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def _ifinfo(index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, change)


class Rtnl(RouteSocket):
    """A route netlink socket of the namespace in which it is opened; it may be used from outside afterwards."""

    def add_veth(self, name: str, peer_name: str, peer_namespace: NetNs) -> None:
        """Lay a virtual cable: `name` here, `peer_name` in the other namespace (DriverError)."""
        peer = _ifinfo() + text(IFLA_IFNAME, peer_name) + _number(IFLA_NET_NS_FD, peer_namespace.fd)
        info = attribute(IFLA_INFO_KIND, b"veth") + attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer))
        body = _ifinfo() + text(IFLA_IFNAME, name) + attribute(IFLA_LINKINFO, info)
        self.request(f"veth {name}", RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)

    def set_up(self, name: str, *, mac: MacAddress | None = None, mtu: int = 0, queue_frames: int = 0) -> None:
        """Give an interface its address, MTU and queue length, and switch it on (DriverError)."""
        index = self.facts(name).index
        change = b""
        if mac is not None:
            change += attribute(IFLA_ADDRESS, mac.octets)
        if mtu:
            change += _number(IFLA_MTU, mtu)
        if queue_frames:
            change += _number(IFLA_TXQLEN, queue_frames)
        self.request(f"interface {name}", RTM_NEWLINK, NLM_F_ACK, _ifinfo(index) + change)
        self.request(f"interface {name}", RTM_NEWLINK, NLM_F_ACK, _ifinfo(index, IFF_UP, IFF_UP))

    def set_down(self, name: str) -> None:
        """Switch an interface off (DriverError)."""
        self.request(f"interface {name}", RTM_NEWLINK, NLM_F_ACK, _ifinfo(self.facts(name).index, 0, IFF_UP))

    def add_ipv4(self, name: str, address: str, prefix: int) -> None:
        """Give an interface an IPv4 address (DriverError)."""
        octets = socket.inet_aton(address)
        body = struct.pack("=BBBBi", socket.AF_INET, prefix, 0, 0, self.facts(name).index)
        body += attribute(IFA_LOCAL, octets) + attribute(IFA_ADDRESS, octets)
        self.request(f"address {address}", RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)

    def facts(self, name: str) -> LinkFacts:
        """What the kernel counts at an interface (DriverError if there is none of this name)."""
        answer = self.request(f"interface {name}", RTM_GETLINK, 0, _ifinfo() + text(IFLA_IFNAME, name))
        (index,) = struct.unpack_from("=i", answer, 4)
        found = attributes(answer[16:])
        stats = struct.unpack_from("=8Q", found[IFLA_STATS64])
        ready = found[IFLA_OPERSTATE] == bytes([OPER_UP]) and found[IFLA_QDISC] != b"noop\0"
        return LinkFacts(index, stats[0], stats[1], stats[6], stats[7], ready)

    def wait_ready(self, name: str, at_most_s: float = 5.0) -> None:
        """Wait until an interface carries frames; one sent before is dropped without a word (DriverError)."""
        end = time.monotonic() + at_most_s
        while not self.facts(name).ready:
            if time.monotonic() > end:
                raise DriverError(f"interface {name}: not up after {at_most_s:g} s")
            time.sleep(0.001)
