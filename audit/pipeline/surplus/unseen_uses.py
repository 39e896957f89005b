"""Uses of packages that no import, load or call shows: what is named, what links, what may be hidden."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.apt.surplus.companions import Surroundings, companions
from fleet_audit.audit.apt.surplus.doubt import Doubt
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.images.tree import FileKind, basename, join
from fleet_audit.audit.model.finding import Confidence, Gap, GapKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath, PackageName
from fleet_audit.audit.model.imports import ProviderKind, ServiceImports
from fleet_audit.audit.pipeline.reached.fitting import declared_distributions
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.pipeline.surplus.mentions import (
    Mentions,
    of_builds_above,
    of_compositions,
    of_configuration,
    of_image_scripts,
    of_services,
    programs_mentioned,
)

_SCRIPT_FOLDERS = tuple(
    map(ImagePath, ("/", "/usr/local/bin", "/usr/local/sbin", "/opt", "/app", "/docker-entrypoint.d"))
)

_HIDING = frozenset(
    {
        GapKind.UNREADABLE_ELF,
        GapKind.UNREADABLE_FILE,
        GapKind.UNREADABLE_SOURCE,
        GapKind.UNRESOLVED_ENTRY,
        GapKind.NO_SERVICE_SOURCE,
        GapKind.NO_INTERPRETER,
        GapKind.UNSUPPORTED_LOADER,
        GapKind.LIMIT_REACHED,
    }
)
"""Gaps behind which a need may be hidden; others tell of archives, rules and tools."""


class Unseen(msgspec.Struct, frozen=True):
    """What was found: packages that are needed, and for what; and what speaks for keeping others."""

    needed: dict[PackageName, str] = {}
    doubts: dict[PackageName, tuple[Doubt, ...]] = {}


class Owned(msgspec.Struct, frozen=True):
    """Whose the image's files are, which of them something loads, and those of the packages in question."""

    owners: Mapping[ImagePath, PackageName]
    reached: Collection[ImagePath]
    files: Mapping[PackageName, Sequence[ImagePath]]


def unseen_uses(
    subject: Subject, scene: Scene, shared: Shared, services: Sequence[ServiceImports], owned: Owned
) -> Unseen:
    """Return what is known of packages in question beyond what services import, load and call."""
    needed: dict[PackageName, str] = {}
    for mentions in _mentions(subject, scene, shared, services, owned):
        for name, paths in owned.files.items():
            named = next(programs_mentioned(mentions, paths), None)
            if named is not None:
                needed.setdefault(name, f"{named[1]} names {named[0]}")
    doubts: defaultdict[PackageName, list[Doubt]] = defaultdict(list)
    for name, path, distribution in _linking(scene, owned):
        whose = f"{path} of {distribution}" if distribution else path
        if distribution in _promised(subject, shared):
            needed.setdefault(name, f"{whose}, which the family is to contain, links to it")
        else:
            why = f"{whose}, which nothing reaches, links to it"
            doubts[name].append(Doubt(Confidence.POSSIBLE, why))
    for name, doubt in _companion_doubts(scene, owned):
        doubts[name].append(doubt)
    return Unseen(needed, {name: tuple(sorted(set(found))) for name, found in sorted(doubts.items())})


def _mentions(
    subject: Subject, scene: Scene, shared: Shared, services: Sequence[ServiceImports], owned: Owned
) -> Iterator[Mentions]:
    yield from named_where_started(subject, scene, services, owned.owners)
    if shared.fleet is not None and subject.family is not None and subject.sources is not None:
        repository = Repository(subject.sources)
        yield of_builds_above(shared.fleet, subject.family, repository.tree)


def named_where_started(
    subject: Subject,
    scene: Scene,
    services: Sequence[ServiceImports],
    owners: Mapping[ImagePath, PackageName],
    *,
    has_shims: bool = True,
) -> Iterator[Mentions]:
    """Yield what is named where the image and its services are started; `owners` are the packages of files.

    Unless it `has_shims`, the scripts that distributions bring for their commands, and which name these, are
    left out.
    """
    repository = None if subject.sources is None else Repository(subject.sources)
    configured = of_configuration(scene.image.identity.config)
    yield configured
    yield of_services(subject, (file for service in services for file in service.files), repository)
    scripts = _own_scripts(scene, owners, configured)
    kept = (path for path in scripts if has_shims or scene.distributions.owner(path) is None)
    yield of_image_scripts(scene.image.tree, kept)
    if repository is not None:
        yield of_compositions(repository)


