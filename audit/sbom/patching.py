"""Adds what we know to a document that somebody else wrote, and changes nothing else in it."""

from collections.abc import Iterator
from typing import Any

import msgspec
from packageurl import PackageURL

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.identity import Digest, Purl
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.sbom.cyclonedx import trivy_properties
from fleet_audit.audit.sbom.joining import is_installed
from fleet_audit.audit.sbom.package_set import package_set_digest

MAX_BYTES = 256 << 20
MAX_COMPONENTS = 500_000

_PACKAGE_SET = "fleet-audit:package-set"
_BUNDLED = "fleet-audit:bundled-in"
_SOURCE_NAME = "aquasecurity:trivy:SrcName"
SPDX_VERSIONS = ("SPDX-2.2", "SPDX-2.3")

Fields = dict[str, Any]


class ForeignUnreadable(FleetAuditError):
    """A file is no document that can be added to."""

    def __init__(self, name: str, why: str) -> None:
        """Keep the file and the reason."""
        super().__init__(name, why)
        self.name = name
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.name}: {self.why}"


class Patched(msgspec.Struct, frozen=True):
    """The document with the additions, its form as ``-o`` names it, and what is to be told of it."""

    form: str
    body: bytes
    package_set: Digest | None = None
    notes: tuple[str, ...] = ()


def read_document(name: str, body: bytes) -> Fields:
    """Return a JSON document; raises ForeignUnreadable for what is none, or larger than `MAX_BYTES`."""
    if len(body) > MAX_BYTES:
        raise ForeignUnreadable(name, f"has {len(body)} bytes, and {MAX_BYTES} are the most that is read")
    if body.lstrip()[:1] == b"<":
        raise ForeignUnreadable(name, "is XML, and only JSON documents are read; have it written as JSON")
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise ForeignUnreadable(name, f"is no JSON document: {e}") from e
    if not isinstance(document, dict):
        raise ForeignUnreadable(name, "is no JSON object, as every SBOM is")
    return document


def patched(name: str, document: Fields, version: str) -> Patched:
    """Return a CycloneDX or SPDX document with its package-set digest; patching it again changes nothing.

    CycloneDX 1.2 to 1.7 gets a property of its metadata, and the source packages that URLs name in the form
    in which trivy asks for them; SPDX 2.2 and 2.3 an annotation. Everything else stays, but for a signature,
    which would not hold any more: a note says so. Raises ForeignUnreadable for other documents.
    """
    try:
        if document.get("bomFormat") == "CycloneDX":
            return _patched_cyclonedx(name, document)
        if document.get("spdxVersion") in SPDX_VERSIONS:
            return _patched_spdx(name, document, version)
    except (AttributeError, TypeError, KeyError) as e:
        raise ForeignUnreadable(name, f"is not as its specification says: {e}") from e
    raise unknown_form(name, document)


def unknown_form(name: str, document: Fields) -> ForeignUnreadable:
    """Return the error for a document in a form that is not read."""
    stated = str(document.get("bomFormat") or document.get("spdxVersion") or "nothing of its form")[:40]
    return ForeignUnreadable(
        name, f"says {stated}; CycloneDX, SPDX 2.2 and 2.3, and syft's own JSON are what is read"
    )


def _patched_cyclonedx(name: str, document: Fields) -> Patched:
    components = list(_flat(name, document.get("components") or []))
    purls = [purl for each in components if (purl := _installed(each)) is not None]
    for component in components:
        _add_source(component)
    digest = package_set_digest(purls) if purls else None
    if digest is not None:
        metadata = document.setdefault("metadata", {})
        kept = [each for each in metadata.get("properties") or [] if each.get("name") != _PACKAGE_SET]
        metadata["properties"] = [*kept, {"name": _PACKAGE_SET, "value": digest}]
    is_signed = document.pop("signature", None) is not None
    notes = ("its signature is left out: it does not hold for the changed document",) if is_signed else ()
    return Patched("cyclonedx-json", _written(document), digest, notes)


def _flat(name: str, components: list[Fields]) -> Iterator[Fields]:
    pending = list(reversed(components))
    seen = 0
    while pending:
        component = pending.pop()
        seen += 1
        if seen > MAX_COMPONENTS:
            raise ForeignUnreadable(name, f"lists more than {MAX_COMPONENTS} components")
        yield component
        pending.extend(reversed(component.get("components") or []))


def _installed(component: Fields) -> Purl | None:
    """Return the canonical URL of what a package manager installed; None for any other component."""
    purl = canonical_purl(component.get("purl") or "")
    named = {each.get("name") for each in component.get("properties") or []}
    return None if purl is None or _BUNDLED in named or not is_installed(purl) else purl


def _add_source(component: Fields) -> None:
    """Say of a Debian package which source package its URL names, unless the document does."""
    text = component.get("purl") or ""
    properties = component.get("properties") or []
    if not text.startswith("pkg:deb/") or any(each.get("name") == _SOURCE_NAME for each in properties):
        return
    purl = canonical_purl(text)
    if purl is None:
        return
    url, upstream = PackageURL.from_string(purl), PackageURL.from_string(text).qualifiers.get("upstream", "")
    source, _, version = upstream.partition("@")
    package = Component(
        ref=purl,
        name=url.name,
        version=url.version or "",
        purl=purl,
        source_name=source,
        source_version=version,
    )
    component["properties"] = [*properties, *trivy_properties(package)]


def _patched_spdx(name: str, document: Fields, version: str) -> Patched:
    packages = document.get("packages") or []
    if len(packages) > MAX_COMPONENTS:
        raise ForeignUnreadable(name, f"lists more than {MAX_COMPONENTS} packages")
    purls = [purl for each in packages for purl in _spdx_purls(each)]
    digest = package_set_digest(purls) if purls else None
    if digest is not None:
        note = {
            "annotationDate": document["creationInfo"]["created"],
            "annotationType": "OTHER",
            "annotator": f"Tool: fleet-audit-{version}",
            "comment": f"{_PACKAGE_SET}: {digest}",
        }
        kept = [
            each
            for each in document.get("annotations") or []
            if not str(each.get("comment", "")).startswith(f"{_PACKAGE_SET}: ")
        ]
        document["annotations"] = [*kept, note]
    return Patched("spdx-json", _written(document), digest)


def _spdx_purls(package: Fields) -> Iterator[Purl]:
    told = [str(each.get("comment", "")) for each in package.get("annotations") or []]
    if any(comment.startswith(f"{_BUNDLED}: ") for comment in told):
        return
    for reference in package.get("externalRefs") or []:
        if reference.get("referenceType") == "purl":
            purl = canonical_purl(reference.get("referenceLocator") or "")
            if purl is not None and is_installed(purl):
                yield purl


def _written(document: Fields) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
