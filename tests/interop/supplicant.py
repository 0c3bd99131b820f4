"""Why this exists: the other implementation of MKA: wpa_supplicant, and hostapd, over the kernel's macsec.

Both come from one source (hostap 2.10), so they agree on what they get wrong, too; README.md tells what they do. A
`Supplicant` is one of them in the guest, on eth0 or in a name space of the hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.interop.guest import Guest
from tests.interop.segment import GUEST_IPV4, LAN_MTU

START_S = 15


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A pre-shared CAK and its CKN. They protect nothing but tests."""

    cak: bytes
    ckn: bytes

    @classmethod
    def make(cls, cak_octets: int = 16, ckn_octets: int = 32) -> SharedKey:
        """One of given lengths."""
        return cls(bytes(range(0x60, 0x60 + cak_octets)), bytes(range(0xC0, 0xC0 + ckn_octets)))


@dataclass(frozen=True, slots=True)
class KernelSas:
    """The SAs in use of the kernel's macsec: KIs as MKA prints them, by AN; receive SAs by SCI, too."""

    transmit: dict[int, str]
    receive: dict[tuple[str, int], str]
    encoding: int

    @property
    def encoding_ki(self) -> str | None:
        """The KI that it sends with."""
        return self.transmit.get(self.encoding)


def ki_of(shown: str) -> str:
    """The KI behind what `ip macsec` shows: hostap gives the kernel the Key Number in the host's order of octets."""
    return shown[:24] + bytes.fromhex(shown[24:])[::-1].hex()


class Supplicant:
    """One participant of hostap's in the guest."""

    def __init__(
        self,
        guest: Guest,
        key: SharedKey,
        *,
        priority: int = 255,
        integrity_only: bool = False,
        port: int = 1,
        program: str = "wpa_supplicant",
        place: str = "",
        ipv4: str = GUEST_IPV4,
    ) -> None:
        """Not yet running. place: a name space of the hub; empty for eth0. program: or wpa_supplicant-256, hostapd."""
        self._guest = guest
        self.key, self.priority, self.integrity_only, self.port = key, priority, integrity_only, port
        self._program, self._place, self._ipv4 = program, place, ipv4
        self._name = place or "self"
        self._interface = "lan" if place else "eth0"
        self._starts = 0

    def _config(self) -> str:
        mka = f"""macsec_policy=1
            macsec_integ_only={int(self.integrity_only)}
            macsec_replay_protect=1
            macsec_replay_window=0
            macsec_port={self.port}
            mka_priority={self.priority}
            mka_cak={self.key.cak.hex()}
            mka_ckn={self.key.ckn.hex()}"""
        if self._program == "hostapd":
            text = f"""interface={self._interface}
                driver=macsec_linux
                ctrl_interface=/run/{self._name}
                eapol_version=3
                {mka}"""
        else:
            text = f"""ctrl_interface=/run/{self._name}
                eapol_version=3
                ap_scan=0
                network={{
                key_mgmt=NONE
                eapol_flags=0
                {mka}
                }}"""
        return "\n".join(line.strip() for line in text.splitlines()) + "\n"

    def _inside(self, command: str) -> str:
        # By its path: the shell function of that name would be the process whose id is kept.
        return f"/bin/ip netns exec {self._place} {command}" if self._place else command

    def start(self) -> None:
        """Start it; it sends MKPDUs when this returns (GuestFailed)."""
        self._starts += 1
        name = self._name
        (self._guest.folder / f"{name}.conf").write_text(self._config(), "utf-8")
        if self._program == "hostapd":
            command = f"hostapd -dd -t /out/{name}.conf"
        else:
            command = f"{self._program} -D macsec_linux -i {self._interface} -c /out/{name}.conf -dd -t"
        if self._program == "wpa_supplicant-256":
            command = f"env PEER_CS256=1 /bin/{command}"
        up = "" if self._place else f"ip link set eth0 mtu {LAN_MTU} up"
        # hostapd makes the link only when it hears somebody.
        wait = f"wait_for {START_S} {self._inside('/bin/ip link show macsec0')}"
        address = f"{self._inside('/bin/ip')} addr add {self._ipv4}/24 dev macsec0"
        later = "&" if self._program == "hostapd" else ""
        self._guest.run(
            f"""{up}
            {self._inside(command)} </dev/null >/out/{name}-{self._starts}.log 2>&1 &
            echo $! >/tmp/{name}.pid
            {{ {wait} && {address}; }} </dev/null >/dev/null 2>&1 {later}"""
        )

    def end(self, *, abruptly: bool = False, leave_link: bool = False) -> None:
        """End it: as an administrator does, or as a crash does. leave_link: the kernel's macsec0 goes on by itself."""
        how = "-KILL" if abruptly else "-TERM"
        link = "" if leave_link else f"{self._inside('/bin/ip')} link del macsec0 2>/dev/null"
        self._guest.run(
            f"""kill {how} $(cat /tmp/{self._name}.pid)
            wait_for 5 sh -c '! kill -0 $(cat /tmp/{self._name}.pid) 2>/dev/null'
            {link}
            true"""
        )

    @property
    def log(self) -> str:
        """What it says of itself; without keys."""
        return (self._guest.folder / f"{self._name}-{self._starts}.log").read_text("utf-8", "replace")

    @property
    def where(self) -> str:
        """How iproute2 is told of the name space."""
        return f"-n {self._place}" if self._place else ""

    def link(self) -> dict[str, Any] | None:
        """What iproute2 says of macsec0, or None if it is not there."""
        found = self._guest.json(f"ip {self.where} -j -s macsec show 2>/dev/null || echo '[]'")
        return next((link for link in found if link["ifname"] == "macsec0"), None)

    def sas(self) -> KernelSas:
        """The SAs in use."""
        link = self.link() or {"sa_list": [], "rx_sc": [], "encoding_sa": 0}
        transmit = {sa["an"]: ki_of(sa["key"]) for sa in link["sa_list"] if sa["active"]}
        receive = {
            (f"{int(channel['sci'], 16):016x}", sa["an"]): ki_of(sa["key"])
            for channel in link["rx_sc"]
            for sa in channel["sa_list"]
            if sa["active"]
        }
        return KernelSas(transmit, receive, link["encoding_sa"])
