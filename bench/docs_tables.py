"""Why this exists: each table that a document may hold, as Markdown, made of nothing but the rows of a results file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench import mka_tables, port_tables
from bench.gcm_table import FLOORS, best_peer, digits, load_name, ours, pick

Rows = Sequence[dict[str, Any]]
PEERS = ("ipsec-mb", "openssl", "cryptography")
NAMES = {"imix": "IMIX (50, 576, 1500 at 7:4:1)", "1500M": "1500 in a ring of 64 MiB"}


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table; ValueError if there is nothing to show."""
    if not lines:
        raise ValueError("no row fits")
    first, *rest = [f"| {' | '.join(line)} |" for line in [head, *lines]]
    return "\n".join([first, "|" + "---|" * len(head), *rest])


def _cells(rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """Rows by payload, in the order of the file."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(load_name(row), []).append(row)
    return found


def _of(rows: Rows, provider: str) -> dict[str, Any] | None:
    return next((row for row in rows if row["provider"] == provider), None)


def _cycles(row: dict[str, Any] | None) -> str:
    return digits(row["cycles"] if row else None)


def _sci(row: dict[str, Any], header: int) -> bool:
    """Whether a row's header is one of so many octets, whatever of the payload is additional data too."""
    clear = 0 if row["mode"] == "encrypt" else row["octets"] - row["payload"]
    return bool(row["aad"] - clear == header)


def card(card: dict[str, Any], rows: Rows) -> str:
    """Which machine, compiler, versions, day and commit."""
    peers = ", ".join(f"{name} {version}" for name, version in card.get("peers", {}).items())
    commit = (card.get("commit") or "none")[:12] + (", changed since" if card.get("dirty") else "")
    pinned = " and ".join(map(str, card["pinned_to"]))
    words = [f"{card['cpu']} ({card['cpu_id']}), {card['cpus']} CPUs, pinned to {pinned}"]
    words += [card["kernel"], card["compiler"], f"`{card['cflags']}`", *([peers] if peers else [])]
    limits = card.get("instructions", {})
    if limits:
        found = ", ".join(f"{name.replace(':', ' ')} {cycles:.2f}" for name, cycles in limits.items())
        words.append(f"cycles of an instruction by vector width: {found}")
    words += [f"{name} is missing: {why}" for name, why in card.get("missing", {}).items()]
    return "; ".join([*words, f"{card['date'][:10]}, commit {commit}"]) + "."


def gcm(card: dict[str, Any], rows: Rows, *, suite: str, op: str, burst: str = "32", aad: str = "28") -> str:
    """Ours, each peer, the limit, and what the floor is about, by payload."""
    chosen = pick(rows, suite=suite, op=op, burst=int(burst), mode="encrypt", aad=int(aad))
    lines = []
    for name, cell in _cells(chosen).items():
        mine, best = ours(cell), best_peer(cell)
        ratio = mine and mine.get("ipsec_mb_ratio")
        line = [NAMES.get(name, name), f"{_cycles(mine)} ({mine['provider'].partition(':')[2]})" if mine else "-"]
        for provider in PEERS:
            row = _of(cell, provider)
            line.append(f"**{_cycles(row)}**" if row and row is best else _cycles(row))
        line += [digits(cell[0].get("limit_cycles")), f"{ratio:.2f}" if ratio else "-"]
        lines.append([*line, f"{FLOORS[name]:g}" if name in FLOORS and (burst, aad) == ("32", "28") else "-"])
    return markdown(["payload", "pysec", *PEERS, "limit", "ipsec-mb / pysec", "floor"], lines)


def gcm_impls(card: dict[str, Any], rows: Rows, *, suite: str, op: str, burst: str = "32", aad: str = "28") -> str:
    """Every provider, with quartiles, by payload."""
    chosen = pick(rows, suite=suite, op=op, burst=int(burst), mode="encrypt", aad=int(aad))
    names, lines = list(_cells(chosen)), []
    for provider in dict.fromkeys(row["provider"] for row in chosen):
        by_load = {load_name(row): row for row in chosen if row["provider"] == provider}
        found = [by_load.get(name) for name in names]
        spans = [
            f"{_cycles(row)} ({digits(row['cycles_p25'])}-{digits(row['cycles_p75'])})" if row else "-" for row in found
        ]
        lines.append([f"`{provider}`", *spans])
    return markdown(["cycles: median (quartiles)", *names], lines)


def gcm_bursts(card: dict[str, Any], rows: Rows, *, suite: str, op: str) -> str:
    """Ours and libipsec_mb's, by payload and burst."""
    chosen = [row for row in pick(rows, suite=suite, op=op, mode="encrypt", aad=28) if not row.get("ring_mib")]
    bursts, lines = sorted({row["burst"] for row in chosen}), []
    for name, cell in _cells(chosen).items():
        pairs = [(ours(found), _of(found, "ipsec-mb")) for found in (pick(cell, burst=burst) for burst in bursts)]
        lines.append([name, *(f"{_cycles(mine)} / {_cycles(peer)}" for mine, peer in pairs)])
    return markdown(["pysec / ipsec-mb, by burst", *map(str, bursts)], lines)


def gcm_modes(card: dict[str, Any], rows: Rows, *, suite: str, op: str) -> str:
    """Ours and libipsec_mb's where a frame is not encrypted as a whole, or has no SCI."""
    chosen = [row for row in pick(rows, suite=suite, op=op, burst=32) if not row.get("ring_mib")]
    modes: dict[str, Callable[[dict[str, Any]], bool]] = {
        "SCI": lambda row: row["mode"] == "encrypt" and _sci(row, 28),
        "no SCI": lambda row: row["mode"] == "encrypt" and _sci(row, 20),
        "offset 30": lambda row: row["mode"] == "offset30" and _sci(row, 28),
        "offset 50": lambda row: row["mode"] == "offset50" and _sci(row, 28),
        "integrity only": lambda row: row["mode"] == "integrity" and _sci(row, 28),
    }
    lines = []
    for name, cell in _cells(chosen).items():
        line = [name]
        for fits in modes.values():
            found = [row for row in cell if fits(row)]
            line.append(f"{_cycles(ours(found))} / {_cycles(_of(found, 'ipsec-mb'))}")
        lines.append(line)
    return markdown(["pysec / ipsec-mb", *modes], lines)


def gcm_setup(card: dict[str, Any], rows: Rows) -> str:
    """What a key costs."""
    chosen = pick(rows, op="setup")
    lines = []
    for provider in dict.fromkeys(row["provider"] for row in chosen):
        line = [f"`{provider}`"]
        for suite in ("GCM-AES-128", "GCM-AES-256"):
            row = next(iter(pick(chosen, provider=provider, suite=suite)), None)
            line += [f"{row['ns']:,.0f}" if row else "-", _cycles(row)]
        lines.append(line)
    return markdown(["a key", "AES-128, ns", "cycles", "AES-256, ns", "cycles"], lines)


def secy(card: dict[str, Any], rows: Rows, *, suite: str) -> str:
    """What a frame costs, protected and validated, from C and from Python, and what others take."""
    who = [("pysec-c", 32, 1, "from C, bursts of 32"), ("pysec-python", 32, 1, "from Python (arena), bursts of 32")]
    who += [("pysec-c", 256, 4096, "from C, bursts of 256, 4,096 SCs")]
    others = [("cryptography-aesgcm", "`cryptography` AESGCM, a call a frame"), ("scapy-macsecsa", "scapy MACsecSA")]
    sizes = sorted({row["frame_octets"] for row in pick(rows, bench="secy", suite=suite)})
    lines = []
    for op in ("protect", "validate"):
        wanted = [(provider, burst, scs, f"{op}, {words}") for provider, burst, scs, words in who]
        wanted += [(provider, 1, 1, words) for provider, words in others]
        for provider, burst, scs, words in wanted:
            line = [words]
            for octets in sizes:
                fits = {"provider": provider, "op": op, "suite": suite, "burst": burst, "scs": scs}
                row = next(iter(pick(rows, frame_octets=octets, **fits)), None)
                ns = row["ns_per_frame"] if row else {}
                line.append(f"{ns['median']:,.0f} ({ns['p25']:,.0f}-{ns['p75']:,.0f})" if row else "-")
            lines.append(line)
    *most, last = map(str, sizes)
    return markdown(["ns per frame: median (quartiles)", *most, f"{last} octets"], lines)


TABLES: dict[str, Callable[..., str]] = {
    "card": card,
    "gcm": gcm,
    "gcm-impls": gcm_impls,
    "gcm-bursts": gcm_bursts,
    "gcm-modes": gcm_modes,
    "gcm-setup": gcm_setup,
    "secy": secy,
    **mka_tables.TABLES,
    **port_tables.TABLES,
}
