"""Why this exists: a state machine is believed when it can be laid beside the standard's figure and compared by eye.

The theory
==========
The Controlled Port machine (CP, 802.1X-2020 12.4, Figure 12-2) stands between three others and sees of each only what
it is told:

    Logon  says by `connect` how the port may be used: not at all (PENDING), without authentication, authenticated
           but in the clear, or SECURE.
    KaY    says that there is a new SAK (`new_sak`, `distributed`), who the key server is (`elected_self`,
           `chgd_server`), what cipher suite and offset it chose, and how far the peers have come with a SAK
           (`all_receiving`, `server_transmitting`). It is told in return which SAK is Latest and which is Old, and
           whether each is received and transmitted with: that is the SAK Use of its MKPDUs.
    SecY   gets the controls, and SAs are created, used and deleted in it. It answers by `using_receive_sas` and
           `using_transmit_sa`.

A life of one SAK. SECURED waits for it. RECEIVE has its receive SAs made and taken into use; RECEIVING tells the peers
(LRX). The key server then waits until all of them receive (`all_receiving`), or for `transmit_when`; everybody else
waits in READY until the key server is seen to transmit. Where the port is still closed nobody waits: there is no
traffic to lose. TRANSMIT opens the port and makes the SAK the one that is sent with (LTX). TRANSMITTING keeps the old
SAK for reception until `retire_when`, for frames still on their way. RETIRE ends the old one and makes the latest the
old one: in steady state the SAK in use is the OLD key, and Latest is empty, ready for the next, which goes from RETIRE
to RECEIVE. ABANDON gives up a SAK that was never transmitted with.

`changed_connect` (connect is no longer SECURE, another key server that no SA has for a peer, another suite or offset)
leads to CHANGE from anywhere: every SA ends, and the port is closed. So a change of suite is not without a gap.

The data
========
`ENTRY` has for each state the actions on entering it, in order. `TRANSITIONS` has the arrows; those of a state are
tried from top to bottom, after those of `EVERYWHERE`, and the first whose condition holds is taken. `CONDITIONS` says
what each condition means. Everything that moves the state lives here; `machine` applies it until nothing moves.

Which SAK a signal speaks of is kept with it (`all_receiving` is the KI, not a flag): a late word about one SAK cannot
be taken for one about the next, and none is lost by coming early.

Decisions, as the text of Figure 12-2 was not at hand: READY goes to ABANDON on a new SAK, as RECEIVING does, so that
the SAs of the one before it do not stay behind. DEVIATES 802.1X-2020 12.4: RECEIVE and TRANSMIT, too, leave for a new
SAK or a changed connect; a data plane that refuses an SA would hold the machine there for ever.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pysec.protocols import Controls
from pysec.types import An, CipherSuite, ConfidentialityOffset, Ki

CLAUSE: Final = "802.1X-2020 12.4"


class State(enum.Enum):
    """The states of Figure 12-2."""

    INIT = "INIT"
    CHANGE = "CHANGE"
    ALLOWED = "ALLOWED"
    AUTHENTICATED = "AUTHENTICATED"
    SECURED = "SECURED"
    RECEIVE = "RECEIVE"
    RECEIVING = "RECEIVING"
    READY = "READY"
    TRANSMIT = "TRANSMIT"
    TRANSMITTING = "TRANSMITTING"
    ABANDON = "ABANDON"
    RETIRE = "RETIRE"


class Connect(enum.Enum):
    """What Logon says of the port (802.1X-2020 12.4)."""

    PENDING = "PENDING"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    AUTHENTICATED = "AUTHENTICATED"
    SECURE = "SECURE"


@dataclass(frozen=True, slots=True)
class KeyState:
    """A SAK and what is done with it: rx and tx are LRX and LTX, or ORX and OTX, of the SAK Use."""

    ki: Ki
    an: An
    rx: bool = False
    tx: bool = False


@dataclass(slots=True)
class CpVariables:
    """The variables of the machine, grouped by who sets them."""

    # Port to CP
    port_enabled: bool = False
    # Logon to CP
    connect: Connect = Connect.PENDING
    # KaY to CP
    chgd_server: bool = False
    elected_self: bool = False
    cipher_suite: CipherSuite = CipherSuite.GCM_AES_128
    cipher_offset: ConfidentialityOffset = ConfidentialityOffset.ZERO
    new_sak: bool = False
    distributed: tuple[Ki, An] | None = None
    all_receiving: Ki | None = None
    server_transmitting: Ki | None = None
    # SecY to CP
    using_receive_sas: Ki | None = None
    using_transmit_sa: Ki | None = None
    # CP to KaY
    latest: KeyState | None = None
    old: KeyState | None = None
    # CP to SecY, and to the user of the port
    controls: Controls = field(default_factory=Controls)
    confidentiality_offset: ConfidentialityOffset = ConfidentialityOffset.ZERO
    port_valid: bool = False
    # private: when the two waits end, in the time of `now`
    now: float = 0.0
    transmit_when: float = 0.0
    retire_when: float = 0.0


class Condition(enum.Enum):
    """What an arrow waits for; the value is what it says on it."""

    PORT_DISABLED = "the port is disabled"
    ALWAYS = "at once"
    CONNECT_UNAUTHENTICATED = "connect is UNAUTHENTICATED"
    CONNECT_AUTHENTICATED = "connect is AUTHENTICATED"
    CONNECT_SECURE = "connect is SECURE"
    NOT_UNAUTHENTICATED = "connect is not UNAUTHENTICATED any more"
    NOT_AUTHENTICATED = "connect is not AUTHENTICATED any more"
    CONNECT_LOST = "connect is not SECURE any more"
    CHANGED_SERVER = "the key server is another one, and no peer of the SAs"
    CHANGED_CIPHER = "the cipher suite or confidentiality offset is another one"
    NEW_SAK = "there is a new SAK"
    USING_RECEIVE_SAS = "the receive SAs of the latest SAK are in use"
    NOT_ELECTED_SELF = "somebody else is key server"
    SELF_ALL_RECEIVING = "key server, and all live peers receive with the latest SAK"
    SELF_PORT_CLOSED = "key server, and the controlled port is closed, so there is nothing to lose"
    SELF_TRANSMIT_WHEN_OVER = "key server, and the wait for the peers is over"
    SERVER_TRANSMITTING = "the key server transmits with the latest SAK"
    PORT_CLOSED = "the controlled port is closed, so there is nothing to lose"
    USING_TRANSMIT_SA = "the transmit SA of the latest SAK is in use"
    RETIRE_WHEN_OVER = "frames protected by the old SAK have had time to arrive"


def _latest_is(v: CpVariables, ki: Ki | None) -> bool:
    return v.latest is not None and v.latest.ki == ki


def _changed_cipher(v: CpVariables) -> bool:
    return v.confidentiality_offset != v.cipher_offset or v.controls.cipher_suite is not v.cipher_suite


CONDITIONS: Final[Mapping[Condition, Callable[[CpVariables], bool]]] = {
    Condition.PORT_DISABLED: lambda v: not v.port_enabled,
    Condition.ALWAYS: lambda v: True,
    Condition.CONNECT_UNAUTHENTICATED: lambda v: v.connect is Connect.UNAUTHENTICATED,
    Condition.CONNECT_AUTHENTICATED: lambda v: v.connect is Connect.AUTHENTICATED,
    Condition.CONNECT_SECURE: lambda v: v.connect is Connect.SECURE,
    Condition.NOT_UNAUTHENTICATED: lambda v: v.connect is not Connect.UNAUTHENTICATED,
    Condition.NOT_AUTHENTICATED: lambda v: v.connect is not Connect.AUTHENTICATED,
    Condition.CONNECT_LOST: lambda v: v.connect is not Connect.SECURE,
    Condition.CHANGED_SERVER: lambda v: v.chgd_server,
    Condition.CHANGED_CIPHER: _changed_cipher,
    Condition.NEW_SAK: lambda v: v.new_sak,
    Condition.USING_RECEIVE_SAS: lambda v: _latest_is(v, v.using_receive_sas),
    Condition.NOT_ELECTED_SELF: lambda v: not v.elected_self,
    Condition.SELF_ALL_RECEIVING: lambda v: v.elected_self and _latest_is(v, v.all_receiving),
    Condition.SELF_PORT_CLOSED: lambda v: v.elected_self and not v.controls.controlled_port_enabled,
    Condition.SELF_TRANSMIT_WHEN_OVER: lambda v: v.elected_self and v.now >= v.transmit_when,
    Condition.SERVER_TRANSMITTING: lambda v: _latest_is(v, v.server_transmitting),
    Condition.PORT_CLOSED: lambda v: not v.controls.controlled_port_enabled,
    Condition.USING_TRANSMIT_SA: lambda v: _latest_is(v, v.using_transmit_sa),
    Condition.RETIRE_WHEN_OVER: lambda v: v.now >= v.retire_when,
}

# What the figure calls changedConnect.
CHANGED_CONNECT: Final = (Condition.CONNECT_LOST, Condition.CHANGED_SERVER, Condition.CHANGED_CIPHER)


class Action(enum.Enum):
    """What is done on entering a state; the value is how the figure would write it."""

    CLOSE_PORT = "controlledPortEnabled = FALSE"
    OPEN_PORT = "controlledPortEnabled = TRUE"
    PORT_NOT_VALID = "portValid = FALSE"
    PORT_VALID = "portValid = TRUE"
    FORGET_SERVER_CHANGE = "chgdServer = FALSE"
    DELETE_LATEST = "deleteSAs(lki); lki = NULL"
    DELETE_OLD = "deleteSAs(oki); oki = NULL"
    CONTROLS_PLAIN = "protectFrames = FALSE; replayProtect = FALSE; validateFrames = Check"
    CONTROLS_SECURE = "protectFrames, replayProtect, validateFrames as configured"
    TAKE_CIPHER = "currentCipherSuite = cipherSuite; confidentialityOffset = cipherOffset"
    TAKE_SAK = "lki = distributedKI; lan = distributedAN; ltx = lrx = FALSE; newSAK = FALSE"
    CREATE_SAS = "createSAs(lki); enableReceiveSAs(lki)"
    LATEST_RECEIVES = "lrx = TRUE"
    START_TRANSMIT_WHEN = "transmitWhen = transmitDelay"
    LATEST_TRANSMITS = "enableTransmitSA(lki); ltx = TRUE"
    OLD_STOPS = "otx = FALSE"
    START_RETIRE_WHEN = "retireWhen = orx ? retireDelay : 0"
    LATEST_TO_OLD = "oki = lki; oan = lan; otx = ltx; orx = lrx; lki = NULL"
    NEW_INFO = "newInfo()"


@dataclass(frozen=True, slots=True)
class Transition:
    """An arrow of the figure."""

    source: State
    condition: Condition
    target: State
    clause: str = CLAUSE


ENTRY: Final[Mapping[State, tuple[Action, ...]]] = {
    State.INIT: (
        Action.CLOSE_PORT,
        Action.PORT_NOT_VALID,
        Action.DELETE_LATEST,
        Action.DELETE_OLD,
        Action.FORGET_SERVER_CHANGE,
    ),
    State.CHANGE: (Action.CLOSE_PORT, Action.PORT_NOT_VALID, Action.DELETE_LATEST, Action.DELETE_OLD, Action.NEW_INFO),
    State.ALLOWED: (Action.CONTROLS_PLAIN, Action.OPEN_PORT),
    State.AUTHENTICATED: (Action.CONTROLS_PLAIN, Action.OPEN_PORT),
    State.SECURED: (Action.FORGET_SERVER_CHANGE, Action.TAKE_CIPHER, Action.CONTROLS_SECURE, Action.PORT_VALID),
    State.RECEIVE: (Action.TAKE_SAK, Action.CREATE_SAS),
    State.RECEIVING: (Action.LATEST_RECEIVES, Action.START_TRANSMIT_WHEN, Action.NEW_INFO),
    State.READY: (Action.NEW_INFO,),
    State.TRANSMIT: (Action.OPEN_PORT, Action.LATEST_TRANSMITS),
    State.TRANSMITTING: (Action.START_RETIRE_WHEN, Action.OLD_STOPS, Action.NEW_INFO),
    State.ABANDON: (Action.DELETE_LATEST, Action.NEW_INFO),
    State.RETIRE: (Action.DELETE_OLD, Action.LATEST_TO_OLD, Action.NEW_INFO),
}

# Taken from every state but the target itself, before its own arrows.
EVERYWHERE: Final = ((Condition.PORT_DISABLED, State.INIT),)


def _arrows(source: State, target: State, *conditions: Condition) -> tuple[Transition, ...]:
    return tuple(Transition(source, condition, target) for condition in conditions)


TRANSITIONS: Final[tuple[Transition, ...]] = (
    *_arrows(State.INIT, State.CHANGE, Condition.ALWAYS),
    *_arrows(State.CHANGE, State.ALLOWED, Condition.CONNECT_UNAUTHENTICATED),
    *_arrows(State.CHANGE, State.AUTHENTICATED, Condition.CONNECT_AUTHENTICATED),
    *_arrows(State.CHANGE, State.SECURED, Condition.CONNECT_SECURE),
    *_arrows(State.ALLOWED, State.CHANGE, Condition.NOT_UNAUTHENTICATED),
    *_arrows(State.AUTHENTICATED, State.CHANGE, Condition.NOT_AUTHENTICATED),
    *_arrows(State.SECURED, State.CHANGE, *CHANGED_CONNECT),
    *_arrows(State.SECURED, State.RECEIVE, Condition.NEW_SAK),
    *_arrows(State.RECEIVE, State.RECEIVING, Condition.USING_RECEIVE_SAS),
    *_arrows(State.RECEIVE, State.ABANDON, Condition.NEW_SAK, *CHANGED_CONNECT),
    *_arrows(State.RECEIVING, State.ABANDON, Condition.NEW_SAK, *CHANGED_CONNECT),
    *_arrows(State.RECEIVING, State.READY, Condition.NOT_ELECTED_SELF),
    *_arrows(State.RECEIVING, State.TRANSMIT, Condition.SELF_ALL_RECEIVING),
    *_arrows(State.RECEIVING, State.TRANSMIT, Condition.SELF_PORT_CLOSED, Condition.SELF_TRANSMIT_WHEN_OVER),
    *_arrows(State.READY, State.ABANDON, Condition.NEW_SAK, *CHANGED_CONNECT),
    *_arrows(State.READY, State.TRANSMIT, Condition.SERVER_TRANSMITTING, Condition.PORT_CLOSED),
    *_arrows(State.TRANSMIT, State.TRANSMITTING, Condition.USING_TRANSMIT_SA),
    *_arrows(State.TRANSMIT, State.ABANDON, Condition.NEW_SAK),
    *_arrows(State.TRANSMIT, State.RETIRE, *CHANGED_CONNECT),
    *_arrows(State.TRANSMITTING, State.RETIRE, Condition.RETIRE_WHEN_OVER, *CHANGED_CONNECT),
    *_arrows(State.ABANDON, State.RETIRE, *CHANGED_CONNECT),
    *_arrows(State.ABANDON, State.RECEIVE, Condition.NEW_SAK),
    *_arrows(State.RETIRE, State.CHANGE, *CHANGED_CONNECT),
    *_arrows(State.RETIRE, State.RECEIVE, Condition.NEW_SAK),
)
