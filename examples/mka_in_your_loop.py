"""MKA in a loop of your own: two ports agree a key and roll over to another. No socket, no thread, any time you like.

A switch's control plane does the same with its own loop, its own links, and a `SecYDriver` for its hardware.
"""

import os

from pysec import CipherSuite, Sci, Secret
from pysec.drivers import SoftwareDriver
from pysec.mka.kay import KayConfig
from pysec.mka.keys import Cak
from pysec.pae import PaeConfig, PortAccessEntity

now = 0.0
cak = Cak.from_octets(Secret(os.urandom(16)), b"a link")  # from a key file: pysec.keyfile.read_cak
ports = []
for name, priority in (("02:00:00:00:00:01", 1), ("02:00:00:00:00:02", 2)):
    config = PaeConfig(kay=KayConfig(key_server_priority=priority, cipher_suites=(CipherSuite.GCM_AES_XPN_256,)))
    driver = SoftwareDriver(Sci.of(name))
    port = PortAccessEntity(config, driver.secy.sci, driver, os.urandom, now)
    port.add_cak(cak, now)
    port.set_port_enabled(True, now)
    ports.append((port, driver))
(alice, alices), (bob, bobs) = ports


def pass_time(now: float, seconds: float) -> float:
    """Carry frames both ways and let timers run out, from one to the next; return what time it is then."""
    end = now + seconds
    while now < end:
        for source, target in ((alice, bob), (bob, alice)):
            for frame in source.frames_to_send(now):
                target.receive(frame, now)
        now = max(now + 0.001, min(end, *(port.next_timer() or end for port, _ in ports)))
        for port, _ in ports:
            port.handle_timer(now)
    return now


def hello() -> None:
    """Alice's host sends a frame, and Bob's gets it."""
    frame = bytes.fromhex("020000000002020000000001") + b"\x08\x00" + b"Hello, Bob! " * 4
    verdict, received = bobs.secy.validate_frame(alices.secy.protect_frame(frame))
    print(verdict.yang, received == frame, "with AN", alice.status().an)


now = pass_time(now, 1)
print("secured:", alice.is_secured, bob.is_secured, alice.status().ki == bob.status().ki)
hello()
alice.request_sak("an operator wants a new key", now)
now = pass_time(now, 5)
hello()
while (event := bob.next_event()) is not None:
    if event.source.value == "cp":
        print(f"{event.at:5.2f}", event.reason)
for port, driver in ports:
    port.close(now)
    driver.close()
