"""Why this exists: a port that must be secure is worth nothing while the host's own stack talks past it on its cable.

The guard is an nf_tables table of the netdev family, two chains on the common port. Inward it stands before the host's
stack and behind the packet socket by which the SecY reads, so the SecY sees every frame and the stack none. Outward it
lets pass what bears the mark of our own packet socket, a random number, so that not even another's frame of MACsec's
EtherType goes out beside ours. Both ways EAPOL and the bypass list pass, untagged. Everything else is dropped, counted.

    ingress   MACsec: drop, the SecY has it already   EAPOL | bypassed: accept   anything: drop
    egress    ours (by mark) | EAPOL | bypassed: accept                          anything: drop

What the SecY lets through is not the guard's business: under should-secure our own clear frames bear the mark as well.

A crash leaves the link closed. The table belongs to our netlink socket, so that nobody else changes it, and it
persists, so that it stays when the process dies; the next `pysec up` on the interface takes it over in one transaction,
without a moment in which neither stands, and `pysec down` takes it away. Its comment keeps what is to be put back at
the interface, which a process that was killed could not do. Before Linux 6.9 a table cannot do both: it is made to
stay, and the port looks whether it still stands whenever anybody changes the rules.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pysec.errors import DriverError, UsageError
from pysec.runtime import nftables as nf
from pysec.runtime.bypass import FIRST_ETHERTYPE, Bypass
from pysec.wire import eapol

ETHERTYPE_MACSEC: Final = 0x88E5
SO_MARK: Final = 36
# Before anything else on the same hook: what that let pass or changed we would not see as it came.
_PRIORITY: Final = -1_000_000
_NOT_SUPPORTED: Final = (errno.EOPNOTSUPP, errno.EINVAL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENOENT)
CAP_NET_ADMIN, CAP_NET_RAW = 12, 13


class GuardUnavailable(DriverError):
    """There can be no guard here; the words name what is missing."""


@dataclass(frozen=True, slots=True)
class GuardCount:
    """What one rule has seen. name: eapol, macsec, ours, dropped, or a name of the bypass list."""

    inward: bool
    name: str
    frames: int
    octets: int


def table_name(interface: str) -> str:
    """The guard's table."""
    return f"pysec-{interface}"


def has_capability(number: int) -> bool:
    """Whether this thread has a capability (capabilities(7)); True where the system does not tell."""
    try:
        with open("/proc/thread-self/status", encoding="ascii") as lines:
            effective = next(line for line in lines if line.startswith("CapEff:"))
    except (OSError, StopIteration):
        return True
    return bool(int(effective.split()[1], 16) >> number & 1)


def _in_words(error: nf.NfRefused) -> str:
    """What is missing, as far as the refusal tells."""
    if error.number == errno.EPERM:
        return "CAP_NET_ADMIN is missing: run it as root"
    if error.number in _NOT_SUPPORTED:
        for what, option in (
            ("socket", "CONFIG_NETFILTER_NETLINK"),
            ("transaction", "CONFIG_NF_TABLES"),
            ("table", "CONFIG_NF_TABLES_NETDEV"),
            ("ingress", "CONFIG_NETFILTER_INGRESS"),
            ("egress", "CONFIG_NETFILTER_EGRESS, Linux 5.16"),
            ("rule", "CONFIG_NF_TABLES with payload, meta and counter"),
        ):
            if error.what.startswith(what):
                return f"the kernel lacks {option} ({os.strerror(error.number)})"
    return str(error)


