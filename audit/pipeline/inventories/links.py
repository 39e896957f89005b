"""How the components of an image hang together: by metadata, by what their ELF files load, by imports."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from packaging.requirements import InvalidRequirement, Requirement

from fleet_audit.audit.apt.debian.relations import Relation, clause_text, parse_relations
from fleet_audit.audit.apt.installed.state import InstalledRecord
from fleet_audit.audit.ldd.programs import executables
from fleet_audit.audit.model.elf import Closure, EntryPoint, Resolved
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.identity import DistributionName, ImagePath, distribution_name
from fleet_audit.audit.model.imports import ServiceImports
from fleet_audit.audit.model.inventory import Component, ImportedBy, Link
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.pipeline.inventories.readers import OWN, Seen
from fleet_audit.audit.pipeline.reached.importing import examined_services
from fleet_audit.audit.pipeline.reached.loads import loads_of
from fleet_audit.audit.pipeline.run.packages import installed_distributions
from fleet_audit.audit.pipeline.run.programs import find_program
from fleet_audit.audit.pipeline.run.scene import Scene, gaps_besides
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.static_imports.distributions.distributions import Distribution
from fleet_audit.audit.static_imports.distributions.requirements import marker_environment

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm": "armv7l"}
"""Platforms' architectures as ``uname -m`` names them, which is what markers ask about."""


class Tied(msgspec.Struct, frozen=True):
    """Links, the services that are the beginning of some, and what could not be examined for them."""

    links: tuple[Link, ...] = ()
    services: tuple[Component, ...] = ()
    imported: tuple[ImportedBy, ...] = ()
    gaps: tuple[Gap, ...] = ()


def package_links(seen: Seen) -> Iterator[Link]:
    """Yield for each Debian package what its Depends and Pre-Depends are answered by in the image.

    A clause is answered by every alternative that is installed, under its own name or provided; those of the
    package's own architecture go before those of a foreign one (deb-control(5), Multi-Arch).
    """
    records = () if seen.state is None else seen.state.records
    answers = _answers(records)
    for record in records:
        source = seen.debian(record)
        for field, text in (("Pre-Depends", record.pre_depends), ("Depends", record.depends)):
            for clause in parse_relations(text):
                told = f"{field}: {clause_text(clause)}"
                found = [target for relation in clause for target in answers.get(relation.name, ())]
                for target in _of_architecture(found, record.package.architecture):
                    yield Link(source, seen.debian(target), "depends", (told,))


def _answers(records: Iterable[InstalledRecord]) -> Mapping[str, list[InstalledRecord]]:
    answers: defaultdict[str, list[InstalledRecord]] = defaultdict(list)
    for record in records:
        provided = (relation for clause in parse_relations(record.provides) for relation in clause)
        for relation in (Relation(record.name), *provided):
            answers[relation.name].append(record)
    return answers


def _of_architecture(found: Sequence[InstalledRecord], architecture: str) -> Sequence[InstalledRecord]:
    own = [each for each in found if each.package.architecture in (architecture, "all", "")]
    return own or found


def distribution_links(seen: Seen) -> Iterator[Link]:
    """Yield what each distribution's Requires-Dist is answered by, as its markers hold in the image.

    Extras count where an installed distribution asks for them.
    """
    interpreter = seen.scene.interpreter
    if interpreter is None:
        return
    architecture = seen.scene.image.identity.ref.platform.architecture
    environment = marker_environment(interpreter.version, _MACHINES.get(architecture, architecture))
    installed = installed_distributions(seen.scene)
    required = {name: tuple(_requirements(installed[name])) for name in sorted(installed)}
    extras: defaultdict[DistributionName, set[str]] = defaultdict(set)
    for requirement in (each for every in required.values() for each in every):
        extras[distribution_name(requirement.name)] |= requirement.extras
    for name, requirements in required.items():
        for requirement in requirements:
            target = seen.python(distribution_name(requirement.name))
            source = seen.python(name)
            if source and target and _holds(requirement, environment, extras[name]):
                yield Link(source, target, "depends", (f"Requires-Dist: {requirement}",))


def _requirements(found: Distribution) -> Iterator[Requirement]:
    for line in found.requirements:
        try:
            yield Requirement(line)
        except InvalidRequirement:
            continue


def _holds(requirement: Requirement, environment: dict[str, str], extras: Iterable[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(
        marker.evaluate({**environment, "extra": extra}) for extra in ("", *sorted(extras))
    )


def library_links(seen: Seen, shared: Shared) -> Tied:
    """Return which component's ELF files load those of which other, as the image's loader would."""
    scene = seen.scene
    loads = loads_of(scene, shared, _programs(scene))
    links = tuple(_needs(seen, (*loads.closures, *loads.plugins)))
    return Tied(links, gaps=loads.gaps)


def _programs(scene: Scene) -> Sequence[EntryPoint]:
    image = scene.image
    config = image.identity.config
    return executables(image.tree, scene.elf, config, lambda name: find_program(image.tree, config.env, name))


def _needs(seen: Seen, closures: Iterable[Closure]) -> Iterator[Link]:
    owners: dict[ImagePath, str | None] = {}

    def owner(path: ImagePath) -> str | None:
        if path not in owners:
            owners[path] = seen.owner(path)
        return owners[path]

    requests = {request for closure in closures for request in closure.requests}
    for request in requests:
        if isinstance(request.resolution, Resolved):
            source, target = owner(request.wanted_by), owner(request.resolution.path)
            if source is not None and target is not None and source != target:
                told = f"{request.wanted_by} needs {request.soname}: {request.resolution.path}"
                yield Link(source, target, "needs", (told,))


def service_links(subject: Subject, seen: Seen, shared: Shared) -> Tied:
    """Return which distributions each service's code imports, and the lines that do; none without any."""
    if not subject.services:
        return Tied()
    found = examined_services(subject, seen.scene, shared)
    services = tuple(
        Component(
            ref=service_ref(each.service),
            name=each.service,
            kind="application",
            origin=each.service,
            found_by=(OWN,),
        )
        for each in found.services
    )
    imported = tuple(entry for each in found.services for entry in _imported(seen, each))
    links = tuple(
        Link(service_ref(each.service), each.ref, "imports", (str(each.location),) if each.location else ())
        for each in imported
    )
    gaps = (
        *gaps_besides(seen.scene, found.gaps),
        *(gap for service in found.services for gap in service.gaps),
    )
    return Tied(links, services, imported, gaps)


def service_ref(name: str) -> str:
    """Return the ref of a service of the manifest."""
    return f"service:{name}"


def _imported(seen: Seen, service: ServiceImports) -> Iterator[ImportedBy]:
    first: dict[str, ImportedBy] = {}
    for module in service.imports:
        ref = None if module.distribution is None else seen.python(module.distribution)
        if ref is not None:
            location = min(module.locations, default=None)
            known = first.get(ref)
            if known is None or _is_before(location, known):
                first[ref] = ImportedBy(service.service, ref, location)
    yield from (first[ref] for ref in sorted(first))


def _is_before(location: SourceLocation | None, known: ImportedBy) -> bool:
    return location is not None and (known.location is None or location < known.location)
