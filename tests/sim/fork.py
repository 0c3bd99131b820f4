"""Engines as states: to be copied, so that several futures of one state can be tried, and to be compared.

`fork` copies everything that an engine may change, and shares what is immutable. `canonical` says what a state is, but
for its names: times count from now, Member Numbers from the last that was sent, Key Numbers from the last that was
given, and MIs and SAKs are numbered in the order in which they are met. Two states with the same canonical form behave
alike; what has no influence on that (counters, words for people, what was called before) is left out.
"""

from __future__ import annotations

import enum
import math
from collections import Counter, OrderedDict, deque
from dataclasses import fields, is_dataclass
from functools import cache
from types import BuiltinFunctionType, FunctionType
from typing import Any

from pysec.mka.keys import Cak
from pysec.mka.member import Member
from pysec.mka.pacing import TokenBucket
from pysec.mka.sak import KnownSaks
from pysec.secret import Secret
from pysec.types import Ki, Mi
from pysec.wire.mkpdu import Outline, PeerEntry, Repeat

_FUNCTIONS = (FunctionType, BuiltinFunctionType, type)
_PLAIN = (int, str, bytes, float, bool, type(None), enum.Enum, *_FUNCTIONS, Cak, Outline, Repeat)
# What happened, in words or numbers; nothing is decided by it.
_WORDS = frozenset(
    {"reason", "why", "waiting", "_why", "_pending", "last_refusal", "counters", "calls", "_calls", "events", "_events"}
    # What makes the next answer sooner, and no other.
    | {"_repeats", "_outline", "_said", "_header", "_header_is_for", "_last_controls"}
    | {"_n", "_state", "_seed", "said", "_reports", "max_known_saks", "config", "_config"}
)
_LONG_AGO_S = -13.0


@cache
def _slots(kind: type) -> tuple[str, ...]:
    return tuple(name for base in kind.__mro__ for name in base.__dict__.get("__slots__", ()) if name != "__dict__")


@cache
def _is_frozen(kind: type) -> bool:
    return is_dataclass(kind) and bool(kind.__dataclass_params__.frozen)  # type: ignore[attr-defined]


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _is_plain(kind: type) -> bool:
    return issubclass(kind, _PLAIN)


def _attributes(value: object) -> dict[str, Any]:
    found = dict(getattr(value, "__dict__", ()))
    for name in _slots(type(value)):
        if hasattr(value, name):
            found[name] = getattr(value, name)
    return found


def fork(value: Any, memo: dict[int, Any]) -> Any:
    """A copy of a value and of all that it holds."""
    if _is_plain(type(value)):
        return value
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, Secret):
        made: Any = Secret(value.reveal()) if len(value) else Secret(b"")
    elif isinstance(value, tuple):
        made = _tuple(value, memo)
    elif isinstance(value, frozenset):
        made = value
    elif isinstance(value, set):
        made = {fork(one, memo) for one in value}
    elif isinstance(value, list):
        made = [fork(one, memo) for one in value]
    elif isinstance(value, deque):
        made = deque((fork(one, memo) for one in value), value.maxlen)
    elif isinstance(value, dict):
        made = type(value)() if not isinstance(value, Counter | OrderedDict) else value.__class__()
        memo[id(value)] = made
        made.update((key, fork(one, memo)) for key, one in value.items())
    else:
        made = _object(value, memo)
    memo[id(value)] = made
    return made


def _tuple(value: tuple[Any, ...], memo: dict[int, Any]) -> tuple[Any, ...]:
    made = tuple(fork(one, memo) for one in value)
    return value if all(new is old for new, old in zip(made, value, strict=True)) else made


def _object(value: Any, memo: dict[int, Any]) -> Any:
    function = getattr(value, "__func__", None)
    if function is not None:  # a bound method goes with its copied object
        return function.__get__(fork(value.__self__, memo))
    if _is_frozen(type(value)):
        parts = {name: getattr(value, name) for name in _fields(type(value))}
        copied = {name: fork(part, memo) for name, part in parts.items()}
        if all(copied[name] is parts[name] for name in parts):
            return value
        made = object.__new__(type(value))
        for name, part in copied.items():
            object.__setattr__(made, name, part)
        return made
    made = object.__new__(type(value))
    memo[id(value)] = made
    for name, part in _attributes(value).items():
        object.__setattr__(made, name, fork(part, memo))
    return made


class Canonical:
    """Makes the canonical form of one state."""

    def __init__(self, now: float, members: dict[Mi, tuple[int, int]]) -> None:
        """members: for each present MI, its last MN and its last KN."""
        self._now, self._members = now, members
        self._names: dict[object, int] = {mi: number for number, mi in enumerate(members)}
        self._seen: set[int] = set()

    def _name(self, what: object) -> tuple[str, int]:
        return "name", self._names.setdefault(what, len(self._names))

    def _mn(self, mi: Mi, mn: int) -> object:
        last = self._members.get(mi, (0, 0))[0]
        return self._name(mi), max(mn - last, -20)

    def of(self, value: Any) -> object:
        """The canonical form of a value."""
        kind = type(value)
        if value is None or kind is bool or kind is int:
            return value
        if kind is float:
            return self.time(value)
        if kind is str:
            return "words"
        if kind is bytes:
            return self._name(value)
        if isinstance(value, enum.Enum):
            return value.name
        if kind is Mi:
            return self._name(value)
        if kind is Ki:
            return self._name(value.mi), value.kn.value - self._members.get(value.mi, (0, 0))[1]
        if kind is PeerEntry:
            return self._mn(value.mi, value.mn)
        if kind is Secret:
            return self._name(bytes(value.reveal())) if len(value) else "erased"
        if isinstance(value, KnownSaks | Cak | FunctionType | BuiltinFunctionType | type | Counter):
            return "shared"
        if isinstance(value, TokenBucket):
            return round(value.ready_at(self._now) - self._now, 3), round(value._level, 3)
        if isinstance(value, tuple | list | deque):
            return tuple(self.of(one) for one in value)
        if isinstance(value, dict):
            return tuple((self.of(key), self.of(one)) for key, one in value.items())
        if isinstance(value, set | frozenset):
            return tuple(sorted(repr(self.of(one)) for one in value))
        return self._object(value)

    def time(self, at: float) -> object:
        """A time, from now; one long ago is like any other long ago."""
        if not math.isfinite(at):
            return repr(at)
        return round(max(at - self._now, _LONG_AGO_S), 3)

    def _object(self, value: Any) -> object:
        if id(value) in self._seen:
            return "again"
        if isinstance(value, Member):
            sent = tuple((mn - value.mn, self.time(at)) for mn, at in value._sent)
            return self._name(value.mi), sent
        if not _is_frozen(type(value)):
            self._seen.add(id(value))
        parts = {name: part for name, part in _attributes(value).items() if name not in _WORDS}
        if "mn" in parts and "mi" in parts:
            parts["mn"] = self._mn(parts["mi"], parts["mn"])
            return type(value).__name__, tuple((n, p if n == "mn" else self.of(p)) for n, p in parts.items())
        if "_kn" in parts:
            parts.pop("_kn")
        return type(value).__name__, tuple((name, self.of(part)) for name, part in parts.items())
