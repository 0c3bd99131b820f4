"""Samples take turns, warm-up is thrown away, and a wrong verdict stops a bench instead of flattering it."""

from __future__ import annotations

import pytest

from bench.cases import make_receiver, pysec_python
from bench.rows import Row
from bench.timing import CallCase, Sample, interleave
from pysec.errors import DriverError, InternalError
from pysec.types import CipherSuite


class Spy:
    """A case that writes down when it is sampled."""

    def __init__(self, name: str, seen: list[str]) -> None:
        self.row = Row("spy", name, "look")
        self._name, self._seen = name, seen

    def sample(self, at_least_ns: int) -> Sample:
        self._seen.append(self._name)
        return Sample(at_least_ns, 10, 2.5)

    def close(self) -> None:
        self._seen.append(f"close {self._name}")


def test_cases_take_turns_and_are_closed() -> None:
    seen: list[str] = []
    found = interleave([Spy("a", seen), Spy("b", seen)], 3, 4000)
    assert seen == ["a", "b", *["a", "b"], *["b", "a"], *["a", "b"], "close b", "close a"]
    assert [row.samples for row in found] == [[400.0] * 3] * 2
    assert found[0].ghz == [2.5] * 3


def test_cases_are_closed_when_one_fails() -> None:
    seen: list[str] = []

    def fail() -> int:
        raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        interleave([Spy("a", seen), CallCase(Row("spy", "bad", "look"), fail, 1)], 3, 4000)
    assert seen[-1] == "close a"


def test_work_goes_on_until_enough_of_it_was_timed() -> None:
    case = CallCase(Row("spy", "a", "look"), lambda: 30, 4)
    assert case.sample(100) == Sample(120, 16)
    assert case.sample(0) == Sample(30, 4)


def test_refused_frames_do_not_pass_for_fast_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The canary of the cases: a SecY that sends nothing, and one that has another key, would be very fast."""
    suite = CipherSuite.GCM_AES_128
    for op, planted, verdict in (
        ("protect", "bench.cases.SecY.enable_transmit", "OUT_ENCRYPTED"),
        ("validate", "", "IN_OK"),
    ):
        for provider in ("pysec-python", "pysec-python-bytes"):
            row, keys = Row("secy", provider, op, [], str(suite), 64, 32, 1), iter(range(99))
            with monkeypatch.context() as patch:
                if planted:
                    patch.setattr(planted, lambda *_: None)
                else:
                    patch.setattr("bench.cases.sak_of", lambda *_, keys=keys: bytes([next(keys)]) * 16)
                case = pysec_python(row, suite, None)
                with pytest.raises(InternalError, match=verdict):
                    case.sample(0)
                case.close()


def test_a_receiver_has_the_scs_asked_for() -> None:
    secy = make_receiver(CipherSuite.GCM_AES_XPN_128, 64, None)
    assert secy.status().receiving_scs == 64


def test_the_c_harness_refuses_what_it_cannot_do() -> None:
    from bench.harness import Harness

    harness = Harness()
    try:
        for line in (
            "open protect 0 64 3 1 -",
            "open protect 0 64 1 0 -",
            "open protect 9 64 1 1 -",
            "sample 7 1",
            "x",
        ):
            with pytest.raises(DriverError):
                harness.ask(line)
        with pytest.raises(DriverError):
            harness.ask("open protect 0 64 1 1 no-such")
        assert harness.ask("open validate 3 64 32 5 -")[0] == "0"
        ns, frames, _ = harness.ask("sample 0 1000")
        assert int(ns) >= 1000
        assert int(frames) % 256 == 0
        harness.ask("close 0")
    finally:
        harness.close()
