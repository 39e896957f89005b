"""What a wheel says itself that it carries along: the SBOMs in its metadata (PEP 770)."""

from collections.abc import Iterator

import msgspec

from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.sbom.canonical import SYSTEMS, canonical_purl, purl_type

MAX_DECLARED = 20_000
"""Components of one wheel; the largest real ones name some hundred."""

_EXCLUDED = "excluded"


class DeclaredLibrary(msgspec.Struct, frozen=True):
    """One component that a wheel declares to be built into it; empty strings where it does not say.

    `built_from` is the package of the system that built the wheel, where it was taken from one: in an image,
    it is no package of that system any more.
    """

    name: str
    version: str = ""
    purl: Purl | None = None
    built_from: str = ""
    licenses: tuple[str, ...] = ()


class SbomUnreadable(Exception):
    """An SBOM that is none of CycloneDX in JSON."""

    def __init__(self, why: str) -> None:
        """Keep the reason."""
        super().__init__(why)
        self.why = why


class _License(msgspec.Struct, frozen=True):
    id: str = ""
    name: str = ""


class _LicenseChoice(msgspec.Struct, frozen=True):
    expression: str = ""
    license: _License = _License()

    @property
    def text(self) -> str:
        return self.expression or self.license.id or self.license.name


class _Component(msgspec.Struct, frozen=True):
    name: str
    version: str | None = None
    purl: str | None = None
    scope: str = ""
    licenses: tuple[_LicenseChoice, ...] = ()


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    bom_format: str
    components: tuple[_Component, ...] = ()


def declared(body: bytes, wheel: Purl) -> tuple[DeclaredLibrary, ...]:
    """Return what a CycloneDX document in the metadata of `wheel` lists, each once, by name and version.

    What is only used to build (scope ``excluded``) and parts of the wheel itself are left out. Raises
    SbomUnreadable for what is no such document.
    """
    try:
        document = msgspec.json.decode(body, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise SbomUnreadable(f"is no CycloneDX in JSON: {e}") from e
    if document.bom_format != "CycloneDX":
        raise SbomUnreadable(f"calls itself {document.bom_format[:40]!r}, and only CycloneDX is read")
    if len(document.components) > MAX_DECLARED:
        raise SbomUnreadable(f"lists more than {MAX_DECLARED} components")
    found = {(each.name, each.version, each.purl or ""): each for each in _libraries(document, wheel)}
    return tuple(found[key] for key in sorted(found))


def _libraries(document: _Document, wheel: Purl) -> Iterator[DeclaredLibrary]:
    for component in document.components:
        purl = None if component.purl is None else canonical_purl(component.purl)
        if purl == wheel or component.scope == _EXCLUDED or not component.name:
            continue
        licenses = tuple(sorted({each.text for each in component.licenses} - {""}))
        version = component.version or ""
        if purl is not None and purl_type(purl) in SYSTEMS:
            yield DeclaredLibrary(component.name, version, None, purl, licenses)
        else:
            yield DeclaredLibrary(component.name, version, purl, "", licenses)
