"""Why this exists: a service is links, an API and a few signals, in one asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pysec.errors import PysecError
from pysec.mgmt.api import Api
from pysec.mgmt.http import HttpServer
from pysec.mgmt.journal import Journal
from pysec.mgmt.links import Links
from pysec.mgmt.notify import notify, watchdog_s
from pysec.mgmt.settings import Link
from pysec.mgmt.state import forget

_IDLE_S: Final = 2.0
_FIRST_LINK_S: Final = 60.0


class Service:
    """A service while it runs."""

    def __init__(
        self, folder: Path, read_files: Callable[[], dict[str, Link]], journal: Journal, *, until_idle: bool = False
    ) -> None:
        """folder: where its state is. read_files: reads the links that are to be there. until_idle: end when the last
        link has gone down."""
        self._folder, self._read_files, self._journal, self._until_idle = folder, read_files, journal, until_idle
        self._wanted: Mapping[str, Link] = read_files()

    async def serve(self, listener: socket.socket, metrics: socket.socket | None = None) -> None:
        """Answer at a socket until told to end; metrics alone at another."""
        loop = asyncio.get_running_loop()
        ending = asyncio.Event()
        for which in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(which, ending.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_and_tell)
        os.chdir("/")
        self._links = links = Links(self._folder, self._journal)
        api = Api(links, self.reload)
        servers = [HttpServer(api)]
        try:
            links.start(self._wanted)
            await servers[0].start(listener)
            if metrics is not None:
                servers.append(HttpServer(api, frozenset({"/metrics"})))
                await servers[1].start(metrics)
            notify(f"READY=1\nSTATUS={len(links.by_name)} links")
            if not self._until_idle:
                print(f"pysec service: {len(links.by_name)} links, listening at {listener.getsockname()}", flush=True)
            watch = loop.create_task(self._watch(ending))
            await ending.wait()
            watch.cancel()
            notify("STOPPING=1")
        finally:
            for server in servers:
                await server.close()
            links.close()
            if self._until_idle:
                with contextlib.suppress(PysecError, OSError):
                    forget(self._folder)

    def reload(self) -> dict[str, str]:
        """Bring the links to what the files say now; what became of each (UsageError, FormatError, OSError)."""
        wanted = self._read_files()
        before, self._wanted = set(self._wanted), wanted
        return self._links.reload(wanted, before)

    def _reload_and_tell(self) -> None:
        notify("RELOADING=1")
        try:
            done = self.reload()
            said = ", ".join(f"{name} {what}" for name, what in done.items()) or "no files"
        except (PysecError, OSError) as error:
            said = f"nothing changed: {error}"
        print(f"pysec service: read the files again: {said}", flush=True)
        notify("READY=1")

    async def _watch(self, ending: asyncio.Event) -> None:
        """Tell the service manager that we live, and end when there is nothing to do any more."""
        every = watchdog_s()
        patience = _FIRST_LINK_S
        while True:
            await asyncio.sleep(min(every or 1.0, 0.5))
            if every is not None:
                notify("WATCHDOG=1")
            if not self._until_idle:
                continue
            if self._links.by_name:
                patience = _IDLE_S
            else:
                patience -= 0.5
                if patience <= 0:
                    ending.set()
                    return
