"""Why this exists: a port needs an interface's address, MTU and carrier, and to set up the TAP that it makes.

A few ioctls of the calling thread's network namespace; no library and no command of the system has to be there.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pysec.errors import DriverError, UsageError
from pysec.runtime import netlink
from pysec.types import MacAddress

SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCGIFADDR = 0x8913, 0x8914, 0x8915
SIOCGIFMTU, SIOCSIFMTU, SIOCSIFHWADDR, SIOCGIFHWADDR = 0x8921, 0x8922, 0x8924, 0x8927
SIOCETHTOOL, ETHTOOL_GSET, ETHTOOL_GLINK = 0x8946, 0x01, 0x0A
# What merges frames that arrived: how to ask, how to set, the bit of the answer that tells.
OFFLOADS: Final = {"gro": (0x2B, 0x2C, 0x1), "lro": (0x25, 0x26, 1 << 15)}
TUNSETCARRIER: Final = 0x400454E2
RTM_GETLINK, IFLA_IFNAME, IFLA_PROMISCUITY = 18, 3, 30
IFF_UP, IFF_RUNNING, IFF_LOOPBACK = 0x1, 0x40, 0x8
ARPHRD_ETHER: Final = 1
RTMGRP_LINK: Final = 1
SMALLEST_MTU: Final = 68
IPV6_ADDR_LINKLOCAL: Final = 0x20
_NAME_OCTETS: Final = 16


class Interface:
    """An interface by its name. DriverError if the system refuses, or there is none (any more)."""

    def __init__(self, name: str) -> None:
        if not 0 < len(name.encode()) < _NAME_OCTETS or "/" in name or "\0" in name:
            raise UsageError(f"interface {name[:40]!r}: a name has 1 to {_NAME_OCTETS - 1} octets")
        self.name = name
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def close(self) -> None:
        """Let go of the socket; the interface stays as it is."""
        self._socket.close()

    def _ask(self, what: str, request: int, payload: bytes = b"") -> bytes:
        asked = struct.pack("16s24s", self.name.encode(), payload)
        try:
            return fcntl.ioctl(self._socket, request, asked)[_NAME_OCTETS:]
        except OSError as error:
            raise DriverError(f"interface {self.name}: {what}: {error.strerror}") from None

    @property
    def index(self) -> int:
        """The number that the system has given to it, another one if it is made anew; 0 if there is none."""
        with contextlib.suppress(OSError):
            return socket.if_nametoindex(self.name)
        return 0

    @property
    def exists(self) -> bool:
        """Whether there is an interface of this name."""
        return self.index != 0

    @property
    def mac(self) -> MacAddress:
        """Its address (DriverError if it is no Ethernet interface)."""
        family, octets = struct.unpack_from("=H6s", self._ask("address", SIOCGIFHWADDR))
        if family != ARPHRD_ETHER:
            raise DriverError(f"interface {self.name}: is no Ethernet interface")
        return MacAddress(octets)

    @mac.setter
    def mac(self, address: MacAddress) -> None:
        self._ask("address", SIOCSIFHWADDR, struct.pack("=H6s", ARPHRD_ETHER, address.octets))

    @property
    def mtu(self) -> int:
        """Octets behind addresses and EtherType that it carries."""
        return int(struct.unpack_from("=i", self._ask("MTU", SIOCGIFMTU))[0])

    @mtu.setter
    def mtu(self, octets: int) -> None:
        self._ask("MTU", SIOCSIFMTU, struct.pack("=i", octets))

    @property
    def mbit_s(self) -> int | None:
        """The link's speed in Mbit/s, or None if the system knows none (it is down, or virtual)."""
        octets = ctypes.create_string_buffer(struct.pack("=I", ETHTOOL_GSET), 44)
        with contextlib.suppress(DriverError):
            self._ask("speed", SIOCETHTOOL, struct.pack("@P", ctypes.addressof(octets)))
            low, high = struct.unpack_from("=12xH14xH", octets.raw)
            if (high, low) != (0xFFFF, 0xFFFF):
                return int(high << 16 | low) or None
        return None

    def _flags(self) -> int:
        return int(struct.unpack_from("=H", self._ask("flags", SIOCGIFFLAGS))[0])

    @property
    def is_up(self) -> bool:
        """Whether it was switched on."""
        return bool(self._flags() & IFF_UP)

    @property
    def has_carrier(self) -> bool:
        """Whether it is on and so is the other end of its cable; False, too, once it has gone."""
        self._look_at_the_cable()
        try:
            return self._flags() & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING
        except DriverError:
            return False

    def _look_at_the_cable(self) -> None:
        """Have the system see to a change of carrier now. By itself it sees to one a second, whatever the interface."""
        with contextlib.suppress(DriverError):  # an interface that cannot be asked this has its flags all the same
            self._ethtool("carrier", ETHTOOL_GLINK)

    def _ethtool(self, what: str, command: int, value: int = 0) -> int:
        octets = ctypes.create_string_buffer(struct.pack("=II", command, value), 8)
        self._ask(what, SIOCETHTOOL, struct.pack("@P", ctypes.addressof(octets)))
        return int(struct.unpack("=II", octets.raw)[1])

    def offload(self, name: str) -> bool:
        """Whether it merges frames that arrive, by "gro" or "lro"; False if it does not know how."""
        ask, _, bit = OFFLOADS[name]
        with contextlib.suppress(DriverError):
            return bool(self._ethtool(name, ask) & bit)
        return False

    def set_offload(self, name: str, on: bool) -> None:
        """Have it merge frames, or not."""
        ask, tell, bit = OFFLOADS[name]
        others = self._ethtool(name, ask) & ~bit
        self._ethtool(name, tell, others | bit if on else others)

    @property
    def promiscuity(self) -> int:
        """How many want it to take every frame: a bridge on it is one, a sniffer another."""
        body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0) + netlink.text(IFLA_IFNAME, self.name)
        try:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as route:
                route.send(netlink.message(RTM_GETLINK, 0, 1, body))
                ((kind, _, answer),) = netlink.messages(route.recv(65536))
        except OSError as error:
            raise DriverError(f"interface {self.name}: {error.strerror}") from None
        if kind == netlink.NLMSG_ERROR:
            raise DriverError(f"interface {self.name}: {os.strerror(-struct.unpack_from('=i', answer)[0])}")
        return int(struct.unpack("=I", netlink.attributes(answer[16:])[IFLA_PROMISCUITY])[0])

    def set_up(self) -> None:
        """Switch it on."""
        self._ask("switch on", SIOCSIFFLAGS, struct.pack("=H", self._flags() | IFF_UP))

    def addresses(self) -> list[str]:
        """IP addresses by which the host can use it beside us: IPv4 (the first) and IPv6, but for link-local ones."""
        found = []
        with contextlib.suppress(DriverError):
            found.append(socket.inet_ntoa(self._ask("IPv4", SIOCGIFADDR)[4:8]))
        with contextlib.suppress(OSError):
            for line in Path("/proc/net/if_inet6").read_text("ascii").splitlines():
                fields = line.split()
                if fields[-1] == self.name and int(fields[3], 16) != IPV6_ADDR_LINKLOCAL:
                    found.append(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(fields[0])))
        return found


