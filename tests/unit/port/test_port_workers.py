"""How a port's threads go about it: they sleep, look again for a while first, or never sleep; and on which CPUs."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from pysec import DriverError, UsageError
from pysec.dataplane.port import NEVER_SLEEP, Port, memory_link, open_packet
from pysec.lab.netns import NetNs
from tests.unit.port.joined import MAC_A, MAC_B, counted, eventually, frame, joined, read, secy_pair

LONG_US = 3_600_000_000  # an hour


@pytest.mark.parametrize("spin_us", [0, 1, 1000, LONG_US, NEVER_SLEEP])
def test_frames_pass_however_long_it_is_looked_for_them(spin_us: int) -> None:
    with joined(spin_us=spin_us) as pair:
        for number in range(50):
            pair.host_a.send(frame(number))
            assert read(pair.host_b) == frame(number)
        back = MAC_A + MAC_B + frame(7)[12:]
        pair.host_b.send(back)
        assert read(pair.host_a) == back
        counted(lambda: pair.port_a.stats().transmit, frames_in=50, frames_out=50)
        pair.port_a.stop()
        pair.port_a.start()
        pair.host_a.send(frame(1))
        assert read(pair.host_b) == frame(1)


def sleeps(spin_us: int) -> int:
    """How often a direction slept while frames came one at a time."""
    with joined(spin_us=spin_us) as pair:
        for number in range(20):
            pair.host_a.send(frame(number))
            assert read(pair.host_b) == frame(number)
        if spin_us < LONG_US:
            assert eventually(lambda: pair.port_a.stats().receive.sleeps > 0)
        return pair.port_a.stats().transmit.sleeps + pair.port_a.stats().receive.sleeps


def test_who_is_to_sleep_sleeps_and_who_is_not_does_not() -> None:
    assert sleeps(0) > 0
    assert sleeps(10) > 0
    assert sleeps(LONG_US) == 0
    assert sleeps(NEVER_SLEEP) == 0


def cpus_of_threads() -> dict[str, str]:
    """The CPUs that the threads of ports may use, by their names."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
            if status["Name"].startswith("pysec-"):
                found[status["Name"]] = status["Cpus_allowed_list"]
    return found


def test_threads_stay_on_the_cpus_that_they_are_given() -> None:
    allowed = sorted(os.sched_getaffinity(0))
    first, last = allowed[0], allowed[-1]
    a, b = secy_pair()
    with a, b, contextlib.ExitStack() as stack:
        ends = [stack.enter_context(end) for _ in range(2) for end in memory_link()]
        for cpus in ((first, last), (last, first)):
            with Port(a, common=ends[0].fileno(), controlled=ends[2].fileno(), cpus=cpus) as port:
                port.start()
                want = {"pysec-transmit": str(cpus[0]), "pysec-receive": str(cpus[1])}
                assert eventually(lambda want=want: cpus_of_threads() == want)


def test_a_cpu_that_there_is_not() -> None:
    a, b = secy_pair()
    with a, b, contextlib.ExitStack() as stack:
        ends = [stack.enter_context(end) for end in memory_link()]
        common, controlled = ends[0].fileno(), ends[1].fileno()
        for wrong in ((-1, 0), (0, 1 << 31), (0, 1 << 20)):
            with pytest.raises(UsageError):
                Port(a, common=common, controlled=controlled, cpus=wrong)
        for spin_us in (-1, 1 << 32):
            with pytest.raises(UsageError):
                Port(a, common=common, controlled=controlled, spin_us=spin_us)
        unused = max(os.sched_getaffinity(0)) + 1
        for cpus in ((unused, 0), (0, unused)):
            with Port(a, common=common, controlled=controlled, cpus=cpus) as port:
                with pytest.raises(DriverError):
                    port.start()
                assert not port.stats().running


@pytest.mark.root
def test_past_the_queueing_discipline() -> None:
    with contextlib.ExitStack() as stack:
        here, there = stack.enter_context(NetNs()), stack.enter_context(NetNs())
        for each in (here, there):
            each.quieten()
        here.rtnl.add_veth("cable", "cable", there)
        for each in (here, there):
            each.rtnl.set_up("cable", mtu=1532)
        for each in (here, there):
            each.rtnl.wait_ready("cable")
        with here.inside():
            common = open_packet("cable")
        with there.inside():
            wire = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            wire.bind(("cable", 0x88E5))
        host, inner = (stack.enter_context(end) for end in memory_link())
        a, b = (stack.enter_context(secy) for secy in secy_pair())
        port = stack.enter_context(Port(a, common=common, controlled=inner.fileno(), qdisc_bypass=True))
        with socket.socket(fileno=common) as ours:
            assert ours.getsockopt(263, 20) == 1  # SOL_PACKET, PACKET_QDISC_BYPASS
        port.start()
        for number in range(20):
            host.send(frame(number))
            assert b.validate_frame(read(wire))[1] == frame(number)
        counted(lambda: port.stats().transmit, frames_out=20)
