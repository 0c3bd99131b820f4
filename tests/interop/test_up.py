"""`pysec up` as an operator types it, against wpa_supplicant; and `pysec pcap mka` on what passed, afterwards."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pysec.lab import packets
from pysec.wire import eapol
from tests.interop.guest import Guest, die_with_parent
from tests.interop.mka import check_mkpdus, until
from tests.interop.segment import OUR_IPV4, OUR_MAC, Segment
from tests.interop.supplicant import SharedKey, Supplicant
from tests.interop.traffic import EchoStream, check_traffic
from tests.unit.runtime.ups import skip_without_guard

KEY = SharedKey.make(32, 7)


class Up:
    """A running `pysec up` on the segment's cable."""

    def __init__(self, segment: Segment, key: Path, *arguments: str) -> None:
        """Start it."""
        command = [sys.executable, "-m", "pysec.cli.main", "up", "lan", "--key", str(key), "--foreground", "--json"]
        with segment.namespace.inside():
            self._process = subprocess.Popen(
                [*command, "--controlled", "secure", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - only a system call
            )
        self.events: list[dict[str, object]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.events.append(json.loads(line))

    def count(self, name: str) -> int:
        """How many events of this name there were."""
        return sum(event.get("name") == name for event in list(self.events))

    def end(self) -> int:
        """End it as a service manager does; its exit status."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(20)
        finally:
            self._process.kill()
        self._reader.join()
        return status


@contextmanager
def up(segment: Segment, key: Path, *arguments: str) -> Iterator[Up]:
    """A `pysec up` that ends with the block, with status 0 if the block ended well."""
    skip_without_guard()
    running = Up(segment, key, *arguments)
    try:
        yield running
    except BaseException:
        running.end()
        print(running.events)
        raise
    assert running.end() == 0


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """The key file."""
    path = tmp_path / "link.key"
    path.touch(0o600)
    path.write_text(f"format = pysec-cak/1\nckn = {KEY.ckn.hex()}\ncak = {KEY.cak.hex()}\n", "utf-8")
    return path


def bring_up(segment: Segment, running: Up) -> None:
    """Wait for the TAP interface, give it its address, wait until the port is secured."""
    assert until(lambda: segment.has("secure")), running.events
    segment.namespace.rtnl.add_ipv4("secure", OUR_IPV4, 24)
    assert until(lambda: running.count("secured") > 0), running.events


@pytest.mark.parametrize("priority", [10, 200], ids=["key-server", "client"])
def test_up(segment: Segment, guest: Guest, key_file: Path, tmp_path: Path, priority: int) -> None:
    supplicant = Supplicant(guest, KEY, priority=100)
    with segment.recording() as recording:
        supplicant.start()
        with up(segment, key_file, "--priority", str(priority)) as running:
            bring_up(segment, running)
            assert until(lambda: len(supplicant.sas().receive) == 1)
            check_traffic(segment, guest)
        assert [frame for frame in recording.in_clear() if frame[6:12] == OUR_MAC.octets] == []
        check_mkpdus(recording.of(eapol.ETHERTYPE), KEY)
        assert len(recording.of(packets.ETHERTYPE_MACSEC)) > 200
        recording.save(tmp_path / "passed.pcap")
    # Every ICV, every SAK and every protected frame of both ends, by the tool for captures.
    files = [str(tmp_path / "passed.pcap"), "--key", str(key_file)]
    command = [sys.executable, "-m", "pysec.cli.main", "pcap", "mka", *files, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_up_with_new_saks_by_the_clock(segment: Segment, guest: Guest, key_file: Path) -> None:
    supplicant = Supplicant(guest, KEY, priority=100)
    supplicant.start()
    with ExitStack() as stack:
        running = stack.enter_context(up(segment, key_file, "--priority", "10", "--rekey-period", "5"))
        bring_up(segment, running)
        assert until(lambda: len(supplicant.sas().receive) == 1)
        stream = EchoStream(segment)
        assert until(lambda: running.count("secured") >= 4), running.events
        stream.end()
        assert (stream.lost, stream.out_of_order) == ([], False)


def test_up_says_why_nothing_comes_of_another_cak(segment: Segment, guest: Guest, key_file: Path) -> None:
    supplicant = Supplicant(guest, SharedKey(bytes(32), KEY.ckn), priority=100)
    supplicant.start()
    with up(segment, key_file) as running:
        assert until(lambda: any("the CAKs differ" in str(event.get("reason")) for event in list(running.events)))
        assert running.count("secured") == 0
        assert supplicant.sas().receive == {}
