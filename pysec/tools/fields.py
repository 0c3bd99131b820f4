"""Why this exists: a key file or vector comes from somebody else, and what is wrong with it must be said without
quoting it.

`load_json` and `Fields` read JSON strictly. Every complaint is a FormatError of one line that names the file, the
place and the field; it never shows a value, since any value may be a key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pysec.errors import FormatError, UsageError
from pysec.secret import Secret
from pysec.types import Sci, Ssci

# Parsed JSON takes many times the memory of its text, and no key or vector file comes near this.
JSON_LIMIT: Final = 16 * 1024 * 1024


def printable(text: str, limit: int = 120) -> str:
    """The text on one line of ASCII, cut at `limit`: it may come from a hostile file and end up on a terminal."""
    line = "".join(c if c.isascii() and c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return line if len(line) <= limit else line[: limit - 3] + "..."


class _RepeatedName(ValueError):
    pass


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedName
    return found


def load_json(path: Path) -> object:
    """What a JSON file holds (FormatError if it is not JSON, or repeats a name; OSError if it cannot be read)."""
    with path.open("rb") as file:
        octets = file.read(JSON_LIMIT + 1)
    if len(octets) > JSON_LIMIT:
        raise FormatError(f"{path}: more than {JSON_LIMIT} octets, too long for a JSON file of this kind")
    try:
        found: object = json.loads(octets, object_pairs_hook=_no_repeats)
    except _RepeatedName:
        raise FormatError(f"{path}: an object names the same field twice") from None
    except json.JSONDecodeError as error:
        raise FormatError(f"{path}: not JSON: line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):  # not UTF-8, a number of thousands of digits, nested without end
        raise FormatError(f"{path}: not JSON that can be read") from None
    return found


class Fields:
    """One JSON object. `where` is what a complaint begins with: the file, and the place in it."""

    def __init__(self, where: str, values: object) -> None:
        if not isinstance(values, dict):
            raise FormatError(f"{where}: not a JSON object")
        self.where = where
        self._values: dict[str, object] = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    @property
    def name(self) -> str:
        """What the object calls itself: its `id`, or its `tcId`; empty if it has neither."""
        return _name(self._values)

    def lists_any(self, name: str) -> bool:
        """Whether the field is there and is not an empty list."""
        return name in self and self._values[name] != []

    def error(self, name: str, what: str) -> FormatError:
        """A FormatError about one field."""
        return FormatError(f"{self.where}: {name}: {what}")

    def only(self, names: Iterable[str]) -> None:
        """Refuse any other field: a misspelt option must not be an option silently left out."""
        for name in sorted(self._values.keys() - set(names)):
            raise FormatError(f"{self.where}: {printable(name, 40)}: no such field")

    def _take(self, name: str) -> object:
        value = self._values.get(name)
        if value is None:
            raise self.error(name, "missing")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """A string."""
        if default is not None and name not in self:
            return default
        value = self._take(name)
        if not isinstance(value, str):
            raise self.error(name, "must be a string")
        return value

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number of low to high."""
        if default is not None and name not in self:
            return default
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(name, f"must be a whole number of {low} to {high}")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """true, false, 1 or 0."""
        if default is not None and name not in self:
            return default
        value = self._take(name)
        if not isinstance(value, (bool, int)) or value not in (0, 1):
            raise self.error(name, "must be true or false")
        return bool(value)

    def octets(self, name: str, *lengths: int) -> bytes:
        """Hex digits; of one of the given numbers of octets, if any are given."""
        text = self.text(name)
        try:
            found = bytes.fromhex(text)
        except ValueError:
            raise self.error(name, "must be an even number of hex digits") from None
        if lengths and len(found) not in lengths:
            wanted = " or ".join(str(n) for n in lengths)
            raise self.error(name, f"{len(found)} octets, must be {wanted}")
        return found

    def secret(self, name: str, *lengths: int) -> Secret:
        """A key in hex digits."""
        return Secret(self.octets(name, *lengths))

    def sci(self, name: str) -> Sci:
        """An SCI, as 16 hex digits or `52:54:00:00:0a:01/1`."""
        try:
            return Sci.parse(self.text(name))
        except UsageError:
            raise self.error(name, "must be an SCI: 16 hex digits, or a MAC address, '/' and a port") from None

    def ssci(self, name: str) -> Ssci:
        """An SSCI, as a number or 8 hex digits."""
        if isinstance(self._values.get(name), str):
            return Ssci(int.from_bytes(self.octets(name, 4), "big"))
        return Ssci(self.integer(name, 0, 0xFFFFFFFF))

    def objects(self, name: str) -> list[Fields]:
        """A list of objects, not empty. Each is called by its place, and by its `id` where it has one."""
        value = self._take(name)
        if not isinstance(value, list) or not value:
            raise self.error(name, "must be a list that is not empty")
        return [Fields(f"{self.where}: {name}[{i}]{_called(item)}", item) for i, item in enumerate(value)]

    def objects_or_none(self, name: str) -> list[Fields]:
        """A list of objects that may be empty, or missing."""
        return self.objects(name) if self.lists_any(name) else []

    def object(self, name: str) -> Fields:
        """An object."""
        return Fields(f"{self.where}: {name}", self._take(name))

    def numbers_by_text(self, name: str) -> dict[str, int]:
        """An object whose values are whole numbers."""
        value = self._take(name)
        if not isinstance(value, dict) or any(type(n) is not int for n in value.values()):
            raise self.error(name, "must be an object of whole numbers")
        return dict(value)

    def texts_by_text(self, name: str) -> dict[str, list[str]]:
        """An object whose values are lists of strings."""
        value = self._take(name)
        if not isinstance(value, dict) or not all(_is_texts(item) for item in value.values()):
            raise self.error(name, "must be an object of lists of strings")
        return dict(value)

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        value = self._take(name)
        if not _is_texts(value):
            raise self.error(name, "must be a list of strings")
        assert isinstance(value, list)
        return list(value)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _name(values: dict[str, object]) -> str:
    if isinstance(found := values.get("id"), str):
        return printable(found, 80)
    if isinstance(found := values.get("tcId"), int):
        return printable(f"tc{found}", 80)
    return ""


def _called(item: object) -> str:
    name = _name(item) if isinstance(item, dict) else ""
    return f" ({name})" if name else ""
