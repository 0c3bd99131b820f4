"""Why this exists: the tools need SecYs whose keys come from a file instead of from MKA.

`receiving_secy` and `transmitting_secy` set one up in the order that 802.1AE has it: the SAK under its key
identifier, the SC, the SA, then enable. `SecYMaker` is the seam: the canaries pass a faulty SecY through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pysec.dataplane import SecY, SecYConfig
from pysec.secret import Secret
from pysec.types import CipherSuite, Ki, Sci, Ssci

SecYMaker = Callable[..., SecY]


@dataclass(frozen=True)
class KeyedSa:
    """A secure association with its SAK, as a vector or a key file gives it."""

    sci: Sci
    an: int
    key: Secret = field(repr=False)
    """The SAK."""
    ki: Ki
    first_pn: int = 1
    """The first packet number: lowest acceptable PN of a receiver, next PN of a sender."""
    ssci: Ssci | None = None
    salt: bytes | None = None
    confidentiality_offset: int = 0
    first_frame: int = 1
    """The frame of the capture (from 1) from which this SAK is known; counts where an AN is used again."""


def install(secy: SecY, sa: KeyedSa) -> None:
    """Install the SAK of an SA; one that is there already stays (802.1AE-2018 10.7.28)."""
    secy.install_sak(sa.ki, sa.key, salt=sa.salt, confidentiality_offset=sa.confidentiality_offset)


def add_receive_sa(secy: SecY, sa: KeyedSa) -> None:
    """Make an SA of a sender usable for reception."""
    install(secy, sa)
    secy.create_receive_sc(sa.sci)
    secy.create_receive_sa(sa.sci, sa.an, sa.ki, lowest_pn=sa.first_pn, ssci=sa.ssci)
    secy.enable_receive(sa.sci, sa.ki)


def bystander(scis: Iterable[Sci]) -> Sci:
    """An SCI that none of these is: a receiver that only listens needs one of its own."""
    taken = set(scis)
    port = 1
    while (own := Sci.of("02:00:00:00:00:00", port)) in taken:
        port += 1
    return own


def receiving_secy(
    suite: CipherSuite,
    sas: Sequence[KeyedSa],
    config: SecYConfig,
    *,
    gcm: str | None = None,
    make: SecYMaker = SecY,
) -> SecY:
    """A SecY that receives with these SAs alone."""
    scis = {sa.sci for sa in sas}
    secy = make(bystander(scis), suite, config, max_receive_channels=max(1, len(scis)), gcm=gcm)
    for sa in sas:
        add_receive_sa(secy, sa)
    return secy


def transmitting_secy(
    suite: CipherSuite,
    sa: KeyedSa,
    config: SecYConfig,
    *,
    confidentiality: bool = True,
    gcm: str | None = None,
    make: SecYMaker = SecY,
) -> SecY:
    """A SecY that sends with this SA, from its first packet number on."""
    secy = make(sa.sci, suite, config, max_receive_channels=1, gcm=gcm)
    install(secy, sa)
    secy.create_transmit_sa(sa.an, sa.ki, next_pn=sa.first_pn, ssci=sa.ssci, confidentiality=confidentiality)
    secy.enable_transmit(sa.ki)
    return secy
