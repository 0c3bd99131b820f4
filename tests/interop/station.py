"""Why this exists: our end of a link with static keys: a SecY, its port, and a TAP interface that our host uses."""

from __future__ import annotations

import contextlib
import os

from pysec import Ki, Sci, SecY, SecYConfig, Ssci
from pysec.dataplane.port import Port, disable_offloads, open_packet, open_tap
from tests.interop import kernel
from tests.interop.segment import GUEST_MAC, LAN_MTU, OUR_IPV4, OUR_MAC, Segment

HOST_MTU = 1500


class Station:
    """pysec on a segment, with the keys of a link. Both directions have a key of their own."""

    def __init__(self, stack: contextlib.ExitStack, segment: Segment, link: kernel.StaticLink) -> None:
        """Bring it up; `stack` takes it down."""
        self.link = link
        self.guest_sci = Sci.of(GUEST_MAC, 1)
        config = SecYConfig(
            always_include_sci=link.form == "sci",
            use_es=link.form == "es",
            replay_window=0,
            common_port_mtu=LAN_MTU,
        )
        self.secy = stack.enter_context(SecY(Sci.of(OUR_MAC, 1), link.suite, config))
        self._install()
        with segment.namespace.inside():
            common = open_packet("lan", 4 << 20)
            stack.callback(os.close, common)
            controlled, _ = open_tap("secure")
            stack.callback(os.close, controlled)
            disable_offloads("secure")
        rtnl = segment.namespace.rtnl
        rtnl.set_up("secure", mac=OUR_MAC, mtu=HOST_MTU)
        rtnl.add_ipv4("secure", OUR_IPV4, 24)
        self.port = stack.enter_context(Port(self.secy, common=common, controlled=controlled))
        self.port.start()

    def _install(self) -> None:
        link, secy = self.link, self.secy
        ours, theirs = Ki(kernel.OUR_KI), Ki(kernel.GUEST_KI)
        xpn = link.suite.is_xpn
        salt = kernel.SALT if xpn else None
        secy.install_sak(theirs, link.key(kernel.GUEST_KEY), salt=salt)
        secy.create_receive_sc(self.guest_sci)
        secy.create_receive_sa(
            self.guest_sci, link.an, theirs, lowest_pn=link.first_pn, ssci=Ssci(link.guest_ssci) if xpn else None
        )
        secy.enable_receive(self.guest_sci, theirs)
        secy.install_sak(ours, link.key(kernel.OUR_KEY), salt=salt)
        secy.create_transmit_sa(
            link.an,
            ours,
            next_pn=link.first_pn,
            ssci=Ssci(link.our_ssci) if xpn else None,
            confidentiality=link.encrypt,
        )
        secy.enable_transmit(ours)

    def counters(self) -> dict[str, int]:
        """What our SecY counts, by the kernel's names."""
        return self.secy.counters().as_kernel_dict()