def _own_scripts(
    scene: Scene, owners: Mapping[ImagePath, PackageName], configured: Mentions
) -> Iterator[ImagePath]:
    """Yield the scripts of the image that no package brought: entry scripts, mostly."""
    tree = scene.image.tree
    named = (tree.realpath(ImagePath(word)) for word in configured if word.startswith("/"))
    yield from (path for path in named if path is not None and _is_own_script(scene, owners, path))
    for folder in _SCRIPT_FOLDERS:
        for name in sorted(tree.listing(folder)):
            path = join(folder, name)
            is_named_so = name.endswith(".sh") or folder.endswith("bin")
            if is_named_so and _is_own_script(scene, owners, path):
                yield path


def _is_own_script(scene: Scene, owners: Mapping[ImagePath, PackageName], path: ImagePath) -> bool:
    entry = scene.image.tree.entry(path)
    is_file = entry is not None and entry.kind is FileKind.FILE
    return is_file and path not in owners and path not in scene.elf


def _linking(scene: Scene, owned: Owned) -> Iterator[tuple[PackageName, ImagePath, DistributionName | None]]:
    """Yield packages with the files, and their distributions, that link to them unreached and unowned."""
    libraries = ((path, name) for name, paths in owned.files.items() for path in paths if ".so" in path)
    suppliers = {basename(path): name for path, name in libraries}
    for path, facts in scene.elf.items() if suppliers else ():
        wanted = [suppliers[soname] for soname in facts.needed if soname in suppliers]
        if wanted and path not in owned.reached and path not in owned.owners:
            distribution = scene.distributions.owner(path)
            yield from ((name, path, distribution) for name in wanted)


def _promised(subject: Subject, shared: Shared) -> Collection[DistributionName | None]:
    if shared.fleet is None or subject.family is None:
        return ()
    return declared_distributions(shared.fleet, subject.family)


def _companion_doubts(scene: Scene, owned: Owned) -> Iterator[tuple[PackageName, Doubt]]:
    """Yield what serves libraries that no package brought, whether or not anything reaches them."""
    around = Surroundings({basename(path) for path in scene.elf if path not in owned.owners})
    for name, why in companions(owned.files, around).items():
        use = f"a library that the image has beside its packages may use it: {why}"
        yield name, Doubt(Confidence.POSSIBLE, use, is_own=True)


def _installed_elsewhere(services: Iterable[ServiceImports]) -> str:
    """Return a distribution that services use and that this image has not got; empty where there is none."""
    names = [
        imported.distribution
        for service in services
        for imported in service.imports
        if imported.provided_by is ProviderKind.SERVICE and imported.distribution is not None
    ]
    names += [
        required.name
        for service in services
        for required in service.requirements
        if not (required.installed or required.is_constraint)
    ]
    return min(names, default="")


def doubts_on_all(
    subject: Subject, services: Sequence[ServiceImports], gaps: Iterable[Gap]
) -> Iterator[Doubt]:
    """Yield what speaks against saying of any package of the subject's image that nothing needs it."""
    hiding = next((gap for gap in gaps if gap.blocking and gap.kind in _HIDING), None)
    if hiding is not None:
        why = f"not everything could be examined ({hiding.what}: {hiding.why})"
        yield Doubt(Confidence.POSSIBLE, why)
    if elsewhere := _installed_elsewhere(services):
        why = f"what {elsewhere} needs is not known, as this image has not got it"
        yield Doubt(Confidence.POSSIBLE, why)
    unparsed = sorted({file.path for service in services for file in service.unparsed})
    if unparsed:
        yield Doubt(Confidence.LIKELY, f"{unparsed[0]} does not parse, so what it runs is not all known")
    if subject.family is None:
        why = "without a manifest it is not known which layers are those of the base image"
        yield Doubt(Confidence.LIKELY, why)
