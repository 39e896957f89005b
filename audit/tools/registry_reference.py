"""How an image in a registry is named (distribution/reference, ``grammar``), and where that is."""

import re
from collections.abc import Mapping

import msgspec

from fleet_audit.audit.errors import UsageError

INSECURE_VARIABLE = "FLEET_AUDIT_INSECURE_REGISTRIES"
"""Hosts that are spoken to over http, separated by commas; those of this machine are without being named."""

FORM = "registry:HOST[:PORT]/NAME[:TAG][@sha256:…]"

_SERVED_BY = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}
"""Where the one registry answers whose images are named by another host (containers/image, ``docker``)."""

_OFFICIAL = "library"
"""What the repository of a name without one is there (``familiarName`` of distribution/reference)."""

_MAX_NAME = 255
_HOST = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]")


class BadReference(UsageError):
    """A text that names no image of a registry."""

    def __init__(self, text: str, why: str) -> None:
        """Keep the text as given and what is wrong with it."""
        super().__init__(text, why)
        self.text = text
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        shown = self.text[:300] if self.text.isprintable() else ascii(self.text[:300])
        return f"registry:{shown}: {self.why}; it is written {FORM}"


class RegistryReference(msgspec.Struct, frozen=True):
    """An image in a registry. With a `digest` the `tag` is a label only."""

    host: str
    repository: str
    tag: str = "latest"
    digest: str = ""

    @property
    def wanted(self) -> str:
        """Return what the registry is asked for."""
        return self.digest or self.tag

    def base(self, environment: Mapping[str, str]) -> str:
        """Return the address below which the registry answers: https, except where it may be http."""
        scheme = "http" if is_insecure(self.host, environment) else "https"
        return f"{scheme}://{_SERVED_BY.get(self.host, self.host)}/v2/"


def parse_reference(text: str) -> RegistryReference:
    """Return the image that ``HOST[:PORT]/NAME[:TAG][@DIGEST]`` names; raises BadReference.

    The host is never guessed: a name without one would mean another image wherever the default differs.
    """
    name, at, digest = text.partition("@")
    if at and DIGEST.fullmatch(digest) is None:
        raise BadReference(text, f"{digest[:80]!r} is no sha256 digest")
    host, slash, path = name.partition("/")
    if not slash or not _is_host(host):
        raise BadReference(text, "names no registry")
    if _HOST.fullmatch(host) is None or int(host.rpartition(":")[2] or 0 if _has_port(host) else 0) > 65535:
        raise BadReference(text, f"{host[:80]!r} is no host")
    repository, colon, tag = path.partition(":")
    components = repository.split("/")
    if len(repository) > _MAX_NAME or not all(_COMPONENT.fullmatch(part) for part in components):
        raise BadReference(text, f"{repository[:80]!r} is no repository's name")
    if colon and _TAG.fullmatch(tag) is None:
        raise BadReference(text, f"{tag[:80]!r} is no tag")
    if host.lower() in _SERVED_BY and len(components) == 1:
        repository = f"{_OFFICIAL}/{repository}"
    return RegistryReference(host.lower(), repository, tag or "latest", digest)


def is_insecure(host: str, environment: Mapping[str, str]) -> bool:
    """Say whether a registry is spoken to over http: one of this machine, or one that the user named."""
    named = {item.strip().lower() for item in environment.get(INSECURE_VARIABLE, "").split(",")}
    return is_loopback(host) or host in named


def is_loopback(host: str) -> bool:
    """Say whether a host, with its port or without, is this machine."""
    bare = host.rpartition(":")[0] if _has_port(host) else host
    return _LOOPBACK.fullmatch(bare.lower()) is not None


def _is_host(text: str) -> bool:
    """Say whether the first part of a name is a host (``splitDockerDomain`` of distribution/reference)."""
    return "." in text or ":" in text or text.lower() == "localhost" or text != text.lower()


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]
