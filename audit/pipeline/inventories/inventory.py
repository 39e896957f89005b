"""The inventory of one image: our own readers' answers and syft's, joined and tied together."""

import shlex
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import PurePosixPath

import msgspec

from fleet_audit.audit.dockerfiles.running.masking import masked
from fleet_audit.audit.dockerfiles.running.stored import of_image
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImageRef
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.model.inventory import Component, Inventory, Link, SbomReport
from fleet_audit.audit.model.report import Statistics
from fleet_audit.audit.pipeline.inventories.links import (
    Tied,
    distribution_links,
    library_links,
    package_links,
    service_links,
)
from fleet_audit.audit.pipeline.inventories.readers import CATALOGERS, Found, Seen
from fleet_audit.audit.pipeline.run.machines import lowest_isa
from fleet_audit.audit.pipeline.run.scene import Scene, missing_image, open_scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import PATH_TRANSPORTS, Subject
from fleet_audit.audit.pipeline.scanners.syft_answers import SyftAnswer, SyftOptions, syft_answer
from fleet_audit.audit.sbom.canonical import SYSTEMS, purl_type
from fleet_audit.audit.sbom.joining import package_set_of, united, united_links
from fleet_audit.audit.sbom.scanned import Scanned, scanned

_REVISION = "org.opencontainers.image.revision"
_SOURCE = "org.opencontainers.image.source"


class Inventoried(msgspec.Struct, frozen=True):
    """The report, and what it cost."""

    report: SbomReport
    statistics: Statistics = Statistics()


def inventory_of(subject: Subject, shared: Shared, options: SyftOptions) -> Inventoried:
    """Return everything that is in the subject's image.

    Documents bear the time at which the image says that it was made.

    Without syft it is what our own readers know, and a gap says so. Raises ImageError where an image that is
    named cannot be opened.
    """
    gap = missing_image(subject)
    if gap is not None or subject.image is None:
        empty = Component(ref=f"image:{subject.name}", name=subject.name, kind="container")
        return Inventoried(_report(subject, Inventory(empty, gaps=() if gap is None else (gap,)), ""))
    isa = lowest_isa(shared.fleet, subject.image)
    with open_scene(subject.image, shared.settings, python=subject.python, isa=isa) as scene:
        inventory = gathered(subject, scene, shared, options)
        spent = scene.image.statistics
        cost = Statistics(spent.layers_read, spent.layers_cached, spent.seconds)
        return Inventoried(
            _report(subject, inventory, written_time(scene.image.identity.config.created)), cost
        )


def _report(subject: Subject, inventory: Inventory, created: str) -> SbomReport:
    return SbomReport(subject=subject.name, gaps=inventory.gaps, inventory=inventory, created=created)


def written_time(text: str) -> str:
    """Return a time as both specifications write it, UTC and whole seconds; empty for what is none."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at.tzinfo and at.year >= 1000 else ""
    except (ValueError, OverflowError):
        return ""


def gathered(subject: Subject, scene: Scene, shared: Shared, options: SyftOptions | None) -> Inventory:
    """Return the inventory of an opened image; syft is not asked without `options`.

    While syft looks at the image, our own readers do.
    """
    own = _Own(subject, scene, shared)
    answer = SyftAnswer()
    if options is not None:
        answer = syft_answer(scene, shared, options, meanwhile=lambda: own.said)
    seen, said = own.seen, own.said
    theirs = Scanned((), ()) if answer.document is None else scanned(answer.document, seen.layer_of)
    ours = (component for each in said.found for component in each.components)
    components = united(
        [
            *_told_once(ours, theirs.components),
            *(_placed(component, seen) for component in theirs.components),
            *said.services.services,
        ]
    )
    links = [*said.links, *theirs.links]
    return Inventory(
        subject=_subject(subject, scene),
        components=components,
        links=united_links(links, (component.ref for component in components)),
        imported=said.services.imported,
        package_set=package_set_of(components) if scene.is_whole else None,
        tools=() if answer.tool is None else (answer.tool,),
        gaps=tuple(
            dict.fromkeys((*_gaps(subject, scene, answer, own), *_without_packages(scene, components)))
        ),
    )


class _Said(msgspec.Struct, frozen=True):
    """What is known of an image without a scanner; `links` are all that there are."""

    found: tuple[Found, ...]
    libraries: Tied
    services: Tied
    links: tuple[Link, ...]


class _Own:
    """Our own readers of one image, who are asked once: beside a scanner, or when it has answered."""

    def __init__(self, subject: Subject, scene: Scene, shared: Shared) -> None:
        self._subject = subject
        self._shared = shared
        # Before the image is written for a scanner: the bodies that this reads are let go of then.
        self.seen = Seen(subject, scene, shared)

    @cached_property
    def said(self) -> _Said:
        seen = self.seen
        found = tuple(cataloger.find(seen) for cataloger in CATALOGERS)
        libraries = library_links(seen, self._shared)
        services = service_links(self._subject, seen, self._shared)
        links = (
            *(link for each in found for link in each.links),
            *package_links(seen),
            *distribution_links(seen),
            *libraries.links,
            *services.links,
        )
        return _Said(found, libraries, services, links)


def _told_once(ours: Iterable[Component], theirs: Iterable[Component]) -> Iterator[Component]:
    """Yield our own components but for programs that a scanner tells of at the same file."""
    told = {(each.name, sighting.path) for each in theirs for sighting in each.sightings}
    for component in ours:
        is_program = component.purl is not None and purl_type(component.purl) == "generic"
        if not (is_program and any((component.name, each.path) in told for each in component.sightings)):
            yield component


def _placed(component: Component, seen: Seen) -> Component:
    """Return a scanner's component with the layer of its first file, and whose that is."""
    if not component.sightings:
        return component
    path = component.sightings[0].path
    return msgspec.structs.replace(component, layer=seen.layer_of(path), origin=seen.origin_of(path))


