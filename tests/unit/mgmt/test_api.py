"""The control API: what it says it takes and answers is what it takes and answers, whatever is asked.

The contract is read out of the description itself (`/v1/openapi.json`): each operation is asked for what its schemas
allow, and for what they do not; every answer has a status and a type that the operation lists.
"""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st

from pysec.errors import KeyStoreError, UsageError
from pysec.mgmt import http as server_module
from pysec.mgmt import links as links_module
from pysec.mgmt.api import OWNER, ROUTES, Answer, Api, Asker, openapi
from pysec.mgmt.client import Client
from pysec.mgmt.errors import NoService
from pysec.mgmt.http import MAX_BODY_OCTETS, HttpServer, unix_listener
from pysec.mgmt.links import Links
from pysec.mgmt.settings import SETTINGS
from pysec.pae import PortEvent

OPERATIONS = [
    (path, method.upper(), said) for path, found in openapi()["paths"].items() for method, said in found.items()
]


def ignore(name: str, event: PortEvent) -> None:
    pass


def ask(folder: Path, method: str, target: str, body: bytes = b"", by: Asker = OWNER) -> Answer:
    """The answer of a service without links."""

    async def once() -> Answer:
        api = Api(Links(folder, ignore), dict)
        return await api.answer(method, target, body, by)

    return asyncio.run(once())


# ---- the contract


def test_every_row_is_described_and_answered(tmp_path: Path) -> None:
    assert {(path, method) for path, method, _ in OPERATIONS} == {(route.path, route.method) for route in ROUTES}
    for _, _, said in OPERATIONS:
        assert said["summary"]
        assert "200" in said["responses"]
    assert json.loads(ask(tmp_path, "GET", "/v1/openapi.json").octets) == openapi()
    schema = openapi()["components"]["schemas"]["Link"]
    assert set(schema["properties"]) == {"format", *(setting.name for setting in SETTINGS)}


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a schema allows."""
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    made: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "string": st.text,
        "integer": st.integers,
        "number": lambda: st.floats(allow_nan=False),
        "boolean": st.booleans,
        "null": st.none,
        "array": lambda: st.lists(values(schema["items"]), max_size=3),
        "object": lambda: st.fixed_dictionaries(
            {name: values(schema["properties"][name]) for name in schema["required"]},
            optional={k: values(v) for k, v in schema["properties"].items() if k not in schema["required"]},
        ),
    }
    return st.one_of(*(made[kind]() for kind in kinds))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=5,
)


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation[2]["operationId"])
@tries(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_every_answer_is_one_that_is_described(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    operation: tuple[str, str, dict[str, Any]],
    data: st.DataObject,
) -> None:
    path, method, said = operation
    monkeypatch.setattr(links_module, "why_unavailable", lambda: "not in a test")
    name = data.draw(st.text(min_size=1, max_size=20))
    target = path.replace("{name}", quote(name, safe=""))
    for parameter in said.get("parameters", ()):
        if parameter["in"] == "query" and data.draw(st.booleans()):
            value = data.draw(values(parameter["schema"]) | st.text())
            target += f"?{parameter['name']}={quote(str(value))}"
    body = b""
    if "requestBody" in said:
        schema = openapi()["components"]["schemas"]["Link"]
        body = json.dumps(data.draw(values(schema) | ANYTHING)).encode()
        body = data.draw(st.just(body) | st.binary(max_size=30))
    answer = ask(tmp_path_factory.mktemp("service"), method, target, body)
    allowed = said["responses"]
    assert str(answer.status) in allowed, answer.octets
    kind = next(iter(allowed[str(answer.status)]["content"]))
    assert answer.type.startswith(kind)
    if kind == "application/json":
        value = json.loads(answer.octets)
        if answer.status != 200:
            assert set(value["error"]) == {"kind", "detail"}
            assert value["error"]["kind"] != "InternalError"


@pytest.mark.slow
@given(method=st.text(max_size=8), target=st.text(max_size=40), body=st.binary(max_size=40))
@tries(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_request_has_an_answer(
    tmp_path_factory: pytest.TempPathFactory, method: str, target: str, body: bytes
) -> None:
    answer = ask(tmp_path_factory.getbasetemp(), method, target, body)
    assert answer.status in (200, 400, 404, 405)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert ask(tmp_path, "GET", "/v2/links").status == 404
    answer = ask(tmp_path, "PATCH", "/v1/links/eth1")
    assert answer.status == 405
    assert b"takes GET, PUT, DELETE, not PATCH" in answer.octets
    assert b"there are: none" in ask(tmp_path, "GET", "/v1/links/eth1").octets
    assert ask(tmp_path, "PUT", "/v1/links/eth1", b"{").status == 400
    assert ask(tmp_path, "PUT", "/v1/links/eth1", b"[" * 100000).status == 400
    answer = ask(tmp_path, "PUT", "/v1/links/eth1", b'{"key": "/k", "interface": "eth2"}')
    assert b"the path has eth1, and the settings eth2" in answer.octets
    answer = ask(tmp_path, "PUT", "/v1/links/eth1", b'{"key": "k"}')
    assert b"the service needs the whole path" in answer.octets
    assert ask(tmp_path, "DELETE", "/v1/links/eth1", by=Asker("1")).status == 409


def test_who_is_there_by_way_of_a_group_names_no_file_to_write(tmp_path: Path) -> None:
    """The service may be root, and would overwrite any."""
    for name in ("trace", "keylog"):
        body = json.dumps({"key": "/k", name: "/etc/passwd"}).encode()
        answer = ask(tmp_path, "PUT", "/v1/links/eth1", body, Asker(is_owner=False))
        assert answer.status == 400
        assert b"only its own user can name them" in answer.octets


def test_a_fault_of_ours_is_no_leak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, name: str) -> None:
        raise RuntimeError("00112233445566778899aabbccddeeff")

    monkeypatch.setattr(Links, "get", fail)
    answer = ask(tmp_path, "GET", "/v1/links/eth1")
    assert answer.status == 500
    assert b"0011" not in answer.octets
    assert b"RuntimeError" in answer.octets


# ---- HTTP


def serving(folder: Path, talk: Callable[[Path], Coroutine[Any, Any, None]], **only: Any) -> None:
    """Run a server at a socket, and something that talks to it."""

    async def both() -> None:
        path = folder / "control.sock"
        server = HttpServer(Api(Links(folder, ignore), dict), **only)
        await server.start(unix_listener(path))
        try:
            await talk(path)
        finally:
            await server.close()

    asyncio.run(asyncio.wait_for(both(), 60))


async def exchange(path: Path, octets: bytes) -> bytes:
    """What comes back until the server closes, or has answered all."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(octets)
    writer.write_eof()
    found = await reader.read()
    writer.close()
    return found


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"GET /v1/service HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200"),
        (b"HEAD /v1/service HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200"),
        (b"GET /v1/service HTTP/1.1\r\n\r\n", b"HTTP/1.1 400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.1 400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70000 + b"\r\n\r\n", b"HTTP/1.1 431"),
        (b"PUT /v1/links/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{", b""),
        (b"PUT /v1/links/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n", b"not JSON"),
        (b"GET /%ff%00/\xc3 HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 40"),
    ],
    ids=range(9),
)
def test_what_is_no_http_is_answered_or_dropped(tmp_path: Path, octets: bytes, words: bytes) -> None:
    async def talk(path: Path) -> None:
        assert words in await exchange(path, octets)
        assert b"200" in await exchange(path, b"GET /v1/service HTTP/1.1\r\nHost: x\r\n\r\n")

    serving(tmp_path, talk)


