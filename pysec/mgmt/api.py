"""Why this exists: what a service can be asked stands in one table, which answers requests and describes itself.

Each row of `ROUTES` is a method, a path and what it does; `openapi` makes the description out of the same rows, so that
it cannot say anything else. Nothing here knows a socket: a request comes in as method, path and octets, and goes out as
a status, a type and octets. A link's settings are those of `pysec.mgmt.settings`, by the same names.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from pysec import __version__
from pysec.errors import PysecError, UsageError
from pysec.mgmt import metrics, settings
from pysec.mgmt.errors import NoSuchLink, Unavailable
from pysec.mgmt.links import Links, events_of
from pysec.mgmt.managed import ManagedLink
from pysec.mgmt.probe import verify
from pysec.mgmt.report import link_report
from pysec.runtime.folder import namespace
from pysec.runtime.guard import GuardUnavailable

JSON: Final = "application/json"
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. namespace: the network namespace, if it was told. is_owner: the service's own user, or root; others
    may speak to it by way of their group."""

    namespace: str = ""
    is_owner: bool = True


OWNER: Final = Asker()


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. name: of the link, where the path has one. body: a JSON value, or None."""

    name: str
    query: dict[str, str]
    body: Any
    by: Asker


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    status: int
    octets: bytes
    type: str = JSON

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Answer:
        """A JSON value."""
        return cls(status, json.dumps(value).encode() + b"\n")

    @classmethod
    def error(cls, status: int, kind: str, detail: str) -> Answer:
        """What went wrong, and whose error it is."""
        return cls.of({"error": {"kind": kind, "detail": detail}}, status)


class Api:
    """What a service answers."""

    def __init__(self, links: Links, reload: Callable[[], dict[str, str]]) -> None:
        """reload: brings the links to what the service's files say now."""
        self._links, self._reload = links, reload

    async def answer(self, method: str, target: str, octets: bytes, by: Asker = OWNER) -> Answer:
        """Answer a request; whatever it is, there is an answer."""
        path, _, query = target.partition("?")
        allowed = []
        for route in ROUTES:
            found = route.pattern.fullmatch(path)
            if found is None:
                continue
            if route.method == method:
                name = unquote(found["name"]) if "{name}" in route.path else ""
                return await self._answer(route, name, query, octets, by)
            allowed.append(route.method)
        if allowed:
            return Answer.error(405, "UsageError", f"{path}: takes {', '.join(allowed)}, not {method[:20]}")
        return Answer.error(404, "UsageError", f"{path[:100]}: there is no such path; GET /v1/openapi.json lists them")

    async def _answer(self, route: Route, name: str, query: str, octets: bytes, by: Asker) -> Answer:
        if by.namespace and route.method != "GET" and by.namespace != str(namespace()):
            words = "the service lives in another network namespace than you do, and other interfaces are there"
            return Answer.error(409, "UsageError", words)
        try:
            body = json.loads(octets) if octets else None
        except (ValueError, RecursionError):
            return Answer.error(400, "UsageError", "the body is not JSON")
        try:
            asked = Request(name, {key: values[-1] for key, values in parse_qs(query).items()}, body, by)
            return await route.run(self, asked)
        except NoSuchLink as error:
            return Answer.error(404, "NoSuchLink", str(error))
        except (Unavailable, GuardUnavailable) as error:
            return Answer.error(503, "Unavailable", str(error))
        except UsageError as error:
            return Answer.error(400, "UsageError", str(error))
        except PysecError as error:
            return Answer.error(409, type(error).__name__, str(error))
        except OSError as error:
            words = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
            return Answer.error(409, "OSError", words)
        except Exception as error:  # its words may be anything, even a key: its kind has to do
            return Answer.error(500, "InternalError", f"{type(error).__name__}; please report it")

    # ---- what each row does

    def _report(self, link: ManagedLink) -> dict[str, Any]:
        left = self._links.trial_left_s(link.name)
        said = link_report(link, asyncio.get_running_loop().time())
        return said | {"trial-left-s": None if left is None else round(left, 1)}

    async def service(self, asked: Request) -> Answer:
        """The service: its version, its network namespace, and its links by name."""
        return Answer.of(
            {"version": __version__, "namespace": namespace(), "links": sorted(self._links.by_name), "api": "v1"}
        )

    async def links(self, asked: Request) -> Answer:
        """Every link, as it is."""
        found = sorted(self._links.by_name.items())
        return Answer.of({"links": [self._report(link) for _, link in found]})

    async def link(self, asked: Request) -> Answer:
        """A link, as it is: what `pysec show --json` prints."""
        return Answer.of(self._report(self._links.get(asked.name)))

    async def settings(self, asked: Request) -> Answer:
        """A link's settings, those that are not at their default."""
        return Answer.of(settings.document(self._links.get(asked.name).link))

    async def up(self, asked: Request) -> Answer:
        """Bring a link up, or change it. With `try`, it is undone after so many seconds unless it is confirmed."""
        if isinstance(asked.body, dict):
            asked.body.setdefault("interface", asked.name)
        link = settings.parse(asked.body, "the request")
        if link["interface"].value != asked.name:
            raise UsageError(f"the path has {asked.name}, and the settings {link['interface'].value}")
        for name in settings.FILES:
            if link[name].value and not link[name].value.startswith("/"):
                raise UsageError(f"{name}: the service needs the whole path, from / on")
        if not asked.by.is_owner and (link["trace"].value or link["keylog"].value):
            raise UsageError("trace, keylog: the service writes these files, so only its own user can name them")
        try_s = self._seconds(asked)
        done = self._links.up(link, try_s)
        return Answer.of({"done": done, "link": self._report(self._links.get(asked.name))})

    def _seconds(self, asked: Request) -> float | None:
        if "try" not in asked.query:
            return None
        try:
            seconds = float(asked.query["try"])
        except ValueError:
            seconds = -1.0
        if not settings.TRY_S[0] <= seconds <= settings.TRY_S[1]:
            raise UsageError(f"try: must be {settings.TRY_S[0]:g} to {settings.TRY_S[1]:g} seconds")
        return seconds

    async def down(self, asked: Request) -> Answer:
        """End a link: its keys go, and its interface is the host's own again, as it was."""
        self._links.down(asked.name)
        return Answer.of({"done": "down"})

    async def confirm(self, asked: Request) -> Answer:
        """What was tried stays."""
        self._links.confirm(asked.name)
        return Answer.of({"done": "confirmed"})

    async def rekey(self, asked: Request) -> Answer:
        """Ask the key server for a new SAK."""
        self._links.rekey(asked.name)
        return Answer.of({"done": "asked"})

    async def verify(self, asked: Request) -> Answer:
        """Prove on the wire that the link is protected: a probe goes through it, and a second socket watches."""
        link = self._links.get(asked.name)
        if link.port is None:
            raise UsageError(f"{asked.name}: {link.failure}")
        checks = await verify(link.port)
        return Answer.of({"ok": all(check.ok for check in checks), "checks": [check.as_dict() for check in checks]})

    async def events(self, asked: Request) -> Answer:
        """A link's last events, the oldest first."""
        return Answer.of({"events": events_of(self._links.get(asked.name))})

    async def reload(self, asked: Request) -> Answer:
        """Bring the links to what the service's files say now. What did not change is not touched."""
        return Answer.of({"done": self._reload()})

    async def metrics(self, asked: Request) -> Answer:
        """Counters and states for Prometheus."""
        reports = [self._report(link) for _, link in sorted(self._links.by_name.items())]
        return Answer(200, metrics.exposition(reports), TEXT)

    async def openapi(self, asked: Request) -> Answer:
        """This description."""
        return Answer.of(openapi())


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that a service can be asked. does: the name of the method of `Api`. fails: statuses of failure."""

    method: str
    path: str
    does: str
    fails: tuple[int, ...] = ()
    body: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """Of the paths that are meant."""
        return re.compile(re.escape(self.path).replace(r"\{name\}", "(?P<name>[^/?]+)"))

    @property
    def run(self) -> Callable[[Api, Request], Awaitable[Answer]]:
        """What answers it."""
        found: Callable[[Api, Request], Awaitable[Answer]] = getattr(Api, self.does)
        return found


ROUTES: Final = (
    Route("GET", "/v1/service", "service"),
    Route("GET", "/v1/openapi.json", "openapi"),
    Route("POST", "/v1/reload", "reload", (400, 409)),
    Route("GET", "/v1/links", "links"),
    Route("GET", "/v1/links/{name}", "link", (404,)),
    Route("PUT", "/v1/links/{name}", "up", (400, 409, 503), body=True),
    Route("DELETE", "/v1/links/{name}", "down", (404, 409)),
    Route("GET", "/v1/links/{name}/settings", "settings", (404,)),
    Route("GET", "/v1/links/{name}/events", "events", (404,)),
    Route("POST", "/v1/links/{name}/confirm", "confirm", (400, 404, 409)),
    Route("POST", "/v1/links/{name}/rekey", "rekey", (400, 404, 409)),
    Route("POST", "/v1/links/{name}/verify", "verify", (400, 404, 409)),
    Route("GET", "/metrics", "metrics"),
)


def openapi() -> dict[str, Any]:
    """The description of the API (OpenAPI 3.1), made of `ROUTES` and of the settings."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    error = {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["kind", "detail"],
                "properties": {"kind": {"type": "string"}, "detail": {"type": "string"}},
            }
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pysec control API",
            "version": "1",
            "description": "HTTP and JSON over a unix socket; whoever may write to the socket may do everything here.",
        },
        "paths": paths,
        "components": {"schemas": {"Error": error, "Link": _link_schema()}},
    }


