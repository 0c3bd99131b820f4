"""Why this exists: a guest and pysec need a cable between them that nothing else is on, and that leaves no trace.

A `Segment` is a network namespace without a name, in it `lan`, the host's end of the guest's cable, and a listener that
keeps every frame. It lives as long as its descriptors, so it cannot outlast this process.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pysec.dataplane.port import disable_offloads, open_tap
from pysec.errors import DriverError
from pysec.lab import packets
from pysec.lab.netns import NetNs
from pysec.types import MacAddress

LAN_MTU = 1532  # SecTAG with SCI and ICV take 32 octets, so the stations keep their 1500
ETH_P_ALL = 3
OUR_MAC = MacAddress.parse("02:00:00:00:00:01")
GUEST_MAC = MacAddress.parse("52:54:00:00:00:02")
OUR_IPV4 = "192.0.2.1"
GUEST_IPV4 = "192.0.2.2"
PATIENCE_S = 10.0


class Listener:
    """Keeps every frame that passes an interface, in a thread of its own."""

    def __init__(self, interface: str) -> None:
        """Listen from now on; call it in the interface's namespace."""
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind((interface, ETH_P_ALL))
        self._wake, self._stop = os.pipe()
        self.frames: list[tuple[float, bytes]] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket.fileno(), self._wake], [], [])
            if self._wake in ready:
                return
            with contextlib.suppress(OSError):  # that the interface is down, told once
                self.frames.append((time.time(), self._socket.recv(65536)))

    def close(self) -> None:
        """Stop listening."""
        os.write(self._stop, b"x")
        self._thread.join()
        for fd in (self._wake, self._stop):
            os.close(fd)
        self._socket.close()


class Segment:
    """The namespace, the cable's end `lan` in it, and the listener on it."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        """Build it; `stack` takes it down."""
        self.namespace = stack.enter_context(NetNs())
        self.namespace.quieten()
        with self.namespace.inside():
            self.tap, _ = open_tap("lan", super_frames=False)
            stack.callback(os.close, self.tap)
            disable_offloads("lan")
        self.namespace.rtnl.set_up("lan", mac=OUR_MAC, mtu=LAN_MTU)
        with self.namespace.inside():
            self.listener = Listener("lan")
            stack.callback(self.listener.close)

    @contextlib.contextmanager
    def recording(self) -> Iterator[Recording]:
        """What passes meanwhile."""
        yield Recording(self.listener, len(self.listener.frames))

    def has(self, interface: str) -> bool:
        """Whether there is such an interface in the namespace."""
        try:
            self.namespace.rtnl.facts(interface)
        except DriverError:
            return False
        return True

    def socket(self, kind: int, protocol: int = 0) -> socket.socket:
        """An IPv4 socket in the namespace, that does not wait for ever."""
        with self.namespace.inside():
            made = socket.socket(socket.AF_INET, kind, protocol)
        made.settimeout(PATIENCE_S)
        return made


class Recording:
    """The frames of a segment since a moment."""

    def __init__(self, listener: Listener, index: int) -> None:
        self._listener = listener
        self._index = index

    def frames(self) -> list[bytes]:
        """All of them."""
        return [frame for _, frame in self._listener.frames[self._index :]]

    def save(self, path: Path) -> None:
        """Write them as a capture in the classic pcap format."""
        with path.open("wb") as out:
            out.write(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
            for stamp, frame in self._listener.frames[self._index :]:
                header = (int(stamp), int(stamp % 1 * 1e6), len(frame), len(frame))
                out.write(b"".join(value.to_bytes(4, "little") for value in header) + frame)

    def of(self, ethertype: int, source: MacAddress | None = None) -> list[bytes]:
        """Those of an EtherType, all or from one source."""
        want = ethertype.to_bytes(2, "big")
        frames = [frame for frame in self.frames() if frame[12:14] == want]
        return [frame for frame in frames if source is None or frame[6:12] == source.octets]

    def in_clear(self) -> list[bytes]:
        """Those that are neither MACsec nor EAPOL."""
        secure = (packets.ETHERTYPE_MACSEC.to_bytes(2, "big"), b"\x88\x8e")
        return [frame for frame in self.frames() if frame[12:14] not in secure]
