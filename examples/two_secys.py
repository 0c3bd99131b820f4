"""Two SecYs in memory: Alice protects a frame, Bob validates it, and refuses it when it comes again."""

from pysec import CipherSuite, Ki, Sci, Secret, SecY, Verdict

alice_sci, bob_sci = Sci.of("02:00:00:00:00:01"), Sci.of("02:00:00:00:00:02")
ki, sak = Ki(bytes(16)), Secret.from_hex("ad7a2bd03eac835a6f620fdcb506b345")  # a key of the standard's examples
alice, bob = SecY(alice_sci, CipherSuite.GCM_AES_128), SecY(bob_sci, CipherSuite.GCM_AES_128)
alice.install_sak(ki, sak)
alice.create_transmit_sa(0, ki)
alice.enable_transmit(ki)
bob.install_sak(ki, sak)
bob.create_receive_sc(alice_sci)
bob.create_receive_sa(alice_sci, 0, ki)
bob.enable_receive(alice_sci, ki)

frame = bob_sci.mac.octets + alice_sci.mac.octets + b"\x08\x00" + b"Hello, Bob! " * 4
wire = alice.protect_frame(frame)
print(f"{len(frame)} octets became {len(wire)}, with the SecTAG", wire[12:20].hex(" ", 2))
verdict, received = bob.validate_frame(wire)
print(verdict.yang, received == frame)
print(bob.validate_frame(wire)[0].yang, "the second time;", bob.counters().packets(Verdict.IN_OK), "frame was good")
