"""Why this exists: who protects `eth1` wants its addresses and routes to work as before, by the controlled port.

Addresses and routes are taken off the common port and given to the controlled port, and put back at the end. They are
kept as the system's own messages, so that nothing about them gets lost: lifetimes, labels, metrics, preferred sources.
What belongs to one link alone (IPv6 link-local addresses, what the system makes by itself) is left where it is.

A memo of what was moved is written before anything is: after a crash the controlled port is gone, and its addresses
with it, and the next `pysec up` or `pysec down` puts them where they belong.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from pysec.errors import DriverError, FormatError
from pysec.runtime.folder import write_whole
from pysec.runtime.netlink import NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, attribute, attribute_list
from pysec.runtime.route import RouteSocket

RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_FLAGS = 1, 2, 3, 8
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_CACHEINFO = 1, 4, 5, 12
RT_SCOPE_LINK: Final = 253
RTPROT_KERNEL, RTPROT_RA, RTN_UNICAST = 2, 9, 1
# Of an address's flags, what somebody has asked for; the others are the system's own notes.
_ASKED_FOR: Final = 0x02 | 0x10 | 0x100 | 0x200  # NODAD, HOMEADDRESS, MANAGETEMPADDR, NOPREFIXROUTE
_CREATE: Final = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
FORMAT: Final = "pysec-moved/1"

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@dataclass(frozen=True, slots=True)
class Moved:
    """What an interface had: the bodies of the system's messages, addresses first in the order they were given."""

    addresses: tuple[bytes, ...] = ()
    routes: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.addresses or self.routes)

    def in_words(self) -> list[str]:
        """Each in the words of `ip`."""
        return [_address_words(body) for body in self.addresses] + [_route_words(body) for body in self.routes]

    def as_dict(self) -> dict[str, Any]:
        """What a memo has of it."""
        return {
            "format": FORMAT,
            "words": self.in_words(),
            "addresses": [body.hex() for body in self.addresses],
            "routes": [body.hex() for body in self.routes],
        }

    @classmethod
    def from_dict(cls, found: Any, where: str) -> Self:
        """The same, read again (FormatError)."""
        try:
            if found["format"] != FORMAT:
                raise FormatError(f"{where}: format {found['format']!r}: must be {FORMAT}")
            moved = cls(*(tuple(bytes.fromhex(each) for each in found[name]) for name in ("addresses", "routes")))
            moved.in_words()
        except (KeyError, TypeError, ValueError, struct.error) as error:
            raise FormatError(f"{where}: is not what was moved: {type(error).__name__}") from None
        return moved


