"""Why this exists: one picture shows what a table of cycles hides: who pays for each frame, and who for each octet.

An SVG written by hand, for light and dark pages alike: ink and paper follow the reader's colour scheme.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from bench.gcm_table import load_name, pick

Rows = Sequence[dict[str, Any]]
Curve = list[tuple[float, float]]

WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 56, 52
INKS = ("#2f80ed", "#8e5bd0", "#17a2a2", "#4caf50", "#5c7cfa")  # ours
PEER_INKS = {"ipsec-mb": "#e8702a", "openssl": "#d64550", "cryptography": "#b08900"}
STYLE = """
    .paper { fill: #ffffff } .ink { fill: #24292f } .quiet { fill: #57606a } .grid { stroke: #d0d7de }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #0d1117 } .ink { fill: #e6edf3 } .quiet { fill: #9198a1 } .grid { stroke: #30363d }
      .limit { stroke: #e6edf3 } }
    text { font: 13px sans-serif } .small { font-size: 11px }
    .limit { stroke-dasharray: 6 4 }
"""


def path_beside(results: str) -> Path:
    """Where the picture of a results file lies."""
    return Path(results).with_suffix(".svg")


def curves(rows: Rows) -> dict[str, Curve]:
    """Cycles by octets for each provider, and the limit: AES-128, seal, bursts of 32, AAD 28, frames in the cache."""
    chosen = pick(rows, suite="GCM-AES-128", op="seal", mode="encrypt", burst=32, aad=28)
    chosen = [row for row in chosen if load_name(row).isdigit()]
    found: dict[str, Curve] = {}
    for row in chosen:
        found.setdefault(row["provider"], []).append((row["octets"], row["cycles"]))
    limits = {row["octets"]: row["limit_cycles"] for row in chosen if row["limit_cycles"]}
    if limits:
        found["limit of this core"] = list(limits.items())
    return {name: sorted(curve) for name, curve in found.items() if len(curve) > 1}


def has_curve(rows: Rows) -> bool:
    """Whether there is anything to draw."""
    return bool(curves(rows))


def _ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 and their tens, within."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5) if low <= m * 10.0**e <= high]


def _apart(wanted: list[tuple[float, str]], least: float) -> dict[str, float]:
    """Heights for labels: as near to what they name as they can be without touching."""
    placed: dict[str, float] = {}
    last = -math.inf
    for height, name in sorted(wanted):
        last = max(height, last + least)
        placed[name] = last
    return placed


def draw(card: dict[str, Any], rows: Rows) -> str:
    """The picture. The same rows give the same octets."""
    lines = curves(rows)
    points = [point for curve in lines.values() for point in curve]
    low_x, high_x = min(x for x, _ in points), max(x for x, _ in points)
    low_y, high_y = min(y for _, y in points) / 1.3, max(y for _, y in points) * 1.3

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log(x) - math.log(low_x)) / (math.log(high_x) - math.log(low_x))
        up = (math.log(y) - math.log(low_y)) / (math.log(high_y) - math.log(low_y))
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    title = "AES-128-GCM seal, core cycles per frame by octets of payload"
    machine = f"{card['cpu']}, {card['compiler']}; bursts of 32, AAD 28; median"
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="ink" x="{LEFT}" y="24">{escape(title)}</text>',
        f'<text class="quiet small" x="{LEFT}" y="42">{escape(machine)}</text>',
    ]
    for tick in _ticks(low_y, high_y):
        _, y = place(low_x, tick)
        svg.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        svg.append(f'<text class="quiet small" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for octets in sorted({x for x, _ in points}):
        x, _ = place(octets, low_y)
        svg.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        svg.append(f'<text class="quiet small" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{octets:g}</text>')
    svg.append(f'<text class="quiet small" x="{LEFT}" y="{HEIGHT - 12}">octets of payload, log; cycles, log</text>')
    ends = [(place(*curve[-1])[1], name) for name, curve in lines.items()]
    heights, inks = _apart(ends, 17), iter(INKS * 4)
    for name, curve in lines.items():
        ink = "#57606a" if name.startswith("limit") else PEER_INKS.get(name) or next(inks)
        kind = ' class="limit"' if name.startswith("limit") else ""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in curve))
        svg.append(f'<polyline{kind} points="{path}" fill="none" stroke="{ink}" stroke-width="2"/>')
        if not kind:
            svg += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{ink}"/>' for x, y in (place(*p) for p in curve)]
        label = f'x="{right + 10}" y="{heights[name] + 4:.1f}"'
        svg.append(f'<circle cx="{right + 6}" cy="{heights[name]:.1f}" r="4" fill="{ink}"/>' if not kind else "")
        svg.append(f'<text class="ink" {label} dx="8">{escape(name)}</text>')
    return "\n".join(line for line in [*svg, "</svg>"] if line) + "\n"
