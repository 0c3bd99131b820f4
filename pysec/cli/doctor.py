"""Why this exists: `pysec doctor` says why a link does not come up, and what would mend it.

Exit status: 0 nothing stands in the way, 1 something does, 2 usage.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from pysec.cli import managed
from pysec.errors import PysecError
from pysec.mgmt import doctor
from pysec.mgmt.doctor import Finding
from pysec.mgmt.errors import NoService, NoSuchLink

_MARKS = {True: "ok  ", None: "note", False: "FAIL"}


def add_parser(subparsers: Any) -> None:
    """Add `doctor`."""
    p = subparsers.add_parser(
        "doctor",
        help="say what keeps a link from coming up, and what would mend it",
        description="Look at this machine, at an interface, and at the peer that does not answer. Changes nothing.",
    )
    p.set_defaults(run=run)
    p.add_argument("interface", metavar="IFACE", nargs="?", help="the common port")
    p.add_argument("--json", action="store_true", help="one JSON object")
    managed.add_socket(p)


def run(args: argparse.Namespace) -> int:
    """Look, and print."""
    findings = [*doctor.machine(), *_service(args)]
    ok = all(found.ok is not False for found in findings)
    if args.json:
        checks = [
            {"id": found.id, "ok": found.ok is not False, "detail": found.detail, "mend": found.mend}
            for found in findings
        ]
        print(json.dumps({"ok": ok, "checks": checks}))
        return 0 if ok else 1
    for found in findings:
        print(f"{_MARKS[found.ok]}  {found.id}: {found.detail}")
        if found.mend:
            print(f"      mend: {found.mend}")
    return 0 if ok else 1


def _service(args: argparse.Namespace) -> list[Finding]:
    client, name = managed.client_of(args), args.interface
    try:
        client.ask("GET", "/v1/service")
    except NoService:
        found = [Finding("service", None, "no service runs here; pysec up starts one")]
        return found + ([] if name is None else list(doctor.interface(name)))
    except PysecError as error:
        return [Finding("service", False, str(error), "its log says more")]
    found = [Finding("service", True, f"a service answers at {client.path}")]
    reports = client.ask("GET", "/v1/links")["links"]
    if name is None:
        return found + [each for report in reports for each in doctor.link(report)]
    try:
        report = client.link("GET", name)
    except NoSuchLink:
        return found + list(doctor.interface(name))
    # The service itself takes EAPOL there, so that is not asked.
    return found + [each for each in doctor.interface(name) if each.id != "supplicant"] + list(doctor.link(report))
