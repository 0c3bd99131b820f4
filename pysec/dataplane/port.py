"""Why this exists: a port moves real frames, and must go on doing so while Python is busy with something else.

A port's two threads are C: one protects what the host sends, the other validates what the wire brings. Python makes
the descriptors, starts and stops the threads, and reads their counters; it sees no frame, except those of the
uncontrolled port, if it asks for them.
"""

from __future__ import annotations

import os
import socket
import weakref
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Any, Final, Self

from pysec.dataplane.bridge import check, ffi, lib, text
from pysec.dataplane.residence import PortResidence, Residence
from pysec.dataplane.secy import SecY
from pysec.dataplane.single import Single
from pysec.errors import UsageError

MAX_BURST: Final = int(lib.PYSEC_PORT_MAX_BURST)
MAX_FRAME: Final = int(lib.PYSEC_PORT_MAX_FRAME)
NEVER_SLEEP: Final = 0xFFFF_FFFF
_INTERFACE_NAME_OCTETS: Final = 16


@dataclass(frozen=True, slots=True)
class DirectionStats:
    """The counters of one direction of a port.

    frames_in, octets_in: read, super-frames as the frames that they become. Each is in exactly one of the next nine.
    frames_out, octets_out: handed on, to the common or to the controlled port.
    refused: the SecY let them not pass, its counters say why; or empty messages from the uncontrolled port.
    too_long: longer than the port takes.
    malformed: super-frames that cannot be cut, or checksums that cannot be finished, as the host asked: dropped.
    own: what others on this machine sent on the interface, shown to us as well: passed over.
    failed: the system would not take them; last_error says why.
    unsent: read, but the port was stopped before they could be handed on.
    uncontrolled, uncontrolled_lost: receive only: given to the uncontrolled port, or lost because nobody took them.
    from_uncontrolled: transmit only: those of frames_in that the uncontrolled port gave.
    super_frames: on transmit cut after being read, on receive merged before being written.
    checksums: finished for the host, beside those of super-frames.
    partial_checksums: read with a checksum that hardware should have finished.
    vlan_restored: read with a VLAN tag that the system had taken out.
    sleeps: times that there was nothing to read and it was slept.
    waits: times that there was no room and it was waited for.
    overruns: lost by the system before the port saw them; on receive they are in-pkts-overrun too.
    read_errors: reads that failed and were tried again.
    last_error: the last failure in words, or None.
    ended: whether the thread gave up, or the other end has closed.
    """

    frames_in: int
    octets_in: int
    frames_out: int
    octets_out: int
    refused: int
    too_long: int
    malformed: int
    own: int
    failed: int
    unsent: int
    uncontrolled: int
    uncontrolled_lost: int
    from_uncontrolled: int
    super_frames: int
    checksums: int
    partial_checksums: int
    vlan_restored: int
    sleeps: int
    waits: int
    overruns: int
    read_errors: int
    last_error: str | None
    ended: bool

    @classmethod
    def from_native(cls, raw: Any) -> DirectionStats:
        """Read a struct pysec_port_direction."""
        values = {field.name: int(getattr(raw, field.name)) for field in fields(cls)}
        error = values.pop("last_error")
        ended = values.pop("ended")
        return cls(**values, last_error=os.strerror(error) if error else None, ended=bool(ended))

    @property
    def unaccounted(self) -> int:
        """Frames read and found nowhere; 0 but for a burst that is just being worked on."""
        kept = self.refused + self.too_long + self.malformed + self.own + self.failed + self.unsent
        return self.frames_in - self.frames_out - kept - self.uncontrolled - self.uncontrolled_lost


@dataclass(frozen=True, slots=True)
class PortStats:
    """The counters of a port: transmit is from the controlled to the common port, receive the other way."""

    transmit: DirectionStats
    receive: DirectionStats
    running: bool


def _free(native: Any, secy: SecY) -> None:
    """secy is here to be kept until its threads have ended."""
    lib.pysec_port_free(native)
    secy.release()


