"""Why this exists: `pysec service` runs many links in one process, from boot to shutdown, and answers the commands.

Exit status: 0 ended on request, 2 usage or bad input, 77 this system or this user cannot do it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import grp
import socket
import sys
from pathlib import Path
from typing import Any

from pysec.errors import UsageError
from pysec.mgmt import linkfile
from pysec.mgmt.client import SOCKET_NAME
from pysec.mgmt.settings import Link, gather
from pysec.runtime.folder import made, run_folder
from pysec.runtime.privacy import keep_memory_private
from pysec.runtime.single import why_unavailable


def add_parser(subparsers: Any) -> None:
    """Add `service`."""
    p = subparsers.add_parser(
        "service",
        help="run many links in one process",
        description="Run links and answer the commands. SIGHUP reads the files again, and changes only what changed. "
        "Ended, it leaves the interfaces closed to the host: the next service takes them over, pysec down opens them.",
    )
    p.set_defaults(run=run)
    p.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="a link's file, or a folder of them")
    p.add_argument("--socket", type=Path, metavar="PATH", help="where to listen (/run/pysec/control.sock)")
    p.add_argument("--group", metavar="NAME", help="a group that may speak to the service, beside its own user")
    p.add_argument("--metrics", metavar="ADDRESS:PORT", help="also answer GET /metrics there, by TCP")
    p.add_argument("--log", metavar="FILE", type=Path, help="write events there (the journal, or standard error)")
    p.add_argument("--until-idle", action="store_true", help="end when the last link has gone down")


def run(args: argparse.Namespace) -> int:
    """Run until told to end."""
    if (why := why_unavailable()) is not None:
        print(f"pysec service: {why}", file=sys.stderr)
        return 77
    keep_memory_private()
    args.log = None if args.log is None else args.log.absolute()
    args.paths = [path.absolute() for path in args.paths]
    # Only the service itself needs these; every command would wait for them.
    from pysec.mgmt.http import unix_listener
    from pysec.mgmt.journal import open_journal
    from pysec.mgmt.service import Service

    try:
        group = None if args.group is None else grp.getgrnam(args.group).gr_gid
    except KeyError:
        raise UsageError(f"--group {args.group}: there is no such group") from None
    folder = made(run_folder() if args.socket is None else args.socket.absolute().parent)
    path = folder / SOCKET_NAME if args.socket is None else args.socket.absolute()
    service = Service(folder, lambda: _wanted(args.paths), open_journal(args.log), until_idle=args.until_idle)
    metrics = None if args.metrics is None else _tcp_listener(args.metrics)
    listener = unix_listener(path, group)
    try:
        asyncio.run(service.serve(listener, metrics))
    finally:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    return 0


def _wanted(paths: list[Path]) -> dict[str, Link]:
    """The links that the files say (UsageError, FormatError, OSError)."""
    found: dict[str, Link] = {}
    for path in paths:
        files = linkfile.read_folder(path) if path.is_dir() else {path: linkfile.read(path)}
        for name, values in files.items():
            try:
                link = gather(values)
            except UsageError as error:
                raise UsageError(f"{name}: {error}") from None
            interface = link["interface"].value
            if interface in found:
                raise UsageError(f"{name}: {interface} stands in another file, too")
            found[interface] = link
    return found


def _tcp_listener(where: str) -> socket.socket:
    host, _, port = where.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) < 1 << 16 or not host:
        raise UsageError(f"--metrics {where}: must be ADDRESS:PORT, as in 127.0.0.1:9464")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host.strip("[]"), int(port)), family=family)