def _operation(route: Route) -> dict[str, Any]:
    kind = TEXT.split(";", 1)[0] if route.does == "metrics" else JSON
    answers = {"200": {"description": "done", "content": {kind: {"schema": {"type": _type_of(kind)}}}}}
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    for status in route.fails:
        answers[str(status)] = {"description": _STATUSES[status], "content": content}
    said: dict[str, Any] = {
        "operationId": route.does,
        "summary": (getattr(Api, route.does).__doc__ or "").split(".")[0],
        "responses": answers,
    }
    parameters = []
    if "{name}" in route.path:
        parameters.append(
            {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "description": "interface"}
        )
    if route.does == "up":
        bound = {"type": "number", "minimum": settings.TRY_S[0], "maximum": settings.TRY_S[1]}
        parameters.append({"name": "try", "in": "query", "schema": bound, "description": "seconds"})
    if parameters:
        said["parameters"] = parameters
    if route.body:
        said["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": {"$ref": "#/components/schemas/Link"}}},
        }
    return said


def _type_of(kind: str) -> str:
    return "object" if kind == JSON else "string"


_STATUSES: Final = {
    400: "the request is not right, and the detail says what is not",
    404: "there is no such link",
    409: "it was refused by the system, by a file, or by the state of the link",
    503: "this system or this user cannot do it; the detail says what is missing",
}
_JSON_TYPES: Final = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array"}


def _link_schema() -> dict[str, Any]:
    properties: dict[str, Any] = {"format": {"const": settings.FORMAT}}
    for setting in settings.SETTINGS:
        schema: dict[str, Any] = {"type": _JSON_TYPES[setting.kind], "description": setting.words}
        if setting.kind is list:
            schema["items"] = {"type": "string"}
            if setting.choices:
                schema["items"]["enum"] = list(setting.choices)
        elif setting.choices:
            schema["enum"] = list(setting.choices)
        if setting.default is None:
            schema["type"] = [schema["type"], "null"]
        properties[setting.name] = schema | {"default": setting.default}
    return {"type": "object", "additionalProperties": False, "required": ["key"], "properties": properties}
