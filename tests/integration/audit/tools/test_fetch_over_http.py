"""Downloads over real HTTP, from a server on this machine."""

import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fleet_audit.audit.tools.fetch import Fetcher, FetchError, FetchMismatch, Interrupted, NotFound

pytestmark = pytest.mark.integration

BODY = b"0123456789" * 100_000


class Server(ThreadingHTTPServer):
    """Serves one body in several ways, by path."""

    daemon_threads = True
    failures = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        match self.path:
            case "/body" | "http://archive.example/body":
                self._send(200, BODY)
            case "/moved":
                self._send(302, b"", Location="/body")
            case "/circle":
                self._send(302, b"", Location="/circle")
            case "/busy-once":
                self.server.failures += 1
                self._send(503 if self.server.failures == 1 else 200, BODY)
            case "/refused":
                self._send(403, b"")
            case "/cut-once":
                self.server.failures += 1
                self._send(200, BODY if self.server.failures > 1 else BODY[:1000], length=len(BODY))
            case "/drip":
                self._drip(b"x" * (1 << 18))
            case "/seep":
                self._drip(b"x")
            case "/seeping-head":
                self._drip_head()
            case _:
                self._send(404, b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        del format, args

    def _send(self, status: int, body: bytes, *, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip_head(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        try:
            for _ in range(100):
                self.wfile.write(b"x")
                time.sleep(0.1)
        except OSError:
            return

    def _drip(self, drop: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(drop)
                time.sleep(0.1)
        except OSError:
            return


@pytest.fixture
def server() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def fetcher(tmp_path: Path) -> Fetcher:
    return Fetcher(tmp_path)


@pytest.mark.parametrize("path", ["/body", "/moved", "/busy-once", "/cut-once"])
def test_a_body_arrives_whole_whatever_happens_on_the_way(server: str, path: str, fetcher: Fetcher) -> None:
    digest = hashlib.sha256(BODY).hexdigest()

    assert fetcher.get(server + path, size_limit=len(BODY), deadline=30, sha256=digest) == BODY


def test_a_body_over_its_limit_is_not_read_to_its_end(server: str, fetcher: Fetcher) -> None:
    with pytest.raises(FetchMismatch):
        fetcher.get(f"{server}/drip", size_limit=100_000, deadline=30)


@pytest.mark.parametrize("path", ["/drip", "/seep"])
def test_a_slow_body_ends_at_the_deadline(server: str, fetcher: Fetcher, path: str) -> None:
    started = time.monotonic()

    with pytest.raises(FetchError, match="took longer than allowed"):
        fetcher.get(server + path, size_limit=1 << 30, deadline=1)

    assert time.monotonic() - started < 5


def test_a_head_that_seeps_is_not_waited_for(
    server: str, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet_audit.audit.tools.connections._HEAD_SECONDS", 0.3)
    started = time.monotonic()

    with pytest.raises(Interrupted, match="the connection failed"):
        fetcher.get(f"{server}/seeping-head", size_limit=100, deadline=2)

    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/nowhere", NotFound, "does not have it"),
        ("/refused", FetchError, r"the server refused \(HTTP 403\)"),
        ("/circle", FetchError, "redirect"),
    ],
)
def test_refusals_are_told_apart(
    server: str, path: str, error: type[FetchError], message: str, fetcher: Fetcher
) -> None:
    with pytest.raises(error, match=message):
        fetcher.get(server + path, size_limit=100, deadline=5)


def test_a_server_that_is_not_there_is_named(server: str, fetcher: Fetcher) -> None:
    del server
    with pytest.raises(Interrupted, match="the connection failed"):
        fetcher.get("http://127.0.0.1:9/", size_limit=100, deadline=5)


def test_the_proxy_of_the_environment_is_used(
    server: str, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.replace("//", "//user:secret@"))

    assert fetcher.get("http://archive.example/body", size_limit=len(BODY), deadline=5) == BODY


def test_a_host_that_needs_no_proxy_is_asked_itself(
    server: str, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    assert fetcher.get(f"{server}/body", size_limit=len(BODY), deadline=5) == BODY
