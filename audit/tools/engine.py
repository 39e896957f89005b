"""How an image is fetched from a container engine on this machine, over its API socket."""

import http.client
import io
import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote, urlsplit

from fleet_audit.audit.errors import FleetAuditError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_IDLE_SECONDS = 600.0
"""An engine may pack for a while before its first byte; after that it should not pause this long."""

_WHOLE_SECONDS = 3600.0
_MAX_MESSAGE = 4096
_DOCKER_SOCKET = "/var/run/docker.sock"
_PODMAN_SOCKET = "/run/podman/podman.sock"
_REMEDY = (
    "start it, say where it is (DOCKER_HOST, CONTAINER_HOST), or name a saved image (docker-archive:FILE)"
)


class EngineError(FleetAuditError):
    """An engine could not be asked, or did not send the image. `address` is where it was looked for."""

    def __init__(self, engine: str, address: str, why: str) -> None:
        """Keep who was asked, where, and what went wrong."""
        super().__init__(engine, address, why)
        self.engine = engine
        self.address = address
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.engine} at {self.address}: {self.why}"


def engine_streams(environment: Mapping[str, str]) -> dict[str, Callable[[str], BinaryIO]]:
    """Return, by engine, what starts the ``save`` of an image; nothing is connected before it is called.

    Addresses: docker's from DOCKER_HOST or its usual socket, podman's from CONTAINER_HOST or the socket of
    this user (podman-system-service(1)), else the system's.
    """
    return {
        "docker": _starter("docker", docker_address(environment)),
        "podman": _starter("podman", podman_address(environment)),
    }


def docker_address(environment: Mapping[str, str]) -> str:
    """Return where docker is to be found, as an address that DOCKER_HOST may hold."""
    return environment.get("DOCKER_HOST") or f"unix://{_DOCKER_SOCKET}"


def podman_address(environment: Mapping[str, str]) -> str:
    """Return where podman is to be found."""
    stated = environment.get("CONTAINER_HOST")
    if stated:
        return stated
    runtime = environment.get("XDG_RUNTIME_DIR")
    users = f"{runtime}/podman/podman.sock" if runtime else ""
    return f"unix://{users if users and os.path.exists(users) else _PODMAN_SOCKET}"


def _starter(engine: str, address: str) -> Callable[[str], BinaryIO]:
    def start(name: str) -> BinaryIO:
        return save_stream(engine, address, name)

    return start


def save_stream(engine: str, address: str, name: str, *, idle_seconds: float = _IDLE_SECONDS) -> BinaryIO:
    """Return the archive that the engine makes of an image, to be read front to back and closed.

    Asks ``GET /images/{name}/get`` (Docker Engine API, ImageGet; podman answers it as well). Raises
    EngineError, also while the stream is read.
    """
    connection = _connection(engine, address, idle_seconds)
    try:
        connection.request("GET", f"/images/{quote(name, safe='/:@')}/get", headers={"Host": "localhost"})
        response = connection.getresponse()
        refusal = "" if response.status == http.client.OK else _refusal(response, name)
    except (OSError, http.client.HTTPException) as e:
        connection.close()
        raise EngineError(engine, address, f"cannot be asked for {name} ({_reason(e)}); {_REMEDY}") from e
    if refusal:
        connection.close()
        raise EngineError(engine, address, refusal)
    sent = _SentImage(engine, address, connection, response)
    return io.BufferedReader(sent, 1 << 18)


def _refusal(response: http.client.HTTPResponse, name: str) -> str:
    body = response.read(_MAX_MESSAGE)
    try:
        document = json.loads(body)
        said = str(document.get("message", "")) if isinstance(document, dict) else ""
    except ValueError:
        said = body.decode("utf-8", "replace")
    said = " ".join(said.split())
    if response.status == http.client.NOT_FOUND:
        return f"has no image {name} ({said or 'not found'}); pull or build it first"
    return f"answered {response.status} when asked for {name} ({said or response.reason})"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _connection(engine: str, address: str, idle_seconds: float) -> http.client.HTTPConnection:
    try:
        parts = urlsplit(address)
        port = parts.port or 2375
    except ValueError as e:
        raise EngineError(engine, address, f"is not a usable address: {e}") from e
    if parts.scheme == "unix" and parts.path:
        return _UnixConnection(parts.path, idle_seconds)
    if parts.scheme in ("tcp", "http") and parts.hostname:
        return http.client.HTTPConnection(parts.hostname, port, timeout=idle_seconds)
    raise EngineError(
        engine, address, "only unix: and tcp: addresses are spoken to; save the image and name the file"
    )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _SentImage(io.RawIOBase):
    def __init__(
        self,
        engine: str,
        address: str,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
    ) -> None:
        self._engine = engine
        self._address = address
        self._connection = connection
        self._response = response
        self._deadline = time.monotonic() + _WHOLE_SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        if time.monotonic() > self._deadline:
            raise EngineError(self._engine, self._address, f"was still sending after {_WHOLE_SECONDS:.0f} s")
        try:
            return self._response.readinto(buffer)
        except (OSError, http.client.HTTPException) as e:
            why = f"broke off while it sent the image ({_reason(e)})"
            raise EngineError(self._engine, self._address, why) from e

    def close(self) -> None:
        if not self.closed:
            self._response.close()
            self._connection.close()
        super().close()
