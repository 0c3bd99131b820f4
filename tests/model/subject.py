"""Why this exists: the same test tables must run against the oracle and against the product, so the product gets the
oracle's face here: plain integers and octets in, `Outcome` out.

The names, arguments and results of `NativeSecY` are those of tests.model.secy.SecY. A test that takes `subject` runs
twice; the comparisons of tests/property hold both side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pysec
from pysec import Action, Reason, Verdict

from .parts import Config, ModelError, Outcome

# What the product raises for what the model calls by the name in enum pysec_error. Only the kind is compared: one
# exception stands for several of them.
ERROR_KINDS = {
    "INVAL": "UsageError",
    "NOENT": "UsageError",
    "EXIST": "UsageError",
    "FULL": "UsageError",
    "SSCI": "UsageError",
    "BUSY": "UsageError",
    "NONCE": "KeyExhausted",
    "KI_REUSED": "NonceReused",
    "PN_USED": "NonceReused",
}


def native_config(config: Config) -> pysec.SecYConfig:
    """The model's controls in the product's types."""
    return pysec.SecYConfig(
        validate_frames=pysec.ValidateFrames(config.validate_frames),
        protect_frames=config.protect_frames,
        replay_protect=config.replay_protect,
        replay_window=config.replay_window,
        refuse_duplicates=config.refuse_duplicates,
        always_include_sci=config.always_include_sci,
        use_es=config.use_es,
        use_scb=config.use_scb,
        vlan_tags_in_clear=config.vlan_tags_in_clear,
        common_port_mtu=config.common_port_mtu,
        controlled_port_enabled=config.controlled_port_enabled,
        bypass_ethertypes=config.bypass_ethertypes,
        bypass_addresses=tuple(pysec.MacAddress(octets) for octets in config.bypass_addresses),
    )


def kind_of(name: str) -> str:
    """The kind of error that the product raises for a refusal of the model."""
    return ERROR_KINDS[name]


class NativeSecY:
    """pysec.SecY with the methods of the model. A burst goes through one arena; one frame is a burst of one."""

    def __init__(
        self,
        sci: int,
        suite: str = "GCM-AES-128",
        config: Config | None = None,
        *,
        arena: pysec.FrameArena | None = None,
        gcm: str | None = None,
    ) -> None:
        self.config = config or Config()
        self.sci = sci
        self.suite = suite
        self.arena = arena if arena is not None else pysec.FrameArena(slots=256, slot_octets=4096)
        native = native_config(self.config)
        self.secy = self._call(pysec.SecY, pysec.Sci(sci), pysec.CipherSuite(suite), native, gcm=gcm)

    @staticmethod
    def _call(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except pysec.errors.PysecError as error:
            raise ModelError(type(error).__name__) from error

    def _ssci(self, ssci: int) -> pysec.Ssci | None:
        return pysec.Ssci(ssci) if self.secy.cipher_suite.is_xpn else None

    def reconfigure(self, **changes: Any) -> None:
        """As the model's."""
        config = replace(self.config, **changes)
        names = {name: getattr(native_config(config), name) for name in changes}
        self._call(self.secy.reconfigure, **names)
        self.config = config

    def install_sak(self, ki: bytes, key: bytes, salt: bytes | None = None, confidentiality_offset: int = 0) -> None:
        """As the model's."""
        self._call(
            self.secy.install_sak, pysec.Ki(ki), pysec.Secret(key), salt=salt,
            confidentiality_offset=confidentiality_offset,
        )  # fmt: skip

    def retire(self, ki: bytes) -> None:
        """As the model's."""
        self._call(self.secy.retire, pysec.Ki(ki))

    def create_receive_sc(self, sci: int) -> None:
        """As the model's."""
        self._call(self.secy.create_receive_sc, pysec.Sci(sci))

    def delete_receive_sc(self, sci: int) -> None:
        """As the model's."""
        self._call(self.secy.delete_receive_sc, pysec.Sci(sci))

    def create_receive_sa(self, sci: int, an: int, ki: bytes, lowest_pn: int = 1, ssci: int = 0) -> None:
        """As the model's."""
        self._call(
            self.secy.create_receive_sa, pysec.Sci(sci), an, pysec.Ki(ki), lowest_pn=lowest_pn, ssci=self._ssci(ssci)
        )

    def enable_receive(self, sci: int, ki: bytes, enable: bool = True) -> None:
        """As the model's."""
        self._call(self.secy.enable_receive, pysec.Sci(sci), pysec.Ki(ki), enable)

    def update_lowest_pn(self, sci: int, ki: bytes, pn: int) -> None:
        """As the model's."""
        self._call(self.secy.update_lowest_pn, pysec.Sci(sci), pysec.Ki(ki), pn)

    def create_transmit_sa(
        self, an: int, ki: bytes, next_pn: int = 1, *, ssci: int = 0, confidentiality: bool = True, pn_ceiling: int = 0
    ) -> None:
        """As the model's."""
        self._call(
            self.secy.create_transmit_sa, an, pysec.Ki(ki), next_pn=next_pn, ssci=self._ssci(ssci),
            confidentiality=confidentiality, pn_ceiling=pn_ceiling or None,
        )  # fmt: skip

    def enable_transmit(self, ki: bytes, enable: bool = True) -> None:
        """As the model's."""
        self._call(self.secy.enable_transmit, pysec.Ki(ki), enable)

    def set_pn_ceiling(self, ki: bytes, pn_ceiling: int) -> None:
        """As the model's."""
        self._call(self.secy.set_pn_ceiling, pysec.Ki(ki), pn_ceiling)

    # ---- Frames ----------------------------------------------------------------------------------------------------

    def protect(self, frame: bytes) -> Outcome:
        """As the model's."""
        return self.protect_burst([frame])[0]

    def validate(self, frame: bytes) -> Outcome:
        """As the model's."""
        return self.validate_burst([frame])[0]

    def protect_burst(self, frames: Sequence[bytes]) -> list[Outcome]:
        """Protect frames in one call of the product."""
        return self._burst(self.secy.protect, frames)

    def validate_burst(self, frames: Sequence[bytes]) -> list[Outcome]:
        """Validate frames in one call of the product."""
        return self._burst(self.secy.validate, frames)

    def _burst(self, call: Callable[[pysec.FrameArena], Any], frames: Sequence[bytes]) -> list[Outcome]:
        self.arena.memory[:] = 0
        self.arena.fill(frames)
        before = self.arena.frames[: len(frames)].copy()
        verdicts = call(self.arena)
        after = self.arena.frames[: len(frames)]
        for name in ("slot", "slot_len", "user"):
            assert (before[name] == after[name]).all(), f"the core changed {name}"
        assert list(verdicts) == list(after["verdict"])
        outcomes = []
        for i, row in enumerate(after):
            action = Action(row["action"]).name
            octets = bytes(self.arena[i]) if action != "DISCARD" else None
            start, end = int(row["offset"]), int(row["offset"]) + int(row["len"])
            assert row["slot"] <= start <= end <= row["slot"] + row["slot_len"], "a frame left its slot"
            outcomes.append(
                Outcome(
                    Verdict(row["verdict"]).name, Reason(row["reason"]).name, octets, action,
                    int(row["pn"]), int(row["sci"]), int(row["an"]),
                )
            )  # fmt: skip
        return outcomes

    # ---- What it counted -------------------------------------------------------------------------------------------

    @property
    def packets(self) -> Counter[str]:
        """Packets by verdict."""
        return _packets(self.secy.counters())

    def sc_packets(self, sci: int) -> Counter[str]:
        """Packets by verdict of one SC."""
        return _packets(self.secy.sc_counters(pysec.Sci(sci)))

    @property
    def reasons(self) -> Counter[str]:
        """Packets by reason."""
        packets = self.secy.counters().packets_by_reason
        return Counter({reason.name: packets[reason] for reason in Reason if reason})

    @property
    def octets(self) -> Counter[str]:
        """Octets, by the model's names."""
        names = self.secy.counters().as_dict()
        return Counter({
            "in_validated": names["in-octets-validated"],
            "in_decrypted": names["in-octets-decrypted"],
            "out_protected": names["out-octets-protected"],
            "out_encrypted": names["out-octets-encrypted"],
        })  # fmt: skip

    @property
    def including_sci(self) -> bool:
        """As the model's."""
        return self.secy.status().including_sci

    def sa_states(self) -> dict[tuple[int, int, bytes], tuple[int, ...]]:
        """As the model's."""
        return {
            (sa.sci.value, sa.an.value, sa.ki.octets): (sa.next_pn, sa.pn_ceiling or 0)
            if sa.transmit
            else (sa.next_pn, sa.lowest_pn or 0, int(sa.in_use))
            for sa in self.secy.sas()
        }

    def receive_state(self, sci: int, an: int) -> tuple[int, int]:
        """The lowest acceptable and the next PN of a receive SA."""
        for sa in self.secy.sas():
            if not sa.transmit and sa.sci.value == sci and sa.an.value == an:
                assert sa.lowest_pn is not None
                return sa.lowest_pn, sa.next_pn
        raise ModelError("NOENT")


def _packets(counters: pysec.Counters) -> Counter[str]:
    return Counter({v.name: counters.packets(v) for v in Verdict if v.name != "NONE"})
