"""Connections over HTTP(S), through the proxy that the environment names, that end in time."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

_HEAD_SECONDS = 45.0
_CONNECTIONS = 8
_CREDENTIALS = re.compile(r"//[^/?#]*@")


class Connections:
    """Pools of connections, one for each proxy (``https_proxy``, ``no_proxy``)."""

    def __init__(self) -> None:
        """Open no connection yet."""
        self._pools: dict[str, urllib3.PoolManager] = {}

    def to(self, url: str, *, is_direct: bool = False) -> urllib3.PoolManager:
        """Return the pool through which an address is asked, or asked past every proxy."""
        proxy = "" if is_direct else _proxy_for(url)
        if proxy not in self._pools:
            self._pools[proxy] = _new_pool(proxy)
        return self._pools[proxy]


def without_credentials(url: str) -> str:
    """Return `url` without the user and password it may hold, fit to be shown."""
    return _CREDENTIALS.sub("//", url, count=1)


def reason(error: Exception) -> str:
    """Return in one line why a request came to nothing; no address is part of it."""
    cause = getattr(error, "reason", None) or error
    return " ".join(str(cause).split())[:300]


def _proxy_for(url: str) -> str:
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return ""
    return getproxies_environment().get(parts.scheme, "")


def _new_pool(proxy: str) -> urllib3.PoolManager:
    pool = _proxied_pool(proxy) if proxy else urllib3.PoolManager(maxsize=_CONNECTIONS)
    pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return pool


def _proxied_pool(proxy: str) -> urllib3.PoolManager:
    user, at, _ = urlsplit(proxy).netloc.rpartition("@")
    headers = urllib3.make_headers(proxy_basic_auth=unquote(user)) if at else None
    return urllib3.ProxyManager(without_credentials(proxy), proxy_headers=headers, maxsize=_CONNECTIONS)


@contextmanager
def _ending_in_time(connection: HTTPConnection) -> Iterator[None]:
    """End a connection that takes longer for the head of an answer, however often a byte of it arrives."""
    held, has_ended = connection.sock, threading.Event()

    def end() -> None:
        has_ended.set()
        with suppress(OSError):
            # What TLS keeps of it is in use by the thread that reads, so the socket alone is ended.
            socket.socket.shutdown(held, socket.SHUT_RDWR)

    timer = threading.Timer(_HEAD_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    # A head that is cut off may look like a whole one.
    if has_ended.is_set():
        raise TimeoutError("the head of its answer took longer than allowed")


class _HttpConnection(HTTPConnection):
    def getresponse(self) -> urllib3.response.HTTPResponse:  # type: ignore[override]  # as in urllib3
        with _ending_in_time(self):
            return super().getresponse()


class _HttpsConnection(HTTPSConnection):
    def getresponse(self) -> urllib3.response.HTTPResponse:  # type: ignore[override]  # as in urllib3
        with _ending_in_time(self):
            return super().getresponse()


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection
