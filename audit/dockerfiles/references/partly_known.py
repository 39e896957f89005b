"""What is known of a reference when variables without a value stand in it."""

import re
from typing import NamedTuple

from fleet_audit.audit.dockerfiles.language.reference import ReferenceInvalid, parse_reference, split_registry
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Reference, ReferenceKind

OPEN = "\ufffc"
"""Stands in a text for what is not known (U+FFFC, "object replacement character")."""

PARTS = ("registry", "repository", "tag", "digest")
MAX_WRITTEN = 1024
_PUT_IN = re.compile(r"\{\{[^{}]*\}\}|\{%[^{}%]*%\}|<%[^<>%]*%>|\$\{[^${}]*\}|\$[A-Za-z_]\w*")
_PLACEHOLDER = re.compile(r"[A-Z0-9_]*[A-Z][A-Z0-9_]*")
_BETWEEN = re.compile(r"[/:@]")
_END_OF_DIGEST = re.compile(r"[0-9a-f]{32,}")
_STAND_IN = "0"
_STAND_IN_DIGEST = "sha256:" + "0" * 64


class Place(NamedTuple):
    """Where a reference stands, what it is there, and who uses the image."""

    location: SourceLocation
    kind: ReferenceKind
    name: str = ""
    publishes: bool = False
    related: tuple[SourceLocation, ...] = ()


def reference_at(place: Place, value: str, written: str = "") -> Reference:
    """Return the reference that `value` is, with OPEN for each part that is not known.

    `written` is the text as it stands there, where that is another. What is no reference has a `problem`.
    """
    parts, problem = Parts(), ""
    try:
        parts = parse_partly(value)
    except ReferenceInvalid as e:
        problem = e.why
    return Reference(
        location=place.location,
        kind=place.kind,
        written=(written or value.replace(OPEN, "…"))[:MAX_WRITTEN],
        registry=parts.registry,
        repository=parts.repository,
        tag=parts.tag,
        digest=parts.digest,
        image=parts.image,
        unknown=parts.unknown,
        name=place.name,
        publishes=place.publishes,
        problem=problem,
        related=place.related,
    )


def opened(text: str) -> str:
    """Return a text with OPEN for what a program puts in before it is used.

    That is what templates write (``{{ … }}``, ``{% … %}``, ``<% … %>``) and variables (``${…}``, ``$NAME``).
    """
    return _PUT_IN.sub(OPEN, text)


def is_placeholder(text: str) -> bool:
    """Say whether a text looks as if a part of it were to be replaced: in capitals, or in other signs."""
    has_signs = not {"<", ">", "$", "{", "}", "%", "*"}.isdisjoint(text)
    return has_signs or any(_PLACEHOLDER.fullmatch(part) for part in _BETWEEN.split(text))


def cache_name(written: str) -> str:
    """Return the image to which a build's cache goes (``type=registry,ref=…``); empty where to none."""
    fields = dict(field.strip().partition("=")[::2] for field in written.split(","))
    return fields.get("ref", "") if fields.get("type") == "registry" else ""


class Parts(NamedTuple):
    """The parts of a reference as far as they are known; see `Reference`."""

    registry: str = ""
    repository: str = ""
    tag: str = ""
    digest: str = ""
    image: str = ""
    unknown: tuple[str, ...] = ()


def parse_partly(text: str) -> Parts:
    """Return the known parts of a reference in which OPEN stands for the others.

    What is open may hold anything, also the sign that would begin the next part: what stands behind an open
    name is known only behind a sign of its own. Raises ReferenceInvalid where no value of the open parts
    could make it a reference.
    """
    if OPEN not in text:
        whole = parse_reference(text)
        image = whole.repository.rpartition("/")[2]
        return Parts(whole.registry, whole.repository, whole.tag, whole.digest, image)
    rest, at, digest = text.partition("@")
    head, slash, last = rest.rpartition("/")
    image, colon, tag = last.partition(":")
    if OPEN in image and _END_OF_DIGEST.fullmatch(tag):
        image, colon, tag = OPEN, "", ""
    is_tag_known = OPEN not in (tag if colon else image)
    is_digest_known = OPEN not in digest if at else is_tag_known
    registry = repository = ""
    if slash or (OPEN not in image and not _may_be_registry(image, tag)):
        _refuse_malformed(head + slash + image, tag if colon else None, digest if at else None)
        registry, repository = _known_name(head, slash, image)
    else:
        image = OPEN
    known = (registry != "", repository != "", is_tag_known, is_digest_known)
    return Parts(
        registry=registry,
        repository=repository,
        tag=_known(tag),
        digest=_known(digest),
        image=_known(image),
        unknown=tuple(part for part, is_known in zip(PARTS, known, strict=True) if not is_known),
    )


def _may_be_registry(name: str, behind: str) -> bool:
    """Say whether what looks like a name and an open tag may be a registry, its port and more."""
    return OPEN in behind and ("." in name or name == "localhost")


def _known(part: str) -> str:
    return "" if OPEN in part else part


def _known_name(head: str, slash: str, image: str) -> tuple[str, str]:
    if OPEN not in head + image:
        return split_registry(head + slash + image)
    first, _, _ = head.partition("/")
    if OPEN in first:
        return "", ""
    registry, _ = split_registry(f"{first}/{_STAND_IN}")
    return registry, ""


def _refuse_malformed(name: str, tag: str | None, digest: str | None) -> None:
    text = "/".join(_STAND_IN if OPEN in part else part for part in name.split("/"))
    if tag is not None:
        text += ":" + (_STAND_IN if OPEN in tag else tag)
    if digest is not None:
        text += "@" + (_STAND_IN_DIGEST if OPEN in digest else digest)
    parse_reference(text)
