"""Why this exists: a certificate may be genuine and yet be issued for another use; RFC 5280 6.1 follows that down a
path as a tree of policies, which TLS libraries leave out.

A level of the tree is a list of nodes; `PolicyTree` applies 6.1.3 d to f and 6.1.4 a, b to it. Policies are OIDs in
their dotted form.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from cryptography import x509

from pysec.errors import IdentityError

ANY: Final = "2.5.29.32.0"
MAPPINGS_OID: Final = "2.5.29.33"
REFUSED: Final = "X6"


@dataclass(eq=False)
class _Node:
    policy: str
    expected: frozenset[str]
    parent: Self | None


def _tlv(data: bytes, at: int, tag: int) -> tuple[bytes, int]:
    """The content of one DER element with this tag, and where the next begins."""
    if at + 2 > len(data) or data[at] != tag or data[at + 1] >= 0x80:
        if at + 3 <= len(data) and data[at] == tag and data[at + 1] in (0x81, 0x82):
            octets = data[at + 1] & 0x7F
            length, start = int.from_bytes(data[at + 2 : at + 2 + octets], "big"), at + 2 + octets
        else:
            raise IdentityError(REFUSED, "the policy mappings of a certificate cannot be read")
    else:
        length, start = data[at + 1], at + 2
    if start + length > len(data):
        raise IdentityError(REFUSED, "the policy mappings of a certificate are cut short")
    return data[start : start + length], start + length


def _oid(content: bytes) -> str:
    arcs, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    if not arcs or content[-1] & 0x80:
        raise IdentityError(REFUSED, "the policy mappings of a certificate hold a broken OID")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def read_mappings(extensions: x509.Extensions) -> dict[str, set[str]]:
    """The policy mappings of a certificate, issuer's to subject's (RFC 5280 4.2.1.5, 6.1.4 a; IdentityError)."""
    mappings: dict[str, set[str]] = {}
    for extension in extensions:
        if extension.oid.dotted_string != MAPPINGS_OID or not isinstance(extension.value, x509.UnrecognizedExtension):
            continue
        body, end = _tlv(extension.value.value, 0, 0x30)
        if end != len(extension.value.value):
            raise IdentityError(REFUSED, "octets follow the policy mappings of a certificate")
        at = 0
        while at < len(body):
            pair, at = _tlv(body, at, 0x30)
            issuer, second = _tlv(pair, 0, 0x06)
            subject, _ = _tlv(pair, second, 0x06)
            mappings.setdefault(_oid(issuer), set()).add(_oid(subject))
    if ANY in mappings or any(ANY in subjects for subjects in mappings.values()):
        raise IdentityError(REFUSED, "a certificate maps anyPolicy")
    return mappings


class PolicyTree:
    """The valid policy tree of RFC 5280 6.1.2 a, and the three counters beside it."""

    def __init__(self, length: int, *, explicit: bool, inhibit_mapping: bool, inhibit_any: bool) -> None:
        """Begin a path of `length` certificates."""
        self.explicit = 0 if explicit else length + 1
        self.mapping = 0 if inhibit_mapping else length + 1
        self.any = 0 if inhibit_any else length + 1
        self._levels: list[list[_Node]] = [[_Node(ANY, frozenset((ANY,)), None)]]

    @property
    def _is_null(self) -> bool:
        return not self._levels[-1]

    def enter(self, policies: Iterable[str] | None, *, take_any: bool) -> None:
        """Take the policies of the next certificate, None without the extension (RFC 5280 6.1.3 d, e, f)."""
        above, level = self._levels[-1], list[_Node]()
        if policies is not None and above:
            listed = set(policies)
            for policy in sorted(listed - {ANY}):
                parents = [node for node in above if policy in node.expected]
                parents = parents or [node for node in above if node.policy == ANY]
                level += (_Node(policy, frozenset((policy,)), node) for node in parents)
            if ANY in listed and (self.any > 0 or take_any):
                for node in above:
                    have = {child.policy for child in level if child.parent is node}
                    level += (_Node(policy, frozenset((policy,)), node) for policy in sorted(node.expected - have))
        self._levels.append(level)
        self._prune()
        if self.explicit <= 0 and self._is_null:
            raise IdentityError(REFUSED, "no policy holds along the whole path, and one is required")

    def map(self, mappings: dict[str, set[str]]) -> None:
        """Apply the mappings of a CA's certificate (RFC 5280 6.1.4 b)."""
        level = self._levels[-1]
        for policy, subjects in mappings.items():
            same = [node for node in level if node.policy == policy]
            if self.mapping > 0:
                for node in same:
                    node.expected = frozenset(subjects)
                if not same:
                    parents = {node.parent: None for node in level if node.policy == ANY}
                    level += (_Node(policy, frozenset(subjects), parent) for parent in parents)
            else:
                level[:] = [node for node in level if node.policy != policy]
        self._prune()

    def _prune(self) -> None:
        for depth in range(len(self._levels) - 1, 0, -1):
            used = {id(node.parent) for node in self._levels[depth]}
            self._levels[depth - 1] = [node for node in self._levels[depth - 1] if id(node) in used]

    def leave(self, *, self_issued: bool) -> None:
        """Count a CA's certificate down (RFC 5280 6.1.4 h)."""
        if not self_issued:
            self.explicit, self.mapping, self.any = (max(n - 1, 0) for n in (self.explicit, self.mapping, self.any))

    def constrain(self, constraints: x509.PolicyConstraints | None, inhibit_any: int | None) -> None:
        """Take over what a CA's certificate demands from here on (RFC 5280 6.1.4 i, j)."""
        if constraints is not None and constraints.require_explicit_policy is not None:
            self.explicit = min(self.explicit, constraints.require_explicit_policy)
        if constraints is not None and constraints.inhibit_policy_mapping is not None:
            self.mapping = min(self.mapping, constraints.inhibit_policy_mapping)
        if inhibit_any is not None:
            self.any = min(self.any, inhibit_any)

    def finish(self, constraints: x509.PolicyConstraints | None, initial: frozenset[str]) -> frozenset[str]:
        """The policies that hold, out of those that the user takes (RFC 5280 6.1.5 a, b, g; IdentityError)."""
        explicit = max(self.explicit - 1, 0)
        if constraints is not None and constraints.require_explicit_policy == 0:
            explicit = 0
        roots = set[str]()
        for depth, level in enumerate(self._levels[1:], 1):
            for node in level:
                under_any = node.parent is not None and node.parent.policy == ANY
                if under_any and (node.policy != ANY or depth == len(self._levels) - 1):
                    roots.add(node.policy)
        if ANY in initial:
            held = frozenset(roots)
        elif ANY in roots:
            held = initial
        else:
            held = frozenset(roots & initial)
        if explicit <= 0 and (self._is_null or not held):
            raise IdentityError(REFUSED, "no policy that is asked for holds along the whole path")
        return held
