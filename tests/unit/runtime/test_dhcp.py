"""An address by DHCP through the controlled port: broadcasts without an address, and a client that reads raw frames.

Such a client sees the checksum as it is. One that the server's host left to a card, and that nobody finished, would be
wrong to it: the port has to finish it before the frame is protected.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pysec.lab.netns import NetNs
from tests.unit.runtime.ups import MACS, PATIENCE_S, secured

scapy = pytest.importorskip("scapy.all")
Places = tuple[NetNs, NetNs]
SERVER, LEASE, BROADCAST = "10.99.0.1", "10.99.0.77", "255.255.255.255"
NONE = socket.inet_ntoa(bytes(4))


def kind_of(message: Any) -> int:
    """The DHCP message type (RFC 2132 9.6)."""
    return int(dict(option for option in message[scapy.DHCP].options if isinstance(option, tuple))["message-type"])


def serve(sock: socket.socket) -> None:
    """Offer one address, and grant it (RFC 2131 4.3)."""
    for answer in ("offer", "ack"):
        asked = scapy.BOOTP(sock.recv(4096))
        made = scapy.BOOTP(op=2, xid=asked.xid, yiaddr=LEASE, siaddr=SERVER, chaddr=asked.chaddr, flags=asked.flags)
        options = [("message-type", answer), ("server_id", SERVER), ("subnet_mask", "255.255.255.0"), "end"]
        sock.sendto(bytes(made / scapy.DHCP(options=options)), (BROADCAST, 68))


def request(*options: tuple[str, Any]) -> bytes:
    """A client's frame that has no address yet."""
    head = scapy.Ether(src=str(MACS[1]), dst="ff:ff:ff:ff:ff:ff") / scapy.IP(src=NONE, dst=BROADCAST)
    body = scapy.BOOTP(chaddr=MACS[1].octets, xid=0x802_1AE, flags="B") / scapy.DHCP(options=[*options, "end"])
    return bytes(head / scapy.UDP(sport=68, dport=67) / body)


def reply(sock: socket.socket, wanted: Callable[[Any], bool]) -> Any:
    """The next DHCP message to a client, its checksum as it is on the frame."""
    while True:
        octets = sock.recv(4096)
        found = scapy.Ether(octets)
        if scapy.DHCP in found and wanted(found):
            right = found.copy()
            del right[scapy.UDP].chksum
            assert found[scapy.UDP].chksum == scapy.Ether(bytes(right))[scapy.UDP].chksum
            return found


@pytest.mark.root
@pytest.mark.slow
def test_an_address_by_dhcp(places: Places, key: Path) -> None:
    first, second = places
    with secured(places, key):
        first.rtnl.add_ipv4("sec-cable", SERVER, 24)
        with first.inside():
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"sec-cable\0")
            server.bind(("", 67))
        with second.inside():
            client = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
            client.bind(("sec-cable", 0x0800))
        with server, client:
            for sock in (server, client):
                sock.settimeout(PATIENCE_S)
            thread = threading.Thread(target=serve, args=(server,))
            thread.start()
            client.send(request(("message-type", "discover")))
            offer = reply(client, lambda found: kind_of(found) == 2)
            assert offer[scapy.BOOTP].yiaddr == LEASE
            client.send(request(("message-type", "request"), ("requested_addr", LEASE), ("server_id", SERVER)))
            granted = reply(client, lambda found: kind_of(found) == 5)
            thread.join()
            second.rtnl.add_ipv4("sec-cable", granted[scapy.BOOTP].yiaddr, 24)
        with first.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to:
            to.bind((SERVER, 5000))
            to.settimeout(PATIENCE_S)
            with second.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.sendto(b"with what was leased", (SERVER, 5000))
            octets, source = to.recvfrom(4096)
            assert octets == b"with what was leased"
            assert source[0] == LEASE