def test_a_connection_can_ask_several_times_and_head_has_no_body(tmp_path: Path) -> None:
    async def talk(path: Path) -> None:
        one = b"GET /v1/links HTTP/1.1\r\nHost: x\r\n\r\n"
        found = await exchange(path, one + b"HEAD /v1/links HTTP/1.1\r\nHost: x\r\n\r\n" + one)
        assert found.count(b"HTTP/1.1 200") == 3
        assert found.count(b'{"links": []}') == 2

    serving(tmp_path, talk)


def test_a_body_has_an_end(tmp_path: Path) -> None:
    async def talk(path: Path) -> None:
        head = b"PUT /v1/links/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n"
        assert b"HTTP/1.1 413" in await exchange(path, head + b"x" * (MAX_BODY_OCTETS + 1))

    serving(tmp_path, talk)


def test_who_says_nothing_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PATIENCE_S", 0.2)

    async def talk(path: Path) -> None:
        silent = [await asyncio.open_unix_connection(path) for _ in range(30)]
        assert b"200" in await exchange(path, b"GET /v1/service HTTP/1.1\r\nHost: x\r\n\r\n")
        for reader, writer in silent:
            assert await reader.read() == b""  # its time was over
            writer.close()

    serving(tmp_path, talk)


def test_metrics_alone_can_be_served(tmp_path: Path) -> None:
    async def talk(path: Path) -> None:
        assert b"pysec_secured" in await exchange(path, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 404" in await exchange(path, b"GET /v1/links HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 404" in await exchange(path, b"DELETE /v1/links/a HTTP/1.1\r\nHost: x\r\n\r\n")

    serving(tmp_path, talk, only=frozenset({"/metrics"}))


def test_the_socket_is_its_owners_and_nothing_else_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with unix_listener(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(UsageError, match="a service listens there already"):
            unix_listener(path)
    with unix_listener(path):  # one that was killed leaves its socket
        pass
    path.unlink()
    path.write_text("precious")
    with pytest.raises(KeyStoreError, match="something else than a socket"):
        unix_listener(path)
    path.unlink()
    (tmp_path / "elsewhere").write_text("precious")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyStoreError, match="something else than a socket"):
        unix_listener(path)
    assert (tmp_path / "elsewhere").read_text() == "precious"


def test_without_a_service_the_client_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoService, match="no service listens at"):
        Client(tmp_path / "control.sock").ask("GET", "/v1/service")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))
    with pytest.raises(NoService):
        Client(tmp_path / "control.sock").ask("GET", "/v1/service")
