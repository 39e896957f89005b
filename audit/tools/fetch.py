"""How something is downloaded: bounded in size and time, verified, and kept by its digest."""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkstemp
from typing import IO, Protocol
from urllib.parse import unquote, urlsplit

import urllib3

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.tools.cache_folder import trim
from fleet_audit.audit.tools.connections import Connections, reason, without_credentials

ATTEMPTS = 3
CACHE_LIMIT = 8 << 30
"""Bytes of downloads that are kept; the ones unused for longest go first."""

_PARTIAL = ".partial-"
_CHUNK = 1 << 18
_IDLE_SECONDS = 30.0
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RETRIED_STATUS = frozenset({408, 429, 500, 502, 503, 504})


class FetchError(FleetAuditError):
    """Something could not be downloaded. `url` carries no credentials; `why` says what went wrong."""

    def __init__(self, url: str, why: str) -> None:
        """Keep the address, without the credentials it may hold, and the reason."""
        super().__init__(url, why)
        self.url = without_credentials(url)
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.url}: {self.why}"


class FetchRefused(FetchError):
    """The network may not be used (``--offline``) and the cache does not hold it."""


class NotFound(FetchError):
    """The server, or the folder, has no such file."""


class FetchMismatch(FetchError):
    """What arrived is not what was promised: another digest, or more bytes than allowed."""


class Transport(Protocol):
    """What brings bytes: the port at which tests put a fake."""

    def stream(self, url: str, *, deadline: float) -> Iterator[bytes]:
        """Yield the body. Raises FetchError; `Interrupted` where another attempt may succeed.

        `deadline` is a time of `time.monotonic`, after which FetchError is raised.
        """
        ...


class Interrupted(FetchError):
    """The connection failed or the server was busy: another attempt may succeed."""


