"""Why this exists: one port in the foreground tells each step and its reason, and ends with the terminal.

Exit status: 0 ended on request (Ctrl-C, SIGTERM), 1 the port failed.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import asdict
from typing import Any

from pysec.mka.keys import Cak
from pysec.pae import PortEvent, Source
from pysec.runtime.single import SingleConfig, SinglePort


class Teller:
    """Prints events, with the time since the beginning."""

    def __init__(self, as_json: bool, verbose: bool) -> None:
        self._json, self._verbose = as_json, verbose
        self.since = 0.0

    def __call__(self, event: PortEvent) -> None:
        if event.name == "step-done" and not self._verbose:
            return
        at = event.at - self.since
        if self._json:
            line = {"at": round(at, 6), "source": event.source.value, "name": event.name, "reason": event.reason}
            print(json.dumps(line), flush=True)
        else:
            mark = "**" if event.source is Source.PORT and event.name in ("secured", "closed", "in-clear") else "  "
            print(f"{at:10.3f} {mark} {event}", flush=True)


def _residence(port: SinglePort, tell: Teller, now: float) -> dict[str, Any]:
    """Tell how long frames stayed in the port, if that was asked for; the same for the last line."""
    found = port.residence()
    if found is None:
        return {}
    allowed = port.allowed_ns
    bound = "" if allowed is None else f"; at this link's speed {allowed / 1e3:.1f} us are allowed"
    ways = {"transmit": found.transmit, "receive": found.receive}
    for way, residence in ways.items():
        tell(PortEvent(now, Source.PORT, "residence", f"{way}: {residence.in_words()}{bound}"))
    return {"residence": {way: residence.as_dict() for way, residence in ways.items()} | {"allowed_ns": allowed}}


async def serve(config: SingleConfig, cak: Cak, tell: Teller, as_json: bool) -> int:
    """Run the port until it is told to end; the exit status (PysecError, OSError if it cannot begin)."""
    loop = asyncio.get_running_loop()
    tell.since = loop.time()
    ended_by: list[str] = []
    ports: list[SinglePort] = []

    def end(which: signal.Signals) -> None:
        ended_by.append(which.name)
        for each in ports:
            each.ended.set()

    for which in (signal.SIGINT, signal.SIGTERM):  # before anything is changed that has to be put back
        loop.add_signal_handler(which, end, which)
    port = SinglePort(config, cak, tell)
    ports.append(port)
    try:
        if ended_by:
            port.ended.set()
        tell(
            PortEvent(
                loop.time(), Source.PORT, "up", f"{config.interface} to {config.controlled_name}, SCI {port.pae.sci}"
            )
        )
        port.start()
        await port.ended.wait()
        status = port.status().as_dict()
        status["guard"] = [asdict(count) for count in port.common.counts()]
        status |= _residence(port, tell, loop.time())
    finally:
        port.close()
    why = "ended by " + ended_by[0] if port.failure is None else str(port.failure)
    tell(PortEvent(loop.time(), Source.PORT, "down", f"{why}; {config.controlled_name} and all keys are gone"))
    if as_json:
        ok = port.failure is None
        print(
            json.dumps({"ok": ok, "checks": [{"id": "ended", "ok": ok, "detail": why}], "status": status}), flush=True
        )
    elif port.failure is not None:
        print(f"pysec up: {port.failure}", file=sys.stderr)
    return 0 if port.failure is None else 1
