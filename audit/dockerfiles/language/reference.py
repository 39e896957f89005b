"""Image references: registry, repository, tag and digest.

Grammar: the distribution project's package reference, which Docker, BuildKit and containerd use.
"""

import re
from functools import lru_cache

import msgspec

from fleet_audit.audit.errors import FleetAuditError

DEFAULT_REGISTRY = "docker.io"
_MAX_REFERENCE = 1024
_MAX_NAME = 255
_OFFICIAL = "library/"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_BARE_DIGEST = re.compile(r"[0-9a-f]{64}")


class ReferenceInvalid(FleetAuditError):
    """A text is no reference to an image."""

    def __init__(self, text: str, why: str) -> None:
        """Keep the text and the reason."""
        super().__init__(text, why)
        self.text = text
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.text[:120]!r} is no image reference: {self.why}"


class ImageReference(msgspec.Struct, frozen=True):
    """A reference in full: without a registry it is Docker's, and there without a slash below ``library/``.

    `tag` and `digest` are empty where they are not given.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Return registry and repository."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        """Return the reference in full."""
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@lru_cache(maxsize=4096)
def parse_reference(text: str) -> ImageReference:
    """Return what a reference says; raise ReferenceInvalid."""
    if not text or len(text) > _MAX_REFERENCE:
        raise ReferenceInvalid(text, "it is empty" if not text else "it is too long")
    if _BARE_DIGEST.fullmatch(text):
        raise ReferenceInvalid(text, "64 hexadecimal digits alone name a digest")
    rest, at, digest = text.partition("@")
    name, colon, tag = rest, "", ""
    if ":" in rest.rpartition("/")[2]:
        name, colon, tag = rest.rpartition(":")
    registry, repository = split_registry(name)
    if _REPOSITORY.fullmatch(repository) is None:
        is_case = _REPOSITORY.fullmatch(repository.lower()) is not None
        why = "a repository is written in small letters" if is_case else "the repository is malformed"
        raise ReferenceInvalid(text, why)
    if _REGISTRY.fullmatch(registry) is None or len(registry) + len(repository) >= _MAX_NAME:
        raise ReferenceInvalid(text, "the registry is malformed, or the name is too long")
    if colon and _TAG.fullmatch(tag) is None:
        raise ReferenceInvalid(text, "the tag is malformed")
    if at and not _is_digest(digest):
        raise ReferenceInvalid(text, "the digest is malformed")
    return ImageReference(registry, repository, tag, digest)


def split_registry(name: str) -> tuple[str, str]:
    """Return the registry and the repository of a name, both in full."""
    first, slash, rest = name.partition("/")
    is_registry = "." in first or ":" in first or first == "localhost" or first != first.lower()
    registry, repository = (first, rest) if slash and is_registry else (DEFAULT_REGISTRY, name)
    if registry == "index.docker.io":
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = _OFFICIAL + repository
    return registry, repository


def _is_digest(digest: str) -> bool:
    if digest.startswith("sha256:"):
        return _SHA256.fullmatch(digest) is not None
    return _DIGEST.fullmatch(digest) is not None
