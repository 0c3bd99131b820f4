"""Why this exists: the cases of the benches as pytest-benchmark sees them: `pytest bench`. No time is asserted.

For figures that are quoted use `python -m bench secy`, where providers take turns; here each is measured by itself.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.cases import PEERS, RING, make_receiver, plain_frame, pysec_python
from bench.rows import Row
from bench.timing import CallCase
from pysec import FrameArena, SecY
from pysec.types import CipherSuite, Ki

SUITE = CipherSuite.GCM_AES_128


@pytest.fixture
def sender() -> SecY:
    """A SecY that can send for as long as a benchmark takes."""
    secy, ki = make_receiver(SUITE, 1, None), Ki(bytes(16))
    secy.create_transmit_sa(0, ki)
    secy.enable_transmit(ki)
    return secy


@pytest.mark.parametrize("burst", [1, 32, 256])
@pytest.mark.parametrize("octets", [64, 512, 1500, 9000])
def test_protect_in_arena(benchmark: BenchmarkFixture, sender: SecY, octets: int, burst: int) -> None:
    benchmark.extra_info.update(octets=octets, burst=burst, impl=sender.status().gcm)
    arena = FrameArena(burst, octets + 64)
    frames = [plain_frame(octets)] * burst

    def refill() -> None:
        arena.fill(frames)

    benchmark.pedantic(lambda: sender.protect(arena), setup=refill, rounds=200, warmup_rounds=5)


@pytest.mark.parametrize("provider", ["pysec-python", "pysec-python-bytes", *PEERS])
@pytest.mark.parametrize("op", ["protect", "validate"])
@pytest.mark.parametrize("octets", [64, 1500])
def test_one_ring(benchmark: BenchmarkFixture, provider: str, op: str, octets: int) -> None:
    """A whole ring, what the case prepares for it included."""
    row = Row("secy", provider, op, [], str(SUITE), octets, 32 if provider.startswith("pysec") else 1, 1)
    if provider == "scapy-macsecsa":
        pytest.importorskip("scapy")
    case: CallCase = PEERS[provider](row, SUITE) if provider in PEERS else pysec_python(row, SUITE, None)
    benchmark.extra_info.update(octets=octets, provider=provider, frames=RING)
    benchmark.pedantic(lambda: case.sample(0), rounds=10, warmup_rounds=1)
    case.close()
