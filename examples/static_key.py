"""A static key with its packet numbers kept on disk: whatever ends a process, the next one repeats none of them."""

import sys
import tempfile
from pathlib import Path

from pysec import CipherSuite, Ki, Sci, SecY
from pysec.sa import CeilingPump, PnCeiling, read_record

ki, suite = Ki.parse("53544154494320303030303030303031"), CipherSuite.GCM_AES_128
path = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()) / "link-a.pn"
PnCeiling.create(path, ki, suite).close()  # once, where the key is made


def life(frames: int, killed: bool) -> None:
    """One process: it resumes, sends, and ends well or badly."""
    secy = SecY(Sci.of("02:00:00:00:00:01"), suite)
    secy.install_sak(ki, bytes(range(16)))  # from a file or a key store; never from the command line
    ceiling = PnCeiling.open(path, ki)
    pump = CeilingPump(secy, ki, ceiling, leap=1000)
    pump.install(0)
    pns = []
    for _ in range(frames):
        pns.append(int.from_bytes(secy.protect_frame(bytes(12) + b"\x08\x00" + bytes(50))[16:20], "big"))
        pump.pump()  # a loop would do this once a burst
    if killed:
        ceiling.close()  # all that the kernel would do for us: give the lock back
    else:
        pump.close()
    print(f"sent PN {pns[0]} to {pns[-1]}, killed: {killed}; the next life starts at {read_record(path).resume_pn}")


life(700, killed=False)
life(700, killed=True)
life(5, killed=False)