class Fetcher:
    """Downloads over HTTP(S) and reads ``file:`` addresses; what has a known digest is kept in `cache`.

    Several processes may share a cache: entries appear whole or not at all, and each is verified again
    when it is used; a damaged one is fetched anew.
    """

    def __init__(
        self,
        cache: Path,
        *,
        is_offline: bool = False,
        transport: Transport | None = None,
        cache_limit: int = CACHE_LIMIT,
    ) -> None:
        """Keep downloads under `cache`; with `is_offline`, only ``file:`` addresses and the cache answer."""
        self.cache = cache
        self.is_offline = is_offline
        self._transport = transport or NetworkTransport()
        self._cache_limit = cache_limit
        self._unlisted = cache_limit

    def get(self, url: str, *, size_limit: int, deadline: float, sha256: str | None = None) -> bytes:
        """Return the body of `url`, at most `size_limit` bytes, within `deadline` seconds.

        With a `sha256` (64 hexadecimal digits) the body is verified and kept in the cache; without, it is
        fetched each time. Raises FetchError.
        """
        if sha256 is not None:
            return self.get_file(url, size_limit=size_limit, deadline=deadline, sha256=sha256).read_bytes()
        chunks: list[bytes] = []
        self._download(url, chunks.append, size_limit, deadline, restart=chunks.clear)
        return b"".join(chunks)

    def get_file(self, url: str, *, size_limit: int, deadline: float, sha256: str) -> Path:
        """Return a file of the cache that holds the body of `url` with this digest. Raises FetchError.

        The file is to be read only, and at once: another process may trim the cache.
        """
        kept = self.kept(sha256)
        if kept is not None:
            return kept
        try:
            path = self._fetch_into_cache(url, size_limit, deadline, sha256)
        except OSError as e:
            raise FetchError(url, f"the download cache {self.cache} cannot be written: {e.strerror}") from e
        self._trim_if_due(path)
        return path

    def kept(self, sha256: str) -> Path | None:
        """Return the file of the cache with this digest, verified; None where there is none."""
        path = self._path(sha256)
        try:
            with path.open("rb") as body:
                is_whole = hashlib.file_digest(body, "sha256").hexdigest() == sha256
            if is_whole:
                os.utime(path)
        except OSError:
            return None
        return path if is_whole else None

    def _fetch_into_cache(self, url: str, size_limit: int, deadline: float, sha256: str) -> Path:
        path = self._path(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():  # nothing of ours: a cache is never trusted
            shutil.rmtree(path)
        handle, partial = mkstemp(dir=path.parent, prefix=_PARTIAL)
        try:
            with open(handle, "wb") as body:
                digest = self._fill(body, url, size_limit, deadline)
            if digest != sha256:
                raise FetchMismatch(url, f"has the digest sha256:{digest}, expected sha256:{sha256}")
            Path(partial).replace(path)
        finally:
            Path(partial).unlink(missing_ok=True)
        return path

    def _fill(self, body: IO[bytes], url: str, size_limit: int, deadline: float) -> str:
        digest = hashlib.sha256()

        def write(chunk: bytes) -> None:
            digest.update(chunk)
            body.write(chunk)

        def restart() -> None:
            nonlocal digest
            digest = hashlib.sha256()
            body.seek(0)
            body.truncate()

        self._download(url, write, size_limit, deadline, restart=restart)
        return digest.hexdigest()

    def _download(
        self,
        url: str,
        write: Callable[[bytes], object],
        size_limit: int,
        deadline: float,
        *,
        restart: Callable[[], object],
    ) -> None:
        ends = time.monotonic() + deadline
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._copy(url, write, size_limit, ends)
            except Interrupted:
                pause = 2.0 ** (attempt - 2)
                if attempt == ATTEMPTS or time.monotonic() + pause > ends:
                    raise
                restart()
                time.sleep(pause)
            else:
                return

    def _copy(self, url: str, write: Callable[[bytes], object], size_limit: int, ends: float) -> None:
        size = 0
        for chunk in self._stream(url, ends):
            size += len(chunk)
            if size > size_limit:
                raise FetchMismatch(url, f"is longer than the {size_limit} bytes expected")
            write(chunk)

    def _stream(self, url: str, ends: float) -> Iterator[bytes]:
        try:
            scheme = urlsplit(url).scheme
        except ValueError as e:
            raise FetchError(url, f"is not a usable address: {e}") from e
        if scheme == "file":
            return _read_file(url)
        if scheme not in ("http", "https"):
            raise FetchError(url, "is neither an http:, https: nor file: address")
        if self.is_offline:
            raise FetchRefused(url, "is not in the cache, and --offline forbids the network")
        return self._transport.stream(url, deadline=ends)

    def _path(self, sha256: str) -> Path:
        if _SHA256.fullmatch(sha256) is None:
            raise ValueError(f"no SHA-256 digest: {sha256!r}")
        return self.cache / sha256[:2] / sha256

    def _trim_if_due(self, fresh: Path) -> None:
        # Listing a large cache takes time, so it is done for the first download and then now and again.
        self._unlisted += fresh.stat().st_size
        if self._unlisted > self._cache_limit // 64:
            self._unlisted = 0
            trim(self.cache, self._cache_limit, keep=fresh)


class NetworkTransport:
    """HTTP and HTTPS, through the proxy that the environment names (``https_proxy``, ``no_proxy``)."""

    def __init__(self) -> None:
        """Open no connection yet."""
        self._connections = Connections()

    def stream(self, url: str, *, deadline: float) -> Iterator[bytes]:
        """See `Transport.stream`."""
        try:
            yield from self._body(url, deadline)
        except urllib3.exceptions.SSLError as e:
            raise FetchError(url, f"the server's certificate was not accepted: {reason(e)}") from e
        except (urllib3.exceptions.LocationValueError, UnicodeError) as e:
            raise FetchError(url, f"is not a usable address: {reason(e)}") from e
        except urllib3.exceptions.HTTPError as e:
            raise Interrupted(url, f"the connection failed: {reason(e)}") from e

    def _body(self, url: str, deadline: float) -> Iterator[bytes]:
        left = _seconds_left(url, deadline)
        response = self._connections.to(url).request(
            "GET",
            url,
            preload_content=False,
            decode_content=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "fleet-audit"},
            timeout=urllib3.Timeout(total=min(_IDLE_SECONDS, left)),
            retries=urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=5),
        )
        try:
            _check_status(url, response.status)
            # What has arrived is taken at once: a whole chunk of a server that drips would take its own time.
            while chunk := response.read1(_CHUNK, decode_content=False):
                _seconds_left(url, deadline)
                yield chunk
        finally:
            response.close()


def _read_file(url: str) -> Iterator[bytes]:
    path = Path(unquote(urlsplit(url).path))
    try:
        with path.open("rb") as body:
            while chunk := body.read(_CHUNK):
                yield chunk
    except (FileNotFoundError, NotADirectoryError) as e:
        raise NotFound(url, "no such file") from e
    except OSError as e:
        raise FetchError(url, f"cannot be read: {e.strerror}") from e


def _check_status(url: str, status: int) -> None:
    if status == 200:
        return
    if status in (404, 410):
        raise NotFound(url, f"the server does not have it (HTTP {status})")
    if status in _RETRIED_STATUS:
        raise Interrupted(url, f"the server is busy or failing (HTTP {status})")
    raise FetchError(url, f"the server refused (HTTP {status})")


def _seconds_left(url: str, deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise FetchError(url, "took longer than allowed")
    return left
