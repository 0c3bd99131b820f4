"""Why this exists: each setting of a link is an option of several commands, and is described in one place.

`add` makes the options out of `pysec.mgmt.settings`; `layers` reads a target, which is an interface or a link's file,
and puts the options over it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pysec.errors import UsageError
from pysec.mgmt import linkfile
from pysec.mgmt.settings import FILES, SETTINGS, Link, Setting, Value, gather, take


def add(p: argparse.ArgumentParser) -> None:
    """Add the target, and an option for each setting but the interface."""
    p.add_argument("target", metavar="IFACE|FILE.toml", help="the common port: what the cable is in; or a link's file")
    group = p.add_argument_group("settings of the link (in a file by the same names)")
    for setting in SETTINGS[1:]:
        _add(group, setting)


def _add(group: argparse._ArgumentGroup, setting: Setting) -> None:
    option, words = f"--{setting.name}", setting.words
    if setting.kind is bool:
        name, action = (f"--{setting.off}", "store_false") if setting.default else (option, "store_true")
        group.add_argument(name, dest=setting.name, action=action, default=None, help=words)
        return
    if setting.default not in ("", None, []) and setting.kind is not list:
        words = f"{words} ({setting.default})"
    group.add_argument(
        option,
        dest=setting.name,
        action="append" if setting.kind is list else "store",
        type=setting.kind if setting.kind in (int, float) else str,
        choices=None if setting.kind is list else setting.choices or None,
        metavar=setting.metavar or ("NAME" if setting.kind is list else None),
        help=words.replace("%", "%%"),
    )


def layers(args: argparse.Namespace) -> Link:
    """The effective settings: the defaults, the file if the target is one, the options (UsageError, OSError)."""
    named = vars(args)
    file: dict[str, Value] = {}
    options: dict[str, Value] = {}
    if linkfile.is_file_name(args.target):
        file = linkfile.read(args.target)
    else:
        options["interface"] = take("interface", args.target, "the command line")
        if not args.target:
            raise UsageError("name an interface, or a link's file")
    for setting in SETTINGS[1:]:
        value = named[setting.name]
        if value is None:
            continue
        if setting.name in FILES and value != "-":
            value = str(Path(value).absolute())
        options[setting.name] = take(setting.name, value, f"--{setting.off if setting.off else setting.name}")
    return gather(file, options)
