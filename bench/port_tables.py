"""Why this exists: the tables of `bench port` that a document may hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Rows = Sequence[dict[str, Any]]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        raise ValueError("no row fits")
    first, *rest = [f"| {' | '.join(line)} |" for line in [head, *lines]]
    return "\n".join([first, "|" + "---|" * len(head), *rest])


def _span(found: dict[str, float], by: float, digits: str) -> str:
    return f"{found['median'] / by:{digits}} ({found['p25'] / by:{digits}}-{found['p75'] / by:{digits}})"


def tcp(card: dict[str, Any], rows: Rows, *, streams: str = "1") -> str:
    """TCP between two hosts, by what is between them."""
    lines = []
    for row in rows:
        if row["bench"] != "port" or row.get("streams") != int(streams):
            continue
        name = f"`{row['provider']}`" + (", TAP without super-frames" if row["op"].endswith("-plain-tap") else "")
        link, every = row["link_cpu_s_per_gbit"]["median"], row["cpu_s_per_gbit"]["median"]
        lines.append([name, _span(row["bits_s"], 1e9, ".2f"), f"{link:.2f}", f"{every:.2f}"])
    return _table(
        ["between the hosts", "Gbit/s: median (quartiles)", "CPU s by Gbit: the link", "with both ends"], lines
    )


def frames(card: dict[str, Any], rows: Rows) -> str:
    """Frames a second through a box, by size."""
    chosen = [row for row in rows if row["bench"] == "port" and row["op"] == "frames"]
    sizes = sorted({row["frame_octets"] for row in chosen})
    lines = []
    for provider in dict.fromkeys(row["provider"] for row in chosen):
        by_size = {row["frame_octets"]: row for row in chosen if row["provider"] == provider}
        spans = [_span(by_size[size]["frames_s"], 1e3, ",.0f") if size in by_size else "-" for size in sizes]
        lines.append([f"`{provider}`", *spans])
    head = [f"{size:,}" for size in sizes]
    return _table(["thousand frames a second: median (quartiles), by octets", *head], lines)


def latency(card: dict[str, Any], rows: Rows, *, kind: str = "ping") -> str:
    """Round trips between two hosts, by what is between them."""
    chosen = [row for row in rows if row["bench"] == "port" and row["op"] in (kind, f"{kind}-spin")]
    lines = [
        [
            f"`{row['provider']}`" + (", looking 100 us" if row["op"] != kind else ""),
            *(f"{value:,.0f}" for value in row["us"].values()),
            f"{row['round_trips']:,}",
        ]
        for row in chosen
    ]
    head = list(chosen[0]["us"]) if chosen else []
    return _table(["there and back, us", *head, "round trips"], lines)


def residence(card: dict[str, Any], rows: Rows, *, kind: str = "udp-echo") -> str:
    """How long ports held bursts meanwhile."""
    lines = []
    for row in rows:
        if row["bench"] != "port" or row["op"] != kind or "residence" not in row:
            continue
        for way, found in row["residence"].items():
            values = [f"{found[name] / 1e3:,.1f}" for name in ("p50_ns", "p99_ns", "p99_9_ns", "max_ns")]
            lines.append([f"`{row['provider']}`, {way}", *values])
    return _table(["held in the port, us", "p50", "p99", "p99.9", "max"], lines)


TABLES: dict[str, Callable[..., str]] = {
    "port-tcp": tcp, "port-frames": frames, "port-latency": latency, "port-residence": residence,
}  # fmt: skip
