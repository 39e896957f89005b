"""The list of packages that trivy is asked about: a CycloneDX document with the properties that it needs.

Debian's advisories are on source packages, of which a package URL says nothing: without these properties
trivy finds a part of them and does not say so (``aquasecurity:trivy:*``, its own dialect of CycloneDX).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.inventory import Component

PREFIX = "aquasecurity:trivy:"

_LANGUAGES: Mapping[str, str] = {
    "pypi": "python-pkg",
    "npm": "node-pkg",
    "golang": "gobinary",
    "cargo": "rustbinary",
    "gem": "gemspec",
    "maven": "jar",
    "nuget": "dotnet-core",
    "conda": "conda-pkg",
}
"""trivy's names for what a package manager of a language has installed (its ``fanal/types``)."""

_SYSTEMS = frozenset({"deb", "apk"})
_OTHER_SYSTEMS = frozenset({"alpm", "rpm"})
"""Packages whose advisories trivy looks up by more than a list of packages tells."""

Fields = dict[str, Any]


def askable(components: Iterable[Component]) -> tuple[Component, ...]:
    """Return the components of which trivy can know something: packages, in the order of their refs."""
    found = (each for each in components if each.purl is not None and _package_type(each.purl, ""))
    return tuple(sorted(found, key=lambda each: each.ref))


def not_askable(components: Iterable[Component]) -> tuple[Component, ...]:
    """Return the packages of systems of whose kind a list of packages does not tell trivy enough."""
    return tuple(each for each in components if each.purl is not None and _type(each.purl) in _OTHER_SYSTEMS)


def unseen_in_images(components: Iterable[Component]) -> tuple[Component, ...]:
    """Return the packages that trivy does not find in an image by itself: those that wheels say they hold.

    Packages of systems are not among them: trivy would take them for the image's own.
    """
    return tuple(
        each for each in askable(components) if each.bundled_in and _type(each.purl or Purl("")) in _LANGUAGES
    )


def trivy_document(name: str, components: Iterable[Component]) -> bytes:
    """Return the document for one image's packages; each one's ``bom-ref`` is the component's ref."""
    listed = tuple(components)
    systems = [each for each in listed if each.kind == "operating-system"]
    family = systems[0].name if systems else ""
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "bom-ref": "image", "name": name}},
        "components": [
            *(_system(each) for each in systems[:1]),
            *(_package(each, family) for each in askable(listed)),
        ],
    }
    return msgspec.json.encode(document)


def source_properties(package_type: str, source: str, version: str) -> Iterator[Fields]:
    """Yield the properties of one package; `source` and `version` are those of its source package."""
    yield _property("PkgType", package_type)
    if source:
        epoch, upstream, release = split_version(version)
        yield _property("SrcName", source)
        yield _property("SrcVersion", upstream)
        if release:
            yield _property("SrcRelease", release)
        if epoch:
            yield _property("SrcEpoch", epoch)


def split_version(version: str) -> tuple[str, str, str]:
    """Return the epoch, upstream version and revision of a Debian version (deb-version(7))."""
    epoch, separator, rest = version.partition(":")
    if not separator or not epoch.isdecimal():
        epoch, rest = "", version
    upstream, _, release = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return epoch.lstrip("0"), upstream, release


def _system(component: Component) -> Fields:
    return {
        "type": "operating-system",
        "bom-ref": component.ref,
        "name": component.name,
        "version": component.version,
        "properties": [_property("Class", "os-pkgs"), _property("Type", component.name)],
    }


def _package(component: Component, family: str) -> Fields:
    purl = component.purl or Purl("")
    is_of_system = _type(purl) in _SYSTEMS
    source = (component.source_name or component.name) if is_of_system else ""
    version = component.source_version or component.version
    return {
        "type": "library",
        "bom-ref": component.ref,
        "name": component.name,
        "version": component.version,
        "purl": purl,
        "properties": list(source_properties(_package_type(purl, family), source, version)),
    }


def _property(name: str, value: str) -> Fields:
    return {"name": f"{PREFIX}{name}", "value": value}


def _package_type(purl: Purl, family: str) -> str:
    kind = _type(purl)
    return (family or kind) if kind in _SYSTEMS else _LANGUAGES.get(kind, "")


def _type(purl: Purl) -> str:
    return purl.removeprefix("pkg:").partition("/")[0]
