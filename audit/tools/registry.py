"""What a registry holds of an image, checked against the digests by which it is asked for."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from fleet_audit.audit.tools.fetch import Fetcher, FetchError, FetchMismatch
from fleet_audit.audit.tools.folder_store import FolderStore
from fleet_audit.audit.tools.registry_client import Patience, Received, RegistryClient
from fleet_audit.audit.tools.registry_reference import DIGEST, RegistryReference

MANIFESTS = "manifests"
BLOBS = "blobs"
MAX_MANIFEST = 4 << 20
"""What registries accept at most (distribution specification, "Pushing Manifests")."""

_ACCEPTED = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_FIRST_SCHEMA = "application/vnd.docker.distribution.manifest.v1+"
_DOCUMENTS_BYTES = 64 << 20
_BLOBS_BYTES = 8 << 30
_BLOB_SECONDS = 6 * 3600.0
_CHUNK = 1 << 20


class _SchemaVersion(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int = 2


class RegistryImage:
    """One image of a registry.

    Manifests and configurations are kept in `cache` by their digests, with what each tag stood for; blobs
    only where `blob_file` asks for them. What is kept is checked again whenever it is used. Every method
    raises FetchError.
    """

    def __init__(
        self,
        reference: RegistryReference,
        cache: Path,
        environment: Mapping[str, str],
        *,
        is_offline: bool = False,
        patience: Patience | None = None,
    ) -> None:
        """Take which image, and where to keep what must not be asked for twice; nothing is asked yet."""
        self._reference = reference
        self._client = RegistryClient(reference, environment, is_offline=is_offline, patience=patience)
        self._is_offline = is_offline
        self._documents = FolderStore(cache / MANIFESTS, max_bytes=_DOCUMENTS_BYTES)
        self._cache = cache

    def named(self) -> bytes:
        """Return the manifest or index that the reference names.

        A tag is asked for each time, unless there is no network: then it stands for what it stood for last.
        """
        reference = self._reference
        if reference.digest:
            return self.manifest(reference.digest)
        key = hashlib.sha256(f"{reference.host}/{reference.repository}:{reference.tag}".encode()).hexdigest()
        last = self._documents.get(key)
        if self._is_offline and last is not None:
            return self.manifest(last.decode(errors="replace"))
        url = self._client.url(MANIFESTS, reference.tag)
        received = self._received(url)
        digest = _digest(received.body)
        if received.digest.startswith("sha256:") and received.digest != digest:
            raise FetchMismatch(url, f"has the digest {digest}, but the registry says {received.digest[:80]}")
        self._keep(digest, received.body)
        self._documents.put(key, digest.encode())
        return received.body

    def manifest(self, digest: str) -> bytes:
        """Return the manifest or index with this digest."""
        kept = self._kept(digest)
        if kept is not None:
            return kept
        url = self._client.url(MANIFESTS, digest)
        return self._checked(url, digest, self._received(url).body)

    def document(self, digest: str, *, limit: int) -> bytes:
        """Return a small blob whole, at most `limit` bytes: a configuration."""
        kept = self._kept(digest)
        if kept is not None:
            return kept
        url = self._client.url(BLOBS, digest)
        return self._checked(url, digest, self._client.document(url, limit=limit).body)

    def blob(self, digest: str, size: int) -> Iterator[bytes]:
        """Yield a blob of exactly `size` bytes; whoever reads it to its end checks its digest."""
        kept = self._fetcher(size).kept(_hexadecimal(digest))
        if kept is not None:
            return _file_chunks(kept)
        return self._client.stream(self._client.url(BLOBS, digest), size)

    def blob_file(self, digest: str, size: int) -> Path:
        """Return a file with a blob's bytes, checked; it is fetched where the cache does not have it.

        The file is to be read only, and at once: another process may trim the cache.
        """
        url, sha256 = self._client.url(BLOBS, digest), _hexadecimal(digest)
        return self._fetcher(size).get_file(url, size_limit=size, deadline=_BLOB_SECONDS, sha256=sha256)

    def _fetcher(self, size: int) -> Fetcher:
        return Fetcher(
            self._cache / BLOBS,
            is_offline=self._is_offline,
            transport=_Streaming(self._client, size),
            cache_limit=_BLOBS_BYTES,
        )

    def _received(self, url: str) -> Received:
        received = self._client.document(url, limit=MAX_MANIFEST, accept=_ACCEPTED)
        if received.media_type.startswith(_FIRST_SCHEMA) or _schema(received.body) == 1:
            raise FetchError(
                url, "is stored in docker's first schema, which names no configuration; push it again"
            )
        return received

    def _checked(self, url: str, digest: str, body: bytes) -> bytes:
        found = _digest(body)
        if found != digest:
            raise FetchMismatch(url, f"the registry sent something else: its digest is {found}")
        self._keep(digest, body)
        return body

    def _keep(self, digest: str, body: bytes) -> None:
        self._documents.put(_hexadecimal(digest), body)

    def _kept(self, digest: str) -> bytes | None:
        body = self._documents.get(_hexadecimal(digest))
        return body if body is not None and _digest(body) == digest else None


class _Streaming:
    """A `Transport` that brings a blob the way registries give it."""

    def __init__(self, client: RegistryClient, size: int) -> None:
        self._client = client
        self._size = size

    def stream(self, url: str, *, deadline: float) -> Iterator[bytes]:
        del deadline  # the client has its own measure of what is too slow
        yield from self._client.stream(url, self._size)


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _hexadecimal(digest: str) -> str:
    """Return a digest as files of caches are named; what is no sha256 digest names none of them."""
    return digest.removeprefix("sha256:") if DIGEST.fullmatch(digest) else "0" * 64


def _schema(body: bytes) -> int:
    try:
        return msgspec.json.decode(body, type=_SchemaVersion).schema_version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Whoever reads the document says what is wrong with it.
        return 0


def _file_chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as e:
        raise FetchError(path.as_uri(), f"cannot be read: {e.strerror}") from e
