"""`python -m bench mka --part guest` finds a link with wpa_supplicant secured, in both roles; no time is asserted."""

from __future__ import annotations

from pathlib import Path

from bench import rows
from bench.__main__ import main
from tests.interop.guest import Image
from tests.unit.bench.inside import as_we_were


def test_carrier_to_an_answered_frame(image: Image, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with as_we_were():
        assert main(["mka", "--quick", "--json", str(path), "--part", "guest"]) == 0
    found = {row["op"]: row for row in rows.read(str(path))[1]}
    assert set(found) == {"carrier-guest-key-server", "carrier-guest-client"}
    for row in found.values():
        assert row["peer"] == "wpa_supplicant"
        assert row["ns_per_call"]["n"] == 1
        assert row["ns_per_call"]["median"] > row["peer_echo_ms"] * 1e6 > 0
