"""A new key without losing a frame: the receiver has AN 1 ready before the sender moves to it from AN 0."""

import secrets

from pysec import Action, FrameArena, Ki, Sci, Secret, SecY

sci = Sci.of("02:00:00:00:00:01")
alice, bob = SecY(sci), SecY(Sci.of("02:00:00:00:00:02"))
bob.create_receive_sc(sci)


def install(an: int, ki: Ki) -> None:
    """Both get the key. Bob receives with it from now on, beside the old one; Alice does not send with it yet."""
    with Secret(secrets.token_bytes(16)) as sak:
        alice.install_sak(ki, sak)
        bob.install_sak(ki, sak)
    bob.create_receive_sa(sci, an, ki)
    bob.enable_receive(sci, ki)
    alice.create_transmit_sa(an, ki)


old, new = Ki.of(b"keyserver-01", 1), Ki.of(b"keyserver-01", 2)
arena, frame, delivered, ans = FrameArena(32), bytes(12) + b"\x08\x00" + bytes(100), 0, []
install(0, old)
alice.enable_transmit(old)
for burst in range(100):
    if burst == 40:
        install(1, new)
    if burst == 50:
        alice.enable_transmit(new)  # from the next frame on
    if burst == 60:  # what Alice sent with the old key has arrived long since
        alice.retire(old)
        bob.retire(old)
    arena.fill([frame] * 32)
    alice.protect(arena)
    ans += [int(an) for an in arena.frames["an"][: len(arena)]]
    bob.validate(arena)
    delivered += int((arena.actions == Action.CONTROLLED).sum())
print(f"sent {len(ans)}, delivered {delivered}: {ans.count(0)} with AN 0, then {ans.count(1)} with AN 1")
