"""A small engine on a unix socket: answers every request with the archive that it was given."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def saving_engine(folder: Path, archive: Path) -> Iterator[str]:
    """Serve `archive` as the ``save`` of every image; gives the engine's address (``unix://…``)."""
    place = folder / "engine.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()
    thread = threading.Thread(target=_serve, args=(listener, archive), daemon=True)
    thread.start()
    try:
        yield f"unix://{place}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _serve(listener: socket.socket, archive: Path) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            _answer(connection, archive)


def _answer(connection: socket.socket, archive: Path) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(4096)
    size = archive.stat().st_size
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
    with archive.open("rb") as body:
        connection.sendfile(body)
