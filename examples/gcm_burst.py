"""AES-GCM without MACsec: a burst of messages under one key that makes its own nonces and never repeats one."""

import secrets

from pysec import GcmKey, Secret
from pysec.errors import InvalidIcv

with Secret(secrets.token_bytes(32)) as key:
    sender, receiver = GcmKey(key, fixed=b"tx01"), GcmKey(key, fixed=b"rx01")
messages = [f"message {i}".encode() for i in range(100)]
headers = [i.to_bytes(4, "big") for i in range(100)]
nonces, sealed = zip(*sender.seal(messages, headers), strict=True)
print(f"sealed {len(sealed)}, nonces {nonces[0].hex()} to {nonces[-1].hex()}")
print("opened all of them:", receiver.open(nonces, sealed, headers) == messages)
bad = [*sealed[:42], sealed[42][:-1] + bytes([sealed[42][-1] ^ 1]), *sealed[43:]]
try:
    receiver.open(nonces, bad, headers)
except InvalidIcv as error:
    print("refused:", error)
print("the others open:", sum(m is not None for m in receiver.try_open(nonces, bad, headers)))
