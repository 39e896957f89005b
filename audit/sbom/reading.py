"""What a document says of one image or of several, in our own terms and with nothing left out."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from packageurl import PackageURL

from fleet_audit.audit.model.inventory import Component, ImportedBy, Link, ToolUse
from fleet_audit.audit.sbom.cyclonedx import OWN
from fleet_audit.audit.sbom.licences import is_expression
from fleet_audit.audit.sbom.shared_fields import KEPT

ROOT = "root"
IMAGE = "image"
MERGED = "merged"
"""Property that marks the root of a document of several images (`ROOT`), and each image in it (`IMAGE`)."""

INCOMPLETE = "incomplete"
"""Property of an image whose document says that something is missing."""

CREATED = "document-created"
NO_REF = "\0"
"""How the ref of a component begins that has none in its document."""

_OWN_PREFIX = f"{OWN}:"
_HEX = frozenset("0123456789abcdefABCDEF")
_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128}
_AND = " AND "

Fields = dict[str, Any]
Facts = list[tuple[str, str]]


class Told(msgspec.Struct, frozen=True):
    """What one document holds. Refs are the document's own: each component's in `Component.ref`.

    `subject` is what it is about; where it is of several images (`is_merged`), they are among `components`.
    """

    subject: Component
    components: tuple[Component, ...] = ()
    links: tuple[Link, ...] = ()
    imported: tuple[ImportedBy, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    is_merged: bool = False


def text_of(value: Any) -> str:
    """Return a text, empty for nothing; raises TypeError for what is neither."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} stands where a text belongs")
    return value


def kept(fields: Mapping[str, Any], known: Iterable[str]) -> list[tuple[str, str]]:
    """Return, as properties, all fields that none of ours stands for; their values as JSON."""
    left = sorted(set(fields) - set(known))
    return [kept_value(key, fields[key]) for key in left if fields[key] not in (None, "", [], {})]


def kept_value(key: str, value: Any) -> tuple[str, str]:
    """Return one property that holds a value as it was."""
    return f"{KEPT}{key}", msgspec.json.encode(value, order="deterministic").decode()


def sorted_out(
    pairs: Iterable[tuple[str, str]],
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return properties of our own, without the prefix, and those that others named."""
    own: list[tuple[str, str]] = []
    foreign: list[tuple[str, str]] = []
    for name, value in pairs:
        if name.startswith(_OWN_PREFIX):
            own.append((name.removeprefix(_OWN_PREFIX), value))
        else:
            foreign.append((name, value))
    return own, foreign


def hashes_of(pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the hashes that both forms can hold, and others as properties."""
    found: dict[str, str] = {}
    others: list[tuple[str, str]] = []
    for name, value in sorted(pairs):
        key = name.lower().replace("-", "") if name.lower().startswith("sha-") else name.lower()
        is_sound = len(value) == _LENGTHS.get(key) and set(value) <= _HEX
        if is_sound and found.setdefault(key, value) == value:
            continue
        others.append(("hash", f"{name}:{value}"))
    return found, others


def source_facts(given: str, name: str, version: str, told: Iterable[tuple[str, str]] = ()) -> Facts:
    """Return, as properties, which source package a system's package is of, and in which version.

    The package's URL as it was `given` may say so (``upstream``), and so may other fields (`told`: name and
    version). What is the package's own `name` and `version` is left out.
    """
    source, _, of_source = PackageURL.from_string(given).qualifiers.get("upstream", "").partition("@")
    found = {("source-package", source), ("source-version", of_source)}
    for told_source, told_version in told:
        if told_source:
            found |= {("source-package", told_source), ("source-version", told_version)}
    return [each for each in sorted(found) if each[1] not in ("", name, version)]


def licence_parts(text: str) -> list[str]:
    """Return the licences that hold together; ``A AND (B OR C)`` is two of them."""
    if not is_expression(text):
        return [text]
    parts: list[str] = []
    pending = [text.strip()]
    while pending:
        whole = pending.pop()
        split = _at_and(whole)
        if len(split) == 1:
            inner = _unbracketed(whole)
            if inner == whole:
                parts.append(whole)
            else:
                pending.append(inner)
        else:
            pending.extend(split)
    return parts


def _at_and(text: str) -> list[str]:
    """Split at every AND outside of brackets; not where an OR beside it binds less."""
    parts = _split(text, _AND)
    return [text] if len(_split(text, " OR ")) > 1 else parts


def _split(text: str, separator: str) -> list[str]:
    parts, begin, depth = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and text.startswith(separator, at):
            parts.append(text[begin:at].strip())
            begin = at + len(separator)
    return [*parts, text[begin:].strip()]


def _unbracketed(text: str) -> str:
    if not text.startswith("("):
        return text
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[1:-1].strip() if at == len(text) - 1 else text
    return text
