"""Why this exists: a setting has one name, one default and one check, from a file, an option or the API.

`SETTINGS` is the schema of a link, version 1. `--replay-window 3`, `replay-window = 3` in a file and
`{"replay-window": 3}` in a request say the same. `gather` puts values from several places one over the other and keeps
where each came from; `link_config` makes of them what `pysec.runtime` runs.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pysec.errors import UsageError
from pysec.mka.kay import KayConfig
from pysec.pae import PaeConfig, Policy
from pysec.protocols import Controls
from pysec.runtime import bypass
from pysec.runtime.single import SingleConfig
from pysec.types import CipherSuite, ConfidentialityOffset, MacAddress

FORMAT: Final = "pysec-link/1"
OFFSETS: Final = {
    "none": ConfidentialityOffset.INTEGRITY_ONLY,
    "0": ConfidentialityOffset.ZERO,
    "30": ConfidentialityOffset.THIRTY,
    "50": ConfidentialityOffset.FIFTY,
}
MOVE, KEEP = "move", "keep"
TRY_S: Final = (2.0, 3600.0)
"""For how long a link can be tried."""
_INTERFACE: Final = re.compile(r"[^\s/]{1,15}")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. kind: str, int, float, bool, or list (of str). check: raises ValueError with what must be."""

    name: str
    kind: type
    default: Any
    words: str
    choices: tuple[str, ...] = ()
    check: Callable[[Any], None] = field(default=lambda value: None)
    metavar: str = ""
    off: str = ""
    """For a bool that is on by default: its option, which switches it off."""

    def take(self, value: Any) -> Any:
        """The value, checked (ValueError with what must be)."""
        if value is None and self.default is None:
            return None
        if self.kind is float and type(value) is int:
            value = float(value)
        if type(value) is not self.kind:
            raise ValueError(f"must be {_KINDS[self.kind]}")
        if isinstance(value, list) and not all(isinstance(each, str) for each in value):
            raise ValueError("must be a list of strings")
        for each in value if isinstance(value, list) else (value,):
            if self.choices and each not in self.choices:
                raise ValueError(f"{each}: must be one of {', '.join(self.choices)}" + _nearest(each, self.choices))
        self.check(value)
        return value


_KINDS: Final = {str: "a string", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}


def _nearest(name: object, names: Sequence[str]) -> str:
    found = difflib.get_close_matches(str(name).replace("_", "-"), names, 1, 0.6)
    return f"; did you mean {found[0]}?" if found else ""


def _within(low: float, high: float, words: str) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if not low <= value <= high:
            raise ValueError(f"{value:g}: must be {words}")

    return check


def _interface(value: str) -> None:
    if value and (not _INTERFACE.fullmatch(value) or len(value.encode()) > 15):
        raise ValueError(f"{value[:40]!r}: an interface's name has 1 to 15 octets, no space and no /")


def _suites(value: list[str]) -> None:
    for name in value:
        CipherSuite.parse(name)


def _addresses(value: list[str]) -> None:
    if set(value) & {MOVE, KEEP}:
        if len(value) > 1:
            raise ValueError(f"{MOVE} and {KEEP} stand alone")
        return
    for each in value:
        if "/" not in each:
            raise ValueError(f"{each}: must be ADDRESS/PREFIX, as in 10.0.0.1/24")
        ipaddress.ip_interface(each)


def _peers(value: list[str]) -> None:
    peer_names(value)


def peer_names(value: list[str]) -> dict[MacAddress, str]:
    """The names that peers are given, by address (ValueError)."""
    named: dict[MacAddress, str] = {}
    for each in value:
        name, equals, address = each.rpartition("=")
        if not equals or not name or not name.isprintable():
            raise ValueError(f"{each[:60]!r}: must be NAME=MAC, as in pump-3=02:00:00:00:00:0b")
        named[MacAddress.parse(address)] = name
    return named


