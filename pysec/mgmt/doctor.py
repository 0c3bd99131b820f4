"""Why this exists: most links that do not come up fail for one of a dozen reasons, and each can be asked for.

Findings about this machine, about one interface, and about the peer that does not answer, each with what would mend it.
Nothing is changed by looking. A finding that is not a fault (there is no trusted clock, say, and none is needed) is
told all the same, so that nobody has to wonder.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pysec.dataplane import default_gcm, gcm_implementations
from pysec.errors import PysecError
from pysec.runtime.folder import made, run_folder
from pysec.runtime.guard import CAP_NET_ADMIN, CAP_NET_RAW, Guard, GuardUnavailable, has_capability
from pysec.runtime.interface import OFFLOADS, opened
from pysec.wire import eapol

_OVERHEAD: Final = 32
_UNSYNCHRONIZED: Final = 5  # TIME_ERROR of adjtimex
_ENSLAVING: Final = "/sys/class/net/{}/master"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at and how it is. ok: None if it is worth knowing and no fault. mend: what to do, or ""."""

    id: str
    ok: bool | None
    detail: str
    mend: str = ""


def machine() -> Iterator[Finding]:
    """What pysec needs of this machine."""
    names = {"CAP_NET_RAW": CAP_NET_RAW, "CAP_NET_ADMIN": CAP_NET_ADMIN}
    missing = [name for name, number in names.items() if not has_capability(number)]
    yield Finding(
        "capabilities",
        not missing,
        f"{' and '.join(missing)} missing" if missing else "CAP_NET_RAW and CAP_NET_ADMIN are there",
        "run it as root, or give the service these capabilities" if missing else "",
    )
    tun = os.access("/dev/net/tun", os.R_OK | os.W_OK)
    there = os.access("/dev/net/tun", os.F_OK)
    mend = "" if tun else "run it as root" if there else "modprobe tun; in a container: --device /dev/net/tun"
    yield Finding("tun", tun, "/dev/net/tun can be used" if tun else "/dev/net/tun cannot be used", mend)
    yield _guard(bool(missing))
    yield _gcm()
    yield _entropy()
    yield _clock()
    try:
        folder = run_folder()
        if folder.exists():
            made(folder)
        yield Finding("run-folder", True, f"{folder} is nobody else's")
    except (PysecError, OSError) as error:
        yield Finding("run-folder", False, str(error), "put it right, or name another folder by PYSEC_RUN_DIR")


def _guard(unable: bool) -> Finding:
    """Whether the kernel takes the guard: in a network namespace made for that, so that nothing here is touched."""
    if unable:
        return Finding("guard", None, "whether the kernel has what the guard needs can be told with the capabilities")
    from pysec.runtime.elsewhere import elsewhere

    def attempt() -> None:
        with contextlib.closing(Guard("lo")) as guard:
            guard.install()

    try:
        elsewhere(attempt)
    except GuardUnavailable as error:
        words = (
            "a kernel with nf_tables and netdev hooks (CONFIG_NF_TABLES_NETDEV, CONFIG_NETFILTER_EGRESS, Linux 5.16)"
        )
        return Finding(
            "guard", False, str(error), f"{words}, or --no-guard, which leaves the host on the cable in clear"
        )
    except (PysecError, OSError) as error:
        return Finding("guard", None, f"could not be tried: {error}")
    return Finding("guard", True, "nf_tables with netdev hooks: the host's own stack can be kept off the cable")


def _gcm() -> Finding:
    name = default_gcm()
    if name == "portable":
        words = "this CPU, or this system, has no AES instructions for us"
        return Finding("aes-gcm", None, f"portable: {words}; it is constant time, and many times slower")
    usable = [info.name for info in gcm_implementations() if info.why_not is None]
    return Finding("aes-gcm", True, f"{name} (usable here: {', '.join(usable)})")


def _entropy() -> Finding:
    try:
        os.getrandom(1, os.GRND_NONBLOCK)
    except BlockingIOError:
        words = "the system has not gathered enough of it yet: keys would wait"
        return Finding("entropy", False, words, "wait, or give the machine a source: virtio-rng, rngd, a TPM")
    return Finding("entropy", True, "the system's random numbers are ready")


def _clock() -> Finding:
    needed = "pre-shared keys need no clock"
    buffer = ctypes.create_string_buffer(512)
    state = ctypes.CDLL(None).adjtimex(buffer)
    if state == _UNSYNCHRONIZED:
        return Finding("clock", None, f"the clock is not synchronized; {needed}, logs are easier to read with one")
    return Finding("clock", None if state < 0 else True, f"the clock is synchronized; {needed}")


