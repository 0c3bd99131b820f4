"""Ways in which a nonce could come twice, or freed memory be used, by what a caller does rather than by frames."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest

from pysec import CipherSuite, FrameArena, GcmKey, Ki, NonceReused, Sci, Secret, SecY, Ssci, UsageError, Verdict

A, B, C = (Sci.parse(f"525400000{x}010001") for x in "abc")
KI = [Ki.of(bytes(12), n) for n in range(8)]
FRAME = bytes.fromhex("525400000b01525400000a010800") + bytes(64)
SALT = bytes(12)


def in_child(work: Callable[[], object]) -> int:
    """Exit status of a forked child: 0 if work raised UsageError, 1 if it went through."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            work()
        except UsageError:
            os._exit(0)
        except BaseException:
            os._exit(2)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("end", ["delete SC", "retire"])
def test_an_ssci_stays_with_its_sci_as_long_as_the_sak_is_known(end: str) -> None:
    """802.1AE-2018 10.7.13 and 802.1AE-2018 14.7: SSCI and PN make the IV, so a freed SSCI brings used IVs with it."""
    secy = SecY(A, CipherSuite.GCM_AES_XPN_128)
    secy.install_sak(KI[0], bytes(16), salt=SALT)
    secy.create_receive_sc(B)
    secy.create_receive_sa(B, 0, KI[0], ssci=Ssci(1))
    if end == "retire":
        secy.retire(KI[0])
        secy.install_sak(KI[0], bytes(16), salt=SALT)
    else:
        secy.delete_receive_sc(B)
        secy.create_receive_sc(B)
    with pytest.raises(UsageError, match="SSCI"):
        secy.create_transmit_sa(0, KI[0], ssci=Ssci(1))
    with pytest.raises(UsageError, match="SSCI"):
        secy.create_receive_sa(B, 0, KI[0], ssci=Ssci(3))  # and B keeps its own
    secy.create_receive_sa(B, 0, KI[0], ssci=Ssci(1))
    secy.create_transmit_sa(0, KI[0], ssci=Ssci(2))
    secy.retire(KI[0])
    secy.install_sak(KI[0], bytes(16), salt=SALT)
    secy.create_receive_sc(C)
    with pytest.raises(UsageError, match="SSCI"):
        secy.create_receive_sa(C, 0, KI[0], ssci=Ssci(2))
    with pytest.raises(UsageError, match="SSCI"):
        secy.create_transmit_sa(0, KI[0], next_pn=9, ssci=Ssci(4))


@pytest.mark.slow
def test_ended_receive_sas_push_no_transmit_record_out() -> None:
    secy = SecY(A)
    secy.install_sak(KI[0], b"\1" * 16)
    secy.create_transmit_sa(0, KI[0])
    secy.enable_transmit(KI[0])
    secy.protect_frame(FRAME)
    secy.retire(KI[0])
    for n in range(1, 6):
        secy.install_sak(KI[n], bytes([n]) * 15 + b"x")
        for port in range(3500):
            sci = Sci.of("020000000000", port)
            secy.create_receive_sc(sci)
            secy.create_receive_sa(sci, 0, KI[n])
            secy.delete_receive_sc(sci)
    for n in range(1, 6):
        secy.retire(KI[n])
    secy.install_sak(KI[0], b"\1" * 16)
    with pytest.raises(NonceReused):
        secy.create_transmit_sa(0, KI[0])
    assert secy.status().forgotten_kis == 5 * 3500 - 16384


def test_retired_kis_that_never_sent_are_forgotten_first() -> None:
    secy = SecY(A)
    secy.install_sak(KI[0], b"\1" * 16)
    secy.create_transmit_sa(0, KI[0])
    secy.retire(KI[0])
    for n in range(1100):
        ki = Ki.of(b"\1" * 12, n)
        secy.install_sak(ki, n.to_bytes(16, "big"))
        secy.retire(ki)
    with pytest.raises(NonceReused):
        secy.install_sak(KI[0], b"\2" * 16)


def test_copies_are_refused() -> None:
    for thing in (SecY(A), GcmKey(bytes(16))):
        for way in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError):
                way(thing)


def test_a_forked_child_cannot_go_on_with_a_key() -> None:
    """Both processes would go on from the same number; and a lane that was busy stays so for ever in the child."""
    secy, key = SecY(A), GcmKey(bytes(16))
    secy.install_sak(KI[0], bytes(16))
    secy.create_transmit_sa(0, KI[0])
    secy.enable_transmit(KI[0])
    assert in_child(lambda: secy.protect_frame(FRAME)) == 0
    assert in_child(lambda: secy.enable_transmit(KI[0], False)) == 0
    assert in_child(lambda: key.seal([b"x"])) == 0
    assert in_child(lambda: key.seal_with_nonces([bytes(12)], [b"x"])) == 0
    assert len(secy.protect_frame(FRAME)) > len(FRAME)


def test_threads_share_a_key_without_sharing_a_nonce() -> None:
    key = GcmKey(bytes(16))
    made: list[bytes] = []

    def work() -> None:
        for _ in range(300):
            made.extend(nonce for nonce, _ in key.seal([b"x"] * 4))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert len(made) == len(set(made)) == 4800


def test_a_key_of_the_right_length_and_no_octets() -> None:
    for bad in (np.zeros((16, 0), np.uint8), np.zeros(16, np.uint32)):
        with pytest.raises(UsageError):
            SecY(A).install_sak(KI[0], bad)
        with pytest.raises(UsageError):
            GcmKey(bad)
    with pytest.raises(TypeError):
        Secret(16)


def test_an_arena_that_was_tampered_with() -> None:
    secy, arena = SecY(A), FrameArena(4)
    for count in (5, 3_000_000, -1):
        arena.count = count
        with pytest.raises(UsageError):
            secy.protect(arena)
    with pytest.raises(AttributeError):
        arena.memory = np.zeros(1 << 20, np.uint8)
    with pytest.raises(AttributeError):
        arena.frames = arena.frames[:1]
    arena.fill([FRAME])
    assert secy.protect(arena).tolist() == [Verdict.OUT_CLOSED]


def test_changes_of_controls_from_several_threads_all_last() -> None:
    secy = SecY(A)
    names = ("always_include_sci", "protect_frames", "replay_protect", "controlled_port_enabled")

    def work(name: str) -> None:
        for n in range(50):
            secy.reconfigure(**{name: bool(n % 2)})
            assert getattr(secy.config, name) == bool(n % 2)

    failed: list[object] = []
    hook, threading.excepthook = threading.excepthook, failed.append
    try:
        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        threading.excepthook = hook
    assert not failed
