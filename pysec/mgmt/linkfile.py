"""Why this exists: a link that is to be there for years stands in a file that people read, compare and review.

A few lines of TOML, the settings of `pysec.mgmt.settings` by their names. What is wrong is told by file and line; a
name that nobody knows is refused with the nearest one that is known. Relative names of other files are relative to the
link's own file.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pysec.errors import FormatError, UsageError
from pysec.mgmt.settings import FILES, FORMAT, Value, take

MAX_OCTETS = 65536
SUFFIX = ".toml"


def is_file_name(target: str) -> bool:
    """Whether a name on the command line is that of a link's file, not of an interface."""
    return "/" in target or target.endswith(SUFFIX)


def read(path: str | Path) -> dict[str, Value]:
    """The settings in a link's file, each with its line (FormatError, UsageError, OSError)."""
    where = Path(path)
    with where.open("rb") as file:
        octets = file.read(MAX_OCTETS + 1)
    if len(octets) > MAX_OCTETS:
        raise FormatError(f"{path}: more than {MAX_OCTETS} octets, too long for a link")
    try:
        text = octets.decode()
        found = tomllib.loads(text)
    except UnicodeDecodeError:
        raise FormatError(f"{path}: is not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise FormatError(f"{path}: {str(error) or 'nested too deep'}") from None
    if "format" not in found:
        raise FormatError(f'{path}: no line `format = "{FORMAT}"`')
    form = found.pop("format")
    if form != FORMAT:
        raise FormatError(f"{_line(path, text, 'format')}: format {str(form)[:40]!r}: this pysec reads {FORMAT}")
    values = {name: take(name, value, _line(path, text, name)) for name, value in found.items()}
    for name in FILES:
        if name in values and values[name].value:
            values[name] = Value(str(where.absolute().parent / values[name].value), values[name].origin)
    return values


def read_folder(path: str | Path) -> dict[Path, dict[str, Value]]:
    """Every link's file in a folder, in the order of their names (FormatError, UsageError, OSError)."""
    found: dict[Path, dict[str, Value]] = {}
    interfaces: dict[str, Path] = {}
    for each in sorted(Path(path).iterdir()):
        if each.suffix == SUFFIX and not each.name.startswith("."):
            found[each] = read(each)
            interface = found[each]["interface"].value if "interface" in found[each] else ""
            if interface in interfaces:
                raise UsageError(f"{each}: {interface} stands in {interfaces[interface].name}, too")
            interfaces[interface] = each
    return found


def _line(path: str | Path, text: str, name: str) -> str:
    """Where a setting stands, as `file:line`."""
    wanted = re.compile(rf"""\s*["']?{re.escape(name)}["']?\s*[=.]|\s*\[+\s*["']?{re.escape(name)}\b""")
    for number, line in enumerate(text.splitlines(), start=1):
        if wanted.match(line):
            return f"{path}:{number}"
    return str(path)