# ---- an interface


def interface(name: str) -> Iterator[Finding]:
    """What stands in the way on an interface."""
    with opened(name) as found:
        if not found.exists:
            near = ", ".join(each for _, each in socket.if_nameindex() if each != "lo")
            yield Finding("interface", False, f"there is no {name}", f"there are: {near or 'none but lo'}")
            return
        try:
            yield Finding("interface", True, f"{name} is an Ethernet interface, {found.mac}")
        except PysecError as error:
            yield Finding("interface", False, str(error), "MACsec is for Ethernet interfaces")
            return
        if not found.is_up:
            yield Finding("carrier", False, f"{name} is off", f"ip link set {name} up")
        elif not found.has_carrier:
            yield Finding("carrier", False, f"{name} has no carrier", "the cable, or the other end, which may be off")
        else:
            yield Finding("carrier", True, f"{name} is on, and so is the other end")
        mtu = found.mtu
        room = mtu - _OVERHEAD
        mend = "" if room >= 1500 else "--raise-mtu, where every device on the way carries longer frames"
        yield Finding("mtu", None, f"{name} carries {mtu} octets, so the controlled port {room}", mend)
        merging = [each for each in OFFLOADS if found.offload(each)]
        words = f"{' and '.join(merging)} are on: pysec switches them off while it runs" if merging else "none on"
        yield Finding("merging-offloads", True, f"{words}; a merged frame was never on the wire")
        yield _master(name)
        yield _others(name, found.index)


def _master(name: str) -> Finding:
    with contextlib.suppress(OSError):
        master = Path(os.readlink(_ENSLAVING.format(name))).name
        words = f"{name} is a port of {master}, which takes its frames"
        return Finding(
            "bridge", False, words, f"ip link set {name} nomaster, and put the controlled port into {master}"
        )
    return Finding("bridge", True, f"{name} is no port of a bridge or bond")


def _others(name: str, index: int) -> Finding:
    """Who else listens to EAPOL there: /proc/net/packet has every packet socket of this namespace."""
    found = 0
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/packet").read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if int(fields[3], 16) == eapol.ETHERTYPE and int(fields[4]) in (0, index):
                found += 1
    if found:
        words = f"{found} sockets of other programs take EAPOL on {name}: a supplicant answers MKA there, too"
        return Finding("supplicant", False, words, f"stop wpa_supplicant, hostapd or NetworkManager on {name}")
    return Finding("supplicant", True, f"no other program takes EAPOL on {name}")


# ---- a link


def link(report: dict[str, Any]) -> Iterator[Finding]:
    """What keeps a link of a service from being secured, out of its report."""
    name = report["interface"]
    if report["secured"]:
        yield Finding("link", True, f"{name} is secured, {report['protection']} with {report['cipher-suite']}")
        return
    if "mka" not in report:
        yield Finding("link", False, f"{name} {report['state']}: {report['why']}", "the line says what")
        return
    yield Finding("link", False, f"{name} is not secured: {report['why']}")
    yield _peer(report)


def _peer(report: dict[str, Any]) -> Finding:
    """Why the peer does not answer, the likeliest cause first."""
    refused: dict[str, int] = report["mka"]
    last = report["last-mkpdu-refusal"]
    heard = sum(each["frames"] for each in report["guard"] if each["inward"] and each["name"] == "eapol")
    if refused.get("bad ICV"):
        return Finding("peer", False, f"wrong CAK: {last}", "bring the same key file to both ends, unseen")
    if refused.get("unknown CKN"):
        return Finding("peer", False, f"wrong CKN: {last}", "bring the same key file to both ends, unseen")
    if refused.get("malformed") or refused.get("protocol error"):
        return Finding("peer", False, f"what it says is no MKA as it should be: {last}", "pysec up --trace shows it")
    if any(peer["live"] for peer in report["peers"]):
        words = f"the peer is live, and no SAK is in use: {report['why']}"
        return Finding("peer", False, words, "suites, capabilities and policy of both ends: pysec explain")
    if report["peers"]:
        return Finding("peer", False, "the peer is heard and does not list us: it does not hear us", "the way to it")
    if report["guard"] and not heard:
        words = "no EAPOL frame has come: the peer is off or has no MKA, or a bridge on the way stops EAPOL"
        mend = "start the other end; a Linux bridge lets EAPOL pass by group_fwd_mask 8, a switch by its own setting"
        return Finding("peer", False, words, mend)
    return Finding("peer", False, "no MKPDU that could be used has come", "start the other end")
