"""Why this exists: what an operator may choose about key agreement stands in one place, with the standard's defaults.

Times are seconds. The defaults of the timers are those of 802.1X-2020 9.15 (Table 9-3); what is not the standard's is
marked as the project's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pysec.errors import UsageError
from pysec.types import CipherSuite, ConfidentialityOffset, MacAddress, MacsecCapability
from pysec.wire import eapol

NEVER_KEY_SERVER: Final = 255
# The body of an EAPOL frame has room for this many peers beside every other set that is sent (16 octets each).
_MAX_LISTED_PEERS: Final = 76


@dataclass(frozen=True, slots=True)
class KayConfig:
    """The choices of one KaY. UsageError if two of them contradict each other."""

    key_server_priority: int = 16
    """0 to 255; the least wins, 255 is never key server (802.1X-2020 9.5). A participant may have another."""
    macsec_desired: bool = True
    """Whether this KaY, as key server, wants MACsec to be used (802.1X-2020 9.6)."""
    macsec_capability: MacsecCapability = MacsecCapability.OFFSETS
    """What the SecY can do (802.1X-2020 9.6)."""
    cipher_suites: tuple[CipherSuite, ...] = (
        CipherSuite.GCM_AES_XPN_256,
        CipherSuite.GCM_AES_256,
        CipherSuite.GCM_AES_XPN_128,
        CipherSuite.GCM_AES_128,
    )
    """The suites that may be used, the best first (802.1X-2020 9.7). A SAK of any other is refused."""
    assumed_peer_suites: tuple[CipherSuite, ...] | None = None
    """What a peer can do that announces nothing. None: GCM-AES-128, which is mandatory, if it is in `cipher_suites`,
    and all of them if it is not: an operator who leaves it out knows the peers. The project's."""
    announce_cipher_suites: bool = True
    """Whether the MKPDUs carry our suites, so that a key server may choose (802.1X-2020 9.13)."""
    confidentiality_offset: ConfidentialityOffset = ConfidentialityOffset.ZERO
    """What to distribute with a SAK if all members can do it (802.1X-2020 9.7); XPN suites have no offsets."""
    integrity_only_allowed: bool = False
    """Whether a SAK without confidentiality is taken, or made, where `confidentiality_offset` asks for more. The
    project's."""
    plain_allowed: bool = False
    """Whether the key server may decide against MACsec. Without it, members that cannot do MACsec are left out, and a
    key server's word that MACsec is not to be used leaves the port pending. The project's."""

    hello_time_s: float = 2.0
    """MKA Hello Time."""
    bounded_hello_time_s: float = 0.5
    """MKA Bounded Hello Time: instead, while delay protection is in use."""
    life_time_s: float = 6.0
    """MKA Life Time: a peer that is not heard for so long is gone, an MN older than it proves nothing."""
    sak_retire_time_s: float = 3.0
    """MKA SAK Retire Time; for the Controlled Port machine."""
    ramp_up_s: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8)
    """The first intervals between hellos, so that a link is up soon though the first frame was lost. The project's."""
    hurry_burst: int = 8
    """So many MKPDUs may answer at once instead of at the next hello ... The project's."""
    hurry_interval_s: float = 0.1
    """... and one more for each such interval. The project's."""

    rekey_period_s: float | None = None
    """Age at which the key server replaces a SAK."""
    rekey_on_peer_loss: bool = False
    """Whether the key server makes a new SAK when a live peer has gone."""
    pn_threshold: int | None = None
    """PN of any member at which a new SAK is due. None: three quarters of the suite's packet numbers
    (802.1X-2020 9.8)."""
    delay_protect: bool = False
    """Whether our MKPDUs bound how late our frames may arrive (802.1X-2020 9.10)."""

    mka_version: int = 3
    """The MKA version to send: 1 to 3."""
    rising_set_order: bool = False
    """Parameter sets plainly by rising type instead of in the order of 802.1X-2020 11.11.3."""
    icv_indicator: bool = False
    """Whether to send an ICV indicator, though ours is of the length that needs none."""
    destination: MacAddress = eapol.PAE_GROUP_ADDRESS
    """Where MKPDUs go; their ICV covers it."""
    ethertype: int = eapol.ETHERTYPE
    """What MKPDUs go under; their ICV covers it."""
    eapol_version: int = eapol.VERSION
    """The version in the EAPOL header; the ICV covers it."""

    max_live_peers: int = 60
    """More are refused; with the potential ones at most 76, which is what an MKPDU can list."""
    max_potential_peers: int = 16
    """A further one takes the place of that which was heard least recently."""
    max_participants: int = 8
    """CAKs at a time."""
    max_known_saks: int = 1024
    """SAKs of which it is remembered that their KI has been used, the oldest going first."""
    report_burst: int = 8
    """So many refused MKPDUs become events at once; all are counted ..."""
    report_interval_s: float = 1.0
    """... and one more for each such interval."""

    def __post_init__(self) -> None:
        if not 0 <= self.key_server_priority <= NEVER_KEY_SERVER:
            raise UsageError(f"key server priority {self.key_server_priority}, must be 0 to 255")
        if not 1 <= self.mka_version <= 3:
            raise UsageError(f"MKA version {self.mka_version}, must be 1 to 3")
        if not self.cipher_suites or len(set(self.cipher_suites)) != len(self.cipher_suites):
            raise UsageError("cipher suites: must be one or more, none twice")
        if self.confidentiality_offset.encrypts and self.macsec_capability is MacsecCapability.INTEGRITY:
            raise UsageError("confidentiality is asked for, and the SecY is said to have integrity only")
        self._check_times()
        self._check_bounds()

    def _check_times(self) -> None:
        named = {
            "hello time": self.hello_time_s,
            "bounded hello time": self.bounded_hello_time_s,
            "hurry interval": self.hurry_interval_s,
            "report interval": self.report_interval_s,
            "rekey period": 1.0 if self.rekey_period_s is None else self.rekey_period_s,
        }
        for name, value in (*named.items(), *(("ramp-up interval", step) for step in self.ramp_up_s)):
            if not value > 0:
                raise UsageError(f"{name}: {value} s, must be more than 0")
        if not self.life_time_s > max(self.hello_time_s, self.bounded_hello_time_s):
            raise UsageError(f"life time: {self.life_time_s} s, must be more than the hello time")

    def _check_bounds(self) -> None:
        if self.max_live_peers < 1 or self.max_potential_peers < 1:
            raise UsageError("peers: there must be room for one live and one potential peer")
        if self.max_live_peers + self.max_potential_peers > _MAX_LISTED_PEERS:
            raise UsageError(f"peers: an MKPDU lists at most {_MAX_LISTED_PEERS}")
        if min(self.max_participants, self.max_known_saks, self.hurry_burst, self.report_burst) < 1:
            raise UsageError("participants, known SAKs, hurry burst, report burst: must be 1 or more")

    def may_use(self, offset: ConfidentialityOffset) -> bool:
        """Whether a SAK with this offset is good enough."""
        return offset.encrypts or self.integrity_only_allowed or not self.confidentiality_offset.encrypts

    def suites_assumed(self) -> tuple[CipherSuite, ...]:
        """The suites of a peer that does not announce any."""
        if self.assumed_peer_suites is not None:
            return self.assumed_peer_suites
        if CipherSuite.GCM_AES_128 in self.cipher_suites:
            return (CipherSuite.GCM_AES_128,)
        return self.cipher_suites

    def pn_threshold_of(self, suite: CipherSuite) -> int:
        """The PN at which a SAK of this suite must be replaced."""
        return suite.pn_space // 4 * 3 if self.pn_threshold is None else self.pn_threshold
