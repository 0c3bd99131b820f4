"""A host of a test: a network namespace, a run folder, and `pysec` commands in it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect

from pysec.cli.link_options import layers
from pysec.cli.main import parser
from pysec.errors import PysecError
from pysec.lab.netns import NetNs
from pysec.mgmt.client import SOCKET_NAME, Client
from pysec.mgmt.settings import document
from pysec.runtime.addresses import found_on
from pysec.runtime.interface import opened
from tests.unit.runtime.ups import skip_without_guard

PATIENCE_S = 30.0


class Host:
    """One end of the cable."""

    def __init__(self, place: NetNs, run: Path) -> None:
        skip_without_guard()
        self.place, self.run = place, run
        self.services: list[subprocess.Popen[str]] = []

    def _popen(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        environment = os.environ | {"PYSEC_RUN_DIR": str(self.run)}
        with self.place.inside():
            return subprocess.Popen([sys.executable, "-m", "pysec", *words], env=environment, text=True, **more)

    def pysec(self, *words: str) -> tuple[int, str, str]:
        """Type a command: status, output, errors."""
        process = self._popen(*words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, errors = process.communicate(timeout=PATIENCE_S + 60)
        return process.returncode, out, errors

    def must(self, *words: str) -> str:
        """The output of a command that has to succeed."""
        code, out, errors = self.pysec(*words)
        assert code == 0, (words, code, out, errors)
        return out

    def begin_service(self, *words: str) -> subprocess.Popen[str]:
        """Start a service."""
        path = str(self.run / SOCKET_NAME)
        with (self.run.parent / f"{self.run.name}.out").open("w") as out:
            self.services.append(self._popen("service", "--socket", path, *words, stdout=out, stderr=out))
        return self.services[-1]

    def service(self, *words: str) -> subprocess.Popen[str]:
        """Start a service and wait until it answers."""
        process = self.begin_service(*words)
        self.wait_for_service()
        return process

    def wait_for_service(self) -> None:
        """Until the service that was started last answers."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self.services[-1].poll() is None:
            with contextlib.suppress(PysecError):
                self.client.ask("GET", "/v1/service")
                return
            time.sleep(0.02)
        raise AssertionError((self.run.parent / f"{self.run.name}.out").read_text())

    @contextlib.contextmanager
    def terminal(self, *words: str) -> Iterator[Any]:
        """A command in a terminal."""
        environment = os.environ | {"PYSEC_RUN_DIR": str(self.run), "TERM": "xterm"}
        with self.place.inside():
            terminal = pexpect.spawn(
                sys.executable, ["-m", "pysec", *words], env=environment, timeout=PATIENCE_S, dimensions=(30, 120)
            )
        try:
            yield terminal
        finally:
            terminal.close()

    @property
    def client(self) -> Client:
        """A client of this host's service. Ask within the host's namespace."""
        return Client(self.run / SOCKET_NAME)

    def report(self, name: str = "cable") -> dict[str, Any]:
        """The link's report."""
        with self.place.inside():
            return dict(self.client.link("GET", name))

    def shown(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Status and object of `pysec show --json`."""
        code, out, errors = self.pysec("show", "--json", *words)
        assert out, errors
        return code, json.loads(out.splitlines()[-1])

    def wait_for(self, what: Any, name: str = "cable") -> dict[str, Any]:
        """The link's report, once it is so."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            report = self.report(name)
            if what(report):
                return report
            time.sleep(0.05)
        raise AssertionError(report)

    def has_interface(self, name: str) -> bool:
        """Whether there is an interface of this name."""
        with self.place.inside(), opened(name) as found:
            return found.exists

    def service_pid(self) -> int | None:
        """The process that a command has started as a service here."""
        for each in Path("/proc").iterdir():
            if each.name.isdecimal():
                with contextlib.suppress(OSError):
                    words = (each / "cmdline").read_bytes().split(b"\0")
                    if b"service" in words and str(self.run / SOCKET_NAME).encode() in words:
                        return int(each.name)
        return None

    def close(self) -> None:
        """End whatever runs here."""
        for process in self.services:
            if process.poll() is None:
                process.kill()
            process.wait()
        if (pid := self.service_pid()) is not None:
            os.kill(pid, signal.SIGKILL)


Hosts = tuple[Host, Host]


def up(hosts: Hosts, key: Path, *options: str) -> None:
    """Both ends up, each by a service that was started for it, and secured."""
    args = parser(("up",)).parse_args(["up", "cable", "--key", str(key), *options])
    wanted = document(layers(args))
    for host in hosts:
        host.begin_service("--log", str(host.run / "events.log"))
    for host in hosts:
        host.wait_for_service()
        with host.place.inside():
            host.client.link("PUT", "cable", "", wanted)
    for host in hosts:
        host.wait_for(lambda report: report["secured"])


def addresses(host: Host, name: str) -> list[str]:
    """What an interface has, in the words of `ip`; nothing if it is not there."""
    with host.place.inside(), opened(name) as interface:
        return found_on(interface.index).in_words() if interface.exists else []