def set_carrier(tap: int, on: bool) -> None:
    """Plug a TAP interface's cable in, or pull it out (DriverError). A kernel before 5.0 leaves it in."""
    try:
        fcntl.ioctl(tap, TUNSETCARRIER, struct.pack("=i", on))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTTY):
            raise DriverError(f"TAP interface: carrier: {error.strerror}") from None


class LinkWatch:
    """Says when something about an interface of this network namespace has changed; what, is for the caller to ask."""

    protocol, groups, words = socket.NETLINK_ROUTE, RTMGRP_LINK, "route netlink"

    def __init__(self) -> None:
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, self.protocol)
            self._socket.bind((0, self.groups))
        except OSError as error:
            raise DriverError(f"{self.words}: {error.strerror}") from None
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """Readable when something has changed."""
        return self._socket.fileno()

    def drain(self) -> bool:
        """Take what has been said; whether it was anything. Notes that were lost count: ask again, too."""
        said = False
        while True:
            try:
                said |= bool(self._socket.recv(65536))
            except BlockingIOError:
                return said
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise DriverError(f"{self.words}: {os.strerror(error.errno or 0)}") from None
                said = True

    def close(self) -> None:
        """Stop."""
        self._socket.close()


@contextlib.contextmanager
def opened(name: str) -> Iterator[Interface]:
    """An interface for a while."""
    interface = Interface(name)
    try:
        yield interface
    finally:
        interface.close()
