"""Why this exists: the Linux kernel's macsec with keys set by hand, as iproute2 makes it, and what it counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from pysec.types import CipherSuite, MacAddress
from tests.interop.guest import Guest
from tests.interop.segment import GUEST_IPV4, LAN_MTU, OUR_MAC

# Test keys: nobody uses them for anything else.
OUR_KEY = bytes(range(0x40, 0x60))
GUEST_KEY = bytes(range(0xA0, 0xC0))
OUR_KI = bytes(15) + b"\x01"
GUEST_KI = bytes(15) + b"\x02"
SALT = bytes(range(0x10, 0x1C))


@dataclass(frozen=True, slots=True)
class StaticLink:
    """How the kernel's end of a link with static keys is set up.

    form: how its SecTAG tells the SCI: `sci`, `es` or `nosci`. our_ssci, guest_ssci: of the XPN suites.
    first_pn: of both directions. window: its replay window.
    """

    suite: CipherSuite = CipherSuite.GCM_AES_128
    encrypt: bool = True
    form: str = "sci"
    an: int = 0
    first_pn: int = 1
    our_ssci: int = 1
    guest_ssci: int = 2
    window: int = 0
    our_mac: MacAddress = OUR_MAC

    def key(self, octets: bytes) -> bytes:
        """A key of the suite's length."""
        return octets[: self.suite.sak_octets]

    def _pn(self, ssci: int) -> str:
        if self.suite.is_xpn:
            return f"xpn {self.first_pn} ssci {ssci} salt {SALT.hex()}"
        return f"pn {self.first_pn}"

    def commands(self) -> str:
        """The shell commands that set it up on eth0 of the guest."""
        on = {True: "on", False: "off"}
        peer = f"rx port 1 address {self.our_mac}"
        return f"""set -e
            ip link set eth0 mtu {LAN_MTU} up
            ip link add link eth0 name macsec0 type macsec port 1 cipher {self.suite.value.lower()} \
                encrypt {on[self.encrypt]} send_sci {on[self.form == "sci"]} end_station {on[self.form == "es"]} \
                scb off replay on window {self.window} validate strict encodingsa {self.an}
            ip macsec add macsec0 tx sa {self.an} {self._pn(self.guest_ssci)} on \
                key {GUEST_KI.hex()} {self.key(GUEST_KEY).hex()}
            ip macsec add macsec0 {peer} on
            ip macsec add macsec0 {peer} sa {self.an} {self._pn(self.our_ssci)} on \
                key {OUR_KI.hex()} {self.key(OUR_KEY).hex()}
            ip addr add {GUEST_IPV4}/24 dev macsec0
            ip link set macsec0 up"""


@dataclass(frozen=True, slots=True)
class KernelCounters:
    """What the kernel counts, by its own names: its SecY and transmit SC in one, its receive SCs summed."""

    own: dict[str, int]
    receive: dict[str, int]

    @classmethod
    def read(cls, guest: Guest, where: str = "") -> KernelCounters:
        """Ask iproute2. where: `-n NAME` for a name space of the guest."""
        (link,) = guest.json(f"ip {where} -j -s macsec show macsec0")
        receive: Counter[str] = Counter()
        for channel in link["rx_sc"]:
            receive.update(_packets(channel))
        return cls(_packets(link), dict(receive))

    @property
    def refused(self) -> dict[str, int]:
        """Frames received that it was not content with, by counter; those that occurred."""
        faults = {**self.own, **self.receive}
        return {name: n for name, n in faults.items() if n and name.startswith("InPkts") and name != "InPktsOK"}


def _packets(holder: dict[str, Any]) -> dict[str, int]:
    return {name: n for name, n in holder.items() if name.startswith(("InPkts", "InOctets", "OutPkts", "OutOctets"))}
