"""Why this exists: links, addresses and routes are asked for and changed by route netlink, one request after another.

The messages of RFC 3549, written out by hand: no library and no command of the system has to be there.
"""

from __future__ import annotations

import os
import socket
import struct
from types import TracebackType
from typing import Final, Self

from pysec.errors import DriverError
from pysec.runtime import netlink
from pysec.runtime.netlink import NLM_F_DUMP, NLMSG_DONE, NLMSG_ERROR

_SEVERAL: Final = 1 << 18


class RouteSocket:
    """A route netlink socket of the namespace in which it is opened; it may be used from outside afterwards."""

    def __init__(self) -> None:
        """Open it (DriverError)."""
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        except OSError as error:
            raise DriverError(f"route netlink: {error.strerror}") from None
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def request(self, what: str, kind: int, flags: int, body: bytes) -> bytes:
        """Send one message; the body of the answer, which is empty for an acknowledgement (DriverError, with what)."""
        self._sequence += 1
        self._socket.send(netlink.message(kind, flags, self._sequence, body))
        while True:
            answer = self._socket.recv(65536)
            length, answer_kind, _, sequence, _ = struct.unpack_from("=IHHII", answer)
            if sequence != self._sequence:
                continue  # left from a request that was interrupted
            if answer_kind != NLMSG_ERROR:
                return answer[16:length]
            _refuse(what, answer[16:])
            return b""

    def dump(self, what: str, kind: int, body: bytes) -> list[bytes]:
        """The bodies of all that there is of a kind (DriverError, with what)."""
        self._sequence += 1
        self._socket.send(netlink.message(kind, NLM_F_DUMP, self._sequence, body))
        found: list[bytes] = []
        while True:
            for answer_kind, sequence, answer in netlink.messages(self._socket.recv(_SEVERAL)):
                if sequence != self._sequence:
                    continue
                if answer_kind == NLMSG_DONE:
                    return found
                if answer_kind == NLMSG_ERROR:
                    _refuse(what, answer)
                found.append(answer)


def _refuse(what: str, answer: bytes) -> None:
    (error,) = struct.unpack_from("=i", answer)
    if error:
        raise DriverError(f"{what}: {os.strerror(-error)}")
