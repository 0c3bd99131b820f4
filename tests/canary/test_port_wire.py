"""Every claim of `pysec lab wire` can fail: with one fault planted, the check that is there to find it does."""

from __future__ import annotations

import pytest

from pysec.lab.traffic import SenderPlant
from pysec.lab.wire import Plant, WireOptions, run
from pysec.lab.wiretap import WirePlant

OPTIONS = WireOptions(seconds=0.5, rate=3000, memory=True)

# A frame that the wire loses or holds back is refused for its packet number, or never comes; the receiver of numbers
# sees what the SecY lets through, and the counters what it does not.
FAULTS = {
    "wire drops": (Plant(wire=WirePlant("drop", 300)), {"traffic-whole", "counters-a-to-b"}),
    "wire duplicates": (Plant(wire=WirePlant("duplicate", 300)), {"counters-a-to-b", "rollover"}),
    "wire reorders": (Plant(wire=WirePlant("reorder", 300)), {"traffic-whole", "counters-a-to-b", "rollover"}),
    "wire corrupts": (Plant(wire=WirePlant("corrupt", 300)), {"traffic-whole", "counters-a-to-b"}),
    "host drops": (Plant(sender=SenderPlant("drop", 300)), {"traffic-whole", "counters-a-to-b"}),
    "host duplicates": (Plant(sender=SenderPlant("duplicate", 300)), {"traffic-whole"}),
    "host reorders": (Plant(sender=SenderPlant("reorder", 300)), {"traffic-whole"}),
    "sent in clear": (Plant(in_clear=True), {"wire-unreadable", "wire-opens-with-key"}),
    "not tampered with": (Plant(untampered=True), {"tampered-refused"}),
    "replay accepted": (Plant(accept_replay=True), {"replay-refused"}),
    "old key kept": (Plant(keep_old_key=True), {"rollover"}),
    "not received with in time": (Plant(late_receiver=True), {"rollover"}),
    "another key": (Plant(wrong_key=True), {"mka-secured"}),
}


# Those that wait for what does not come, and those of which another is alike.
LONG = {"wire reorders", "wire corrupts", "host duplicates", "host reorders", "old key kept", "another key"}


@pytest.mark.parametrize("fault", [pytest.param(name, marks=[pytest.mark.soak] * (name in LONG)) for name in FAULTS])
def test_a_planted_fault_is_found(fault: str) -> None:
    plant, wanted = FAULTS[fault]
    lines: list[str] = []
    result = run(OPTIONS, lines.append, plant)
    failed = {check.id for check in result.checks if not check.ok}
    assert wanted <= failed, "\n".join(lines)
    assert not result.ok


def test_without_a_fault_nothing_is_found() -> None:
    result = run(OPTIONS, lambda line: None)
    assert {check.id for check in result.checks if not check.ok} <= {"traffic-rate"}


@pytest.mark.root
def test_a_fault_is_found_in_namespaces_too() -> None:
    result = run(WireOptions(seconds=0.5, rate=3000), lambda line: None, Plant(sender=SenderPlant("drop", 300)))
    assert {"traffic-whole", "counters-a-to-b"} <= {check.id for check in result.checks if not check.ok}
