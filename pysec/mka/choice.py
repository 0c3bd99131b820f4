"""Why this exists: the key server chooses for everybody, so it must not choose what somebody cannot do.

Whether MACsec is used at all (802.1X-2020 9.6), with which cipher suite and confidentiality offset (9.7): pure
functions of our configuration and of what the live peers say of themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pysec.mka.config import KayConfig
from pysec.mka.peers import Peer
from pysec.types import CipherSuite, ConfidentialityOffset, MacsecCapability


@dataclass(frozen=True, slots=True)
class Secure:
    """MACsec is used."""

    suite: CipherSuite
    offset: ConfidentialityOffset


@dataclass(frozen=True, slots=True)
class Plain:
    """MACsec is not used."""

    reason: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """Nothing can be agreed."""

    reason: str


Choice = Secure | Plain | Blocked


def choose(config: KayConfig, live: Sequence[Peer]) -> Choice:
    """What the key server decides for itself and its live peers (802.1X-2020 9.6, 9.7)."""
    members = included(config, live)
    if reason := _against_macsec(config, members):
        return Plain(reason) if config.plain_allowed else Blocked(reason)
    if not members:
        return Blocked("no live peer can do MACsec")
    least = min((config.macsec_capability, *(peer.macsec_capability for peer in members)))
    suite = choose_suite(config, members)
    if suite is None:
        return Blocked("no cipher suite that every live peer has is on our list")
    offset = choose_offset(config.confidentiality_offset, least, suite)
    if not config.may_use(offset):
        return Blocked("a live peer can only do integrity, and we want confidentiality")
    return Secure(suite, offset)


def included(config: KayConfig, live: Sequence[Peer]) -> list[Peer]:
    """The live peers that count: where plain is not allowed, those that cannot do MACsec are left out."""
    if config.plain_allowed:
        return list(live)
    return [peer for peer in live if peer.macsec_capability is not MacsecCapability.NONE]


def _against_macsec(config: KayConfig, members: Sequence[Peer]) -> str:
    if not config.macsec_desired:
        return "MACsec is not desired"
    if config.macsec_capability is MacsecCapability.NONE:
        return "we cannot do MACsec"
    for peer in members:
        if peer.macsec_capability is MacsecCapability.NONE:
            return f"{peer.sci} cannot do MACsec"
    return ""


def choose_suite(config: KayConfig, members: Sequence[Peer]) -> CipherSuite | None:
    """The first of our suites that every peer has (802.1X-2020 9.7)."""
    for suite in config.cipher_suites:
        if all(suite in suites_of(config, peer) for peer in members):
            return suite
    return None


def suites_of(config: KayConfig, peer: Peer) -> tuple[CipherSuite, ...]:
    """What a peer has announced, or what is assumed of it."""
    return config.suites_assumed() if peer.suites is None else peer.suites


def choose_offset(wanted: ConfidentialityOffset, least: MacsecCapability, suite: CipherSuite) -> ConfidentialityOffset:
    """The offset that we want, or the nearest that all members and the suite can do (802.1X-2020 9.7)."""
    if not wanted.encrypts or least < MacsecCapability.CONFIDENTIALITY:
        return ConfidentialityOffset.INTEGRITY_ONLY
    if least < MacsecCapability.OFFSETS or suite.is_xpn:
        return ConfidentialityOffset.ZERO
    return wanted