def _gaps(subject: Subject, scene: Scene, answer: SyftAnswer, own: "_Own") -> Iterator[Gap]:
    # An image without Python is listed like any other, unless somebody's Python is to run in it.
    needs_python = bool(subject.services or scene.asked_python)
    yield from (gap for gap in scene.gaps if needs_python or gap.kind is not GapKind.NO_INTERPRETER)
    seen, said = own.seen, own.said
    yield from () if seen.state is None else seen.state.gaps
    yield from answer.gaps
    for each in said.found:
        yield from each.gaps
    yield from said.libraries.gaps
    yield from said.services.gaps


def _without_packages(scene: Scene, components: Iterable[Component]) -> Iterator[Gap]:
    """Yield a gap for an image of a distribution of which not one package was found."""
    distro = scene.image.identity.distro
    if distro.id and not any(each.purl and purl_type(each.purl) in SYSTEMS for each in components):
        why = "none was found: its package database is missing or damaged, or of a kind that is not read"
        yield Gap("sbom", GapKind.NOT_SCANNED, f"packages of {distro.id} {distro.version}".strip(), why)


def _subject(subject: Subject, scene: Scene) -> Component:
    identity = scene.image.identity
    name = subject.family or short_name(identity.ref)
    version = identity.ref.digest or ""
    return Component(
        ref=f"image:{name}@{version}" if version else f"image:{name}",
        name=name,
        version=version,
        kind="container",
        architecture=identity.ref.platform.architecture,
        properties=tuple((key, value) for key, value in _facts(subject, scene) if value),
    )


def short_name(ref: ImageRef) -> str:
    """Return an image's name without where it lies: the same image, the same name.

    In a layout the tag says which image it is, in an engine or a registry the last part of the repository.
    """
    name = ref.name
    if ref.transport and ref.transport not in PATH_TRANSPORTS:
        return name.partition("@")[0].rpartition("/")[2].partition(":")[0] or name
    place, separator, tag = name.rpartition(":")
    if separator and "/" not in tag:
        name = tag if "/" in place or not place else name
    return PurePosixPath(name).name or name


def _facts(subject: Subject, scene: Scene) -> Iterator[tuple[str, str]]:
    identity = scene.image.identity
    yield "image-digest", identity.ref.digest or ""
    yield "image-platform", str(identity.ref.platform)
    yield "distribution", identity.distro.pretty_name
    yield "family", subject.family or ""
    for index, layer in enumerate(identity.layers):
        yield f"layer:{index}", layer.diff_id
    if identity.layers:
        yield from _configured(identity.config)


def _configured(config: ImageConfig) -> Iterator[tuple[str, str]]:
    """Yield what an image is configured to run, without secrets: all but its environment."""
    run = masked(of_image(config))
    labels = {each.name: each.value for each in run.labels}
    yield "image-created", config.created
    yield "image-user", run.user.value if run.user and config.user else ""
    yield "image-working-dir", run.working_dir.value if run.working_dir else ""
    yield "image-entrypoint", shlex.join(run.entrypoint.words) if run.entrypoint else ""
    yield "image-command", shlex.join(run.cmd.words) if run.cmd else ""
    yield "image-ports", " ".join(port.value for port in run.ports)
    yield "git-revision", labels.get(_REVISION, "")
    yield "git-source", labels.get(_SOURCE, "")
