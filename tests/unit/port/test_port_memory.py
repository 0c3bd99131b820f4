"""A port over local sockets: what goes in comes out, and what does not is counted."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pysec import DriverError, SecYConfig, UsageError, Verdict
from pysec.dataplane.port import MAX_BURST, MAX_FRAME, Port, memory_link, open_packet, open_tap
from tests.unit.port.joined import MAC_A, MAC_B, counted, eventually, frame, joined, read, secy_pair, waiting


def test_frames_pass_in_order_and_unchanged() -> None:
    sent = [frame(i, octets) for i, octets in enumerate([15, 16, 60, 61, 1500, 1514, 2000, 18, 64] * 40)]
    with joined() as lan:
        for each in sent:
            lan.host_a.send(each)
        assert [read(lan.host_b) for _ in sent] == sent
        assert not waiting(lan.host_b)
        octets = sum(map(len, sent))
        counted(lambda: lan.port_a.stats().transmit, frames_in=len(sent), frames_out=len(sent), octets_in=octets)
        on_wire = octets + 24 * len(sent)  # a SecTAG without SCI, and the ICV
        counted(lambda: lan.port_b.stats().receive, frames_out=len(sent), octets_in=on_wire, octets_out=octets)


@pytest.mark.parametrize("burst", [1, 7, MAX_BURST])
def test_both_directions_at_once(burst: int) -> None:
    there = [frame(i) for i in range(200)]
    back = [MAC_A + MAC_B + each[12:] for each in there]
    with joined(burst=burst) as lan:
        for one, other in zip(there, back, strict=True):
            lan.host_a.send(one)
            lan.host_b.send(other)
        assert [read(lan.host_b) for _ in there] == there
        assert [read(lan.host_a) for _ in back] == back


def test_the_wire_shows_only_protected_frames() -> None:
    secy, peer = secy_pair()
    host, inner = memory_link()
    outside, wire = memory_link()
    with secy, peer, Port(secy, common=wire.fileno(), controlled=inner.fileno()) as port:
        port.start()
        host.send(frame(1, 200))
        seen = read(outside)
        assert seen[:14] == MAC_B + MAC_A + b"\x88\xe5"
        assert frame(1, 200)[20:40] not in seen
        assert peer.validate_frame(seen) == (Verdict.IN_OK, frame(1, 200))
    for end in (host, inner, outside, wire):
        end.close()


def test_refused_frames_end_at_the_port() -> None:
    secy, peer = secy_pair()
    host, inner = memory_link()
    outside, wire = memory_link()
    with secy, peer, Port(peer, common=wire.fileno(), controlled=inner.fileno()) as port:
        port.start()
        good = secy.protect_frame(frame(1))
        outside.send(good[:-1] + bytes([good[-1] ^ 1]))
        outside.send(frame(2))
        outside.send(b"short")
        outside.send(good)
        outside.send(good)
        assert read(host) == frame(1)
        counted(lambda: port.stats().receive, refused=4, frames_out=1)
        assert not waiting(host)
        counters = peer.counters()
        assert [counters[v] for v in (Verdict.IN_OK, Verdict.IN_NOT_VALID, Verdict.IN_LATE)] == [1, 1, 1]
        assert counters.total_in == 5
    for end in (host, inner, outside, wire):
        end.close()


def test_a_frame_too_long_is_dropped_and_counted() -> None:
    with joined(frame_octets=1514) as lan:
        for octets in (1514, 1515, 1516, 9000, 1514):
            lan.host_a.send(frame(1, octets))
        assert [len(read(lan.host_b)) for _ in range(2)] == [1514, 1514]
        counted(lambda: lan.port_a.stats().transmit, frames_in=5, too_long=3, frames_out=2)


def test_the_longest_frame_there_is() -> None:
    with joined(frame_octets=MAX_FRAME) as lan:
        lan.host_a.send(frame(1, MAX_FRAME))
        assert read(lan.host_b) == frame(1, MAX_FRAME)


def test_a_full_controlled_port_is_waited_for_and_nothing_is_lost() -> None:
    with joined() as lan:
        lan.host_a.setblocking(False)
        sent = 0
        # Nobody reads at B: in the end B's port waits, then the wire fills, then A's port waits, then A's host.
        refused = 0
        while refused < 50 or lan.port_b.stats().receive.waits == 0:
            try:
                lan.host_a.send(frame(sent))
                sent += 1
            except BlockingIOError:
                refused += 1
                os.sched_yield()
        assert [read(lan.host_b) for _ in range(sent)] == [frame(i) for i in range(sent)]
        assert lan.port_b.stats().receive.waits > 0
        counted(lambda: lan.port_b.stats().receive, frames_in=sent, frames_out=sent)


def test_stopping_a_port_that_waits_counts_what_it_could_not_hand_on() -> None:
    with joined() as lan:
        lan.host_a.setblocking(False)
        sent = 0
        while lan.port_b.stats().receive.waits == 0:
            try:
                lan.host_a.send(frame(sent))
                sent += 1
            except BlockingIOError:
                os.sched_yield()
        lan.port_b.stop()
        stats = lan.port_b.stats().receive
        assert stats.unsent > 0
        assert stats.unaccounted == 0
        assert [read(lan.host_b) for _ in range(stats.frames_out)] == [frame(i) for i in range(stats.frames_out)]
        assert not waiting(lan.host_b)
        # Those that it never read are still there when it goes on.
        lan.port_b.start()
        gone = stats.frames_out + stats.unsent
        assert [read(lan.host_b) for _ in range(sent - gone)] == [frame(i) for i in range(gone, sent)]


def test_start_and_stop_can_be_repeated() -> None:
    with joined() as lan:
        lan.port_a.start()
        assert lan.port_a.stats().running
        lan.port_a.stop()
        lan.port_a.stop()
        assert not lan.port_a.stats().running
        lan.host_a.send(frame(1))
        assert not waiting(lan.host_b)
        lan.port_a.start()
        assert read(lan.host_b) == frame(1)


def test_a_closed_port_says_so() -> None:
    with joined() as lan:
        lan.port_a.close()
        lan.port_a.close()
        for call in (lan.port_a.start, lan.port_a.stop, lan.port_a.stats):
            with pytest.raises(UsageError, match="closed"):
                call()


def test_a_secy_is_not_closed_under_its_port() -> None:
    """The port's threads would go on with freed memory."""
    with joined() as lan:
        with pytest.raises(UsageError, match="a port uses it"):
            lan.port_a.secy.close()
        lan.host_a.send(frame(1))
        assert read(lan.host_b) == frame(1)
        secy = lan.port_a.secy
        lan.port_a.close()
        lan.port_a.close()
        secy.close()


