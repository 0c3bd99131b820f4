"""Why this exists: commands that speak to a service find it or start it, and tell people what became of a link."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from pysec.errors import DriverError
from pysec.mgmt.client import Client
from pysec.mgmt.errors import NoService, NoSuchLink, Unavailable
from pysec.mgmt.settings import Link, document
from pysec.runtime.folder import made
from pysec.runtime.single import why_unavailable

START_S: Final = 15.0
LOG_NAME, EVENTS_NAME = "service.log", "events.log"
# What has changed about the host, which a user wants to see at once.
_TOLD: Final = ("addresses", "offload", "mtu", "warning")


def add_socket(p: argparse.ArgumentParser) -> None:
    """Add the option that names a service."""
    p.add_argument("--socket", type=Path, metavar="PATH", help="where the service listens (of this network namespace)")


def client_of(args: argparse.Namespace) -> Client:
    """The service that is meant."""
    return Client(args.socket)


def said(error: Exception) -> int:
    """Say on the standard error that it cannot be done here; 77."""
    print(f"pysec: {error}", file=sys.stderr)
    return 77


def start_service(client: Client) -> None:
    """Start a service that ends when its last link has (Unavailable; DriverError if it does not come up)."""
    if (why := why_unavailable()) is not None:
        raise Unavailable(why)
    folder = made(client.path.parent)
    log = folder / LOG_NAME
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    command = [sys.executable, "-m", "pysec", "service", "--until-idle", "--socket", str(client.path)]
    command += ["--log", str(folder / EVENTS_NAME)]
    with open(fd, "ab") as out:
        begun = out.tell()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        with contextlib.suppress(NoService):
            client.ask("GET", "/v1/service")
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    with log.open("rb") as lines:
        lines.seek(begun)
        last = lines.read().decode(errors="replace").strip().splitlines()[-1:]
    raise DriverError(f"the service did not come up: {''.join(last) or 'it said nothing'} (see {log})")


def up(args: argparse.Namespace, link: Link) -> int:
    """Have the service bring a link up, and wait until it is secured."""
    client, name = client_of(args), link["interface"].value
    body = document(link)
    trial = "" if args.try_s is None else f"?try={args.try_s:g}"
    started = False
    try:
        try:
            done = client.link("PUT", name, trial, body)
        except NoService:
            start_service(client)
            started = True
            done = client.link("PUT", name, trial, body)
    except Unavailable as error:
        return said(error)
    if started and not args.json:
        log = client.path.parent / EVENTS_NAME
        print(f"started a service for this link; pysec down {name} ends it, it writes {log}")
    if not args.json and done["done"] != "unchanged":
        for event in client.link("GET", name, "/events")["events"]:
            if event["name"] in _TOLD:
                print(f"  {event['reason']}")
    report = _secured(client, name, args.wait)
    if args.try_s is not None:
        return _tried(args, client, name, report)
    ok = bool(report["secured"])
    if args.json:
        check = {"id": "secured", "ok": ok, "detail": words_of(report)}
        print(json.dumps({"ok": ok, "checks": [check], "done": done["done"], "link": report}))
    else:
        before = {"unchanged": "is up already, with these settings: "}.get(done["done"], "")
        print(f"{name}: {before}{words_of(report)}")
        if not ok:
            print(f"  it goes on trying; pysec show {name} tells how far it is, pysec doctor {name} what may be wrong")
    return 0 if ok else 1


def _secured(client: Client, name: str, at_most_s: float) -> dict[str, Any]:
    """The link's report, once it is secured or the time is over."""
    end = time.monotonic() + at_most_s
    while True:
        report: dict[str, Any] = client.link("GET", name)
        if report["secured"] or time.monotonic() >= end:
            return report
        time.sleep(0.05)


def words_of(report: dict[str, Any]) -> str:
    """One line about a link."""
    if report["secured"]:
        server = "this end" if report["is-key-server"] else report["key-server"]
        how = f"{report['protection']} with {report['cipher-suite']}"
        return f"SECURED, {how}; use {report['controlled']}; key server {server}"
    state = {"in-clear": "OPEN IN THE CLEAR", "gone": "GONE", "failed": "FAILED"}.get(report["state"], "CLOSED")
    return f"{state}: {report['why']}"


def _tried(args: argparse.Namespace, client: Client, name: str, report: dict[str, Any]) -> int:
    """Ask at a terminal whether it is to stay; without one, somebody has to come and say so."""
    if args.json or not sys.stdin.isatty():
        if args.json:
            print(json.dumps({"ok": report["secured"], "checks": [], "done": "on trial", "link": report}))
        else:
            print(f"{name}: {words_of(report)}")
            print(f"  undone in {report['trial-left-s']:.0f} s unless somebody says: pysec confirm {name}")
        return 0 if report["secured"] else 1
    print(f"{name}: {words_of(report)}")
    print(f"Type yes within {report['trial-left-s']:.0f} s to keep it: ", end="", flush=True)
    ready, _, _ = select.select([sys.stdin], [], [], report["trial-left-s"])
    if ready and sys.stdin.readline().strip().lower() == "yes":
        client.link("POST", name, "/confirm")
        print("It stays.")
        return 0 if report["secured"] else 1
    with contextlib.suppress(NoSuchLink, NoService):
        if ready:
            client.link("DELETE", name)
    print("\nUndone." if not ready else "Undone: that was not yes.")
    return 1
