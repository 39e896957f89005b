"""The packages that a document lists, whoever wrote it, as trivy is to be asked about them."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from packageurl import PackageURL

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.inventory import PURL_AS_GIVEN, Component

_SYSTEM = "operating-system"
_OF_SYSTEMS = ("pkg:deb/", "pkg:apk/", "pkg:rpm/")


class SeveralSystems(FleetAuditError):
    """A document lists packages of several operating systems: of which one each is, nobody says."""

    def __init__(self, name: str, systems: Sequence[str]) -> None:
        """Keep which document it is, and its systems by name and version."""
        super().__init__(name, tuple(systems))
        self.name = name
        self.systems = tuple(systems)

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.name}: lists {', '.join(self.systems)}; give the documents of its images one by one"


def packages_listed(name: str, components: Iterable[Component]) -> tuple[Component, ...]:
    """Return the packages of a document, each once, behind the operating system that they belong to.

    `components` are the document's. Where no operating system is among them, the ``distro`` of the packages'
    URLs as they were given stands for it. Raises SeveralSystems, which names the document by `name`.
    """
    every = tuple(components)
    systems = _systems(each for each in every if each.kind == _SYSTEM) or _systems(_systems_of_urls(every))
    if len(systems) > 1:
        raise SeveralSystems(name, [f"{each.name} {each.version}".strip() for each in systems])
    packages: dict[Purl, Component] = {}
    for each in every:
        if each.purl is not None and each.kind != _SYSTEM:
            packages.setdefault(each.purl, _package(each, each.purl))
    return (*systems, *packages.values())


def _systems(found: Iterable[Component]) -> list[Component]:
    """Return the operating systems, each once; one whose version another tells more of is that one."""
    listed = {(each.name.casefold(), each.version): each for each in found}
    return [
        Component(ref=f"os:{each.name}@{each.version}", name=each.name, version=each.version, kind=_SYSTEM)
        for (name, version), each in sorted(listed.items())
        if not any(
            other == name and more.startswith(f"{version}.") for other, more in listed if more != version
        )
    ]


def _systems_of_urls(components: Iterable[Component]) -> Iterator[Component]:
    """Yield the operating systems that URLs of packages name (``distro=debian-12``)."""
    for component in components:
        if component.purl is None or not component.purl.startswith(_OF_SYSTEMS):
            continue
        given = (value for name, value in component.properties if name == PURL_AS_GIVEN)
        distros = (PackageURL.from_string(each).qualifiers.get("distro", "") for each in given)
        for name, separator, version in (each.rpartition("-") for each in distros):
            if separator:
                yield Component(ref="", name=name, version=version, kind=_SYSTEM)


def _package(component: Component, purl: Purl) -> Component:
    """Return a package under its URL, with the version in that: an epoch always stands there."""
    version = PackageURL.from_string(purl).version or component.version
    return msgspec.structs.replace(component, ref=purl, version=version)
