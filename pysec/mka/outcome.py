"""Why this exists: what the port is told is worked out from the state of the principal, and said when it changes.

Who is key server, how the port may be used and why, which SCIs are to be received from, how far the members have come
with the SAK. Nothing here decides anything: see `participant`, `keyserver`, `keyclient` and `principal` for that.
"""

from __future__ import annotations

from collections.abc import Collection

from pysec.mka.events import (
    AllReceiving,
    Connect,
    ConnectChanged,
    KeyServerElected,
    PeersChanged,
    ServerTransmitting,
)
from pysec.mka.participant import Participant
from pysec.mka.port import PortState
from pysec.mka.sak import Sak
from pysec.types import Ki, Sci


class Outcome:
    """What was said last of each."""

    def __init__(self, port: PortState) -> None:
        self._port = port
        self.connect = Connect.PENDING
        self._server: Sci | None = None
        self._scis: frozenset[Sci] = frozenset()
        self._all_receiving: Ki | None = None
        self._server_transmitting: Ki | None = None

    def say_server(self, principal: Participant | None, sak: Sak | None) -> None:
        """Who is key server (802.1X-2020 9.5), and whether the SAK that stands has it for a member."""
        server = principal.server.sci if principal is not None and principal.server is not None else None
        if server == self._server:
            return
        self._server = server
        has_sa = sak is not None and server is not None and sak.has_member(server)
        why = "nobody is" if server is None else f"{server} is the live member with the least priority value, then SCI"
        self._port.emit(KeyServerElected(f"key server: {why}", server, server == self._port.sci, has_sa))

    def say_scis(self, principal: Participant | None, participants: Collection[Participant]) -> None:
        """Whom to receive from: the live peers of every participant whose SAK is in use (802.1X-2020 9.10)."""
        used = [use.ki for use in (self._port.latest, self._port.old) if use is not None]
        scis: set[Sci] = set()
        for participant in participants:
            if participant is principal or any(ki in participant.known_saks for ki in used):
                scis |= {peer.sci for peer in participant.peers.live if peer.sci is not None}
                scis |= _members_heard(participant)
        if scis != self._scis:
            self._scis = frozenset(scis)
            self._port.emit(PeersChanged("the live members are others", self._scis))

    def say_connect(self, principal: Participant | None, sak: Sak | None) -> None:
        """How the port may be used (802.1X-2020 12.4)."""
        connect, why = self.judge(principal, sak)
        if connect is not self.connect:
            self.connect = connect
            self._port.emit(ConnectChanged(why, connect))

    def judge(self, principal: Participant | None, sak: Sak | None) -> tuple[Connect, str]:
        """How the port may be used, and why."""
        if principal is None:
            return Connect.PENDING, "no live peer"
        if sak is not None:
            return Connect.SECURE, f"SAK {sak.ki.mka_text}: {sak.reason}"
        if principal.is_plain and self._port.config.plain_allowed:
            return Connect.AUTHENTICATED, "the key server has decided against MACsec"
        if principal.is_plain:
            return Connect.PENDING, "the key server has decided against MACsec, and that is not allowed here"
        if principal.server is None:
            return Connect.PENDING, "no member is willing to be key server"
        if principal.is_server:
            return Connect.PENDING, principal.key_server.waiting or "no SAK was made yet"
        return Connect.PENDING, principal.key_client.waiting or f"the key server {principal.server.sci} has sent no SAK"

    def say_progress(self, principal: Participant | None) -> None:
        """How far the members have come with the SAK, once for each SAK (802.1X-2020 9.10)."""
        if principal is None or principal.sak is None:
            return
        ki, members, server = principal.sak.ki, principal.key_server.members, principal.server_peer
        to_say = principal.is_server and ki != self._all_receiving and bool(members)
        if to_say and all(peer.receives_with(ki) for peer in members):
            self._all_receiving = ki
            self._port.emit(AllReceiving("every live peer reports that it receives with the SAK", ki))
        if server is not None and ki != self._server_transmitting and server.transmits_with(ki):
            self._server_transmitting = ki
            self._port.emit(ServerTransmitting("the key server reports that it transmits with the SAK", ki))


def _members_heard(participant: Participant) -> set[Sci]:
    """Members of the SAK that are heard, though they have not shown yet that they hear us: they may transmit."""
    if participant.sak is None:
        return set()
    mis = participant.sak.member_mis
    return {peer.sci for peer in participant.peers if peer.sci is not None and peer.mi in mis}
