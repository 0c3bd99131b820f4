"""Why this exists: what a protected link carries and costs, beside the same link without MACsec, and beside others.

Three parts: TCP, one stream and four, through the TAP interfaces of two hosts; frames a second through a box between
two cables; and round trips between the two hosts, one after another. See bench/README.md for the providers.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import sys
from collections.abc import Callable

from bench import port_frames, port_latency, port_links, port_tcp
from bench.options import Effort, Session, Subparsers, add_common, numbers
from bench.port_devices import DEVICES
from bench.port_rows import FramesRow, LatencyRow, PortRow, TcpRow
from pysec.errors import UsageError
from pysec.lab.netns import why_unavailable
from pysec.types import CipherSuite

PARTS = ("tcp", "frames", "latency")
PLAIN = "pysec:GCM-AES-128"  # of which there is a row with plain TAP interfaces, too
OURS = (PLAIN, "pysec:GCM-AES-256", "pysec:GCM-AES-XPN-256", f"{PLAIN}{port_links.INTEGRITY}")
PROVIDERS = ("veth", "bridge", "bare", "forwarder", *OURS, "kernel", "wireguard-go", "openvpn")
SPIN_US = 100  # how long a port's threads look for the next frame before they sleep, in a row of its own
SIZES = (64, 512, 1500, 9000)
EFFORT = Effort(5, 3000, 1, 1000, "a minute: does it run? the figures mean little")

Job = tuple[PortRow, Callable[[], None]]


def add_parser(subparsers: Subparsers) -> None:
    """`python -m bench port`."""
    parser = subparsers.add_parser("port", help="a protected link, beside others", description=__doc__)
    add_common(parser, EFFORT)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may come again (all)")
    parser.add_argument("--streams", type=numbers, metavar="N,..", help="TCP streams at once (1,4)")
    parser.add_argument("--octets", type=numbers, metavar="N,..", help="frame sizes (64,512,1500,9000; quick 64,1500)")
    parser.add_argument("--provider", action="append", metavar="NAME", help=f"only this one ({', '.join(PROVIDERS)})")
    parser.add_argument("--dev", metavar="A", help="an interface of this machine, instead of veths; tcp and latency")
    parser.add_argument("--peer-dev", metavar="B", help="the interface at the other end of its cable")
    parser.set_defaults(run=run)


def _providers(args: argparse.Namespace) -> list[str]:
    wanted = args.provider or list(PROVIDERS)
    known = {*PROVIDERS, *(f"pysec:{suite}" for suite in CipherSuite)}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UsageError(f"--provider {unknown[0]}: known are {', '.join(sorted(known))}")
    return wanted


def _suite(provider: str) -> str | None:
    return provider.removeprefix("pysec:").removesuffix(port_links.INTEGRITY) if provider.startswith("pysec:") else None


class _Run:
    """What is to be measured; what cannot be is named."""

    def __init__(self, args: argparse.Namespace, session: Session) -> None:
        self._args, self._providers = args, _providers(args)
        self._seconds = max(1, round(session.sample_ns / 1e9))
        self.missing: dict[str, str] = {}

    def tcp(self) -> list[Job]:
        """Through the TAP interfaces of two hosts."""
        if shutil.which("iperf3") is None:
            self.missing["tcp"] = "iperf3 is not installed"
            return []
        found: list[Job] = []
        for streams in self._args.streams or [1, 4]:
            for provider in self._providers:
                maker, why = port_links.find(provider, self._args.impl)
                if maker is None:
                    self.missing[f"{provider}, tcp"] = why
                    continue
                workers = 4 if provider == "forwarder" or _suite(provider) else 0
                kinds = [("", maker)]
                if provider == PLAIN:
                    plain = functools.partial(port_links.ports, _suite(provider), self._args.impl, super_frames=False)
                    kinds.append(("-plain-tap", plain))
                for kind, make in kinds:
                    row = TcpRow("port", provider, f"tcp-{streams}{kind}", suite=_suite(provider))
                    row.streams, row.workers = streams, workers
                    sample = functools.partial(port_tcp.run, make, streams, self._seconds)
                    found.append((row, lambda row=row, sample=sample: row.add(sample())))
        return found

    def frames(self) -> list[Job]:
        """Through a box between two cables."""
        found: list[Job] = []
        if DEVICES.names is not None:
            self.missing["frames"] = "two interfaces make one cable, and a box needs two"
            return found
        for octets in self._args.octets or ([64, 1500] if self._args.quick else SIZES):
            if not 14 <= octets <= max(SIZES):
                raise UsageError(f"--octets {octets}: must be 14 to {max(SIZES)}")
            for provider in self._providers:
                maker, why = port_frames.find(provider, self._args.impl)
                if maker is None:
                    self.missing[f"{provider}, frames"] = why
                    continue
                row = FramesRow("port", provider, "frames", suite=_suite(provider), frame_octets=octets, burst=1)
                row.workers = 0 if provider == "bridge" else 1
                sample = functools.partial(port_frames.run, maker, octets, self._seconds)
                found.append((row, lambda row=row, sample=sample: row.add(sample())))
        return found

    def latency(self) -> list[Job]:
        """There and back, through the TAP interfaces of two hosts."""
        found: list[Job] = []
        for kind in port_latency.KINDS:
            for provider in self._providers:
                maker, why = port_links.find(provider, self._args.impl, residence_every=1)
                if maker is None:
                    self.missing[f"{provider}, latency"] = why
                    continue
                makers = [(kind, maker)]
                if provider == PLAIN:
                    spinning, _ = port_links.find(provider, self._args.impl, residence_every=1, spin_us=SPIN_US)
                    makers += [(f"{kind}-spin", spinning)] if spinning is not None else []
                for op, make in makers:
                    row = LatencyRow("port", provider, op, suite=_suite(provider))
                    sample = functools.partial(port_latency.run, make, kind, self._seconds)
                    found.append((row, lambda row=row, sample=sample: row.add(sample())))
        return found


def run(args: argparse.Namespace) -> int:
    """Measure. Exit status 1 if a link did what it must not."""
    why = why_unavailable()
    if why is not None:
        raise UsageError(f"bench port: {why}")
    DEVICES.use(args.dev, args.peer_dev)
    everywhere = os.sched_getaffinity(0)
    session = Session(args, EFFORT)
    os.sched_setaffinity(0, everywhere)  # two hosts and a link do not fit on one CPU
    session.card["pinned_to"] = sorted(everywhere)
    parts = _Run(args, session)
    jobs = [job for part in args.part or PARTS for job in getattr(parts, part)()]
    for name, reason in parts.missing.items():
        print(f"{name}: missing ({reason})", file=sys.stderr)
    session.card["missing"] = parts.missing
    for turn in range(session.repeats):
        for number, (row, measure) in enumerate(jobs, 1):
            session.progress(f"run {turn + 1}/{session.repeats}, {number}/{len(jobs)}: {row.provider} {row.op}")
            measure()
    rows = [row for row, _ in jobs]
    session.rows += rows
    session.finish("\n".join(row.line() for row in rows))
    faults = [fault for row in rows for sample in row.found for fault in sample.faults]
    for fault in faults:
        print(f"bench port: {fault}", file=sys.stderr)
    return 1 if faults else 0
