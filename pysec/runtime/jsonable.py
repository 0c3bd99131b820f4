"""Why this exists: a trace is read by people and by programs, and must give back the very values that went in.

`to_json` turns the frozen values of the engines (dataclasses, enums, the small types of `pysec.types`) into what JSON
has; `from_json` makes them again, guided by their type hints. What is at its default is left out. Fields named in
`SECRETS` never get out, and come back by `fill`, which is asked for each.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

from pysec.errors import FormatError
from pysec.types import An, Ckn, Ki, Kn, MacAddress, Mi, Sci, Ssci

# Octets that are a key under another key.
SECRETS: Final = frozenset({"wrapped"})
_AS_TEXT: Final = (Sci, Ckn, Mi, Ki, MacAddress, Ssci)
_AS_NUMBER: Final = (An, Kn)
Fill = Callable[[type, str, Mapping[str, Any]], Any]


def to_json(value: Any) -> Any:
    """What JSON has for a value (TypeError for one that is not known here)."""
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, _AS_TEXT):
        return str(value)
    if isinstance(value, _AS_NUMBER):
        return value.value
    if isinstance(value, tuple | list):
        return [to_json(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_json(found)
            for field in dataclasses.fields(value)
            if field.name not in SECRETS and (found := getattr(value, field.name)) != _default(field)
        }
    raise TypeError(f"a {type(value).__name__} is not for a trace")


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else dataclasses.MISSING


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def from_json(kind: Any, found: Any, fill: Fill | None = None) -> Any:
    """The value of a type that `to_json` wrote (FormatError)."""
    try:
        return _read(kind, found, fill)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"trace: {getattr(kind, '__name__', kind)}: {error}") from None


def _read(kind: Any, found: Any, fill: Fill | None) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _read_union(arguments, found, fill)
    if origin is tuple:
        members = arguments[:1] * len(found) if len(arguments) == 2 and arguments[1] is Ellipsis else arguments
        return tuple(_read(each, item, fill) for each, item in zip(members, found, strict=True))
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and not issubclass(kind, _AS_TEXT + _AS_NUMBER):
        return _read_dataclass(kind, found, fill)
    return _read_plain(kind, found)


def _read_union(arguments: tuple[Any, ...], found: Any, fill: Fill | None) -> Any:
    if found is None and type(None) in arguments:
        return None
    for kind in arguments:
        if isinstance(kind, type) and issubclass(kind, enum.Enum) and isinstance(found, str):
            if found in kind.__members__:
                return kind[found]
            continue
        if kind is not type(None):
            return _read(kind, found, fill)
    raise ValueError(f"{found!r} is none of its types")


def _read_plain(kind: Any, found: Any) -> Any:
    if issubclass(kind, enum.Enum):
        return kind[found]
    if issubclass(kind, _AS_TEXT):
        return kind.parse(found)
    if issubclass(kind, _AS_NUMBER):
        return kind(found)
    if kind is bytes:
        return bytes.fromhex(found)
    if kind is float and isinstance(found, int):
        return float(found)
    if not isinstance(found, kind):
        raise TypeError(f"{found!r} is no {kind.__name__}")
    return found


def _read_dataclass(kind: Any, found: Mapping[str, Any], fill: Fill | None) -> Any:
    values = {}
    for field in dataclasses.fields(kind):
        if field.name in SECRETS and fill is not None:
            values[field.name] = fill(kind, field.name, found)
        elif field.name in found:
            values[field.name] = _read(_hints(kind)[field.name], found[field.name], fill)
    return kind(**values)