def test_a_controlled_port_that_is_closed_lets_nothing_pass() -> None:
    with joined(SecYConfig(controlled_port_enabled=False)) as lan:
        lan.host_a.send(frame(1))
        counted(lambda: lan.port_a.stats().transmit, refused=1, frames_out=0)
        assert lan.secy_a.counters()[Verdict.OUT_CLOSED] == 1


def uncontrolled_port(queue: bool) -> None:
    secy, peer = secy_pair()
    ends = [end for _ in range(3) for end in memory_link()]
    host, inner, outside, wire, user, given = ends
    number = given.fileno() if queue else None
    eapol = frame(1, 60, ethertype=0x888E)
    with secy, peer, Port(peer, common=wire.fileno(), controlled=inner.fileno(), uncontrolled=number) as port:
        port.start()
        outside.send(eapol)
        outside.send(secy.protect_frame(frame(2)))
        assert read(host) == frame(2)
        assert not waiting(host)
        counted(lambda: port.stats().receive, uncontrolled=int(queue), uncontrolled_lost=int(not queue))
        assert peer.counters()[Verdict.IN_BYPASS] == 1
        if queue:
            assert read(user) == eapol
            user.send(eapol)
            assert read(outside) == eapol
            counted(lambda: port.stats().transmit, from_uncontrolled=1, frames_in=1, frames_out=1)
            assert peer.counters().total_out == 0
    for end in ends:
        end.close()


def test_eapol_goes_by_the_uncontrolled_port() -> None:
    uncontrolled_port(True)


def test_eapol_without_a_user_is_counted() -> None:
    uncontrolled_port(False)


def test_an_uncontrolled_port_that_nobody_reads_does_not_stop_data() -> None:
    secy, peer = secy_pair()
    ends = [end for _ in range(3) for end in memory_link()]
    host, inner, outside, wire, _, given = ends
    port = Port(peer, common=wire.fileno(), controlled=inner.fileno(), uncontrolled=given.fileno())
    with secy, peer, port:
        port.start()
        eapols = 2000
        for i in range(eapols):
            outside.send(frame(i, 400, ethertype=0x888E))
        outside.send(secy.protect_frame(frame(1)))
        assert read(host) == frame(1)
        counted(lambda: port.stats().receive, frames_in=eapols + 1, frames_out=1)
        stats = port.stats().receive
        assert stats.uncontrolled_lost > 0
        assert stats.uncontrolled + stats.uncontrolled_lost == eapols
    for end in ends:
        end.close()


def test_the_user_of_the_uncontrolled_port_may_leave() -> None:
    secy, peer = secy_pair()
    ends = [end for _ in range(3) for end in memory_link()]
    host, inner, outside, wire, user, given = ends
    port = Port(secy, common=wire.fileno(), controlled=inner.fileno(), uncontrolled=given.fileno())
    with secy, peer, port:
        port.start()
        given.close()
        user.close()
        host.send(frame(1))
        assert peer.validate_frame(read(outside))[1] == frame(1)
        assert not port.stats().transmit.ended
    for end in ends:
        end.close()


