"""Why this exists: each table of bench mka that a document may hold, as Markdown, made of the rows of a results file.

Card and rows in, Markdown out, as `bench docs` wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Rows = Sequence[dict[str, Any]]


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table; ValueError if there is nothing to show."""
    if not lines:
        raise ValueError("no row fits")
    first, *rest = [f"| {' | '.join(line)} |" for line in [head, *lines]]
    return "\n".join([first, "|" + "---|" * len(head), *rest])


def _of(rows: Rows, start: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["bench"] == "mka" and row["op"].startswith(start)]


def _number(value: float) -> str:
    """Three digits that count, and all of those before the point."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _span(row: dict[str, Any], by: float) -> str:
    """The median, and in brackets the quartiles."""
    found = row["ns_per_call"]
    middle, low, high = (_number(found[name] / by) for name in ("median", "p25", "p75"))
    return f"{middle} ({low}-{high})"


def messages(card: dict[str, Any], rows: Rows) -> str:
    """What an MKPDU costs, made, taken in and refused."""
    words = {"build": "made", "take-in": "taken in", "refuse-bad-icv": "refused: ICV", "refuse-unknown": "refused: CKN"}
    lines = [
        [what, str(row["peers"]), str(row["mkpdu_octets"]), _span(row, 1e3), f"{row['per_s']:,}"]
        for start, what in words.items()
        for row in _of(rows, start)
    ]
    return _markdown(["MKPDU", "live peers", "octets", "us: median (quartiles)", "a second"], lines)


_PEERS = {
    "carrier": "pysec",
    "carrier-guest-key-server": "wpa_supplicant in a guest, pysec is key server",
    "carrier-guest-client": "wpa_supplicant in a guest, which is key server",
}


def carrier(card: dict[str, Any], rows: Rows) -> str:
    """From the carrier to the first protected frame."""
    lines = [
        [
            _PEERS.get(row["op"], row["op"]),
            row["over"],
            str(row["ns_per_call"]["n"]),
            _span(row, 1e6),
            _number(row["slowest_ms"]),
        ]
        for row in _of(rows, "carrier")
    ]
    return _markdown(["peer", "over", "times", "ms: median (quartiles)", "slowest"], lines)


def ports(card: dict[str, Any], rows: Rows) -> str:
    """Ports in one process."""
    lines = [
        [
            f"{row['ports']:,}",
            f"{row['cores']:.3g}",
            _span(row, 1e3),
            f"{row['rss_octets_per_port'] / 1024:,.0f}" if "rss_octets_per_port" in row else "-",
            f"{row['come_up_cpu_ms_per_port']:.3g}",
        ]
        for row in _of(rows, "ports-")
    ]
    head = ["ports", "cores", "us a port and Hello Time: median (quartiles)", "KiB a port", "ms a port to come up"]
    return _markdown(head, lines)


def rollover(card: dict[str, Any], rows: Rows) -> str:
    """Numbered traffic with and without new SAKs."""
    return _numbered(rows, ("rollover", "no-rollover"))


def full_rollover(card: dict[str, Any], rows: Rows) -> str:
    """Numbered traffic as fast as it goes, with a new SAK every second."""
    return _numbered(rows, ("full-rollover",))


def _numbered(rows: Rows, names: Sequence[str]) -> str:
    lines = [
        [
            f"{row['rollovers']:,}",
            f"{row['rate_per_s']:,.0f}",
            *(f"{row[name]:,}" for name in ("sent", "lost", "duplicated", "reordered")),
            _span(row, 1e6),
            f"{row['sender_pause_ms']:.3g}",
        ]
        for name in names
        for row in _of(rows, name)
    ]
    head = [
        "new SAKs",
        "sent a second",
        "sent",
        "lost",
        "twice",
        "reordered",
        "longest gap, ms: median (quartiles)",
        "sender's own pause, ms",
    ]
    return _markdown(head, lines)


TABLES: dict[str, Callable[..., str]] = {
    "mka-messages": messages,
    "mka-carrier": carrier,
    "mka-ports": ports,
    "mka-rollover": rollover,
    "mka-full-rollover": full_rollover,
}