class Guard:
    """The guard of one common port of the calling thread's network namespace."""

    def __init__(self, interface: str, *, ethertype: int = eapol.ETHERTYPE, bypass: Sequence[Bypass] = ()) -> None:
        """Nothing is changed yet. ethertype: that of EAPOL (GuardUnavailable)."""
        self.interface, self.bypass = interface, tuple(bypass)
        self.device = interface
        """The name that the interface bears now; hooks go by names."""
        self.mark = secrets.randbits(32) or 1
        self._ethertype = ethertype
        self._name = table_name(interface)
        self._memo = ""
        self.is_owned = False
        """Whether nobody else can change it while we live."""
        try:
            self._nf = nf.NfTables()
        except nf.NfRefused as error:
            raise GuardUnavailable(f"no guard for {interface}: {_in_words(error)}") from None

    # ---- life

    def left_behind(self) -> str | None:
        """What the comment of a table of ours says that is there already; None if there is none (GuardUnavailable)."""
        try:
            found = self._nf.table(self._name)
        except nf.NfRefused as error:
            raise GuardUnavailable(f"no guard for {self.interface}: {_in_words(error)}") from None
        return None if found is None else found.comment

    def install(self, memo: str = "") -> None:
        """Put it in place, instead of one that was left there, in one transaction (GuardUnavailable; UsageError if
        the one that is there belongs to a program that runs). memo: a line to keep in its comment."""
        self._memo = memo
        try:
            try:
                self._nf.commit(self._steps(nf.OWNER | nf.PERSIST))
                self.is_owned = True
            except nf.NfRefused as error:
                if error.what != "table" or error.number not in _NOT_SUPPORTED:
                    raise
                self._nf.commit(self._steps(None))
            if not self.is_in_place():
                raise GuardUnavailable(f"no guard for {self.interface}: the kernel took the rules and has lost some")
        except nf.NfRefused as error:
            self._refuse_if_held(error)
            raise GuardUnavailable(f"no guard for {self.interface}: {_in_words(error)}") from None

    def _refuse_if_held(self, error: nf.NfRefused) -> None:
        if error.number == errno.EPERM and error.what != "transaction":
            raise UsageError(f"interface {self.interface}: a pysec that runs holds its guard already")

    def is_in_place(self) -> bool:
        """Whether all its rules stand (NfRefused)."""
        stands = [(rule.chain, rule.comment) for rule in self._nf.rules(self._name)]
        return stands == [(chain, name) for chain, name, _ in self._rules()]

    def ensure(self) -> bool:
        """Put it back if somebody has taken it away; whether that was so (GuardUnavailable, UsageError)."""
        try:
            if self.is_in_place():
                return False
        except nf.NfRefused as error:
            raise GuardUnavailable(f"no guard for {self.interface}: {_in_words(error)}") from None
        self.install(self._memo)
        return True

    def remove(self) -> None:
        """Open the common port to the host again; one that is not there is no fault (GuardUnavailable, UsageError)."""
        try:
            self._nf.commit([nf.delete_table(self._name)])
        except nf.NfRefused as error:
            self._refuse_if_held(error)
            if error.number != errno.ENOENT:
                raise GuardUnavailable(f"guard of {self.interface}: {_in_words(error)}") from None

    def close(self) -> None:
        """Let go of it. If it was not removed, it stays, and whoever comes may take it over."""
        self._nf.close()

    # ---- what it says

    def counts(self) -> list[GuardCount]:
        """What each rule has seen since it was installed (NfRefused)."""
        return [
            GuardCount(rule.chain == "ingress", rule.comment, rule.frames, rule.octets)
            for rule in self._nf.rules(self._name)
        ]

    def let_pass(self, sock: socket.socket) -> None:
        """Have what is sent on a packet socket pass (DriverError)."""
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_MARK, struct.pack("=I", self.mark))
        except OSError as error:
            raise DriverError(f"guard of {self.interface}: mark of our socket: {error.strerror}") from None

    # ---- what it is made of

    def _steps(self, flags: int | None) -> list[nf.Message]:
        name = self._name
        # Made if it is not there, so that it can be deleted; then anew: one transaction, whatever was there before.
        steps = [nf.new_table(name), nf.delete_table(name), nf.new_table(name, self._memo, flags)]
        for chain, hook in (("ingress", nf.INGRESS), ("egress", nf.EGRESS)):
            steps.append(nf.new_chain(name, chain, hook, self.device, priority=_PRIORITY, policy=self._policy()))
        steps += [nf.new_rule(name, chain, comment, rule) for chain, comment, rule in self._rules()]
        return steps

    def _policy(self) -> int:
        """What becomes of a frame on which no rule has decided."""
        return nf.DROP

    def _rules(self) -> list[tuple[str, str, list[bytes]]]:
        """Chain, name and expressions of each rule, in their order."""
        accept, drop = nf.counter() + nf.verdict(nf.ACCEPT), nf.counter() + nf.verdict(nf.DROP)
        round_it = [("eapol", _of_type(self._ethertype) + accept)]
        round_it += [(entry.name, _of(entry) + accept) for entry in self.bypass]
        return [
            ("ingress", "macsec", _of_type(ETHERTYPE_MACSEC) + drop),  # the most, so it comes first
            *(("ingress", name, rule) for name, rule in round_it),
            ("ingress", "dropped", drop),
            ("egress", "ours", nf.mark(self.mark) + accept),
            *(("egress", name, rule) for name, rule in round_it),
            ("egress", "dropped", drop),
        ]


def _of_type(ethertype: int) -> list[bytes]:
    """Frames whose outermost type is this one: a tagged frame has that of its tag."""
    return nf.link_header(12, ethertype.to_bytes(2, "big"))


def _of(entry: Bypass) -> list[bytes]:
    if entry.ethertype is not None:
        return _of_type(entry.ethertype)
    assert entry.address is not None
    llc = nf.link_header(12, FIRST_ETHERTYPE.to_bytes(2, "big"), nf.LESS)
    return nf.link_header(0, entry.address.octets) + llc
