"""A registry that answers as it is told: what it holds, or something worse, for a request or for all."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.support.registries import Pushed


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    authorization: str
    byte_range: str
    form: Mapping[str, list[str]]


@dataclass(frozen=True)
class Told:
    """How a request is answered; without a `body` as it should be.

    The connection ends after `cut_after` bytes of the body; `is_dripping` sends a byte now and then.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cut_after: int | None = None
    is_dripping: bool = False
    ignores_range: bool = False


class ToldRegistry(ThreadingHTTPServer):
    """Holds one image under every name and tag. `told` has by the end of a path what comes first.

    Each of these answers serves one request, the last of them all that follow if the path is in `forever`.
    With a `token` it lets nobody in who does not bring that; it is given at `/token`, to whoever brings
    `password` (an Authorization header) or the identity token `identity`, and to all if neither is set.
    """

    daemon_threads = True

    def __init__(self, pushed: Pushed) -> None:
        """Serve on a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pushed = pushed
        self.told: dict[str, list[Told]] = {}
        self.forever: set[str] = set()
        self.asked: list[Asked] = []
        self.challenge = ""
        self.token = ""
        self.password = ""
        self.identity = ""
        self.is_closing = threading.Event()

    @property
    def host(self) -> str:
        """Return what references begin with."""
        return f"127.0.0.1:{self.server_port}"

    def ask_for_token(self, token: str, *, realm: str = "") -> None:
        """Let nobody in without a token from `realm`, by default its own."""
        self.token = token
        place = realm or f"http://{self.host}/token"
        self.challenge = f'Bearer realm="{place}",service="tests",scope="repository:acme/a:pull,push"'

    def tell(self, path: str, *answers: Told, forever: bool = False) -> None:
        """Have requests for what ends with `path` answered so."""
        self.told[path] = list(answers)
        if forever:
            self.forever.add(path)

    def paths(self) -> list[str]:
        """Return the paths that were asked for."""
        return [asked.path for asked in self.asked]

    def next_for(self, path: str) -> Told:
        """Return how a request is answered."""
        for end, answers in self.told.items():
            if path.endswith(end) and answers:
                is_kept = len(answers) == 1 and end in self.forever
                return answers[0] if is_kept else answers.pop(0)
        return Told()


@contextmanager
def told_registry(pushed: Pushed) -> Iterator[ToldRegistry]:
    """Give a registry that runs."""
    with ToldRegistry(pushed) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.is_closing.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: ToldRegistry

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer(parse_qs(body.decode()))

    def _answer(self, form: Mapping[str, list[str]]) -> None:
        parts = urlsplit(self.path)
        fields = {**parse_qs(parts.query), **form}
        authorization = self.headers.get("Authorization", "")
        asked = Asked(self.command, parts.path, authorization, self.headers.get("Range", ""), fields)
        self.server.asked.append(asked)
        told = self.server.next_for(parts.path)
        if parts.path == "/token":
            self._send(self._token_for(asked) if told.body is None else told)
        elif self.server.challenge and authorization != f"Bearer {self.server.token}":
            self._send(Told(401, {"WWW-Authenticate": self.server.challenge}, b"{}"))
        else:
            self._send_stored(parts.path, asked, told)

    def _token_for(self, asked: Asked) -> Told:
        server = self.server
        is_known = (
            (not server.password and not server.identity)
            or (bool(server.password) and asked.authorization == server.password)
            or (bool(server.identity) and asked.form.get("refresh_token") == [server.identity])
        )
        body = f'{{"token": "{server.token}"}}'.encode()
        return Told(200, {}, body) if is_known else Told(401, {}, b"{}")

    def _send_stored(self, path: str, asked: Asked, told: Told) -> None:
        media_type, body = self._stored(path)
        if told.body is not None:
            self._send(told)
        elif body is None:
            self._send(Told(told.status or 404, told.headers, b'{"errors":[{"code":"UNKNOWN"}]}'))
        elif asked.byte_range and not told.ignores_range:
            begin = int(asked.byte_range.removeprefix("bytes=").removesuffix("-"))
            headers = {"Content-Range": f"bytes {begin}-{len(body) - 1}/{len(body)}", **told.headers}
            self._send(Told(206, headers, body[begin:], told.cut_after))
        else:
            headers = {"Content-Type": media_type, **told.headers}
            self._send(Told(told.status or 200, headers, body, told.cut_after, told.is_dripping))

    def _stored(self, path: str) -> tuple[str, bytes | None]:
        pushed, name = self.server.pushed, path.rpartition("/")[2]
        if "/manifests/" in path:
            digest = name if name.startswith("sha256:") else pushed.digest
            return pushed.manifests.get(digest, ("", None))
        return "application/octet-stream", pushed.blobs.get(name)

    def _send(self, told: Told) -> None:
        body = told.body or b""
        self.send_response(told.status or 200)
        for name, value in {"Content-Length": str(len(body)), **told.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):
            if told.is_dripping:
                self._drip(body)
            else:
                self.wfile.write(body[: told.cut_after])
        if told.cut_after is not None:
            self.close_connection = True

    def _drip(self, body: bytes) -> None:
        for at in range(len(body)):
            if self.server.is_closing.is_set():
                return
            self.wfile.write(body[at : at + 1])
            self.wfile.flush()
            time.sleep(0.02)

    def log_message(self, *_: object) -> None:
        """Stay silent."""
