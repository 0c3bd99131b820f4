"""A `pysec up` as a process, and what tests do to the interfaces around it."""

from __future__ import annotations

import contextlib
import errno
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from pysec.lab.netns import NLM_F_ACK, NetNs, _ifinfo
from pysec.runtime.guard import Guard, GuardUnavailable
from pysec.types import MacAddress

PATIENCE_S = 30.0
MACS = [MacAddress.parse(f"02000000000{which}") for which in "ab"]
RTM_DELLINK = 17


@cache
def why_no_guard() -> str | None:
    """None if this kernel has what the guard needs, else what is missing."""
    with NetNs() as place, place.inside():
        try:
            guard = Guard("lo")
            guard.install()
        except GuardUnavailable as error:
            return str(error)
        guard.close()
    return None


def skip_without_guard() -> None:
    """Skip the test, with the reason, where there can be no guard."""
    reason = why_no_guard()
    if reason is not None:
        pytest.skip(reason)


class Up:
    """A `pysec up` in a namespace of its own, its lines collected."""

    def __init__(self, where: NetNs, key: Path, *options: str, plant: str = "") -> None:
        """plant: Python that runs in its process first."""
        if "--no-guard" not in options:
            skip_without_guard()
        if "--address" not in options:
            options = (*options, "--address", "keep")
        start = f"{plant}\nimport sys\nfrom pysec.cli.main import main\nsys.exit(main())"
        command = [sys.executable, "-c", start, "up", "cable", "--key", str(key), "--foreground", *options]
        with where.inside():
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines += self.process.stdout  # one by one

    def wait_for(self, words: str, after: int = 0) -> int:
        """The number of the next line that has these words."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            for number, line in list(enumerate(self.lines))[after:]:
                if words in line:
                    return number + 1
            time.sleep(0.01)
        raise AssertionError(f"no {words!r} in:\n" + "".join(self.lines))

    def end(self, which: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(which)
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        assert self.process.stderr is not None
        return code, self.process.stderr.read()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def link_down(place: NetNs, name: str = "cable") -> None:
    """Switch an interface off."""
    place.rtnl.set_down(name)


def link_delete(place: NetNs, name: str = "cable") -> None:
    """Delete an interface; of a veth both ends go."""
    place.rtnl.request("delete", RTM_DELLINK, NLM_F_ACK, _ifinfo(place.rtnl.facts(name).index))


def nft(place: NetNs, *arguments: str) -> str:
    """What the system's own program says of the rules in a namespace."""
    program = shutil.which("nft") or shutil.which("nft", path="/usr/sbin:/sbin")
    if program is None:
        pytest.skip("nft is not installed (nftables)")
    with place.inside():
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Ear:
    """A packet socket in a namespace that remembers nothing by itself: what waits in it is what has come."""

    def __init__(self, place: NetNs, ethertype: int, name: str = "cable") -> None:
        with place.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            self._socket.setsockopt(263, 8, 1)  # PACKET_AUXDATA
            self._socket.bind((name, ethertype))
            self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # an interface that is down says so once

    def heard(self) -> list[bytes]:
        """Frames that have arrived, a VLAN tag that the system took out put back."""
        found = []
        while True:
            try:
                frame, aside, _, address = self._socket.recvmsg(4096, 256, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return found
            if address[2] == 4:  # PACKET_OUTGOING
                continue
            for _, _, octets in aside:
                status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", octets[:20])
                if status & 0x10:  # TP_STATUS_VLAN_VALID
                    frame = frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
            found.append(frame)

    def say(self, *frames: bytes) -> None:
        """Send frames as they are. One that a guard drops on its way out is one for which there was no room."""
        for frame in frames:
            try:
                self._socket.send(frame)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise

    def close(self) -> None:
        """End it."""
        self._socket.close()


@contextlib.contextmanager
def secured(places: Sequence[NetNs], key: Path, *options: str) -> Iterator[list[Up]]:
    """A `pysec up` in each place, secured; in the end each has to end well."""
    ups = [Up(place, key, *options) for place in places]
    try:
        for up in ups:
            up.wait_for("SECURED")
        yield ups
        for up in ups:
            assert up.end(signal.SIGTERM) == (0, "")
    finally:
        for up in ups:
            up.kill()