def test_a_direction_ends_when_its_source_does() -> None:
    with joined() as lan:
        lan.host_a.send(frame(1))
        lan.host_a.close()
        assert read(lan.host_b) == frame(1)
        assert eventually(lambda: lan.port_a.stats().transmit.ended)
        assert not lan.port_a.stats().receive.ended


def test_the_port_keeps_descriptors_of_its_own() -> None:
    secy, peer = secy_pair()
    host, inner = memory_link()
    outside, wire = memory_link()
    with secy, peer, Port(secy, common=wire.fileno(), controlled=inner.fileno()) as port:
        inner.close()
        wire.close()
        port.start()
        host.send(frame(1))
        assert peer.validate_frame(read(outside))[1] == frame(1)
        host.close()
        assert eventually(lambda: port.stats().transmit.ended)
        assert port.stats().transmit.last_error is None
    outside.close()


def test_what_cannot_be_a_port_is_refused() -> None:
    secy, peer = secy_pair()
    one, other = memory_link()
    reader, writer = os.pipe()
    stream = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    good = one.fileno()
    try:
        for fd in (reader, stream[0].fileno()):
            with pytest.raises(UsageError):
                Port(secy, common=good, controlled=fd)
            with pytest.raises(UsageError):
                Port(secy, common=good, controlled=good, uncontrolled=fd)
        with pytest.raises(DriverError, match="Bad file descriptor"):
            Port(secy, common=good, controlled=1 << 20)
        for bad in ({"burst": 0}, {"burst": MAX_BURST + 1}, {"frame_octets": 13}, {"frame_octets": MAX_FRAME + 1}):
            with pytest.raises(UsageError):
                Port(secy, common=good, controlled=good, **bad)
        with pytest.raises(UsageError):
            Port(secy, common=-1, controlled=good)
    finally:
        os.close(reader)
        os.close(writer)
        for end in (one, other, *stream, secy, peer):
            end.close()


def test_names_of_interfaces_are_checked() -> None:
    for call in (open_packet, open_tap):
        with pytest.raises(UsageError, match="name"):
            call("an-interface-with-a-long-name")
    with pytest.raises(DriverError):
        open_packet("none-such")


def own_threads() -> list[Path]:
    """The tasks of this process that belong to ports."""
    return [task for task in Path("/proc/self/task").iterdir() if (task / "comm").read_text().startswith("pysec-")]


def test_the_threads_take_no_signals_and_end_with_the_port() -> None:
    before = len(own_threads())
    with joined():
        assert eventually(lambda: len(own_threads()) == before + 4)
        for task in own_threads():
            lines = dict(line.split(":\t") for line in (task / "status").read_text().splitlines() if ":\t" in line)
            blocked = int(lines["SigBlk"], 16)
            # SIGKILL, SIGSTOP and the two that the C library keeps for itself cannot be blocked.
            assert all(blocked >> (signal - 1) & 1 for signal in (1, 2, 10, 13, 14, 15, 17))
    assert len(own_threads()) == before


def test_a_forgotten_port_stops() -> None:
    before = len(own_threads())
    secy, peer = secy_pair()
    ends = [*memory_link(), *memory_link()]
    port = Port(secy, common=ends[0].fileno(), controlled=ends[2].fileno())
    port.start()
    assert eventually(lambda: len(own_threads()) == before + 2)
    del port
    assert eventually(lambda: len(own_threads()) == before)
    for each in (*ends, secy, peer):
        each.close()


def test_a_program_may_end_with_ports_running() -> None:
    program = """
import sys
from tests.unit.port.joined import frame, joined
lan = joined()
kept = lan.__enter__()
for i in range(200):
    kept.host_a.send(frame(i))
sys.exit(7)
"""
    assert ran(program) == (7, "", "")


def test_a_port_never_closed_counts_as_closed_once_the_program_ends() -> None:
    """What runs at exit after the port was freed, a generator's `finally` for one, may still hold it."""
    program = """
import atexit
@atexit.register
def after():
    for use in (port.stats, port.stop):
        try:
            print(use())
        except UsageError as error:
            print(error)
    print(port.close(), port)
from pysec import UsageError
from tests.unit.port.joined import joined
port = (kept := joined()).__enter__().port_a
"""
    status, printed, complaints = ran(program)
    assert (status, complaints) == (0, "")
    secy = "SecY 02:00:00:00:00:aa/1"
    assert printed.splitlines() == [f"port of {secy}: closed"] * 2 + [f"None Port({secy}, closed)"]


def ran(program: str) -> tuple[int, str, str]:
    """Exit status, output and complaints of a Python program."""
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