class Port(Single):
    """The SecY between a common port (the wire) and a controlled port (what the host uses).

    Descriptors are packet sockets, TAP interfaces or local sockets that keep message boundaries; the port works on
    duplicates, so they may be closed afterwards. Close the port before its SecY. A process forked off from the one
    that made the port has a copy of it that cannot be started; whatever becomes of the copy, the port goes on.
    """

    def __init__(
        self,
        secy: SecY,
        *,
        common: int,
        controlled: int,
        uncontrolled: int | None = None,
        frame_octets: int = 2000,
        burst: int = MAX_BURST,
        spin_us: int = 0,
        cpus: tuple[int, int] | None = None,
        qdisc_bypass: bool = False,
        residence_every: int = 0,
    ) -> None:
        """Make a port that stands still.

        uncontrolled: a local socket on which frames of the uncontrolled port come and go; None leaves them out.
        frame_octets: the longest frame taken, without SecTAG, ICV and FCS. burst: frames worked on at a time.
        spin_us: for so long after a frame each thread looks for the next before it sleeps; NEVER_SLEEP: it keeps a CPU
        busy. cpus: those that the threads of transmit and receive stay on; None for any. qdisc_bypass: packet sockets
        send past the interface's queueing discipline; what it does not take at once waits here.
        residence_every: one burst of so many is timed, see `residence`; 0 for none.
        UsageError for a value out of range or a descriptor of another kind; DriverError.
        """
        if not 1 <= burst <= MAX_BURST:
            raise UsageError(f"burst: {burst}, must be 1 to {MAX_BURST}")
        if not 14 <= frame_octets <= MAX_FRAME:
            raise UsageError(f"frame_octets: {frame_octets}, must be 14 to {MAX_FRAME}")
        if not 0 <= spin_us <= NEVER_SLEEP:
            raise UsageError(f"spin_us: {spin_us}, must be 0 to {NEVER_SLEEP}")
        if not 0 <= residence_every < 1 << 32:
            raise UsageError(f"residence_every: {residence_every}, must be 0 to 2^32 - 1")
        if cpus is not None and any(not 0 <= cpu < 1 << 31 for cpu in cpus):
            raise UsageError(f"cpus: {cpus}, must be numbers of CPUs")
        super().__init__()
        self._last_residence = PortResidence()
        options = ffi.new("struct pysec_port_options *")
        lib.pysec_port_defaults(options)
        options.common_fd = common
        options.controlled_fd = controlled
        options.uncontrolled_fd = -1 if uncontrolled is None else uncontrolled
        options.frame_octets = frame_octets
        options.burst = burst
        options.spin_us = spin_us
        options.qdisc_bypass = qdisc_bypass
        options.residence_every = residence_every
        if cpus is not None:
            options.transmit_cpu, options.receive_cpu = cpus
        out = ffi.new("struct pysec_port **")
        check(lib.pysec_port_new(out, secy.native(), options), f"port of SecY {secy.sci}")
        self.secy = secy
        secy.hold()
        self._native: Any = out[0]
        # Also at the interpreter's exit, before anything that the threads use is torn down.
        self._finalizer = weakref.finalize(self, _free, out[0], secy)

    def start(self) -> None:
        """Start both threads; a port that runs goes on (DriverError; UsageError in a forked process)."""
        check(lib.pysec_port_start(self._live()), f"port of SecY {self.secy.sci}")

    def stop(self) -> None:
        """End both threads and wait for them; a port that stands still stays so. It may be started again."""
        lib.pysec_port_stop(self._live())

    def stats(self) -> PortStats:
        """The counters as they are."""
        raw = ffi.new("struct pysec_port_stats *")
        lib.pysec_port_get_stats(self._live(), raw)
        transmit, receive = DirectionStats.from_native(raw.transmit), DirectionStats.from_native(raw.receive)
        return PortStats(transmit, receive, bool(raw.running))

    def residence(self) -> PortResidence:
        """How long bursts have stayed in the port so far, of a closed one until then; none without
        `residence_every`."""
        if not self._finalizer.alive:
            return self._last_residence
        raw = ffi.new("struct pysec_port_residence[2]")
        lib.pysec_port_get_residence(self._live(), raw, raw + 1)
        return PortResidence(Residence.from_native(raw[0]), Residence.from_native(raw[1]))

    def close(self) -> None:
        """Stop, and let go of the descriptors; any later call but `residence` and this one is a UsageError."""
        if self._finalizer.alive:
            self.stop()
            self._last_residence = self.residence()
        self._finalizer()

    def _live(self) -> Any:
        # Asked of the finalizer, which at the interpreter's exit frees what is native under a port never closed.
        if not self._finalizer.alive:
            raise UsageError(f"port of SecY {self.secy.sci}: closed")
        return self._native

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Port(SecY {self.secy.sci}{'' if self._finalizer.alive else ', closed'})"


def _interface_name(name: str) -> bytes:
    octets = name.encode()
    if len(octets) >= _INTERFACE_NAME_OCTETS or b"\0" in octets:
        raise UsageError(f"interface {name[:40]!r}: a name has at most {_INTERFACE_NAME_OCTETS - 1} octets")
    return octets


def _open(open_descriptor: Any, what: str, *arguments: Any) -> int:
    fd = ffi.new("int *")
    check(open_descriptor(fd, *arguments), what)
    return int(fd[0])


def open_packet(interface: str, buffer_octets: int = 0) -> int:
    """A packet socket on an interface of the calling thread's network namespace, as a descriptor (DriverError).

    It gives what arrives there and not what leaves. buffer_octets: room for frames not yet read, 0 for the system's
    default; without the privilege to go past the system's limit, up to that.
    """
    what = f"packet socket on {interface}"
    return _open(lib.pysec_port_open_packet, what, _interface_name(interface), min(buffer_octets, 0x7FFF_FFFF))


def open_tap(name: str = "", *, super_frames: bool = True) -> tuple[int, str]:
    """A TAP interface in the calling thread's network namespace: a descriptor and the interface's name (DriverError).

    It goes away with its last descriptor. name may hold one %d for the system to number it, or be empty. super_frames:
    it is for a port alone to read, and a port has it hand over and take up to 64 KiB at once; without, whoever reads it
    gets plain frames.
    """
    actual = ffi.new("char[16]")
    what = f"TAP interface {name}".rstrip()
    fd = _open(lib.pysec_port_open_tap, what, actual, _interface_name(name), super_frames)
    return fd, text(actual)


def memory_link(buffer_octets: int = 0) -> tuple[socket.socket, socket.socket]:
    """Two ends of a wire in memory: frames come out in order and none is lost (DriverError)."""
    fds = ffi.new("int[2]")
    check(lib.pysec_port_open_memory(fds, min(buffer_octets, 0x7FFF_FFFF)), "memory link")
    return socket.socket(fileno=fds[0]), socket.socket(fileno=fds[1])


def disable_offloads(interface: str) -> None:
    """Have an interface finish checksums and cut segments before a port reads its frames (DriverError).

    A port that takes a TAP interface with super-frames switches them on again: they are its own to cut.
    """
    check(lib.pysec_port_disable_offloads(_interface_name(interface)), f"offloads of {interface}")
