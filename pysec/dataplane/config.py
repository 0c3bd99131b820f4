"""Why this exists: the controls of a SecY as one value that can be compared, changed in one step, and written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pysec.dataplane.bridge import ffi, lib
from pysec.errors import UsageError
from pysec.types import MacAddress, ValidateFrames

ETHERTYPE_EAPOL: Final = 0x888E


@dataclass(frozen=True, slots=True)
class SecYConfig:
    """The controls of a SecY (802.1AE-2018 10.7.5, 10.7.8, 10.7.17), with the standard's defaults.

    validate_frames: null, disabled, check or strict.
    protect_frames: off sends frames as they are.
    replay_protect, replay_window: PNs more than the window behind the greatest are refused; 0 to 2^32 - 1, of which
        an XPN suite uses at most 2^30 - 1.
    refuse_duplicates: also refuse a PN seen before inside the window (at most 65,536), counted apart. Not in the
        standard.
    always_include_sci, use_es, use_scb: the form of the SecTAG (Table 10-1).
    vlan_tags_in_clear: 0, 1 or 2 VLAN tags stay before the SecTAG, unauthenticated. Not in the standard.
    common_port_mtu: octets after addresses and EtherType that the common port carries; None for no limit.
    controlled_port_enabled: off, nothing passes in either direction.
    bypass_ethertypes, bypass_addresses: untagged frames that go by the uncontrolled port; EAPOL by default.
    """

    validate_frames: ValidateFrames = ValidateFrames.STRICT
    protect_frames: bool = True
    replay_protect: bool = True
    replay_window: int = 0
    refuse_duplicates: bool = False
    always_include_sci: bool = False
    use_es: bool = False
    use_scb: bool = False
    vlan_tags_in_clear: int = 0
    common_port_mtu: int | None = None
    controlled_port_enabled: bool = True
    bypass_ethertypes: tuple[int, ...] = (ETHERTYPE_EAPOL,)
    bypass_addresses: tuple[MacAddress, ...] = ()

    def to_native(self) -> Any:
        """A struct pysec_config (UsageError for values that do not fit)."""
        limits = int(lib.PYSEC_MAX_BYPASS)
        if not 0 <= self.replay_window < 1 << 32:
            raise UsageError(f"replay_window: {self.replay_window}, must be 0 to 2^32 - 1")
        if self.vlan_tags_in_clear not in (0, 1, 2):
            raise UsageError(f"vlan_tags_in_clear: {self.vlan_tags_in_clear}, must be 0, 1 or 2")
        if self.common_port_mtu is not None and not 1 <= self.common_port_mtu < 1 << 32:
            raise UsageError(f"common_port_mtu: {self.common_port_mtu}, must be positive")
        if len(self.bypass_ethertypes) > limits or len(self.bypass_addresses) > limits:
            raise UsageError(f"bypass list: at most {limits} EtherTypes and {limits} addresses")
        if any(not 0 <= e <= 0xFFFF for e in self.bypass_ethertypes):
            raise UsageError("bypass_ethertypes: an EtherType has 16 bits")
        if any(not address.is_group for address in self.bypass_addresses):
            raise UsageError("bypass_addresses: group addresses only")
        max_window = int(lib.PYSEC_MAX_DUPLICATE_WINDOW)
        if self.refuse_duplicates and (not self.replay_protect or self.replay_window > max_window):
            raise UsageError(f"refuse_duplicates: needs replay_protect and a replay_window of at most {max_window}")
        raw = ffi.new("struct pysec_config *")
        raw.validate_frames = list(ValidateFrames).index(self.validate_frames)
        for name in (
            "protect_frames",
            "replay_protect",
            "replay_window",
            "refuse_duplicates",
            "always_include_sci",
            "use_es",
            "use_scb",
            "vlan_tags_in_clear",
            "controlled_port_enabled",
        ):
            setattr(raw, name, int(getattr(self, name)))
        raw.common_port_mtu = self.common_port_mtu or 0
        raw.num_bypass_ethertypes = len(self.bypass_ethertypes)
        raw.num_bypass_addresses = len(self.bypass_addresses)
        for i, ethertype in enumerate(self.bypass_ethertypes):
            raw.bypass_ethertype[i] = ethertype
        for i, address in enumerate(self.bypass_addresses):
            ffi.memmove(raw.bypass_address[i], address.octets, 6)
        return raw
