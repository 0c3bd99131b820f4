"""Why this exists: every command is a client of the service's API, and tells its errors as if it had done it itself."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pysec.errors import DriverError, PysecError, UsageError
from pysec.mgmt.errors import NoService, NoSuchLink, Unavailable
from pysec.runtime.folder import namespace, run_folder

NAMESPACE: Final = "x-pysec-namespace"
"""The header that tells the asker's network namespace."""
SOCKET_NAME: Final = "control.sock"
PATIENCE_S: Final = 30.0


def socket_path() -> Path:
    """Where the service of this network namespace listens, if there is one."""
    return run_folder() / SOCKET_NAME


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(str(self._path))


class Client:
    """The service that listens at a path."""

    def __init__(self, path: Path | None = None) -> None:
        """path: None for where the service of this network namespace listens."""
        self.path = path or socket_path()

    def ask(self, method: str, target: str, body: Any = None) -> Any:
        """The answer, a JSON value or text (NoService; NoSuchLink, Unavailable, UsageError, DriverError as told)."""
        octets = None if body is None else json.dumps(body).encode()
        connection = _Connection(self.path)
        try:
            connection.request(method, target, octets, {NAMESPACE: str(namespace())})
            answer = connection.getresponse()
            text = answer.read().decode()
        except (FileNotFoundError, ConnectionRefusedError):
            raise NoService(f"no service listens at {self.path}") from None
        except PermissionError:
            raise Unavailable(f"{self.path}: this user may not speak to the service") from None
        except (OSError, http.client.HTTPException) as error:
            raise DriverError(f"{self.path}: the service does not answer: {error}") from None
        finally:
            connection.close()
        value: Any = json.loads(text) if answer.headers.get_content_type() == "application/json" else text
        if answer.status != 200:
            _raise(value["error"])
        return value

    def link(self, method: str, name: str, what: str = "", body: Any = None) -> Any:
        """The answer of something about a link; what: "/verify" and the like, or "?try=60"."""
        return self.ask(method, f"/v1/links/{quote(name, safe='')}{what}", body)


def _raise(error: dict[str, str]) -> None:
    kinds: dict[str, type[PysecError]] = {
        "NoSuchLink": NoSuchLink,
        "Unavailable": Unavailable,
        "UsageError": UsageError,
    }
    raise kinds.get(error["kind"], DriverError)(error["detail"])
