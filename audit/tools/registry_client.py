"""How a registry is spoken to: who may come in, where it sends one, and what to do when it falters.

Rules: OCI distribution specification 1.1 (pull), distribution's token authentication (auth/token.md,
auth/oauth.md), RFC 9110 for redirects, ranges and Retry-After.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

import msgspec
import urllib3

from fleet_audit.audit.tools.connections import Connections, reason
from fleet_audit.audit.tools.fetch import FetchError, FetchMismatch, FetchRefused, Interrupted, NotFound
from fleet_audit.audit.tools.registry_challenge import Challenge, parse_challenges
from fleet_audit.audit.tools.registry_credentials import CredentialsSought, find_credentials
from fleet_audit.audit.tools.registry_reference import RegistryReference, is_loopback

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_CHUNK = 1 << 18
_MAX_TOKEN_ANSWER = 1 << 20
_MAX_REFUSAL = 16 << 10
_MAX_SAID = 200

Made = TypeVar("Made")


class Patience(msgspec.Struct, frozen=True):
    """How long a registry is borne with; times in seconds.

    A request is tried `attempts` times, `pause` apart at first and twice as long each time, never more than
    `longest_pause`, whatever it asks for. A blob is asked for again from where it broke off, `resumes` times
    in all. Nothing for `idle` is a broken connection; less than `slowest` bytes in `window` of waiting is no
    answer.
    """

    attempts: int = 4
    pause: float = 0.5
    longest_pause: float = 30.0
    resumes: int = 50
    idle: float = 30.0
    window: float = 60.0
    slowest: int = 64 << 10


class _Busy(Interrupted):
    """The registry asks to come back; `after` is in how many seconds, None where it does not say."""

    def __init__(self, url: str, why: str, after: float | None) -> None:
        super().__init__(url, why)
        self.after = after


class _Token(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Refusals(msgspec.Struct, frozen=True):
    errors: tuple[_Refusal, ...] = ()


class Received(msgspec.Struct, frozen=True):
    """A document with what its header said of it; empty where it said nothing."""

    body: bytes
    media_type: str
    digest: str


class RegistryClient:
    """Asks a registry for what belongs to one repository.

    Every method raises FetchError, whose text names the address that was asked for, and never where a
    redirect led, a token or a password.
    """

    def __init__(
        self,
        reference: RegistryReference,
        environment: Mapping[str, str],
        *,
        is_offline: bool = False,
        patience: Patience | None = None,
    ) -> None:
        """Take whom to ask; nothing is connected, and no credentials are looked for, before it must be."""
        self._reference = reference
        self._environment = environment
        self._is_offline = is_offline
        self._patience = patience or Patience()
        self._connections = Connections()
        self._base = reference.base(environment)
        self._authorization = ""
        self._sought: CredentialsSought | None = None

    def url(self, kind: str, name: str) -> str:
        """Return the address of a manifest or blob."""
        return f"{self._base}{self._reference.repository}/{kind}/{name}"

    def document(self, url: str, *, limit: int, accept: str = "*/*") -> Received:
        """Return a document of at most `limit` bytes."""
        return self._patiently(lambda: self._document(url, limit, accept))

    def stream(self, url: str, size: int) -> Iterator[bytes]:
        """Yield a blob of exactly `size` bytes; where the connection breaks it goes on from there."""
        at, fruitless, resumes = 0, 0, 0
        while True:
            try:
                for chunk in self._part(url, at, size):
                    at += len(chunk)
                    fruitless = 0
                    yield chunk
            except Interrupted as e:
                fruitless, resumes = fruitless + 1, resumes + 1
                if fruitless >= self._patience.attempts or resumes > self._patience.resumes:
                    raise FetchError(e.url, e.why) from e
                self._wait(e, fruitless)
            else:
                return

    def _patiently(self, ask: Callable[[], Made]) -> Made:
        for attempt in range(1, self._patience.attempts):
            try:
                return ask()
            except Interrupted as e:
                self._wait(e, attempt)
        return ask()

    def _wait(self, error: Interrupted, attempt: int) -> None:
        asked = error.after if isinstance(error, _Busy) else None
        pause = self._patience.pause * 2.0 ** (attempt - 1) if asked is None else asked
        time.sleep(min(pause, self._patience.longest_pause))

    def _document(self, url: str, limit: int, accept: str) -> Received:
        with self._answer(url, {"Accept": accept}) as response:
            body = _bounded(response, url, limit, self._patience)
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return Received(body, media_type, response.headers.get("Docker-Content-Digest", "").strip())

    def _part(self, url: str, at: int, size: int) -> Iterator[bytes]:
        with self._answer(url, {"Range": f"bytes={at}-"} if at else {}) as response:
            # A server may answer a range with the whole (RFC 9110, 14.2).
            passed_over = 0 if response.status == 206 else at
            if response.status == 206 and not _begins_at(response.headers.get("Content-Range", ""), at):
                raise FetchError(url, f"the registry sent another part than the one from byte {at} on")
            for chunk in _chunks(response, url, self._patience):
                rest = chunk[passed_over:]
                passed_over -= len(chunk) - len(rest)
                at += len(rest)
                if at > size:
                    raise FetchMismatch(url, f"is longer than the {size} bytes that its manifest says")
                if rest:
                    yield rest
        if at < size:
            raise Interrupted(url, f"ended after {at} of {size} bytes")

    @contextmanager
    def _answer(self, url: str, headers: Mapping[str, str]) -> Iterator[urllib3.BaseHTTPResponse]:
        """Give an answer of 200 or 206 to a GET, after whatever the registry wants to know before."""
        if self._is_offline:
            raise FetchRefused(url, "is not kept from an earlier run, and --offline forbids the network")
        with _as_fetch_errors(url):
            response = self._directed(url, headers)
            try:
                if response.status == 401:
                    response.close()
                    self._authorize(url, parse_challenges(response.headers.getlist("WWW-Authenticate")))
                    response = self._directed(url, headers)
                self._check(url, response)
                yield response
            finally:
                # What is left unread would otherwise be read by whoever gets the connection next.
                response.close()

    def _directed(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """Ask, and follow redirects; only the registry itself is told who asks."""
        place = url
        for _ in range(_MAX_REDIRECTS + 1):
            known = {"Authorization": self._authorization} if self._authorization else {}
            is_own = _origin(place) == _origin(url)
            response = self._ask("GET", place, {**headers, **(known if is_own else {})})
            if response.status not in _REDIRECTS:
                return response
            response.close()
            place = _redirected(url, place, response.headers.get("Location", ""))
        raise FetchError(url, f"the registry redirected more than {_MAX_REDIRECTS} times")

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse:
        # This machine is not reached through a proxy, whatever it is set for (as net/http of Go has it).
        is_direct = is_loopback(urlsplit(url).netloc)
        return self._connections.to(url, is_direct=is_direct).request(
            method,
            url,
            body=body,
            headers={"Accept-Encoding": "identity", "User-Agent": "fleet-audit", **headers},
            preload_content=False,
            decode_content=False,
            redirect=False,
            timeout=urllib3.Timeout(connect=self._patience.idle, read=self._patience.idle),
            retries=urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=0),
        )

    def _check(self, url: str, response: urllib3.BaseHTTPResponse) -> None:
        status = response.status
        if status in (200, 206):
            return
        said = _said(response, url, self._patience)
        if status == 401:
            raise FetchError(url, self._not_let_in(said))
        if status == 403:
            raise FetchError(url, f"the registry denies access{said}; {self._login}")
        if status in (404, 410):
            raise NotFound(url, f"the registry does not have it{said}")
        if status == 416:
            raise FetchMismatch(url, "is shorter than its manifest says")
        if status in _BUSY:
            why = f"the registry is busy or failing (HTTP {status}){said}"
            raise _Busy(url, why, _seconds(response.headers.get("Retry-After", "")))
        raise FetchError(url, f"the registry refused (HTTP {status}){said}")

    def _authorize(self, url: str, challenges: tuple[Challenge, ...]) -> None:
        by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
        if "bearer" in by_scheme:
            self._authorization = f"Bearer {self._token(url, by_scheme['bearer'])}"
        elif "basic" in by_scheme:
            found = self._credentials().found
            if found is None or not found.user:
                raise FetchError(url, self._not_let_in(""))
            self._authorization = found.basic
        else:
            raise FetchError(url, "the registry wants to know who asks, but in no way that is known here")

    def _token(self, url: str, challenge: Challenge) -> str:
        realm = self._realm(url, challenge.parameters.get("realm", ""))
        # What is asked for is said here and not by the registry: reading this repository, nothing else.
        asked = {"scope": f"repository:{self._reference.repository}:pull", "client_id": "fleet-audit"}
        if "service" in challenge.parameters:
            asked["service"] = challenge.parameters["service"]
        response = self._ask_for_token(realm, asked)
        try:
            if response.status in (400, 401, 403):
                raise FetchError(url, self._not_let_in(""))
            if response.status in _BUSY:
                after = _seconds(response.headers.get("Retry-After", ""))
                raise _Busy(url, f"its token service is busy (HTTP {response.status})", after)
            if response.status != 200:
                raise FetchError(url, f"its token service refused (HTTP {response.status})")
            return _token_in(_bounded(response, url, _MAX_TOKEN_ANSWER, self._patience), url)
        finally:
            response.close()

    def _ask_for_token(self, realm: str, asked: dict[str, str]) -> urllib3.BaseHTTPResponse:
        found = self._credentials().found
        if found is not None and found.identity_token:
            form = asked | {"grant_type": "refresh_token", "refresh_token": found.identity_token}
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._ask("POST", realm, headers, urlencode(form).encode())
        headers = {}
        if found is not None:
            asked["account"] = found.user
            headers["Authorization"] = found.basic
        return self._ask("GET", f"{realm}{'&' if '?' in realm else '?'}{urlencode(asked)}", headers)

    def _realm(self, url: str, realm: str) -> str:
        """Return where tokens are given, which may be another host; what it is told goes over TLS."""
        parts = _address(realm)
        if parts is None:
            raise FetchError(url, "the registry names no usable address for tokens")
        if parts.scheme == "http" and not (self._base.startswith("http:") or is_loopback(parts.netloc)):
            raise FetchError(url, "the registry wants credentials to be sent without TLS: refused")
        return realm.partition("#")[0]

    def _credentials(self) -> CredentialsSought:
        if self._sought is None:
            reference = self._reference
            self._sought = find_credentials(reference.host, reference.repository, self._environment)
        return self._sought

    @property
    def _login(self) -> str:
        return f"log in with: docker login {self._reference.host}"

    def _not_let_in(self, said: str) -> str:
        sought = self._credentials()
        problems = "".join(f" ({problem})" for problem in sought.problems)
        if sought.found is None:
            return f"the registry wants credentials, and none were found{said}{problems}; {self._login}"
        return f"the registry refused the credentials of {sought.found.source}{said}{problems}; {self._login}"


@contextmanager
def _as_fetch_errors(url: str) -> Iterator[None]:
    try:
        yield
    except urllib3.exceptions.SSLError as e:
        raise FetchError(url, f"the server's certificate was not accepted: {reason(e)}") from e
    except (urllib3.exceptions.LocationValueError, UnicodeError) as e:
        raise FetchError(url, "an address that the registry named is not usable") from e
    except urllib3.exceptions.MaxRetryError as e:
        if isinstance(e.reason, urllib3.exceptions.SSLError):
            raise FetchError(url, f"the server's certificate was not accepted: {reason(e)}") from e
        raise Interrupted(url, f"the connection failed: {reason(e)}") from e
    except (urllib3.exceptions.HTTPError, OSError) as e:
        raise Interrupted(url, f"the connection failed: {reason(e)}") from e


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port


def _redirected(url: str, place: str, location: str) -> str:
    """Return where a redirect leads; raise FetchError where that is no place to go."""
    parts = _address(location, place) if location else None
    if parts is None:
        raise FetchError(url, "the registry redirected to no usable http(s) address")
    if place.startswith("https:") and parts.scheme == "http":
        raise FetchError(url, f"the registry redirected from https to http ({parts.hostname}): refused")
    return parts.geturl()


def _address(text: str, relative_to: str = "") -> SplitResult | None:
    try:
        parts = urlsplit(urljoin(relative_to, text))
        # A port that is no number shows only when it is asked for.
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if is_usable else None


def _begins_at(content_range: str, at: int) -> bool:
    return content_range.strip().lower().startswith(f"bytes {at}-")


def _chunks(response: urllib3.BaseHTTPResponse, url: str, patience: Patience) -> Iterator[bytes]:
    """Yield a body as it is stored, whatever its Content-Encoding says: digests are of these bytes."""
    waited, came = 0.0, 0
    while True:
        begin = time.monotonic()
        # What has arrived is taken at once: a whole chunk of a server that drips would take its own time.
        chunk = response.read1(_CHUNK, decode_content=False)
        waited, came = waited + time.monotonic() - begin, came + len(chunk)
        if not chunk:
            return
        if waited > patience.window:
            if came < patience.slowest:
                raise FetchError(url, f"the registry sent only {came} bytes in {waited:.0f} seconds")
            waited, came = 0.0, 0
        yield chunk


def _bounded(response: urllib3.BaseHTTPResponse, url: str, limit: int, patience: Patience) -> bytes:
    body = bytearray()
    for chunk in _chunks(response, url, patience):
        body += chunk
        if len(body) > limit:
            raise FetchMismatch(url, f"is longer than the {limit} bytes that it may have")
    return bytes(body)


def _said(response: urllib3.BaseHTTPResponse, url: str, patience: Patience) -> str:
    """Return what a registry says of its refusal (distribution specification, error codes), in one line."""
    try:
        refusals = msgspec.json.decode(_bounded(response, url, _MAX_REFUSAL, patience), type=_Refusals)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, FetchError):
        return ""
    said = " ".join(f"{refusal.code} {refusal.message}" for refusal in refusals.errors[:3])
    shown = "".join(letter if letter.isprintable() else " " for letter in said)[:_MAX_SAID]
    return f" ({' '.join(shown.split())})" if shown.split() else ""


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _token_in(body: bytes, url: str) -> str:
    try:
        answer = msgspec.json.decode(body, type=_Token)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FetchError(url, "its token service answered with no token") from None
    token = answer.token or answer.access_token
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise FetchError(url, "its token service answered with no token")
    return token
