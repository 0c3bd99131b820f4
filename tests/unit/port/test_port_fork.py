"""A port belongs to the process that made it: what a forked process does with its copy leaves the port as it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.port.joined import PATIENCE_S, counted, eventually, frame, joined, read

# What a forked process does, as Python text with `lan` at hand; its exit status is 0 if that holds.
ACTS = {
    "it ends": "",
    "it stops the ports": "lan.port_a.stop(); lan.port_b.stop()",
    "it closes the ports": "lan.port_a.close(); lan.port_b.close()",
}
PROGRAM = """
import os, sys
from pysec import UsageError
from tests.unit.port.joined import eventually, frame, joined, read
context = joined()
lan = context.__enter__()
lan.host_a.send(frame(0))
assert read(lan.host_b) == frame(0)
pid = os.fork()
if pid == 0:
    {act}
    sys.exit(0)  # finalizers run, as they do in any program that ends
print(pid, flush=True)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "the forked process failed"
for port in (lan.port_a, lan.port_b):
    assert port.stats().running
for i in range(1, 200):
    lan.host_a.send(frame(i))
    lan.host_b.send(frame(i))
    assert read(lan.host_b) == frame(i)
    assert read(lan.host_a) == frame(i)
context.__exit__(None, None, None)
"""


@pytest.mark.parametrize("act", ACTS)
def test_a_port_outlives_a_forked_process(act: str) -> None:
    root = Path(__file__).resolve().parents[3]
    # Python warns of fork in a program with threads, be they its own or not.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM.format(act=ACTS[act] or "pass")]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            _, errors = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail("the forked process, or its parent, came to no end")
    assert (process.returncode, errors) == (0, "")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_cannot_start_the_port() -> None:
    with joined() as lan:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            answer = b"started"
            try:
                running = lan.port_a.stats().running
                lan.port_a.start()
            except Exception as error:
                answer = f"{type(error).__name__} {running}".encode()
            finally:
                os.write(writer, answer)
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            assert pipe.read() == b"UsageError False"
        assert os.waitpid(pid, 0)[1] == 0
        lan.host_a.send(frame(1))
        assert read(lan.host_b) == frame(1)
        counted(lambda: lan.port_a.stats().transmit, frames_in=1, frames_out=1)
        lan.port_a.stop()
        assert eventually(lambda: not lan.port_a.stats().running)
