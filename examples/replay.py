"""Frames that come late, twice or changed: what a replay window lets through, and what each refusal is called."""

from pysec import Ki, Sci, SecY, SecYConfig

sci, ki, sak = Sci.of("02:00:00:00:00:01"), Ki(bytes(16)), bytes(range(16))
alice = SecY(sci)
alice.install_sak(ki, sak)
alice.create_transmit_sa(0, ki)
alice.enable_transmit(ki)


def receiver(**config: object) -> SecY:
    """A SecY that receives from Alice."""
    secy = SecY(Sci.of("02:00:00:00:00:02"), config=SecYConfig(**config))
    secy.install_sak(ki, sak)
    secy.create_receive_sc(sci)
    secy.create_receive_sa(sci, 0, ki)
    secy.enable_receive(sci, ki)
    return secy


strict, window, bitmap = receiver(), receiver(replay_window=64), receiver(replay_window=64, refuse_duplicates=True)
wire = [alice.protect_frame(bytes(12) + b"\x08\x00" + bytes(50)) for _ in range(100)]
changed = wire[99][:-1] + bytes([wire[99][-1] ^ 1])
for what, frame in (
    ("PN 90", wire[89]),
    ("PN 80, late", wire[79]),
    ("PN 80 again", wire[79]),
    ("PN 10, very late", wire[9]),
    ("PN 100, changed", changed),
):
    names = [secy.validate_frame(frame)[0].yang for secy in (strict, window, bitmap)]
    print(f"{what:17} window 0: {names[0]:17} window 64: {names[1]:17} duplicates refused: {names[2]}")
