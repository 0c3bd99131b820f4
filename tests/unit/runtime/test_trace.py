"""A trace shows what was said and no key, and an engine to which it is played does the same again."""

from __future__ import annotations

import io
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from pysec.drivers import FakeDriver
from pysec.errors import FormatError
from pysec.mka.config import KayConfig
from pysec.mka.kay import Kay
from pysec.pae import PaeConfig, PortAccessEntity
from pysec.runtime.jsonable import from_json, to_json
from pysec.runtime.trace import TracedKay, TraceWriter, read_trace, replay
from pysec.types import CipherSuite, Ki, Sci
from pysec.wire.mkpdu import MkPdu
from tests.unit.pae.lan import CKN, Lan, Station, cak, kay_config

SUITES = (CipherSuite.GCM_AES_XPN_256, CipherSuite.GCM_AES_128)


def traced(members: int = 2, suites: tuple[CipherSuite, ...] = SUITES, seconds: float = 40.0) -> tuple[list[str], Lan]:
    """The lines of a busy LAN, one port named after each member."""
    file = io.StringIO()
    lan = Lan()
    for number in range(1, members + 1):
        sci = Sci.of(f"02000000000{number}", 1)
        write = TraceWriter(file).for_port(f"port{number}")
        config = PaeConfig(kay=kay_config(number, cipher_suites=suites))
        driver = FakeDriver(sci)
        rng = random.Random(number)
        pae = PortAccessEntity(
            config,
            sci,
            driver,
            rng.randbytes,
            lan.now,
            make_kay=lambda config, sci, rng, write=write: TracedKay(config, sci, rng, write),  # type: ignore[misc]
        )
        lan.stations.append(Station(pae, driver))
        pae.add_cak(cak(), lan.now)
        pae.set_port_enabled(True, lan.now)
    lan.run(3)
    lan.stations[0].pae.request_sak("a test", lan.now)
    lan.run(10)
    lan.deliver = lambda source, target: False
    lan.run(8)
    lan.deliver = lambda source, target: True
    lan.run(seconds - 21)
    return file.getvalue().splitlines(), lan


@pytest.mark.parametrize("members", [2, 3])
@pytest.mark.parametrize("port", [1, 2])
def test_an_engine_does_again_what_the_traced_one_did(members: int, port: int) -> None:
    lines, _lan = traced(members)
    trace = read_trace(lines, f"port{port}")
    found = replay(trace, trace.make_kay(), {CKN: cak()})
    assert found.differences == []
    assert found.sent > 20
    assert found.lines == len(trace.lines)
    assert {"sak-ready", "peer-live", "peer-lost", "connect-changed"} <= set(found.events)


def test_canary_an_engine_that_does_something_else_is_found_out() -> None:
    lines, _ = traced()
    trace = read_trace(lines, "port1")

    class Slow(Kay):
        def request_sak(self, reason: str, now: float) -> None:
            """Forget it: the lost request of the bug list."""

    assert replay(trace, trace.make_kay(Slow), {CKN: cak()}).differences
    other = replace(trace, config=replace(trace.config, key_server_priority=99))
    assert replay(other, other.make_kay(), {CKN: cak()}).differences


def test_no_key_is_in_a_trace_wrapped_or_not() -> None:
    lines, lan = traced()
    text = "\n".join(lines)
    key = cak()
    secrets = [bytes([7]) * 16]
    for station in lan.stations:
        for held in station.pae._saks._held.values():
            secrets += [bytes(held.sak.reveal()), key.wrap(held.sak)]
    assert len(secrets) >= 5
    for secret in secrets:
        assert secret.hex() not in text
    assert '"distributed_sak":{' in text
    assert '"wrapped"' not in text


def test_lines_that_are_no_trace_are_refused_by_number() -> None:
    lines, _ = traced(seconds=22)
    for wrong in (["{}"], [], ["nonsense"], [*lines[:3], "]"], lines[1:]):
        with pytest.raises(FormatError):
            read_trace(wrong)
    with pytest.raises(FormatError, match="does not begin"):
        read_trace(lines, "another port")
    trace = read_trace(lines, "port1")
    for line in ({"k": "no such thing", "number": 7}, {"k": "rx", "number": 7}, {"k": "cak", "number": 7, "ckn": "00"}):
        with pytest.raises(FormatError, match="line 7"):
            replay(replace(trace, lines=(line,)), trace.make_kay(), {})


def test_frames_of_which_nothing_can_be_believed_are_noted_with_why(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    with path.open("w", encoding="utf-8") as file:
        write = TraceWriter(file).for_port("p")
        lan = Lan()
        station = lan.add(PaeConfig(kay=kay_config()))
        kay = TracedKay(KayConfig(), station.pae.sci, bytes, write)
        kay.add_cak(cak(), 0.0)
        (body,) = station.pae.kay.pdus_to_send(lan.now + 60)
        for octets in (b"", b"x" * 32, body[:-1] + b"?", body.replace(CKN.octets, b"another name!!!!")):
            kay.receive_mkpdu(octets, 1.0)
        file.flush()
    faults = [json.loads(line).get("fault") for line in path.read_text("utf-8").splitlines()]
    assert [fault for fault in faults if fault] == ["malformed", "malformed", "bad ICV", "unknown CKN"]
    assert read_trace(path).lines[-1]["octets"] == len(body)


def test_values_come_back_from_json_as_they_were() -> None:
    config = KayConfig(key_server_priority=3, cipher_suites=SUITES, rekey_period_s=60.0, assumed_peer_suites=SUITES)
    assert from_json(KayConfig, json.loads(json.dumps(to_json(config)))) == config
    pair = (Ki(b"k" * 16), 1, 2)
    assert from_json(tuple[Ki, int, int] | None, to_json(pair)) == pair
    assert from_json(tuple[Ki, int, int] | None, None) is None
    with pytest.raises(TypeError):
        to_json(object())
    for wrong in ({"version": "3"}, {"version": 3, "basic": 7}, [], {"version": 3}):
        with pytest.raises(FormatError):
            from_json(MkPdu, wrong)
