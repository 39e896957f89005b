import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet_audit.audit.tools.engine import (
    EngineError,
    docker_address,
    engine_streams,
    podman_address,
    save_stream,
)


class Engine:
    """A fake engine: gives one prepared answer to each connection and remembers what was asked."""

    def __init__(self, path: Path, answer: bytes) -> None:
        self.address = f"unix://{path}"
        self.asked: list[str] = []
        self._answer = answer
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(4096)
                self.asked.append(request.split(b"\r\n", 1)[0].decode())
                connection.sendall(self._answer)

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@contextmanager
def engine(answer: bytes) -> Iterator[Engine]:
    # Not pytest's folder: a socket's path may have 107 bytes only.
    with tempfile.TemporaryDirectory() as folder:
        running = Engine(Path(folder) / "engine.sock", answer)
        try:
            yield running
        finally:
            running.stop()


def answer(status: str, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def test_an_image_is_asked_for_by_its_full_name() -> None:
    with engine(answer("200 OK", b"an archive")) as fake:
        with save_stream("docker", fake.address, "registry.example:5000/a/b:1 x") as sent:
            assert sent.read() == b"an archive"

        assert fake.asked == ["GET /images/registry.example:5000/a/b:1%20x/get HTTP/1.1"]


def test_a_chunked_answer_is_put_together() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

    with engine(chunked) as fake, save_stream("podman", fake.address, "a") as sent:
        assert sent.read() == b"abcde"


def test_a_stream_that_breaks_off_is_an_error_with_the_engines_name() -> None:
    broken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc"

    with (
        engine(broken) as fake,
        save_stream("podman", fake.address, "a") as sent,
        pytest.raises(EngineError, match=r"podman at unix:.*broke off"),
    ):
        sent.read()


def test_an_image_that_the_engine_lacks_is_said_to_be_missing() -> None:
    refused = answer("404 Not Found", b'{"message": "No such image: a:latest"}')

    with (
        engine(refused) as fake,
        pytest.raises(EngineError, match=r"has no image a \(No such image: a:latest\); pull or build it"),
    ):
        save_stream("docker", fake.address, "a")


def test_an_engine_that_fails_is_quoted_in_one_line() -> None:
    with (
        engine(answer("500 Oops", b"one\ntwo")) as fake,
        pytest.raises(EngineError, match=r"answered 500 when asked for a \(one two\)"),
    ):
        save_stream("docker", fake.address, "a")


def test_an_engine_that_does_not_run_is_an_error_with_its_address_and_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"nothing.sock: cannot be asked for a \(No such file.*DOCKER_HOST"):
        save_stream("docker", f"unix://{tmp_path}/nothing.sock", "a")


def test_an_answer_that_is_no_http_is_an_error() -> None:
    with engine(b"hello\r\n\r\n") as fake, pytest.raises(EngineError, match="cannot be asked for a"):
        save_stream("docker", fake.address, "a")


def test_an_engine_that_says_nothing_is_given_up() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{folder}/s")
        silent.listen()

        with pytest.raises(EngineError, match="timed out"):
            save_stream("docker", f"unix://{folder}/s", "a", idle_seconds=0.05)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(EngineError, match="only unix: and tcp: addresses"):
        save_stream("docker", "ssh://host", "a")


@pytest.mark.parametrize("address", ["tcp://[host", "tcp://host:99999"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(EngineError, match="is not a usable address"):
        save_stream("docker", address, "a")


def test_addresses_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "podman").mkdir()
    (tmp_path / "podman" / "podman.sock").touch()

    assert docker_address({}) == "unix:///var/run/docker.sock"
    assert docker_address({"DOCKER_HOST": "tcp://127.0.0.1:1"}) == "tcp://127.0.0.1:1"
    assert podman_address({}) == "unix:///run/podman/podman.sock"
    assert podman_address({"XDG_RUNTIME_DIR": str(tmp_path)}) == f"unix://{tmp_path}/podman/podman.sock"
    assert podman_address({"CONTAINER_HOST": "unix:///x"}) == "unix:///x"


def test_each_engine_is_asked_at_its_own_address() -> None:
    with engine(answer("200 OK", b"x")) as fake:
        streams = engine_streams({"DOCKER_HOST": "unix:///nowhere", "CONTAINER_HOST": fake.address})

        with streams["podman"]("a") as sent:
            assert sent.read() == b"x"
        with pytest.raises(EngineError, match="unix:///nowhere"):
            streams["docker"]("a")
