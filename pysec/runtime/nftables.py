"""Why this exists: the guard must stand on any kernel with nf_tables, whether the program `nft` is installed or not.

Just enough of nf_tables' netlink for tables of the netdev family: make and delete a table in one transaction, read it
and its rules back. A table that a socket owns can be changed through that socket only, so that `nft flush ruleset` of
some service leaves it alone; one that also persists outlives the socket and may then be owned anew (Linux 6.9). Earlier
kernels know no such table: it is made without, and whoever made it has to look now and then whether it still stands.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pysec.errors import DriverError
from pysec.runtime.interface import LinkWatch
from pysec.runtime.netlink import (
    NLM_F_ACK,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLMSG_DONE,
    NLMSG_ERROR,
    attribute,
    attribute_list,
    attributes,
    message,
    messages,
    nested,
    text,
)

NETLINK_NETFILTER: Final = 12
NFNLGRP_NFTABLES: Final = 7
NFPROTO_NETDEV: Final = 5
INGRESS, EGRESS = 0, 1
DROP, ACCEPT = 0, 1
EQUAL, LESS = 0, 2
OWNER, PERSIST = 0x2, 0x4
_SUBSYSTEM: Final = 10
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_NEWTABLE, _GETTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE, _GETRULE = 0, 1, 2, 3, 6, 7
_TABLE_NAME, _TABLE_FLAGS, _TABLE_USERDATA, _TABLE_OWNER = 1, 2, 6, 7
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_POLICY, _CHAIN_TYPE = 1, 3, 4, 5, 7
_HOOK_NUMBER, _HOOK_PRIORITY, _HOOK_DEVICE = 1, 2, 3
_RULE_TABLE, _RULE_CHAIN, _RULE_EXPRESSIONS, _RULE_USERDATA = 1, 2, 4, 7
_REG_VERDICT, _REG_1, _META_MARK = 0, 1, 3
_ANSWER_OCTETS: Final = 1 << 16
_PATIENCE_S: Final = 10.0


class NfRefused(DriverError):
    """nf_tables said no: to what, and the errno."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"nf_tables: {what}: {os.strerror(number)}")
        self.what, self.number = what, number


