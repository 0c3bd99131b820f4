"""Why this exists: `pysec down` gives an interface back to the host, whether a service runs its link or a port
that was killed has left it closed.

Exit status: 0 the interface is the host's own (again), 2 usage, or a pysec in the foreground holds the interface, 77
this user or this system cannot do it.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from pysec.cli import managed
from pysec.mgmt import state
from pysec.mgmt.errors import NoService, NoSuchLink, Unavailable
from pysec.runtime.guard import GuardUnavailable
from pysec.runtime.opening import open_again


def add_parser(subparsers: Any) -> None:
    """Add `down`."""
    p = subparsers.add_parser(
        "down",
        help="end a link, and open its interface again",
        description="End a link: its keys go, its addresses and settings are put back, and the host may use the "
        "interface in clear. Also where a pysec that was killed has left it closed.",
    )
    p.set_defaults(run=run)
    p.add_argument("interface", metavar="IFACE", help="the common port")
    managed.add_socket(p)


def run(args: argparse.Namespace) -> int:
    """Have the service end the link, or remove what is left of one (UsageError while a pysec runs there)."""
    name, client = args.interface, managed.client_of(args)
    opened = f"{name}: the guard is gone, the host's own stack may use it in clear"
    try:
        client.link("DELETE", name)
        print(f"{name}: is down; the host's own stack may use it in clear")
        return 0
    except Unavailable as error:
        return managed.said(error)
    except NoSuchLink:
        pass
    except NoService:
        _forget(client.path.parent, name)
    done: list[str] = []
    try:
        if not open_again(name, lambda what, reason: done.append(reason)):
            print(f"{name}: nothing of pysec is left here")
            return 0
    except GuardUnavailable as error:
        print(f"pysec down: {error}", file=sys.stderr)
        return 77
    print("; ".join([opened, *done]))
    return 0


def _forget(folder: Any, name: str) -> None:
    """A service that was killed is not to bring the link back when it starts again."""
    was = state.read(folder)
    if name in was.links or name in was.trials:
        was.links.pop(name, None)
        was.trials.pop(name, None)
        state.write(folder, was)
