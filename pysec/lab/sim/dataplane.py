"""Why this exists: "no frame lost" and "no packet number twice" are statements about frames, so there must be some.

`SimDriver` is the fake data plane with frames that carry what decides their fate: the sender's SCI and AN, the SAK (as
a fingerprint) and SSCI that protected them, and their packet number. A frame opens exactly if the receiver would look
it up under a SA with the same SAK and SSCI; then the replay check counts, with a window of 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pysec.drivers.fake import Call, FakeDriver
from pysec.errors import DriverError
from pysec.protocols import Controls
from pysec.secret import Secret
from pysec.types import An, CipherSuite, Ki, Sci, Ssci

# The verdicts of a data frame; the words are for people.
ACCEPTED: Final = "accepted"
CLOSED: Final = "the receiver's controlled port is closed"
NO_SA: Final = "the receiver has no SA in use for this SCI and AN"
NOT_VALID: Final = "the receiver's SAK or SSCI is another one, so the ICV does not verify"
LATE: Final = "the packet number is below the lowest acceptable one"


class Killed(Exception):
    """The process of a port ends here and now, between two calls of its data plane."""


@dataclass(frozen=True, slots=True)
class DataFrame:
    """A protected frame."""

    sci: Sci
    an: An
    ki: Ki
    pn: int
    sak: str
    ssci: Ssci | None


@dataclass(slots=True)
class Trouble:
    """What is to go wrong with the next calls of a data plane.

    kill_in: the process dies at the call that is so many away. refuse: so many calls are refused; or all of one name.
    lie: so many calls do nothing and say so to nobody. has_hurt: some of it has happened, and its port may not have
    put it right yet.
    """

    kill_in: int | None = None
    refuse: int = 0
    refused_name: str = ""
    lie: int = 0
    has_hurt: bool = False

    def before(self, number: int, call: Call) -> None:
        """As `fail` of the fake."""
        if self.kill_in is not None:
            if self.kill_in <= 0:
                self.kill_in = None
                raise Killed
            self.kill_in -= 1
        if self.refuse > 0:
            self.refuse -= 1
            self.has_hurt = True
            raise DriverError("the device is busy")
        if call.name == self.refused_name:
            self.has_hurt = True
            raise DriverError("the device does not do this now")

    def lies(self, call: Call) -> bool:
        """As `lie` of the fake."""
        if self.lie <= 0 or call.name == "read":
            return False
        self.lie -= 1
        self.has_hurt = True
        return True

    def end(self) -> None:
        """All is well again."""
        self.kill_in, self.refuse, self.refused_name, self.lie = None, 0, "", 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is to go wrong any more."""
        return not (self.refuse or self.refused_name or self.lie)


class SimDriver(FakeDriver):
    """A data plane whose frames can be followed."""

    def __init__(self, sci: Sci, on_key: Callable[[Ki, str], None], on_change: Callable[[], None]) -> None:
        """on_key: is shown each KI with its SAK's fingerprint. on_change: called after each call that may open or
        close the port, or take its key."""
        self.trouble = Trouble()
        super().__init__(sci, fail=self.trouble.before, lie=self.trouble.lies)
        self._on_key, self._on_change = on_key, on_change
        self._prints: dict[Ki, str] = {}
        self._sscis: dict[tuple[Ki, Sci], Ssci | None] = {}

    # ---- what the port asks for

    def install_sak(
        self, ki: Ki, sak: Secret, *, cipher_suite: CipherSuite, salt: bytes | None, confidentiality_offset: int
    ) -> None:
        """See SecYDriver."""
        super().install_sak(
            ki, sak, cipher_suite=cipher_suite, salt=salt, confidentiality_offset=confidentiality_offset
        )
        if ki in self._keys:
            self._prints[ki] = hashlib.blake2b(sak.reveal(), digest_size=8).hexdigest()
            self._on_key(ki, self._prints[ki])

    def create_receive_sa(self, sci: Sci, an: An, ki: Ki, *, lowest_pn: int, ssci: Ssci | None) -> None:
        """See SecYDriver."""
        super().create_receive_sa(sci, an, ki, lowest_pn=lowest_pn, ssci=ssci)
        self._sscis[ki, sci] = ssci

    def create_transmit_sa(self, an: An, ki: Ki, *, next_pn: int, ssci: Ssci | None, confidentiality: bool) -> None:
        """See SecYDriver."""
        super().create_transmit_sa(an, ki, next_pn=next_pn, ssci=ssci, confidentiality=confidentiality)
        self._sscis[ki, self.sci] = ssci

    def enable_transmit(self, ki: Ki, enable: bool = True) -> None:
        """See SecYDriver."""
        super().enable_transmit(ki, enable)
        self._on_change()

    def retire(self, ki: Ki) -> None:
        """See SecYDriver."""
        super().retire(ki)
        self._on_change()

    def set_controls(self, controls: Controls) -> None:
        """See SecYDriver."""
        super().set_controls(controls)
        self._on_change()

    # ---- what is seen from outside

    @property
    def controls(self) -> Controls:
        """The controls, without a call that could be refused."""
        return self._controls

    @property
    def encoding_an(self) -> An:
        """The AN that frames are sent with."""
        sending = (key.transmit for key in self._keys.values() if key.transmit is not None and key.transmit.in_use)
        return next((sa.an for sa in sending), An(0))

    @property
    def keys(self) -> tuple[Ki, ...]:
        """The keys that are installed."""
        return tuple(self._keys)

    @property
    def sending_with(self) -> Ki | None:
        """The key that frames go out with; None if none can, also because its packet numbers are used up."""
        ki = self.encoding
        if ki is None or not self.port_open:
            return None
        key = self._keys[ki]
        assert key.transmit is not None
        return ki if key.transmit.next_pn < key.cipher_suite.pn_space else None

    @property
    def is_worn(self) -> bool:
        """Whether its packet numbers call for another SAK (802.1X-2020 9.8)."""
        key = next((key for key in self._keys.values() if key.transmit is not None and key.transmit.in_use), None)
        return (
            key is not None and key.transmit is not None and key.transmit.next_pn >= key.cipher_suite.pn_space // 4 * 3
        )

    def send(self) -> DataFrame | None:
        """Send a frame, if one can be sent."""
        ki = self.sending_with
        if ki is None:
            return None
        an = self.encoding_an
        (pn,) = self.sent()
        return DataFrame(self.sci, an, ki, pn, self._prints[ki], self._sscis[ki, self.sci])

    def burn(self, pn: int) -> bool:
        """Many frames were sent, so that this packet number is the next; whether they could be."""
        ki = self.encoding
        if ki is None or not self.port_open:
            return False
        transmit = self._keys[ki].transmit
        assert transmit is not None
        if transmit.next_pn >= pn:
            return False
        self.sent(pn - transmit.next_pn)
        return True

    def receive(self, frame: DataFrame) -> str:
        """The verdict on a frame that has arrived."""
        if not self._controls.controlled_port_enabled:
            return CLOSED
        ki = self.receives(frame.sci, frame.an)
        if ki is None:
            return NO_SA
        if self._prints[ki] != frame.sak or self._sscis[ki, frame.sci] != frame.ssci:
            return NOT_VALID
        sa = self._keys[ki].receive[frame.sci]
        if frame.pn < sa.next_pn:
            return LATE
        sa.next_pn = frame.pn + 1
        return ACCEPTED