@dataclass(frozen=True, slots=True)
class Message:
    """One step of a transaction, and what it is about in words."""

    what: str
    kind: int
    flags: int
    body: bytes


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table as it is. owner: the netlink port of the socket that it belongs to, or None."""

    name: str
    comment: str
    owner: int | None


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """A rule as it is: the chain it stands in, its comment, and what its counter says."""

    chain: str
    comment: str
    frames: int
    octets: int


# ---- what a table is made of


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("!I", value & 0xFFFFFFFF))


def _comment(words: str) -> bytes:
    """The user data that nft shows as a comment: type 0, length, string (libnftnl's udata)."""
    octets = words.encode()[:250] + b"\0"
    return bytes([0, len(octets)]) + octets


def _uncomment(octets: bytes) -> str:
    while len(octets) >= 2:
        kind, length = octets[0], octets[1]
        if kind == 0:
            return octets[2 : 2 + length].rstrip(b"\0").decode("utf-8", "replace")
        octets = octets[2 + length :]
    return ""


def new_table(name: str, comment: str = "", flags: int | None = None) -> Message:
    """Make a table; without flags one that is there stays as it is."""
    body = text(_TABLE_NAME, name)
    if flags is not None:
        body += _number(_TABLE_FLAGS, flags)
    if comment:
        body += attribute(_TABLE_USERDATA, _comment(comment))
    return Message("table", _NEWTABLE, NLM_F_CREATE, body)


def delete_table(name: str) -> Message:
    """Delete a table and all that is in it."""
    return Message("table", _DELTABLE, 0, text(_TABLE_NAME, name))


def new_chain(table: str, name: str, hook: int, device: str, *, priority: int, policy: int) -> Message:
    """A base chain on a device's hook, INGRESS or EGRESS."""
    body = text(_CHAIN_TABLE, table) + text(_CHAIN_NAME, name)
    body += nested(_CHAIN_HOOK, _number(_HOOK_NUMBER, hook), _number(_HOOK_PRIORITY, priority), text(3, device))
    body += _number(_CHAIN_POLICY, policy) + text(_CHAIN_TYPE, "filter")
    return Message(f"{name} hook of {device}", _NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, body)


def new_rule(table: str, chain: str, comment: str, expressions: Sequence[bytes]) -> Message:
    """A rule at the end of a chain."""
    body = text(_RULE_TABLE, table) + text(_RULE_CHAIN, chain) + nested(_RULE_EXPRESSIONS, *expressions)
    body += attribute(_RULE_USERDATA, _comment(comment))
    return Message(f"rule {comment}", _NEWRULE, NLM_F_CREATE | NLM_F_APPEND, body)


def _expression(name: str, *data: bytes) -> bytes:
    return nested(1, text(1, name), nested(2, *data))


def _compare(operator: int, value: bytes) -> bytes:
    return _expression("cmp", _number(1, _REG_1), _number(2, operator), nested(3, attribute(1, value)))


def link_header(offset: int, value: bytes, operator: int = EQUAL) -> list[bytes]:
    """Octets of the link header, compared as a number in network order. A VLAN tag that the system or the card has
    taken out of the frame is there: the type of a tagged frame is that of its outermost tag."""
    load = _expression("payload", _number(1, _REG_1), _number(2, 0), _number(3, offset), _number(4, len(value)))
    return [load, _compare(operator, value)]


def mark(value: int) -> list[bytes]:
    """The mark of the socket that sent it."""
    return [
        _expression("meta", _number(1, _REG_1), _number(2, _META_MARK)),
        _compare(EQUAL, struct.pack("=I", value)),
    ]


def counter() -> list[bytes]:
    """Count what comes as far as here."""
    return [_expression("counter", attribute(1, bytes(8)), attribute(2, bytes(8)))]


def verdict(code: int) -> list[bytes]:
    """DROP or ACCEPT."""
    return [_expression("immediate", _number(1, _REG_VERDICT), nested(2, nested(2, _number(1, code))))]


# ---- the socket


class NfTables:
    """A socket to nf_tables of the calling thread's network namespace (NfRefused; it may be used from outside)."""

    def __init__(self) -> None:
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
            self._socket.bind((0, 0))
        except OSError as error:
            raise NfRefused("socket", error.errno or 0) from None
        self._socket.settimeout(_PATIENCE_S)
        self.port = int(self._socket.getsockname()[0])
        self._sequence = 0

    def close(self) -> None:
        """Close it; tables that it owned and that do not persist go."""
        self._socket.close()

    def _header(self) -> bytes:
        return struct.pack("!BBH", NFPROTO_NETDEV, 0, 0)

    def commit(self, steps: Sequence[Message]) -> None:
        """All steps or none (NfRefused)."""
        first = self._sequence + 1
        batch = struct.pack("!BBH", 0, 0, _SUBSYSTEM)
        said = [message(_BATCH_BEGIN, 0, first, batch)]
        for number, step in enumerate(steps, first + 1):
            kind = _SUBSYSTEM << 8 | step.kind
            said.append(message(kind, step.flags | NLM_F_ACK, number, self._header() + step.body))
        self._sequence = first + len(steps) + 1
        said.append(message(_BATCH_END, 0, self._sequence, batch))
        self._send(b"".join(said))
        waiting = {number: step.what for number, step in enumerate(steps, first + 1)}
        failed: NfRefused | None = None
        while waiting and not (failed is not None and failed.what == "transaction"):
            for kind, sequence, body in self._answers():
                if kind != NLMSG_ERROR or not first <= sequence <= self._sequence:
                    continue
                number = -int(struct.unpack_from("=i", body)[0])
                what = waiting.pop(sequence, "transaction")
                if number and failed is None:
                    failed = NfRefused(what, number)
        if failed is not None:
            raise failed

    def table(self, name: str) -> TableFacts | None:
        """A table, or None if there is none of this name (NfRefused)."""
        try:
            (body,) = self._ask("table", _GETTABLE, 0, text(_TABLE_NAME, name))
        except NfRefused as error:
            if error.number == errno.ENOENT:
                return None
            raise
        found = attributes(body)
        owner = struct.unpack("!I", found[_TABLE_OWNER])[0] if _TABLE_OWNER in found else None
        return TableFacts(name, _uncomment(found.get(_TABLE_USERDATA, b"")), owner)

    def rules(self, table: str) -> list[RuleFacts]:
        """The rules of a table in their order (NfRefused)."""
        found = []
        for body in self._ask("rules", _GETRULE, NLM_F_DUMP, text(_RULE_TABLE, table)):
            rule = attributes(body)
            if rule[_RULE_TABLE].rstrip(b"\0").decode() != table:
                continue
            frames, octets = _counts(rule.get(_RULE_EXPRESSIONS, b""))
            chain = rule[_RULE_CHAIN].rstrip(b"\0").decode()
            found.append(RuleFacts(chain, _uncomment(rule.get(_RULE_USERDATA, b"")), frames, octets))
        return found

    def _ask(self, what: str, kind: int, flags: int, body: bytes) -> list[bytes]:
        self._sequence += 1
        self._send(message(_SUBSYSTEM << 8 | kind, flags, self._sequence, self._header() + body))
        found: list[bytes] = []
        while True:
            for answer, sequence, octets in self._answers():
                if sequence != self._sequence:
                    continue
                if answer == NLMSG_DONE:
                    return found
                if answer == NLMSG_ERROR:
                    raise NfRefused(what, -int(struct.unpack_from("=i", octets)[0]))
                found.append(octets[4:])
                if flags != NLM_F_DUMP:
                    return found

    def _send(self, octets: bytes) -> None:
        try:
            self._socket.send(octets)
        except OSError as error:
            raise NfRefused("transaction", error.errno or 0) from None

    def _answers(self) -> list[tuple[int, int, bytes]]:
        try:
            return messages(self._socket.recv(_ANSWER_OCTETS))
        except TimeoutError:
            raise NfRefused("transaction", errno.ETIMEDOUT) from None
        except OSError as error:
            raise NfRefused("transaction", error.errno or 0) from None


class RulesWatch(LinkWatch):
    """Says when somebody has changed rules of nf_tables in this network namespace."""

    protocol, groups, words = NETLINK_NETFILTER, 1 << (NFNLGRP_NFTABLES - 1), "nf_tables"


def _counts(expressions: bytes) -> tuple[int, int]:
    for _, element in attribute_list(expressions):
        expression = attributes(element)
        if expression[1] == b"counter\0":
            data = attributes(expression[2])
            return int.from_bytes(data[2], "big"), int.from_bytes(data[1], "big")
    return 0, 0
