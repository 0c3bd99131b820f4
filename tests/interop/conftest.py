"""Why this exists: guests are few and slow to boot, so the tests share one, and each finds it as it was booted.

All that lies here is marked `interop` and belongs to `make interop`, which builds the guest; a test marked `slice` is
among the few that the gate runs. Where there can be no guest the tests skip and say why.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests.interop.guest import Guest, Image, find_image
from tests.interop.segment import GUEST_MAC, Segment

HERE = Path(__file__).resolve().parent
LIMIT_S = 240


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.interop)


@pytest.fixture(autouse=True)
def time_limit() -> Iterator[None]:
    """No test waits for ever: a peer that says nothing ends it with a traceback of where it waited."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"the test took more than {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def image() -> Image:
    """The guest that `make interop` has built."""
    found = find_image()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(scope="session")
def stage(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Segment, Guest]]:
    """A segment and the guest on it, for the whole run."""
    with contextlib.ExitStack() as stack:
        segment = Segment(stack)
        with segment.namespace.inside():
            guest = stack.enter_context(Guest(image, tmp_path_factory.mktemp("guest"), segment.tap, GUEST_MAC))
        yield segment, guest


@pytest.fixture
def segment(stage: tuple[Segment, Guest]) -> Segment:
    """The segment."""
    return stage[0]


@pytest.fixture
def guest(stage: tuple[Segment, Guest], tmp_path: Path) -> Iterator[Guest]:
    """The guest, with an eth0 that is down and nothing on it; left so. What passed is in the test's wire.pcap."""
    segment, guest = stage
    with segment.recording() as recording:
        yield guest
        guest.run("clean")
        recording.save(tmp_path / "wire.pcap")
