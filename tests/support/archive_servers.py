"""Serves a small archive over HTTP on this machine, well or badly."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.archives import SmallArchive


class Way(StrEnum):
    """How a file is served that is not simply sent."""

    CUT = "the connection ends in the middle"
    BUSY = "the server is busy"
    BUSY_ONCE = "the server is busy the first time"
    DRIPPING = "a byte now and then"
    GONE = "the server does not have it"
    TO_A_FILE = "redirected to a file of the machine that asks"
    TO_FTP = "redirected to another protocol"


class ArchiveServer(ThreadingHTTPServer):
    """An archive whose `files` are by path; `ways` say of the end of a path how such files are served."""

    daemon_threads = True

    def __init__(self) -> None:
        """Serve nothing yet, on a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.ways: dict[str, Way] = {}
        self.asked: list[str] = []
        self.is_closing = threading.Event()

    @property
    def address(self) -> str:
        """Return the base address."""
        return f"http://127.0.0.1:{self.server_port}"

    def hold(self, archive: SmallArchive) -> None:
        """Serve what an archive holds, in place of what was served before."""
        self.files = {urlsplit(url).path: body for url, body in archive.files.items()}

    def way(self, path: str) -> Way | None:
        """Return how a path is served."""
        return next((way for end, way in self.ways.items() if path.endswith(end)), None)


@contextmanager
def serving() -> Iterator[ArchiveServer]:
    """Give a server that runs."""
    with ArchiveServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.is_closing.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: ArchiveServer

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        is_first = path not in self.server.asked
        self.server.asked.append(path)
        body = self.server.files.get(path)
        match self.server.way(path):
            case Way.BUSY:
                self._send(503, b"")
            case Way.BUSY_ONCE if is_first:
                self._send(503, b"")
            case Way.GONE:
                self._send(404, b"")
            case Way.TO_A_FILE:
                self._send(302, b"", {"Location": "file:///etc/passwd"})
            case Way.TO_FTP:
                self._send(302, b"", {"Location": "ftp://archive.example/Release"})
            case Way.CUT if body is not None:
                self._send(200, body[: len(body) // 2], {"Content-Length": str(len(body))})
            case Way.DRIPPING if body is not None:
                self._drip(body)
            case _:
                self._send(404 if body is None else 200, body or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        del format, args

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] = {}) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, body: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            for byte in body:
                if self.server.is_closing.is_set():
                    return
                self.wfile.write(bytes((byte,)))
                time.sleep(0.05)
