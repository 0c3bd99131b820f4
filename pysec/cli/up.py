"""Why this exists: `pysec up` puts one interface of this machine under MACsec, and tells each step and its reason.

Exit status: 0 ended on request (Ctrl-C, SIGTERM), 1 the port failed, 2 usage or bad input, 77 this system or this user
cannot do it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pysec import keyfile
from pysec.errors import UsageError
from pysec.mka.kay import KayConfig
from pysec.mka.keys import Cak
from pysec.pae import PaeConfig, Policy, PortEvent, Source
from pysec.protocols import Controls
from pysec.runtime import bypass
from pysec.runtime.bypass import KNOWN
from pysec.runtime.guard import GuardUnavailable
from pysec.runtime.single import SingleConfig, SinglePort, why_unavailable
from pysec.types import CipherSuite, ConfidentialityOffset

OFFSETS = {
    "none": ConfidentialityOffset.INTEGRITY_ONLY,
    "0": ConfidentialityOffset.ZERO,
    "30": ConfidentialityOffset.THIRTY,
    "50": ConfidentialityOffset.FIFTY,
}


def add_parser(subparsers: Any) -> None:
    """Add `up`."""
    p = subparsers.add_parser(
        "up",
        help="run one port: MKA and MACsec on an interface",
        description="Protect an interface by MACsec with a pre-shared CAK. The host uses the TAP that is made.",
    )
    p.set_defaults(run=run)
    p.add_argument("interface", metavar="IFACE", help="the common port: what the cable is in")
    p.add_argument("--key", type=Path, metavar="FILE", required=True, help="the key file (pysec genkey), - for stdin")
    p.add_argument("--foreground", action="store_true", help="stay here and tell; there is no other way as yet")
    p.add_argument("--controlled", metavar="NAME", default="", help="the TAP interface to make (ms-IFACE)")
    p.add_argument(
        "--policy",
        choices=[policy.value for policy in Policy],
        default="must-secure",
        help="what is not secured (%(default)s)",
    )
    p.add_argument("--priority", type=int, metavar="N", default=16, help="key server priority, 255 never (%(default)s)")
    p.add_argument("--suite", action="append", metavar="NAME", help="a cipher suite, the best first; may come again")
    p.add_argument("--offset", choices=OFFSETS, default="0", help="confidentiality offset, none: integrity only (0)")
    p.add_argument("--replay-window", type=int, metavar="N", default=0, help="packet numbers that may come late (0)")
    p.add_argument("--rekey-period", type=float, metavar="S", help="as key server, a new SAK every S seconds")
    p.add_argument("--delay-protect", action="store_true", help="bound how late frames may arrive")
    p.add_argument(
        "--bypass", action="append", metavar="NAME", default=[], help=f"goes round MACsec: {', '.join(KNOWN)}; again"
    )
    p.add_argument("--no-guard", action="store_true", help="leave the host's own stack on the interface, in clear")
    p.add_argument("--raise-mtu", action="store_true", help="raise IFACE's MTU; the TAP has what IFACE had then")
    p.add_argument("--implicit-sci", action="store_true", help="no SCI in the SecTAG while there is a single peer")
    p.add_argument(
        "--vlan-tags-in-clear", type=int, choices=(0, 1, 2), default=0, help="stay before the SecTAG (%(default)s)"
    )
    p.add_argument(
        "--residence", type=int, metavar="N", default=0, help="time one burst of N inside the port, told at the end"
    )
    p.add_argument("--trace", type=Path, metavar="FILE", help="write MKPDUs, decoded, and events as JSON lines")
    p.add_argument(
        "--keylog", type=Path, metavar="FILE", help="write SAKs for Wireshark; whoever reads it reads the link"
    )
    p.add_argument("--verbose", action="store_true", help="also each step in the data plane")
    p.add_argument("--json", action="store_true", help="each event as one JSON object")


def _config(args: argparse.Namespace) -> SingleConfig:
    """What was asked for (UsageError)."""
    if not args.foreground:
        raise UsageError("up: --foreground is needed; a service in the background is not there yet")
    if not 0 <= args.replay_window < 1 << 32:
        raise UsageError(f"--replay-window {args.replay_window}: must be 0 to 2^32 - 1")
    if args.rekey_period is not None and args.rekey_period < 1:
        raise UsageError(f"--rekey-period {args.rekey_period:g}: must be 1 or more")
    if not 0 <= args.residence < 1 << 32:
        raise UsageError(f"--residence {args.residence}: must be 0 (none) to 2^32 - 1")
    policy, offset = Policy(args.policy), OFFSETS[args.offset]
    suites = tuple(CipherSuite.parse(name) for name in args.suite or ())
    kay = KayConfig(
        key_server_priority=args.priority,
        confidentiality_offset=offset,
        plain_allowed=policy is Policy.SHOULD_SECURE,
        rekey_period_s=args.rekey_period,
        delay_protect=args.delay_protect,
    )
    if suites:
        kay = replace(kay, cipher_suites=suites)
    controls = Controls(replay_window=args.replay_window, cipher_suite=kay.cipher_suites[0])
    return SingleConfig(
        args.interface,
        PaeConfig(policy, kay, controls),
        args.controlled,
        trace=args.trace,
        keylog=args.keylog,
        guard=not args.no_guard,
        bypass=bypass.named(args.bypass),
        raise_mtu=args.raise_mtu,
        implicit_sci=args.implicit_sci,
        vlan_tags_in_clear=args.vlan_tags_in_clear,
        residence_every=args.residence,
    )


class _Teller:
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


def run(args: argparse.Namespace) -> int:
    """Run the port until it is told to end."""
    config = _config(args)
    with_cak = keyfile.read_cak(args.key)
    try:
        if (why := why_unavailable()) is not None:
            print(f"pysec up: {why}", file=sys.stderr)
            return 77
        return asyncio.run(_serve(config, with_cak, _Teller(args.json, args.verbose), args.json))
    except GuardUnavailable as error:
        print(f"pysec up: {error}; must-secure needs it, or --no-guard", file=sys.stderr)
        return 77
    finally:
        with_cak.erase()


def _residence(port: SinglePort, tell: _Teller, now: float) -> dict[str, Any]:
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


async def _serve(config: SingleConfig, cak: Cak, tell: _Teller, as_json: bool) -> int:
    loop = asyncio.get_running_loop()
    tell.since = loop.time()
    port = SinglePort(config, cak, tell)
    ended_by: list[str] = []

    def end(which: signal.Signals) -> None:
        ended_by.append(which.name)
        port.ended.set()

    try:
        for which in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(which, end, which)
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
