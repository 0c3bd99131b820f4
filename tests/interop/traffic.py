"""Why this exists: a link is only up if it carries what people send over it: echoes, TCP and UDP, both ways.

The guest is the other end: its kernel answers echoes, and busybox has TCP (nc) and UDP (tftp). Every octet that comes
back is compared with what was sent.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import socket
import struct
import threading
import time
from collections.abc import Iterator

from pysec.lab import packets
from tests.interop.guest import Guest
from tests.interop.segment import GUEST_IPV4, OUR_IPV4, Segment

# User data of 2 octets and more, around the 48 below which the SecTAG has a length, up to a full frame.
ECHO_SIZES = (0, 1, 17, 18, 19, 56, 600, 1472)
TCP_OCTETS = 200_000
TCP_PORT = 7007
UDP_OCTETS = 30_000
UDP_BLOCK = 1428
TFTP_PORT = 69
RRQ, WRQ, DATA, ACK, OACK = 1, 2, 3, 4, 6


def echo_from_here(segment: Segment, size: int, *, to: str = GUEST_IPV4, wait_s: float = 5.0) -> bool:
    """Whether an echo request of so many octets is answered with the same octets."""
    text = secrets.token_bytes(size)
    identifier, number = secrets.randbelow(65536), 1
    want = packets.Echo(packets.ICMP_ECHO_REPLY, identifier, number, text)
    with segment.socket(socket.SOCK_RAW, socket.IPPROTO_ICMP) as icmp:
        icmp.sendto(packets.echo(packets.ICMP_ECHO_REQUEST, identifier, number, text), (to, 0))
        end = time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0:
            icmp.settimeout(left)
            with contextlib.suppress(TimeoutError):
                if packets.read_echo(icmp.recv(65536)) == want:
                    return True
    return False


def pings_lost(guest: Guest, count: int = 3, *, to: str = OUR_IPV4, size: int = 56, where: str = "") -> int:
    """How many of the guest's pings are lost. where: in front of the command, for a name space."""
    output = guest.attempt(f"{where} ping -c {count} -i 0.2 -W 2 -s {size} {to}")[1]
    return count - int(output.partition(" packets received")[0].rpartition(" ")[2] or 0)


def _receive(sock: socket.socket, octets: int, into: bytearray) -> None:
    with contextlib.suppress(OSError):
        while len(into) < octets and (part := sock.recv(65536)):
            into += part


def tcp_comes_back(segment: Segment, guest: Guest, octets: int = TCP_OCTETS) -> bool:
    """Whether a stream that the guest sends back is the one sent; it runs in both directions at once."""
    guest.run(
        f"""nc -ll -p {TCP_PORT} -e /bb/cat </dev/null >/dev/null 2>&1 &
        echo $! >/tmp/nc.pid
        wait_for 5 sh -c 'netstat -ltn | grep -q :{TCP_PORT}'"""
    )
    try:
        text, back = secrets.token_bytes(octets), bytearray()
        with segment.socket(socket.SOCK_STREAM) as sock:
            sock.connect((GUEST_IPV4, TCP_PORT))
            reader = threading.Thread(target=_receive, args=(sock, octets, back))
            reader.start()
            sock.sendall(text)
            reader.join()
        return bytes(back) == text
    finally:
        guest.run("kill $(cat /tmp/nc.pid)")


