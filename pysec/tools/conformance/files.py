"""Why this exists: a folder of vectors also holds other things, and none of them may pass unseen or be taken for a
vector.

In a folder only `*.json` counts. What is not one of ours (no `format`) is passed over and named in the report; a file
that looks like ours and cannot be read is an error. A file that is named on the command line must be a vector file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pysec.errors import FormatError, UsageError
from pysec.tools.conformance.cases import Vectors
from pysec.tools.conformance.formats import PREFIX
from pysec.tools.fields import Fields, load_json

_LOOKED_AT = 4096


@dataclass(frozen=True)
class PassedOver:
    """A JSON file in a folder that is no vector file."""

    path: Path
    why: str


def find(paths: Sequence[Path]) -> Iterator[Vectors | PassedOver]:
    """The vector files of paths: files, and folders to any depth (UsageError, FormatError, OSError)."""
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
    seen: set[Path] = set()
    for path in paths:
        if not path.is_dir():
            file = _of_capture(path)
            if file.resolve() not in seen:
                yield _named(file)
            seen.add(file.resolve())
            continue
        found = [_in_folder(file) for file in sorted(_json_files(path))]
        if not any(isinstance(item, Vectors) for item in found):
            raise UsageError(f"{path}: no vector file in this folder")
        yield from found


def _of_capture(path: Path) -> Path:
    """A capture stands for the vector file beside it, so that a shell's `static-*` may name both."""
    beside = path.with_suffix(".json")
    return beside if path.suffix in (".pcap", ".pcapng") and beside.exists() else path


def _json_files(folder: Path) -> Iterator[Path]:
    def complain(error: OSError) -> None:
        raise error

    for where, folders, files in os.walk(folder, onerror=complain):
        folders.sort()
        yield from (Path(where, name) for name in files if name.endswith(".json"))


def _vectors(path: Path, values: object) -> Vectors:
    top = Fields(str(path), values)
    return Vectors(path, top.text("format"), top)


def _named(path: Path) -> Vectors:
    return _vectors(path, load_json(path))


def _in_folder(path: Path) -> Vectors | PassedOver:
    try:
        values = load_json(path)
    except FormatError:
        with path.open("rb") as file:
            if PREFIX.encode() in file.read(_LOOKED_AT):
                raise  # one of ours, damaged: leaving it out would turn a fault into a pass
        return PassedOver(path, "not JSON")
    if not isinstance(values, dict) or not isinstance(values.get("format"), str):
        return PassedOver(path, "no format")
    return _vectors(path, values)
