"""Why this exists: `pysec show` says of each link whether it is protected, by which key, for how long, and if not why.

Exit status: 0 every link that is shown is secured (with --verify: and proved it on the wire), 1 one is not, 2 usage,
77 there is no service, or this user may not speak to it.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from pysec.cli import managed
from pysec.cli.managed import words_of
from pysec.mgmt.client import Client
from pysec.mgmt.errors import NoService, Unavailable


def add_parser(subparsers: Any) -> None:
    """Add `show`."""
    p = subparsers.add_parser(
        "show",
        help="say of each link whether it is protected, by which key, and if not why",
        description="Say of each link whether it is protected, by which key, for how long, and if not why.",
    )
    p.set_defaults(run=run)
    p.add_argument("interface", metavar="IFACE", nargs="?", help="one link only")
    p.add_argument("--verify", action="store_true", help="prove it: send a probe through, and watch the wire")
    p.add_argument("--events", action="store_true", help="also its last events")
    p.add_argument("--json", action="store_true", help="one JSON object")
    managed.add_socket(p)


def run(args: argparse.Namespace) -> int:
    """Ask the service, and print."""
    client = managed.client_of(args)
    try:
        if args.interface is not None:
            reports = [client.link("GET", args.interface)]
        else:
            reports = client.ask("GET", "/v1/links")["links"]
        checks = [check for report in reports for check in _checks(client, report, args.verify)]
        events = {each["interface"]: client.link("GET", each["interface"], "/events")["events"] for each in reports}
    except (NoService, Unavailable) as error:
        return managed.said(error)
    ok = all(check["ok"] for check in checks)
    if args.json:
        said = {"ok": ok, "checks": checks, "links": reports} | ({"events": events} if args.events else {})
        print(json.dumps(said))
        return 0 if ok else 1
    if not reports:
        print("no links; pysec up IFACE --key FILE brings one up")
    for number, report in enumerate(reports):
        print("\n" * (number > 0) + "\n".join(lines(report)))
        if args.verify:
            for check in checks:
                name, _, which = check["id"].partition("/")
                if name == report["interface"]:
                    print(f"  {'ok  ' if check['ok'] else 'FAIL'}  {which}: {check['detail']}")
        if args.events:
            for event in events[report["interface"]]:
                print(f"  {event['time']:.3f} {event['source']:4} {event['name']}: {event['reason']}")
    return 0 if ok else 1


def _checks(client: Client, report: dict[str, Any], prove: bool) -> list[dict[str, Any]]:
    name = report["interface"]
    if prove and report["state"] != "failed":
        found = client.link("POST", name, "/verify")["checks"]
    else:
        found = [{"id": "secured", "ok": report["secured"], "detail": words_of(report)}]
    return [{**check, "id": f"{name}/{check['id']}"} for check in found]


def lines(report: dict[str, Any]) -> list[str]:
    """A link in words."""
    found = [f"link: {report['interface']} (controlled port {report['controlled']}, {report['policy']})"]
    found.append(f"  {words_of(report)}")
    if report.get("trial-left-s") is not None:
        words = f"pysec confirm {report['interface']} keeps it"
        found.append(f"  ON TRIAL: undone in {report['trial-left-s']:.0f} s; {words}")
    if "sci" not in report:
        return found
    found += _key_lines(report)
    found += _frame_lines(report)
    for peer in report["peers"]:
        found += _peer_lines(peer)
    return found


def _key_lines(report: dict[str, Any]) -> list[str]:
    found = [f"  this end: {report['sci']}"]
    if report["ki"] is not None:
        found.append(f"  SAK: KI {report['ki']}, AN {report['an']}, made {spell(report['sak-age-s'])} ago")
        rekey = "none due at this pace" if report["next-rekey-s"] is None else f"in {spell(report['next-rekey-s'])}"
        end = "no end at this pace"
        if report["pn-exhaustion-s"] is not None:
            end = f"used up in {spell(report['pn-exhaustion-s'])} at this pace"
        found.append(f"  next rekey: {rekey}; packet numbers: next {report['next-pn']:,}, {end}")
    if report["pending"]:
        found.append(f"  pending: {report['pending']}")
    return found


def _frame_lines(report: dict[str, Any]) -> list[str]:
    by = ", ".join(f"{count:,} {name}" for name, count in report["refused-by"].items())
    refused = f"{report['refused']:,}" + (f" ({by})" if by else "")
    found = [f"  frames: {report['protected']:,} protected, {report['validated']:,} validated, {refused} refused"]
    last = report["last-refusal"]
    if last is not None:
        why = f": {'; '.join(last['reasons'])}" if last["reasons"] else f": {last['text']}"
        found.append(f"  last refused: {spell(last['seconds-ago'])} ago, {last['counter']}{why}")
    return found


def _peer_lines(peer: dict[str, Any]) -> list[str]:
    found = [f"  peer: {peer['name']} ({peer['sci']})" if peer.get("name") else f"  peer: {peer['sci']}"]
    if peer["live"]:
        role = "key server" if peer["key-server"] else f"key server priority {peer['key-server-priority']}"
        found.append(f"    live, {role}, MKA version {peer['mka-version']}")
    else:
        found.append("    not live: MKA does not hear it")
    if peer.get("delay-bound-s") is not None:
        found.append(f"    delay: no frame is taken that was sent more than {peer['delay-bound-s']:g} s ago")
    if peer["receiving-with"] is not None:
        found.append(f"    receiving with KI {peer['receiving-with']}")
    if "counters" in peer:
        others = {name: count for name, count in peer["counters"].items() if count and name != "in-pkts-ok"}
        more = "".join(f", {count:,} {name}" for name, count in others.items())
        found.append(f"    frames: {peer['counters']['in-pkts-ok']:,} validated{more}")
        behind = f" by up to {peer['reordering-depth']:,} frames" if peer["reordered"] else ""
        found.append(f"    on the way: {peer['lost']:,} lost, {peer['reordered']:,} out of order{behind}")
    return found


_FOR_EVER_S = 86400 * 365 * 100
_UNITS = ((86400 * 365, "year"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def spell(seconds: float) -> str:
    """A time as people say it, in its two greatest units."""
    if seconds >= _FOR_EVER_S:
        return "more than 100 years"
    left, found = int(seconds), list[str]()
    for size, name in _UNITS:
        if left >= size and len(found) < 2:
            found.append(f"{left // size:,} {name}{'s' if left // size > 1 else ''}")
            left %= size
    return " ".join(found) or "less than a second"
