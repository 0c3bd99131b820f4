"""Ended at any moment, a run leaves nothing: no QEMU, no namespace, no interface."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time

import pytest

from tests.interop.guest import REPO, Image
from tests.interop.mka import until
from tests.unit.lab.test_lab_interrupt import MARK, holders, namespaces, processes


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGKILL], ids=lambda which: which.name)
@pytest.mark.parametrize("delay_s", [0.5, 8.0], ids=["booting", "at-work"])
def test_nothing_is_left(image: Image, which: signal.Signals, delay_s: float) -> None:
    mark = secrets.token_hex(8)
    interfaces, own = sorted(os.listdir("/sys/class/net")), os.readlink("/proc/self/ns/net")
    # In the background of a shell SIGINT is ignored, which would be inherited.
    tests = ["-m", "pytest", "tests/interop/test_static_sa.py", "-k", "traffic_and_counters"]
    run = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, *tests],
        cwd=REPO,
        env={**os.environ, MARK: mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert until(lambda: any("qemu" in each for each in processes(mark))), "no guest was started"
        time.sleep(delay_s)
        held = namespaces(mark) - {own}
        assert held
        run.send_signal(which)
        run.wait(60)
        gone = until(lambda: not processes(mark) and not holders(held), 20.0)
        assert gone, [*processes(mark), *holders(held)]
        assert sorted(os.listdir("/sys/class/net")) == interfaces
    finally:
        run.kill()
        run.wait()
