"""Why this exists: a service that was killed must know, when it starts again, which links are to be there.

One file in the run folder: the links that are up, as documents of `pysec.mgmt.settings`, and those on trial, which a
new start undoes, for nobody has confirmed them. No key and no packet number is in it: a link begins with a fresh SAK
each time, which is why none can be used twice. Written whole or not at all; what was there before stays until the new
one is on the disk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pysec.errors import FormatError
from pysec.runtime.folder import write_whole

FORMAT: Final = "pysec-state/1"
NAME: Final = "links.json"


@dataclass(slots=True)
class State:
    """links: documents by interface. trials: interfaces that were touched on trial, with the document of before."""

    links: dict[str, Any] = field(default_factory=dict)
    trials: dict[str, Any] = field(default_factory=dict)


def read(folder: Path) -> State:
    """What the file says; nothing if there is none (FormatError, OSError)."""
    path = folder / NAME
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return State()
    try:
        found = json.loads(text)
        form = found["format"]
        if form != FORMAT:
            raise FormatError(f"{path}: format {str(form)[:40]!r}: this pysec reads {FORMAT}")
        links, trials = found["links"], found["trials"]
        if not isinstance(links, dict) or not isinstance(trials, dict):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise FormatError(f"{path}: is not the state of a service") from None
    return State(links, trials)


def write(folder: Path, state: State) -> None:
    """Have the file say so (OSError: the disk is full, say; the old one stays then)."""
    said = {"format": FORMAT, "links": state.links, "trials": state.trials}
    write_whole(folder / NAME, json.dumps(said, indent=1))


def forget(folder: Path) -> None:
    """Remove the file if it says nothing (FormatError, OSError)."""
    if read(folder) == State():
        (folder / NAME).unlink(missing_ok=True)


def set_aside(folder: Path) -> Path:
    """Keep the file under another name, for somebody to look at; that name (OSError)."""
    path = folder / NAME
    return path.replace(path.with_suffix(".unreadable"))
