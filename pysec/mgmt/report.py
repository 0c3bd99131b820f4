"""Why this exists: "is this link protected, by which key, for how long, against whom, and if not why" as one object.

`link_report` is what `pysec show --json`, the API and the metrics tell of a link. Counters have the names of the IEEE
YANG modules; other names are in their manner and do not change within version 1 of the API. Times are in seconds.
"""

from __future__ import annotations

import time
from typing import Any, Final

from pysec.dataplane import Counters
from pysec.dataplane.verdicts import Verdict
from pysec.errors import PysecError
from pysec.mgmt.managed import REFUSED, ManagedLink
from pysec.mgmt.settings import peer_names
from pysec.mka.status import KayStatus, ParticipantStatus, PeerStatus
from pysec.pae import PortStatus
from pysec.protocols import Installed
from pysec.runtime.single import SinglePort
from pysec.types import ConfidentialityOffset, MacAddress, Sci

PROTECTED: Final = (Verdict.OUT_PROTECTED, Verdict.OUT_ENCRYPTED)


def link_report(link: ManagedLink, now: float) -> dict[str, Any]:
    """A link as it is. now: the loop's clock."""
    config = link.config
    said: dict[str, Any] = {
        "interface": link.name,
        "controlled": config.controlled_name,
        "policy": config.pae.policy.value,
        "up-since": round(link.up_since, 3),
        "restarts": link.restarts,
    }
    port = link.port
    if port is None:
        retry_s = None if link.retry_at is None else max(0.0, round(link.retry_at - now, 1))
        return said | {"state": "failed", "secured": False, "why": link.failure, "retry-s": retry_s}
    if not port.is_attached:
        return said | {"state": "gone", "secured": False, "why": f"interface {link.name} is not there: waiting for it"}
    status, kay = port.status(), port.pae.kay.status(port.runner.now)
    state = "secured" if status.secured else "in-clear" if status.open else "closed"
    said |= {"state": state, "secured": status.secured, "why": "" if status.secured else status.why}
    return said | _keys(status, kay) | _pns(link, status, kay) | _frames(link, port, status, kay)


def _keys(status: PortStatus, kay: KayStatus) -> dict[str, Any]:
    principal = _principal(kay)
    sak = None if principal is None else principal.sak
    return {
        "sci": str(status.sci),
        "cipher-suite": str(status.cipher_suite),
        "protection": _protection(status, None if sak is None else sak.confidentiality_offset),
        "key-server": None if status.key_server is None else str(status.key_server),
        "is-key-server": status.is_key_server,
        "ckn": [str(each.ckn) for each in kay.participants],
        "ki": None if status.ki is None else status.ki.mka_text,
        "an": None if status.an is None else status.an.value,
        "sak-age-s": None if sak is None else round(sak.age_s, 3),
        "sak-reason": None if sak is None else sak.reason,
        "pending": status.pending,
        "last-mkpdu-refusal": kay.last_refusal,
        "mka": dict(kay.counters),
    }


def _protection(status: PortStatus, offset: ConfidentialityOffset | None) -> str:
    if not status.secured or offset is None:
        return "none"
    if not offset.encrypts:
        return "authenticated, not encrypted"
    return "encrypted" if not offset.octets else f"encrypted but for the first {offset.octets} octets"


def _principal(kay: KayStatus) -> ParticipantStatus | None:
    return next((each for each in kay.participants if each.is_principal), None)


def _pns(link: ManagedLink, status: PortStatus, kay: KayStatus) -> dict[str, Any]:
    """Packet numbers, and how long they last at the pace of the last seconds."""
    config, suite, next_pn = link.config.pae.kay, status.cipher_suite, status.next_pn
    if next_pn is None:
        return {"next-pn": None, "next-rekey-s": None, "pn-exhaustion-s": None}
    pace = _pace(link)
    left = {"threshold": config.pn_threshold_of(suite) - next_pn, "end": suite.pn_space - next_pn}
    seconds = {name: max(0, pns) / pace if pace else None for name, pns in left.items()}
    rekey = seconds["threshold"]
    principal = _principal(kay)
    if status.is_key_server and config.rekey_period_s is not None and principal is not None and principal.sak:
        by_age = max(0.0, config.rekey_period_s - principal.sak.age_s)
        rekey = by_age if rekey is None else min(rekey, by_age)
    return {"next-pn": next_pn, "next-rekey-s": _rounded(rekey), "pn-exhaustion-s": _rounded(seconds["end"])}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _pace(link: ManagedLink) -> float:
    """Packet numbers a second, by the samples with one key."""
    samples = [each for each in link.samples if each.next_pn is not None]
    if len(samples) < 2:
        return 0.0
    first, last = samples[0], samples[-1]
    rise = (last.next_pn or 0) - (first.next_pn or 0)
    return max(0, rise) / (last.at - first.at) if last.at > first.at else 0.0


