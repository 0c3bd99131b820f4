"""Extended packet numbers: 64 bits, of which the wire carries 32; the receiver recovers the rest, across 2^32."""

import secrets

from pysec import CipherSuite, FrameArena, Ki, Sci, SecY, Ssci

suite, sci, ki = CipherSuite.GCM_AES_XPN_256, Sci.of("02:00:00:00:00:01"), Ki(bytes(16))
sak, salt, start = secrets.token_bytes(32), secrets.token_bytes(12), 2**32 - 3
alice, bob = SecY(sci, suite), SecY(Sci.of("02:00:00:00:00:02"), suite)
for secy in (alice, bob):
    secy.install_sak(ki, sak, salt=salt)
alice.create_transmit_sa(0, ki, next_pn=start, ssci=Ssci(1))
alice.enable_transmit(ki)
bob.create_receive_sc(sci)
bob.create_receive_sa(sci, 0, ki, lowest_pn=start, ssci=Ssci(1))
bob.enable_receive(sci, ki)

arena = FrameArena(6)
arena.fill([bytes(12) + b"\x08\x00" + bytes(50)] * 6)
alice.protect(arena)
on_wire = [int.from_bytes(frame[16:20], "big") for frame in arena]
bob.validate(arena)
for short, full, verdict in zip(on_wire, arena.pns, arena.verdicts, strict=True):
    print(f"on the wire {short:10}, recovered {int(full):10}, verdict {int(verdict)}")
