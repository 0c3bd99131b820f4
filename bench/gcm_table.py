"""Why this exists: rows are for machines. People want to see ours, the best of the others, the limit, and the floor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Rows = Sequence[dict[str, Any]]

# libipsec_mb's cycles by ours, at least; in bursts of 32, AAD 28, for seal and open and both key lengths.
FLOORS: dict[str, float] = {
    **{"48": 4, "114": 2.5, "242": 1.8, "498": 1.4, "1010": 1.4, "1500": 1.38, "8988": 1.27},
    **{"imix": 1.8, "1500M": 1},
}


def load_name(row: dict[str, Any]) -> str:
    """The payload, `M` behind it if the ring is larger than the cache."""
    return f"{row['octets']}{'M' if row.get('ring_mib') else ''}"


def pick(rows: Iterable[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    """The rows that agree; op=("seal", "open") for any of these."""
    return [
        row
        for row in rows
        if all(row.get(name) in (want if isinstance(want, tuple) else (want,)) for name, want in wanted.items())
    ]


def ours(rows: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The fastest of our implementations."""
    found = [row for row in rows if row["provider"].startswith("pysec:")]
    return min(found, key=lambda row: float(row["cycles"])) if found else None


def best_peer(rows: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The fastest of the others."""
    found = [row for row in rows if not row["provider"].startswith("pysec:")]
    return min(found, key=lambda row: float(row["cycles"])) if found else None


def digits(value: float | None) -> str:
    """Cycles for people: three digits tell all that the noise leaves, a thousand and more by whole cycles."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def lay_out(head: Sequence[str], lines: Sequence[Sequence[str]], left: int) -> str:
    """Columns, the first `left` of them to the left."""
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    return "\n".join(
        "  ".join(c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in [head, *lines]
    )


def all_rows(rows: Rows) -> str:
    """Every row, a line each."""
    lines = []
    for row in rows:
        words = [row["provider"], row["suite"], row["op"], row.get("mode", "-"), row.get("way", "-")]
        words += [load_name(row) if "octets" in row else "-", str(row.get("aad", "-")), str(row.get("burst", "-"))]
        words += [f"{row['ns']:.5g}", *(digits(row[name]) for name in ("cycles", "cycles_p25", "cycles_p75"))]
        lines.append([*words, digits(row.get("limit_cycles"))])
    head = ("provider", "suite", "op", "mode", "way", "octets", "AAD", "burst", "ns", "cycles", "p25", "p75", "limit")
    return lay_out(head, lines, 5)


def verdict(ratio: float | None, floor: float | None) -> str:
    """Whether the floor is met."""
    if floor is None:
        return ""
    return "no ipsec-mb" if ratio is None else "met" if ratio >= floor else "BELOW"


def summary(rows: Rows) -> str:
    """Ours, the best peer and the limit, per payload in bursts of 32; the floors apply to these alone."""
    lines = []
    chosen = pick(rows, mode="encrypt", burst=32, op=("seal", "open"))
    chosen = [row for row in chosen if row["aad"] in (28, "imix")]
    for suite, op in dict.fromkeys((row["suite"], row["op"]) for row in chosen):
        for name in dict.fromkeys(load_name(row) for row in chosen):
            cell = [row for row in pick(chosen, suite=suite, op=op) if load_name(row) == name]
            mine, peer = ours(cell), best_peer(cell)
            if not mine:
                continue
            ratio, floor = mine.get("ipsec_mb_ratio"), FLOORS.get(name)
            words = [suite, op, name, digits(mine["cycles"]), mine["provider"].partition(":")[2]]
            words += [digits(peer["cycles"]), peer["provider"]] if peer else ["-", "-"]
            words += [digits(mine["limit_cycles"]), "-" if ratio is None else f"{ratio:.2f}"]
            lines.append([*words, "-" if floor is None else f"{floor:g}", verdict(ratio, floor)])
    if not lines:
        return ""
    head = ("suite", "op", "octets", "ours", "impl", "best peer", "which", "limit", "ipsec-mb/ours", "floor", "")
    return lay_out(head, lines, 2)


def report(card: dict[str, Any], rows: Rows) -> str:
    """All rows, the summary, and who is missing."""
    parts = [all_rows(rows)] if rows else []
    found = summary(rows)
    if found:
        parts += ["cycles per frame, bursts of 32, AAD 28", found]
        parts.append(f"floors met: {found.count(' met')}, below: {found.count('BELOW')}")
    parts += [f"missing: {provider}: {why}" for provider, why in card.get("missing", {}).items()]
    return "\n\n".join(parts)
