"""Why this exists: the control API is HTTP over a unix socket, so that any program can speak it; h11 knows HTTP.

One request at a time on a connection, each with an end to its patience and to its size. What a client does wrong is
answered, or ends its connection, and is of no effect on others.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Final

import h11

from pysec.errors import KeyStoreError, UsageError
from pysec.mgmt.api import Answer, Api, Asker
from pysec.mgmt.client import NAMESPACE

MAX_BODY_OCTETS: Final = 1 << 20
PATIENCE_S: Final = 30.0
MAX_CONNECTIONS: Final = 64
_PIECE: Final = 65536


class HttpServer:
    """An API on a socket that listens."""

    def __init__(self, api: Api, only: frozenset[str] = frozenset()) -> None:
        """only: the paths that are answered here; none: all."""
        self._api, self._only = api, only
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()

    async def start(self, listener: socket.socket) -> None:
        """Listen; the socket is the server's from now."""
        make = asyncio.start_unix_server if listener.family == socket.AF_UNIX else asyncio.start_server
        self._server = await make(self._serve, sock=listener)

    async def close(self) -> None:
        """End it, and whoever is connected."""
        if self._server is not None:
            self._server.close()
        for task in list(self._busy):
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._busy) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._busy.add(task)
        try:
            await self._talk(reader, writer)
        except (h11.ProtocolError, OSError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._busy.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=16384)
        while True:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    asked = await self._request(connection, reader)
            except h11.RemoteProtocolError as error:
                if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                    words = f"not HTTP as it should be: {error}"
                    _send(connection, writer, Answer.error(error.error_status_hint, "UsageError", words), False)
                    await writer.drain()
                return
            if asked is None:
                return
            request, body = asked
            answer = await self._answer(request, body, _is_owner(writer))
            _send(connection, writer, answer, request.method == b"HEAD")
            await writer.drain()
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _request(
        self, connection: h11.Connection, reader: asyncio.StreamReader
    ) -> tuple[h11.Request, bytes] | None:
        """The next request with its body; None at the end."""
        request, body = None, bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(_PIECE))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_BODY_OCTETS:
                    raise h11.RemoteProtocolError("the body is too long", error_status_hint=413)
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                return request, bytes(body)
            else:
                return None

    async def _answer(self, request: h11.Request, body: bytes, is_owner: bool) -> Answer:
        target = request.target.decode("ascii", "replace")
        if self._only and target.partition("?")[0] not in self._only:
            return Answer.error(404, "UsageError", f"only {', '.join(sorted(self._only))} is here")
        lives_in = next((value for name, value in request.headers if name == NAMESPACE.encode()), b"")
        method = "GET" if request.method == b"HEAD" else request.method.decode("ascii", "replace")
        asker = Asker(lives_in.decode("ascii", "replace"), is_owner)
        return await self._api.answer(method, target, body, asker)


def _is_owner(writer: asyncio.StreamWriter) -> bool:
    """Whether the other end of a unix socket is the service's own user, or root."""
    sock = writer.get_extra_info("socket")
    if sock is None or sock.family != socket.AF_UNIX:
        return False
    _, uid, _ = struct.unpack("=iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid in (0, os.geteuid())


def _send(connection: h11.Connection, writer: asyncio.StreamWriter, answer: Answer, head_only: bool) -> None:
    headers = [("Content-Type", answer.type), ("Content-Length", str(len(answer.octets)))]
    events: list[h11.Event] = [h11.Response(status_code=answer.status, headers=headers)]
    if not head_only:
        events.append(h11.Data(data=answer.octets))
    for event in (*events, h11.EndOfMessage()):
        writer.write(connection.send(event) or b"")


def unix_listener(path: Path, group: int | None = None) -> socket.socket:
    """A socket that listens at a path, mode 0600, or 0660 for a group (UsageError if a service listens there already,
    KeyStoreError if something else is there, OSError)."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise KeyStoreError(f"{path}: something else than a socket is there")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink()  # of a service that was killed
            else:
                raise UsageError(f"{path}: a service listens there already")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        if group is not None:
            os.chown(path, -1, group, follow_symlinks=False)
            path.chmod(0o660)
        listener.listen(16)
    except BaseException:
        listener.close()
        raise
    return listener
