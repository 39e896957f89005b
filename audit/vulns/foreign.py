"""The packages that a CycloneDX document lists, whoever wrote it, as trivy is to be asked about them."""

from collections.abc import Callable, Iterator

import msgspec
from packageurl import PackageURL

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.vulns.asked import PREFIX

Canonical = Callable[[str], Purl | None]

MAX_SBOM_BYTES = 256 << 20
_MAX_DEPTH = 8
_MAX_COMPONENTS = 200_000
_SYSTEM = "operating-system"
_SYFT_SOURCE = ("syft:metadata:source", "syft:metadata:sourceVersion")
_DISTRIBUTIONS = {"deb": "debian", "apk": "alpine"}


class SbomUnreadable(FleetAuditError):
    """A document is no SBOM that packages can be taken from."""

    def __init__(self, name: str, why: str) -> None:
        """Keep which document it is and what is wrong with it."""
        super().__init__(name, why)
        self.name = name
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.name}: {self.why}"


class _Property(msgspec.Struct, frozen=True):
    name: str = ""
    value: str | None = ""


class _Component(msgspec.Struct, frozen=True, rename={"bom_ref": "bom-ref"}):
    type: str = ""
    name: str = ""
    version: str | None = ""
    bom_ref: str = ""
    purl: str | None = ""
    properties: tuple[_Property, ...] | None = ()
    components: tuple["_Component", ...] | None = ()


class _Metadata(msgspec.Struct, frozen=True):
    component: _Component | None = None


class _Bom(msgspec.Struct, frozen=True):
    bom_format: str = msgspec.field(default="", name="bomFormat")
    spec_version: str = msgspec.field(default="", name="specVersion")
    metadata: _Metadata | None = None
    components: tuple[_Component, ...] | None = None


class Listed(msgspec.Struct, frozen=True):
    """What a document lists: the packages and the operating system, and what the document is of."""

    subject: str
    components: tuple[Component, ...]


def packages_listed(name: str, body: bytes, canonical: Canonical) -> Listed:
    """Return the packages of a CycloneDX JSON document, with the operating system they belong to.

    The source package of a Debian one is what the document says in trivy's or syft's properties, or in the
    URL's ``upstream``; else it is taken for a package that is its own source. Where no operating system is
    listed, the ``distro`` of the packages' URLs stands for it. Raises SbomUnreadable.
    """
    if len(body) > MAX_SBOM_BYTES:
        raise SbomUnreadable(
            name, f"it has {len(body)} bytes, and {MAX_SBOM_BYTES} are the most that is read"
        )
    try:
        bom = msgspec.json.decode(body, type=_Bom)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise SbomUnreadable(name, f"it is no CycloneDX JSON document: {e}") from e
    if bom.bom_format != "CycloneDX" or not bom.spec_version.startswith("1."):
        stated = f"{bom.bom_format or 'no format'} {bom.spec_version}".strip()
        raise SbomUnreadable(name, f"it says {stated}, and CycloneDX 1 (JSON) is what is read here")
    own = None if bom.metadata is None else bom.metadata.component
    every = list(_flat(name, bom.components or ()))
    systems = [each for each in every if each.type == _SYSTEM][:1]
    packages = [found for each in every if (found := _package(each, canonical)) is not None]
    listed = [_system(each) for each in systems] or list(_system_of_urls(every))
    return Listed(own.name if own is not None and own.name else name, (*listed, *_unique(packages)))


def _flat(name: str, components: tuple[_Component, ...]) -> Iterator[_Component]:
    pending = [(each, 0) for each in reversed(components)]
    seen = 0
    while pending:
        component, depth = pending.pop()
        seen += 1
        if seen > _MAX_COMPONENTS or depth > _MAX_DEPTH:
            raise SbomUnreadable(
                name, f"it lists more than {_MAX_COMPONENTS} components, or too deep in others"
            )
        yield component
        pending.extend((each, depth + 1) for each in reversed(component.components or ()))


def _unique(packages: list[Component]) -> Iterator[Component]:
    """Yield each package once: trivy would report a repeated ref for one of its places alone."""
    yield from {package.ref: package for package in reversed(packages)}.values()


def _system(component: _Component) -> Component:
    ref = f"os:{component.name}@{component.version}"
    return Component(ref=ref, name=component.name, version=component.version or "", kind=_SYSTEM)


def _system_of_urls(components: list[_Component]) -> Iterator[Component]:
    """Yield the operating system that the URL of a package names (``distro=debian-12``)."""
    for component in components:
        url = _url(component.purl or "")
        distro = _qualifier(url, "distro")
        if url is not None and url.type in _DISTRIBUTIONS and "-" in distro:
            name, _, version = distro.rpartition("-")
            yield Component(ref=f"os:{distro}", name=name, version=version, kind=_SYSTEM)
            return


def _package(component: _Component, canonical: Canonical) -> Component | None:
    purl = canonical(component.purl) if component.purl else None
    if purl is None:
        return None
    url = _url(component.purl or "")
    source, version = _source(component, url)
    return Component(
        ref=purl,
        name=component.name,
        version=_version(component, url),
        purl=purl,
        source_name=source,
        source_version=version,
    )


def _version(component: _Component, url: PackageURL | None) -> str:
    """Return a package's version with its epoch, which trivy writes into the URL's qualifiers."""
    version = component.version or ("" if url is None else url.version or "")
    epoch = _qualifier(url, "epoch")
    return f"{epoch}:{version}" if epoch and epoch != "0" and ":" not in version else version


def _source(component: _Component, url: PackageURL | None) -> tuple[str, str]:
    """Return the source package's name and version, each empty where the document does not say."""
    stated = {each.name: each.value or "" for each in component.properties or ()}
    if name := stated.get(f"{PREFIX}SrcName", ""):
        return name, _joined(stated)
    name, _, version = (stated.get(_SYFT_SOURCE[0], "") or _qualifier(url, "upstream")).partition("@")
    return name, version or stated.get(_SYFT_SOURCE[1], "")


def _joined(stated: dict[str, str]) -> str:
    epoch, upstream, release = (
        stated.get(f"{PREFIX}Src{part}", "") for part in ("Epoch", "Version", "Release")
    )
    version = f"{upstream}-{release}" if release else upstream
    return f"{epoch}:{version}" if epoch and version else version


def _url(text: str) -> PackageURL | None:
    try:
        return PackageURL.from_string(text)
    except ValueError:
        return None


def _qualifier(url: PackageURL | None, name: str) -> str:
    if url is None or not isinstance(url.qualifiers, dict):
        return ""
    return str(url.qualifiers.get(name, ""))
