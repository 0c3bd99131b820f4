"""Why this exists: `pysec pcap protect|validate|dissect|mka`: captures in, captures or text out.

Exit status: 0 all packets went through, 1 some were refused or left out, 2 bad input and nothing was written.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pysec.dataplane import SecYConfig, gcm_implementations
from pysec.errors import UsageError
from pysec.keyfile import read_cak
from pysec.tools.pcap.dissect import dissect
from pysec.tools.pcap.keys import KeyFile, SciMode, load_keys
from pysec.tools.pcap.mka import Eavesdropper
from pysec.tools.pcap.receive import validate
from pysec.tools.pcap.stream import capture_input
from pysec.tools.pcap.tally import Tally
from pysec.tools.pcap.transmit import protect
from pysec.tools.pcap.writer import capture_output, refuse_overwriting
from pysec.types import PN_SPACE, Sci, ValidateFrames


class _AnyOrder(argparse.ArgumentParser):
    """Takes IN --keys KEYS OUT: argparse alone would give up on a second name after an option."""

    # The signature is argparse's own, less its overloads, which say nothing to us.
    _inside = False

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        if self._inside:
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False


def add_parser(subparsers: Any) -> None:
    """Add `pcap` and its four commands."""
    top = subparsers.add_parser("pcap", help="protect, validate or dissect whole captures; follow MKA in one")
    commands = top.add_subparsers(dest="pcap_command", metavar="COMMAND", required=True, parser_class=_AnyOrder)

    p = _command(commands, "protect", "protect a capture of clear frames", output=True)
    p.add_argument("--an", type=int, choices=range(4), help="the association number (the lowest that has a key)")
    p.add_argument("--sci", help="protect every frame with this SCI, whatever its source address")
    p.add_argument("--sci-mode", choices=[mode.value for mode in SciMode], help="how the SecTAG tells the SCI")
    p.add_argument("--integrity-only", action="store_true", help="protect without encrypting")
    p.add_argument("--allow-clear", action="store_true", help="write frames that have no key as they are")

    p = _command(commands, "validate", "validate a capture of protected frames", output=True)
    _receiver_options(p)
    p.add_argument("--rejects", type=Path, metavar="FILE", help="write refused frames here, as they were")

    p = _command(commands, "dissect", "one line a frame", output=False)
    _receiver_options(p)

    p = commands.add_parser(
        "mka",
        help="one line an MKPDU; with the CAK, verify, unwrap and validate",
        description="Follow MKA in a capture: one line an MKPDU. With the CAK its ICVs are verified, its SAKs "
        "unwrapped, and the MACsec frames validated with them. IN may be - for stdin",
    )
    p.set_defaults(run=run)
    p.add_argument("input", type=Path, metavar="IN", help="pcap or pcapng, Ethernet")
    p.add_argument("--key", type=Path, metavar="FILE", action="append", default=[], help="a CAK, from pysec genkey")
    p.add_argument("--replay-window", type=int, metavar="N", default=0, help="packet numbers that may come late (0)")
    p.add_argument("--impl", metavar="NAME", help="force an AES-GCM implementation")
    p.add_argument("--json", action="store_true", help="JSON: an object an MKPDU, and one on the last line")


def _command(commands: Any, name: str, text: str, *, output: bool) -> argparse.ArgumentParser:
    p: argparse.ArgumentParser = commands.add_parser(name, help=text, description=f"{text}; IN may be - for stdin")
    p.set_defaults(run=run)
    p.add_argument("input", type=Path, metavar="IN", help="pcap or pcapng, Ethernet")
    if output:
        p.add_argument("output", type=Path, metavar="OUT", nargs="?", help="the capture to write; none: summary only")
    p.add_argument("--keys", type=Path, metavar="KEYS.json", required=output, help="docs/formats.md has the format")
    p.add_argument("--first-pn", type=int, metavar="N", help="the first packet number of every key")
    p.add_argument("--vlan-tags-in-clear", type=int, choices=(0, 1, 2), help="VLAN tags before the SecTAG")
    p.add_argument("--impl", metavar="NAME", help="force an AES-GCM implementation")
    p.add_argument("--json", action="store_true", help="JSON: a line a frame, or one object on the last line")
    return p


def _receiver_options(p: argparse.ArgumentParser) -> None:
    p.add_argument("--replay-window", type=int, metavar="N", help="packet numbers that may come late (0)")
    p.add_argument("--validate-frames", choices=[v.value for v in ValidateFrames], help="the control (strict)")
    p.add_argument("--point-to-point", action="store_true", help="no SCI in the tags: the source address decides")


def run(args: argparse.Namespace) -> int:
    """Run the command that was asked for."""
    if args.impl is not None and args.impl not in (known := [i.name for i in gcm_implementations()]):
        raise UsageError(f"--impl {args.impl[:40]!r}: must be one of {', '.join(known)}")
    if args.pcap_command == "dissect":
        return _dissect(args)
    if args.pcap_command == "mka":
        return _mka(args)
    return _write(args)


def _keys(args: argparse.Namespace) -> KeyFile:
    """The key file, with what the command line says instead."""
    keys = load_keys(args.keys)
    wanted = vars(args)
    if args.first_pn is not None:
        if not 1 <= args.first_pn < keys.cipher_suite.pn_space:
            raise UsageError(f"--first-pn {args.first_pn}: must be 1 to {keys.cipher_suite.pn_space - 1}")
        keys = replace(keys, sas=tuple(replace(sa, first_pn=args.first_pn) for sa in keys.sas))
    if args.vlan_tags_in_clear is not None:
        keys = replace(keys, vlan_tags_in_clear=args.vlan_tags_in_clear)
    if (window := wanted.get("replay_window")) is not None:
        if not 0 <= window < PN_SPACE:
            raise UsageError(f"--replay-window {window}: must be 0 to {PN_SPACE - 1}")
        keys = replace(keys, replay_window=window)
    if control := wanted.get("validate_frames"):
        keys = replace(keys, validate_frames=ValidateFrames(control))
    if wanted.get("point_to_point"):
        keys = replace(keys, sci_mode=SciMode.NOSCI)
    if mode := wanted.get("sci_mode"):
        keys = replace(keys, sci_mode=SciMode(mode))
    if wanted.get("integrity_only"):
        keys = replace(keys, encrypt=False)
    return keys


def _write(args: argparse.Namespace) -> int:
    rejects: Path | None = vars(args).get("rejects")
    refuse_overwriting(args.output, [args.input, args.keys])
    refuse_overwriting(rejects, [args.input, args.keys, *([args.output] if args.output else [])])
    keys = _keys(args)
    with capture_input(args.input) as reader, capture_output(args.output) as writer, capture_output(rejects) as refused:
        if args.pcap_command == "protect":
            only = None if args.sci is None else Sci.parse(args.sci)
            tally = protect(reader, writer, keys, an=args.an, only=only, allow_clear=args.allow_clear, gcm=args.impl)
        else:
            tally = validate(reader, writer, refused, keys, gcm=args.impl)
    to_stdout = "-" in (str(args.output), str(rejects))
    print(_summary(args, tally), file=sys.stderr if to_stdout else sys.stdout)
    return 0 if tally.ok else 1


def _summary(args: argparse.Namespace, tally: Tally) -> str:
    if args.json:
        names = {"refused": tally.refused, "cut-short": tally.cut_short, "no-key": tally.no_key - tally.in_clear}
        checks = [{"id": f"none-{k}", "ok": not n, "detail": f"{n} of {tally.packets}"} for k, n in names.items()]
        return json.dumps({"ok": tally.ok, "checks": checks, "command": args.pcap_command, **tally.as_dict()})
    lines = tally.lines()
    if args.output is not None:
        lines.append(f"{tally.written} written to {args.output}")
    return "\n".join(lines)


def _dissect(args: argparse.Namespace) -> int:
    keys = _keys(args) if args.keys else None
    with capture_input(args.input) as reader:
        for line in dissect(reader, keys, gcm=args.impl):
            print(json.dumps(line.as_dict()) if args.json else line.text())
    return 0


def _mka(args: argparse.Namespace) -> int:
    if not 0 <= args.replay_window < PN_SPACE:
        raise UsageError(f"--replay-window {args.replay_window}: must be 0 to {PN_SPACE - 1}")
    if [str(path) for path in (args.input, *args.key)].count("-") > 1:
        raise UsageError("the standard input can be the capture or a key, and not both")
    caks = [read_cak(path) for path in args.key]
    if len({cak.ckn for cak in caks}) != len(caks):
        raise UsageError("--key: two of these keys have the same CKN")
    ear = Eavesdropper(caks, config=SecYConfig(replay_window=args.replay_window), gcm=args.impl)
    with capture_input(args.input) as reader:
        for line in ear.read(reader):
            print(json.dumps(line.as_dict()) if args.json else line.text())
    print(json.dumps(ear.account.as_dict()) if args.json else "\n".join(ear.account.lines()))
    return 0 if ear.account.ok else 1
