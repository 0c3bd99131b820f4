"""Why this exists: SAs come and go while frames flow, in orders that no example thinks of: the same step twice, a KI
that comes back, an AN taken over, a floor too low. The oracle must agree at every step, and no nonce may ever
occur twice.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.parts import Config
from tests.model.wire import SUITES, Peer, key_identifier, new_sak, user_data
from tests.model.world import World

NUMBERS = st.integers(0, 2)
ANS = st.integers(0, 1)
PNS = st.sampled_from([1, 1, 2, 5, 20, 2**32 - 3])
PEERS = (0x0200_0000_00A1_0001, 0x0200_0000_00A2_0001)
WHO = st.integers(0, 1)
RARELY = st.sampled_from([False] * 7 + [True])
FRAME = bytes.fromhex("0200000000d10200000000b1") + user_data(30)


class SaLife(RuleBasedStateMachine):
    """Every set-up call of the SecY, with a handful of names, and frames between (802.1AE-2018 10.7.11 to 10.7.28)."""

    @initialize(suite=st.sampled_from(SUITES), window=st.sampled_from([0, 4]), duplicates=st.booleans())
    def start(self, suite, window, duplicates):
        """A SecY without anything."""
        self.world = World.empty(suite, Config(replay_window=window, refuse_duplicates=duplicates))
        self.suite = suite

    @rule(ki=NUMBERS, sak=NUMBERS, mixed_up=RARELY, other=RARELY)
    def install(self, ki, sak, mixed_up, other):
        """install_sak; now and then by a KI that may be another SAK's, or with another offset or salt."""
        secret = new_sak(self.suite, sak if mixed_up else ki)
        salt, offset = (secret.salt and bytes(12), 0 if secret.salt else 30) if other else (secret.salt, 0)
        self.world.both("install_sak", key_identifier(ki), secret.key, salt, offset)

    @rule(ki=NUMBERS)
    def retire(self, ki):
        """retire."""
        self.world.both("retire", key_identifier(ki))

    @rule(ki=NUMBERS, an=ANS, floor=PNS, confidentiality=st.booleans())
    def create_transmit_sa(self, ki, an, floor, confidentiality):
        """create_transmit_sa."""
        self.world.both("create_transmit_sa", an, key_identifier(ki), floor, ssci=1, confidentiality=confidentiality)

    @rule(ki=NUMBERS, an=ANS, floor=PNS)
    def transmit(self, ki, an, floor):
        """All that it takes to transmit."""
        secret = new_sak(self.suite, ki)
        self.world.both("install_sak", secret.ki, secret.key, secret.salt)
        if self.world.both("create_transmit_sa", an, secret.ki, floor, ssci=1):
            self.world.both("enable_transmit", secret.ki)
        self.world.protect_these([FRAME] * 3)

    @rule(who=WHO, ki=NUMBERS, an=ANS, lowest=PNS)
    def listen(self, who, ki, an, lowest):
        """All that it takes to receive."""
        secret = new_sak(self.suite, ki)
        self.world.both("install_sak", secret.ki, secret.key, secret.salt)
        self.world.both("create_receive_sc", PEERS[who])
        if self.world.both("create_receive_sa", PEERS[who], an, secret.ki, lowest, who + 2):
            self.world.both("enable_receive", PEERS[who], secret.ki)

    @rule(ki=NUMBERS, an=ANS)
    def come_back(self, ki, an):
        """create_transmit_sa with the floor that is just right."""
        floor = self.world.oracle.pn_floor.get(key_identifier(ki), 1)
        if floor < self.world.space:
            self.world.both("create_transmit_sa", an, key_identifier(ki), floor, ssci=1)

    @rule(ki=NUMBERS, enable=st.sampled_from([True, True, False]))
    def enable_transmit(self, ki, enable):
        """enable_transmit."""
        self.world.both("enable_transmit", key_identifier(ki), enable)

    @rule(ki=NUMBERS, ahead=st.integers(-2, 5))
    def set_pn_ceiling(self, ki, ahead):
        """set_pn_ceiling, around the next PN."""
        sas = [sa for sa in self.world.oracle.transmit_sas.values() if sa.sak.ki == key_identifier(ki)]
        ceiling = max(1, (sas[0].next_pn if sas else 1) + ahead)
        self.world.both("set_pn_ceiling", key_identifier(ki), min(ceiling, self.world.space - 1))

    @rule(who=WHO, delete=st.sampled_from([True, False, False, False]))
    def receive_sc(self, who, delete):
        """create_receive_sc, delete_receive_sc."""
        self.world.both("delete_receive_sc" if delete else "create_receive_sc", PEERS[who])

    @rule(who=WHO, ki=NUMBERS, an=ANS, lowest=PNS, clash=st.sampled_from([0, 0, 0, 0, 1]))
    def create_receive_sa(self, who, ki, an, lowest, clash):
        """create_receive_sa, now and then with the next peer's SSCI."""
        self.world.both("create_receive_sa", PEERS[who], an, key_identifier(ki), lowest, (who + clash) % 2 + 2)

    @rule(who=WHO, ki=NUMBERS, enable=st.sampled_from([True, True, False]))
    def enable_receive(self, who, ki, enable):
        """enable_receive."""
        self.world.both("enable_receive", PEERS[who], key_identifier(ki), enable)

    @rule(who=WHO, ki=NUMBERS, pn=PNS)
    def update_lowest_pn(self, who, ki, pn):
        """update_lowest_pn."""
        self.world.both("update_lowest_pn", PEERS[who], key_identifier(ki), pn)

    @rule(number=st.integers(1, 5))
    def send(self, number):
        """A burst to the wire."""
        self.world.protect_these([FRAME] * number)

    @rule(what=st.lists(st.tuples(st.integers(0, 9), st.integers(-4, 4)), min_size=1, max_size=8))
    def receive(self, what):
        """A burst from the wire, for the SAs that there are, around their next PNs."""
        sas = [(sc.sci, sa) for sc in self.world.oracle.receive_scs.values() for sa in sc.sas.values()]
        frames = []
        for which, ahead in what if sas else ():
            sci, sa = sas[which % len(sas)]
            pn = min(max(1, sa.replay.next_pn + ahead), self.world.space - 1)
            frames.append(Peer(sci, self.suite, sa.sak, sa.an, sa.ssci).frame(pn, user_data(20)))
        self.world.validate_these(frames)

    @rule(who=WHO, ki=NUMBERS, an=ANS, pn=st.integers(1, 10))
    def receive_from_the_past(self, who, ki, an, pn):
        """A frame of an SA that may be there no more, or not yet."""
        peer = Peer(PEERS[who], self.suite, new_sak(self.suite, ki), an, who + 2)
        self.world.validate_these([peer.frame(pn, user_data(20))])

    @precondition(lambda self: hasattr(self, "world"))
    @invariant()
    def same_state(self):
        """Everything that can be read is the same on both sides (802.1AE-2018 10.7)."""
        self.world.compare_state()


SaLife.TestCase.settings = settings(max_examples=settings.default.max_examples * 2, stateful_step_count=40)
TestSaLife = SaLife.TestCase