class _Tftp:
    """As much of a TFTP server (RFC 1350, 2347, 2348) as busybox's client asks for: one file, kept in memory."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self.kept = b""
        self.datagrams = 0

    def serve(self, requests: socket.socket) -> None:
        """Serve until the socket is closed."""
        with contextlib.suppress(OSError):
            while True:
                request, client = requests.recvfrom(65536)
                if not request:
                    return
                words = request[2:].split(b"\0")
                options = dict(zip(words[2:-1:2], words[3:-1:2], strict=False))
                block = int(options.get(b"blksize", b"512"))
                with self._segment.socket(socket.SOCK_DGRAM) as transfer:
                    transfer.connect(client)
                    (self._send if request[1] == RRQ else self._receive)(transfer, block, b"blksize" in options)

    def _ask(self, sock: socket.socket, message: bytes) -> bytes:
        """Send, and read the answer; again if none comes."""
        for _ in range(3):
            sock.settimeout(2.0)
            sock.send(message)
            with contextlib.suppress(TimeoutError):
                self.datagrams += 1
                return sock.recv(65536)
        raise OSError("no answer")

    def _send(self, sock: socket.socket, block: int, negotiated: bool) -> None:
        if negotiated:
            self._ask(sock, struct.pack("!H", OACK) + b"blksize\0%d\0" % block)
        for number, start in enumerate(range(0, len(self.kept) + 1, block), 1):
            self._ask(sock, struct.pack("!HH", DATA, number) + self.kept[start : start + block])

    def _receive(self, sock: socket.socket, block: int, negotiated: bool) -> None:
        kept = b""
        answer = struct.pack("!HH", ACK, 0)
        if negotiated:
            answer = struct.pack("!H", OACK) + b"blksize\0%d\0" % block
        while True:
            data = self._ask(sock, answer)
            kept += data[4:]
            answer = struct.pack("!H", ACK) + data[2:4]
            if len(data) - 4 < block:
                break
        self.kept = kept
        sock.send(answer)


@contextlib.contextmanager
def _tftp(segment: Segment) -> Iterator[_Tftp]:
    requests = segment.socket(socket.SOCK_DGRAM)
    requests.settimeout(None)
    requests.bind((OUR_IPV4, TFTP_PORT))
    server = _Tftp(segment)
    thread = threading.Thread(target=server.serve, args=(requests,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            requests.shutdown(socket.SHUT_RD)
        requests.close()
        thread.join(1)


def udp_comes_back(segment: Segment, guest: Guest, octets: int = UDP_OCTETS) -> bool:
    """Whether a file that the guest puts to us in datagrams, and gets again, is the same as before, here and there."""
    with _tftp(segment) as server:
        there = f"{OUR_IPV4} {TFTP_PORT}"
        guest.run(f"head -c {octets} /dev/urandom >/tmp/udp.bin && cp /tmp/udp.bin /out/udp.bin")
        put, _ = guest.attempt(f"tftp -b {UDP_BLOCK} -p -l /tmp/udp.bin -r udp {there}")
        got, _ = guest.attempt(f"tftp -b {UDP_BLOCK} -g -r udp -l /tmp/udp2.bin {there} && cmp /tmp/udp*.bin")
        return put == got == 0 and server.kept == (guest.folder / "udp.bin").read_bytes()


def check_traffic(segment: Segment, guest: Guest) -> None:
    """Everything above, from both ends; AssertionError names the first that failed."""
    for size in ECHO_SIZES:
        assert echo_from_here(segment, size), f"no echo of {size} octets came back from the guest"
    for size in (0, 56, 1472):
        assert pings_lost(guest, 2, size=size) == 0, f"the guest's pings of {size} octets were lost"
    assert echo_from_here(segment, 4000), "no echo in IP fragments came back"
    assert tcp_comes_back(segment, guest), "TCP octets did not come back as sent"
    assert udp_comes_back(segment, guest), "UDP octets did not come back as sent"


class EchoStream:
    """Numbered echoes to the guest at a steady rate, which its kernel answers; what of them did not come back.

    A reply has crossed the link twice, so whatever either direction loses, repeats or reorders shows.
    """

    def __init__(self, segment: Segment, rate: float = 100.0, *, to: str = GUEST_IPV4) -> None:
        """Begin."""
        self._icmp = segment.socket(socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._identifier = secrets.randbelow(65536)
        self._to, self._interval_s = to, 1 / rate
        self._ending = threading.Event()
        self.sent = 0
        self.came_back: list[int] = []
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        begun = time.monotonic()
        while not self._ending.wait(max(0.0, begun + self.sent * self._interval_s - time.monotonic())):
            message = packets.echo(packets.ICMP_ECHO_REQUEST, self._identifier, self.sent & 0xFFFF, b"stream")
            self._icmp.sendto(message, (self._to, 0))
            self.sent += 1

    def _receive(self) -> None:
        self._icmp.settimeout(0.2)
        last_words = 0
        while last_words < 5:  # a second of silence after the end
            try:
                found = packets.read_echo(self._icmp.recv(65536))
            except TimeoutError:
                last_words += self._ending.is_set()
                continue
            if found and found.kind == packets.ICMP_ECHO_REPLY and found.identifier == self._identifier:
                self.came_back.append(found.number)

    def end(self) -> None:
        """Stop sending, and wait for what is on its way."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self._icmp.close()

    @property
    def lost(self) -> list[int]:
        """The numbers that did not come back."""
        return sorted(set(range(self.sent)) - set(self.came_back))

    @property
    def out_of_order(self) -> bool:
        """Whether any came twice or after a later one."""
        return any(after <= before for before, after in itertools.pairwise(self.came_back))