class Memo:
    """The file that says what was moved off an interface; it is there from before the move until it is undone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Moved:
        """What it says, nothing if it is not there (FormatError, OSError)."""
        try:
            text = self.path.read_text("ascii")
        except FileNotFoundError:
            return Moved()
        try:
            return Moved.from_dict(json.loads(text), str(self.path))
        except ValueError:
            raise FormatError(f"{self.path}: is not JSON") from None

    def write(self, moved: Moved) -> None:
        """Have it say so, whole or not at all (OSError)."""
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_whole(self.path, json.dumps(moved.as_dict(), indent=1))

    def remove(self) -> None:
        """Nothing is moved any more (OSError)."""
        self.path.unlink(missing_ok=True)


def found_on(index: int) -> Moved:
    """What the interface of this number has that can be moved (DriverError)."""
    with RouteSocket() as route:
        addresses = route.dump("addresses", RTM_GETADDR, struct.pack("=BBBBi", socket.AF_UNSPEC, 0, 0, 0, 0))
        routes = []
        for family in (socket.AF_INET, socket.AF_INET6):
            routes += route.dump("routes", RTM_GETROUTE, struct.pack("=8BI", family, *bytes(7), 0))
    ours = [body for body in addresses if _index_of(body) == index and body[3] < RT_SCOPE_LINK]
    return Moved(tuple(ours), tuple(body for body in routes if _is_ours(body, index)))


def take_off(moved: Moved, index: int) -> None:
    """Take them off an interface; what is gone already is of no matter (DriverError if there can be no request)."""
    with RouteSocket() as route:
        for body in reversed(moved.routes):
            with contextlib.suppress(DriverError):
                route.request("route", RTM_DELROUTE, NLM_F_ACK, _route_for(body, index))
        for body in reversed(moved.addresses):
            with contextlib.suppress(DriverError):
                route.request("address", RTM_DELADDR, NLM_F_ACK, _address_for(body, index, ""))


def put_on(moved: Moved, index: int, name: str, tell: Callable[[str], None]) -> list[str]:
    """Give them to an interface; what it has now in words. What is refused is told and left out (DriverError)."""
    done = []
    requests = [(RTM_NEWADDR, _address_for(body, index, name), _address_words(body)) for body in moved.addresses]
    requests += [(RTM_NEWROUTE, _route_for(body, index), _route_words(body)) for body in moved.routes]
    with RouteSocket() as route:
        for kind, body, words in requests:
            try:
                route.request(words, kind, _CREATE, body)
            except DriverError as error:
                if not str(error).endswith(os.strerror(17)):  # it is there already
                    tell(f"{name}: {error}")
                    continue
            done.append(words)
    return done


def made_of(addresses: Iterable[Address]) -> Moved:
    """Addresses that somebody gives, as if they had been found."""
    bodies = []
    for address in addresses:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        body = struct.pack("=BBBBi", family, address.network.prefixlen, 0, 0, 0)
        body += attribute(IFA_LOCAL, address.packed) + attribute(IFA_ADDRESS, address.packed)
        bodies.append(body)
    return Moved(tuple(bodies))


def _index_of(body: bytes) -> int:
    return int(struct.unpack_from("=i", body, 4)[0])


def _is_ours(body: bytes, index: int) -> bool:
    """Whether a route goes out there and somebody made it: what the system makes by itself it makes anew."""
    attributes = dict(attribute_list(body[12:]))
    protocol, kind = body[5], body[7]
    out = attributes.get(RTA_OIF)
    return out == struct.pack("=i", index) and kind == RTN_UNICAST and protocol not in (RTPROT_KERNEL, RTPROT_RA)


def _address_for(body: bytes, index: int, name: str) -> bytes:
    family, prefix, _, scope, _ = struct.unpack_from("=BBBBi", body)
    parts = []
    for kind, octets in attribute_list(body[8:]):
        if kind == IFA_FLAGS:
            parts.append(attribute(kind, struct.pack("=I", struct.unpack("=I", octets)[0] & _ASKED_FOR)))
        elif kind != IFA_LABEL:
            parts.append(attribute(kind, octets))
        elif label := _label(octets, name):  # it begins with the interface's name
            parts.append(attribute(kind, label))
    return struct.pack("=BBBBi", family, prefix, 0, scope, index) + b"".join(parts)


def _label(label: bytes, name: str) -> bytes:
    if not name:
        return b""
    _, colon, suffix = label.rstrip(b"\0").partition(b":")
    made = name.encode() + colon + suffix
    return made + b"\0" if len(made) < 16 else b""


def _route_for(body: bytes, index: int) -> bytes:
    header = body[:8] + struct.pack("=I", 0)  # its flags are the system's own notes
    parts = []
    for kind, octets in attribute_list(body[12:]):
        if kind == RTA_OIF:
            parts.append(attribute(kind, struct.pack("=i", index)))
        elif kind != RTA_CACHEINFO:
            parts.append(attribute(kind, octets))
    return header + b"".join(parts)


def _address_words(body: bytes) -> str:
    attributes = dict(attribute_list(body[8:]))
    octets = attributes.get(IFA_LOCAL, attributes.get(IFA_ADDRESS, b""))
    return f"{ipaddress.ip_address(octets)}/{body[1]}"


def _route_words(body: bytes) -> str:
    attributes = dict(attribute_list(body[12:]))
    to = f"{ipaddress.ip_address(attributes[RTA_DST])}/{body[1]}" if RTA_DST in attributes else "default"
    gateway = attributes.get(RTA_GATEWAY)
    return f"route to {to}" + (f" via {ipaddress.ip_address(gateway)}" if gateway else "")
