"""An empty message is a frame that is refused; only a close of the other end ends a direction."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from pysec import SecY, Verdict
from pysec.dataplane.port import MAX_BURST, DirectionStats, Port
from tests.unit.port.joined import counted, eventually, frame, read, secy_pair, waiting

KINDS = [socket.SOCK_SEQPACKET, socket.SOCK_DGRAM]
BURSTS = [1, 3, MAX_BURST]


@dataclass
class Stand:
    """A port that stands still, the far ends of its three sockets, and the SecY on the other side of the wire."""

    port: Port
    secy: SecY
    peer: SecY
    wire: socket.socket
    host: socket.socket
    user: socket.socket

    def transmit(self) -> DirectionStats:
        """The counters of that direction."""
        return self.port.stats().transmit

    def receive(self) -> DirectionStats:
        """The counters of that direction."""
        return self.port.stats().receive


@contextlib.contextmanager
def stand(kind: socket.SocketKind = socket.SOCK_SEQPACKET, burst: int = MAX_BURST) -> Iterator[Stand]:
    """All sockets are of one kind."""
    with contextlib.ExitStack() as stack:
        secy, peer = (stack.enter_context(each) for each in secy_pair())
        pairs = [socket.socketpair(socket.AF_UNIX, kind) for _ in range(3)]
        far, near = zip(*pairs, strict=True)
        for each in (*far, *near):
            stack.enter_context(each)
        common, controlled, uncontrolled = (each.fileno() for each in near)
        made = Port(secy, common=common, controlled=controlled, uncontrolled=uncontrolled, burst=burst)
        port = stack.enter_context(made)
        for each in near:
            each.close()  # the port has its own, and the far ends see a close only if nobody else has one
        yield Stand(port, secy, peer, *far)


@pytest.mark.parametrize("burst", BURSTS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_empty_message_from_the_host_is_refused(kind: socket.SocketKind, burst: int) -> None:
    with stand(kind, burst) as at:
        for each in (b"", frame(1), b"", b"", frame(2), b""):
            at.host.send(each)
        at.port.start()
        assert [at.peer.validate_frame(read(at.wire))[1] for _ in range(2)] == [frame(1), frame(2)]
        counted(at.transmit, frames_in=6, frames_out=2, refused=4, ended=False, last_error=None)
        at.host.send(b"")
        counted(at.transmit, frames_in=7, refused=5)
        at.host.send(frame(3))
        assert at.peer.validate_frame(read(at.wire))[1] == frame(3)
        counted(at.transmit, frames_in=8, frames_out=3, refused=5, ended=False)
        assert at.secy.counters()[Verdict.OUT_MALFORMED] == 5
        assert not waiting(at.wire)


@pytest.mark.parametrize("burst", BURSTS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_empty_message_from_the_wire_is_refused(kind: socket.SocketKind, burst: int) -> None:
    with stand(kind, burst) as at:
        at.port.start()
        for each in (b"", at.peer.protect_frame(frame(1)), b"", at.peer.protect_frame(frame(2)), b""):
            at.wire.send(each)
        assert [read(at.host) for _ in range(2)] == [frame(1), frame(2)]
        counted(at.receive, frames_in=5, frames_out=2, refused=3, ended=False)
        assert at.secy.counters()[Verdict.IN_MALFORMED] == 3
        assert not waiting(at.host)


@pytest.mark.parametrize("burst", BURSTS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_empty_message_from_the_uncontrolled_port_is_refused(kind: socket.SocketKind, burst: int) -> None:
    eapol = frame(1, 60, ethertype=0x888E)
    with stand(kind, burst) as at:
        for each in (eapol, b"", b"", eapol):
            at.user.send(each)
        at.port.start()
        assert [read(at.wire) for _ in range(2)] == [eapol, eapol]
        at.user.send(b"")
        counted(at.transmit, frames_in=5, from_uncontrolled=5, refused=3)
        at.user.send(eapol)
        assert read(at.wire) == eapol
        counted(at.transmit, frames_in=6, frames_out=3, failed=0, refused=3, ended=False)
        assert not waiting(at.wire)


def more_than_bursts(send: Callable[[bytes], object], burst: int) -> int:
    """Frames among so many empty messages that bursts hold nothing else; how many messages it sent."""
    messages = [frame(1), *[b""] * (2 * burst + 1), frame(2), *[b""] * burst, frame(3)]
    for each in messages:
        send(each)
    return len(messages)


@pytest.mark.parametrize("burst", BURSTS)
def test_a_close_loses_nothing_that_lies_behind_empty_messages(burst: int) -> None:
    """The other end is closed before the port reads anything, so that each burst sees the close."""
    with stand(burst=burst) as at:
        sent = more_than_bursts(at.host.send, burst)
        at.host.close()
        at.port.start()
        assert [at.peer.validate_frame(read(at.wire))[1] for _ in range(3)] == [frame(i) for i in (1, 2, 3)]
        counted(at.transmit, frames_in=sent, frames_out=3, refused=sent - 3, ended=True, last_error=None)
        assert not at.receive().ended


def test_a_shutdown_of_the_other_end_is_a_close() -> None:
    with stand() as at:
        at.port.start()
        at.host.send(frame(1))
        at.host.shutdown(socket.SHUT_WR)
        assert at.peer.validate_frame(read(at.wire))[1] == frame(1)
        counted(at.transmit, frames_in=1, frames_out=1, refused=0, ended=True, last_error=None)


def test_empty_messages_right_before_a_close_do_not_keep_it_open() -> None:
    with stand() as at:
        for each in (frame(1), b"", b""):
            at.host.send(each)
        at.host.close()
        at.port.start()
        assert eventually(lambda: at.transmit().ended)
        counted(at.transmit, frames_out=1, ended=True)


def test_the_user_of_the_uncontrolled_port_may_leave_behind_an_empty_message() -> None:
    with stand() as at:
        at.user.send(b"")
        at.user.close()
        at.port.start()
        at.host.send(frame(1))
        assert at.peer.validate_frame(read(at.wire))[1] == frame(1)
        counted(at.transmit, frames_out=1, ended=False)