SETTINGS: Final = (
    Setting("interface", str, "", "the common port: what the cable is in", check=_interface, metavar="IFACE"),
    Setting("key", str, "", "the key file (pysec genkey)", metavar="FILE"),
    Setting("controlled", str, "", "the TAP interface to make (sec-IFACE)", check=_interface, metavar="NAME"),
    Setting(
        "address",
        list,
        [MOVE],
        "ADDRESS/PREFIX of the TAP, may come again; move: those of IFACE, and its routes; keep: IFACE keeps its own",
        check=_addresses,
        metavar="ADDR",
    ),
    Setting(
        "policy",
        str,
        "must-secure",
        "what is not secured: must-secure drops it, should-secure lets it pass in clear after a while",
        choices=tuple(policy.value for policy in Policy),
    ),
    Setting(
        "priority", int, 16, "key server priority, 255 never", check=_within(0, 255, "0 to 255"), metavar="N"
    ),
    Setting("suite", list, [], "a cipher suite, the best first; may come again", check=_suites, metavar="NAME"),
    Setting("offset", str, "0", "confidentiality offset, none: integrity only", choices=tuple(OFFSETS)),
    Setting(
        "replay-window",
        int,
        0,
        "packet numbers that may come late",
        check=_within(0, (1 << 32) - 1, "0 to 2^32 - 1"),
        metavar="N",
    ),
    Setting(
        "rekey-period",
        float,
        None,
        "as key server, a new SAK every S seconds",
        check=_within(1, float("inf"), "1 or more"),
        metavar="S",
    ),
    Setting("delay-protect", bool, False, "bound how late frames may arrive"),
    Setting(
        "bypass", list, [], f"goes round MACsec, may come again: {', '.join(bypass.KNOWN)}", choices=tuple(bypass.KNOWN)
    ),
    Setting("peer", list, [], "NAME=MAC of a peer, for show; may come again", check=_peers, metavar="NAME=MAC"),
    Setting("guard", bool, True, "leave the host's own stack on the interface, in clear", off="no-guard"),
    Setting("raise-mtu", bool, False, "raise IFACE's MTU; the TAP has what IFACE had then"),
    Setting("implicit-sci", bool, False, "no SCI in the SecTAG while there is a single peer"),
    Setting(
        "vlan-tags-in-clear", int, 0, "VLAN tags before the SecTAG: 0, 1, 2", check=_within(0, 2, "0, 1 or 2"),
        metavar="N",
    ),
    Setting(
        "residence",
        int,
        0,
        "time one burst of N inside the port, told at the end",
        check=_within(0, (1 << 32) - 1, "0 (none) to 2^32 - 1"),
        metavar="N",
    ),
    Setting("trace", str, "", "write MKPDUs, decoded, and events as JSON lines", metavar="FILE"),
    Setting("keylog", str, "", "write SAKs for Wireshark; whoever reads it reads the link", metavar="FILE"),
)  # fmt: skip
BY_NAME: Final[Mapping[str, Setting]] = {setting.name: setting for setting in SETTINGS}
FILES: Final = ("key", "trace", "keylog")


@dataclass(frozen=True, slots=True)
class Value:
    """A value, and what set it."""

    value: Any
    origin: str = "default"


Link = dict[str, Value]


def take(name: str, value: Any, origin: str) -> Value:
    """A value for a setting of this name (UsageError that names the origin, and the nearest right name)."""
    setting = BY_NAME.get(name)
    if setting is None:
        raise UsageError(f"{origin}: {name}: there is no such setting{_nearest(name, tuple(BY_NAME))}")
    try:
        return Value(setting.take(value), origin)
    except ValueError as error:
        raise UsageError(f"{origin}: {name}: {error}") from None


def gather(*layers: Mapping[str, Value]) -> Link:
    """The effective values: each default, and over it what the layers say, the last the strongest (UsageError)."""
    link = {setting.name: Value(setting.default) for setting in SETTINGS}
    for layer in layers:
        link |= layer
    if not link["interface"].value:
        raise UsageError("a link needs an interface: name one, or set interface in its file")
    if not link["key"].value:
        raise UsageError("a link needs a key: --key FILE, or key in its file; pysec genkey FILE makes one")
    link_config(link)
    return link


def parse(document: Any, origin: str) -> Link:
    """The values of a JSON object, as the API and the state of a service have them (UsageError)."""
    if not isinstance(document, dict):
        raise UsageError(f"{origin}: must be an object with the settings of a link")
    found = dict(document)
    if (form := found.pop("format", FORMAT)) != FORMAT:
        raise UsageError(f"{origin}: format {str(form)[:40]!r}: must be {FORMAT}")
    return gather({name: take(name, value, origin) for name, value in found.items()})


def document(link: Link) -> dict[str, Any]:
    """A link as a JSON object: what is not at its default."""
    said = {name: found.value for name, found in link.items() if found.value != BY_NAME[name].default}
    return {"format": FORMAT} | said


def link_config(link: Link) -> SingleConfig:
    """What `pysec.runtime` runs (UsageError)."""
    of = {name: found.value for name, found in link.items()}
    policy = Policy(of["policy"])
    suites = tuple(CipherSuite.parse(name) for name in of["suite"])
    kay = KayConfig(
        key_server_priority=of["priority"],
        confidentiality_offset=OFFSETS[of["offset"]],
        plain_allowed=policy is Policy.SHOULD_SECURE,
        rekey_period_s=of["rekey-period"],
        delay_protect=of["delay-protect"],
    )
    if suites:
        kay = replace(kay, cipher_suites=suites)
    controls = Controls(replay_window=of["replay-window"], cipher_suite=kay.cipher_suites[0])
    given = of["address"]
    return SingleConfig(
        of["interface"],
        PaeConfig(policy, kay, controls),
        of["controlled"],
        trace=_path(of["trace"]),
        keylog=_path(of["keylog"]),
        guard=of["guard"],
        bypass=bypass.named(of["bypass"]),
        raise_mtu=of["raise-mtu"],
        implicit_sci=of["implicit-sci"],
        vlan_tags_in_clear=of["vlan-tags-in-clear"],
        residence_every=of["residence"],
        addresses=() if given in ([MOVE], [KEEP]) else tuple(ipaddress.ip_interface(each) for each in given),
        move_addresses=given == [MOVE],
    )


def _path(value: str) -> Path | None:
    return Path(value) if value else None