def _frames(link: ManagedLink, port: SinglePort, status: PortStatus, kay: KayStatus) -> dict[str, Any]:
    counters = port.driver.counters()
    refused = {verdict.yang: counters[verdict] for verdict in REFUSED if counters[verdict]}
    found = link.refusal
    last = None
    if found is not None:
        last = {
            "seconds-ago": max(0.0, round(time.time() - found.at, 1)),
            "counter": found.verdict.yang,
            "text": found.verdict.text,
            "reasons": list(found.reasons),
        }
    return {
        "protected": sum(counters[verdict] for verdict in PROTECTED),
        "validated": counters[Verdict.IN_OK],
        "refused": sum(refused.values()),
        "refused-by": refused,
        "reasons": counters.reasons,
        "last-refusal": last,
        "rates": _rates(link),
        "counters": counters.as_dict(),
        "guard": [
            {"name": each.name, "inward": each.inward, "frames": each.frames} for each in port.common.counts()
        ],
        "peers": _peers(port, status, kay, peer_names(link.link["peer"].value)),
    }  # fmt: skip


def _rates(link: ManagedLink) -> dict[str, float]:
    """A second, over the last two samples."""
    if len(link.samples) < 2:
        return {"out-pkts-s": 0.0, "in-pkts-s": 0.0, "refused-s": 0.0, "out-bits-s": 0.0, "in-bits-s": 0.0}
    before, now = link.samples[-2], link.samples[-1]
    seconds = max(now.at - before.at, 1e-9)

    def rate(figure: Any) -> float:
        return float(max(0.0, round((figure(now.counters) - figure(before.counters)) / seconds, 1)))

    def out_octets(c: Counters) -> int:
        return c.out_octets_protected + c.out_octets_encrypted

    def in_octets(c: Counters) -> int:
        return c.in_octets_validated + c.in_octets_decrypted

    return {
        "out-pkts-s": rate(lambda c: sum(c[verdict] for verdict in PROTECTED)),
        "in-pkts-s": rate(lambda c: c[Verdict.IN_OK]),
        "refused-s": rate(lambda c: sum(c[verdict] for verdict in REFUSED)),
        "out-bits-s": rate(lambda c: out_octets(c) * 8),
        "in-bits-s": rate(lambda c: in_octets(c) * 8),
    }


def _peers(port: SinglePort, status: PortStatus, kay: KayStatus, names: dict[MacAddress, str]) -> list[dict[str, Any]]:
    known: dict[Sci, PeerStatus] = {}
    for participant in kay.participants:
        known |= {peer.sci: peer for peer in participant.peers if peer.sci is not None}
    receiving = dict(status.receiving)
    installed = port.pae.installer.installed or Installed(port.config.pae.secured, frozenset(), (), ())
    scis = {*known, *installed.receive_scs}
    return [
        {"name": names.get(sci.mac, "")} | _peer(port, sci, known.get(sci), receiving)
        for sci in sorted(scis, key=lambda sci: sci.value)
    ]


def _peer(port: SinglePort, sci: Sci, peer: PeerStatus | None, receiving: dict[Sci, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"sci": str(sci), "mac": str(sci.mac), "live": peer is not None and peer.is_live}
    if peer is not None:
        said |= {
            "key-server": peer.is_key_server,
            "key-server-priority": peer.key_server_priority,
            "mka-version": peer.mka_version,
            "gone-in-s": round(peer.seconds_left, 1),
            "delay-bound-s": _rounded(peer.delay_bound_s),
        }
    said["receiving-with"] = receiving[sci].mka_text if sci in receiving else None
    try:
        counters = port.driver.secy.sc_counters(sci)
    except PysecError:  # it has no receive SC (yet)
        return said
    gaps = port.driver.secy.sc_gaps(sci)
    said |= {"lost": gaps.lost, "reordered": gaps.reordered, "reordering-depth": gaps.deepest}
    named = {v.yang: counters[v] for v in Verdict if v and v.per_sc and v.name.startswith("IN_")}
    return said | {"counters": named}
