"""Why this exists: a port's MKPDUs come and go by a packet socket, by the uncontrolled port of a SecY, or in memory.

Each is an `L2Link`: whole frames, never blocking. A frame for which there is no room is lost, as on a wire: MKA expects
that, and waiting would hold up every other port of the process.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from types import TracebackType
from typing import Final, Self

from pysec.errors import DriverError
from pysec.types import MacAddress
from pysec.wire import eapol

MAX_FRAME_OCTETS: Final = 2048
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_DROP_MEMBERSHIP = 263, 1, 2
PACKET_MR_MULTICAST, PACKET_MR_PROMISC, PACKET_MR_ALLMULTI = 0, 1, 2
PACKET_OUTGOING: Final = 4
# What a send may meet without its being anybody's fault: no room just now, or the link is down.
_LOST: Final = (BlockingIOError, InterruptedError)


class SocketLink:
    """One end of a local socket that keeps message boundaries: the uncontrolled port of a `pysec.Port`, say."""

    def __init__(self, end: socket.socket) -> None:
        """Take over the socket; `close` closes it."""
        end.setblocking(False)
        self._socket = end
        self.lost = 0

    def send(self, frame: bytes) -> None:
        """See L2Link; `lost` counts those for which there was no room."""
        try:
            self._socket.send(frame)
        except _LOST:
            self.lost += 1
        except OSError as error:
            raise DriverError(f"link: {error.strerror}") from None

    def receive(self) -> bytes | None:
        """See L2Link (DriverError once the other end has gone)."""
        try:
            frame = self._socket.recv(MAX_FRAME_OCTETS)
        except _LOST:
            return None
        except OSError as error:
            raise DriverError(f"link: {error.strerror}") from None
        if not frame:
            raise DriverError("link: the other end has been closed")
        return frame

    def fileno(self) -> int:
        """See L2Link."""
        return self._socket.fileno()

    def close(self) -> None:
        """See L2Link."""
        self._socket.close()


class MemoryLink(SocketLink):
    """One of two ends of a wire in memory."""

    @classmethod
    def pair(cls) -> tuple[MemoryLink, MemoryLink]:
        """Both ends."""
        first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(first), cls(second)


class PacketLink:
    """The EAPOL frames of one interface of the calling thread's network namespace, by a packet socket."""

    def __init__(
        self,
        interface: str,
        *,
        ethertype: int = eapol.ETHERTYPE,
        destination: MacAddress = eapol.PAE_GROUP_ADDRESS,
    ) -> None:
        """Open it and have the interface take frames to the group address (DriverError)."""
        self._interface = interface
        self.lost = 0
        try:
            # Protocol 0: nothing arrives before it is bound to the one interface that it is for.
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        except OSError as error:
            raise DriverError(f"packet socket: {error.strerror}") from None
        try:
            self._socket.setblocking(False)
            join_group(self._socket, interface, destination)
            self._socket.bind((interface, ethertype))
        except OSError as error:
            self._socket.close()
            raise DriverError(f"packet socket on {interface}: {error.strerror}") from None

    def send(self, frame: bytes) -> None:
        """See L2Link; a link that is down, or has no room, loses the frame."""
        try:
            self._socket.send(frame)
        except OSError:
            self.lost += 1

    def receive(self) -> bytes | None:
        """See L2Link (DriverError once the interface has gone). What others send from here is passed over."""
        while True:
            try:
                frame, address = self._socket.recvfrom(MAX_FRAME_OCTETS)
            except _LOST:
                return None
            except OSError as error:
                if error.errno == errno.ENETDOWN:  # told once when the interface goes down
                    continue
                raise DriverError(f"packet socket on {self._interface}: {error.strerror}") from None
            if address[2] != PACKET_OUTGOING:
                return frame

    def fileno(self) -> int:
        """See L2Link."""
        return self._socket.fileno()

    def close(self) -> None:
        """See L2Link."""
        self._socket.close()


def join_group(sock: socket.socket, interface: str, address: MacAddress) -> None:
    """Have an interface take frames to a group address as long as the packet socket is open (OSError)."""
    if address.is_group:
        index = socket.if_nametoindex(interface)
        request = struct.pack("=iHH8s", index, PACKET_MR_MULTICAST, 6, address.octets)
        sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)


class Memberships:
    """What an interface has to take beside a port that reads it: a group address, all of them, or everything.

    They go with `close`, and with the process. The interface's own settings stay as they are.
    """

    def __init__(self, interface: str, address: MacAddress = eapol.PAE_GROUP_ADDRESS) -> None:
        """Join the group address (DriverError)."""
        self._interface = interface
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        except OSError as error:
            raise DriverError(f"packet socket: {os.strerror(error.errno or 0)}") from None
        try:
            join_group(self._socket, interface, address)
            self._index = socket.if_nametoindex(interface)
        except OSError as error:
            self._socket.close()
            raise DriverError(f"{interface}: group address {address}: {error.strerror}") from None
        self._all_groups = self._everything = False

    def all_groups(self, wanted: bool) -> None:
        """Take frames to every group address, or no longer (DriverError)."""
        if wanted != self._all_groups:
            self._set(PACKET_MR_ALLMULTI, wanted)
            self._all_groups = wanted

    def everything(self, wanted: bool) -> None:
        """Take every frame, or no longer (DriverError)."""
        if wanted != self._everything:
            self._set(PACKET_MR_PROMISC, wanted)
            self._everything = wanted

    def _set(self, kind: int, wanted: bool) -> None:
        request = struct.pack("=iHH8s", self._index, kind, 0, b"")
        option = PACKET_ADD_MEMBERSHIP if wanted else PACKET_DROP_MEMBERSHIP
        try:
            self._socket.setsockopt(SOL_PACKET, option, request)
        except OSError as error:
            raise DriverError(f"{self._interface}: which frames it takes: {error.strerror}") from None

    def fileno(self) -> int:
        """The packet socket's descriptor, -1 once it is closed."""
        return self._socket.fileno()

    def close(self) -> None:
        """End them all."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
