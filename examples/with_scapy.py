"""MACsec on scapy packets: build one, protect it, look at its SecTAG, validate it."""

from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

from pysec import Ki, Sci, SecY, SecYConfig
from pysec.scapy import MACsec, protect, validate

alice_sci, ki, sak = Sci.of("02:00:00:00:00:01"), Ki(bytes(16)), bytes(range(16))
alice = SecY(alice_sci, config=SecYConfig(always_include_sci=True))
bob = SecY(Sci.of("02:00:00:00:00:02"))
alice.install_sak(ki, sak)
alice.create_transmit_sa(3, ki, next_pn=1000)
alice.enable_transmit(ki)
bob.install_sak(ki, sak)
bob.create_receive_sc(alice_sci)
bob.create_receive_sa(alice_sci, 3, ki)
bob.enable_receive(alice_sci, ki)

ping = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="192.0.2.1", dst="192.0.2.2") / ICMP()
wire = protect(ping, alice)
print(wire.summary())
print("AN", wire[MACsec].AN, "PN", wire[MACsec].PN, "SL", wire[MACsec].SL, "encrypted", wire[MACsec].E)
print(validate(wire, bob).summary())
print("again:", validate(wire, bob))
