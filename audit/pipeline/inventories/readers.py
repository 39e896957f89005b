"""What our own readers know of an image's components: packages, distributions, and what scanners miss."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property

import msgspec

from fleet_audit.audit.apt.installed.ownership import INFO, STATUS_PARTS
from fleet_audit.audit.apt.installed.state import STATUS, InstalledRecord, InstalledState
from fleet_audit.audit.apt.surplus.surplus import Brought
from fleet_audit.audit.images.tree import FileUnreadable, basename, join
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DiffID, DistributionName, ImagePath, PackageName, Purl
from fleet_audit.audit.model.image import Layer
from fleet_audit.audit.model.inventory import Component, Link, Sighting
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.pipeline.run.packages import installed_distributions
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.pipeline.surplus.brought import Arrivals
from fleet_audit.audit.sbom.bundled import bundled_name, is_bundled
from fleet_audit.audit.sbom.declared import DeclaredLibrary, SbomUnreadable, declared
from fleet_audit.audit.sbom.joining import united
from fleet_audit.audit.sbom.package_set import debian_purl, interpreter_purl, python_purl
from fleet_audit.audit.static_imports.distributions.distributions import Distribution

OWN = "fleet-audit"
_SBOMS = "sboms"
_SBOM_LIMIT = 16 << 20
_OS_RELEASE = ImagePath("/etc/os-release")


class Seen:
    """One opened image, as the readers of components ask about it."""

    def __init__(self, subject: Subject, scene: Scene, shared: Shared) -> None:
        """Take the opened image, and whose it is."""
        self.scene = scene
        self.state = InstalledState.read(scene.image.tree)
        self._arrivals = Arrivals(subject, scene, shared)
        records = () if self.state is None else self.state.records
        distro = scene.image.identity.distro
        self._debian = {
            (record.name, record.package.architecture): debian_purl(record.package, distro)
            for record in records
        }
        self._packages: dict[PackageName, Purl] = {}
        for (name, _), purl in self._debian.items():
            self._packages.setdefault(name, purl)

    def layer_of(self, path: ImagePath) -> DiffID | None:
        """Return the layer that shows a path as it is in the end."""
        layer = self.scene.image.layer_of(path)
        return None if layer is None else layer.diff_id

    def origin_of(self, path: ImagePath) -> str:
        """Return whose layer shows a path: a family, ``base``, or empty where that is not known."""
        layer: Layer | None = self.scene.image.layer_of(path)
        return "" if layer is None else self._arrivals.origin_of(layer)

    def debian(self, record: InstalledRecord) -> Purl:
        """Return the ref of an installed Debian package."""
        return self._debian[record.name, record.package.architecture]

    def named_at(self, record: InstalledRecord) -> SourceLocation | None:
        """Return the line of a family's Dockerfile that installs a Debian package by name."""
        return self._brought[record.name].dockerfile

    @cached_property
    def _brought(self) -> Mapping[PackageName, Brought]:
        return self._arrivals.of(() if self.state is None else self.state.records)

    def package(self, name: PackageName) -> Purl | None:
        """Return the ref of the installed package of this name."""
        return self._packages.get(name)

    def python(self, name: DistributionName) -> Purl | None:
        """Return the ref of the installed distribution of this name."""
        found = installed_distributions(self.scene).get(name)
        return None if found is None else python_purl(name, found.version)

    def owner(self, path: ImagePath) -> str | None:
        """Return the ref of what brought a file: a library bundled in a wheel is its own."""
        name = self.scene.distributions.owner(path)
        if name is not None:
            return bundled_ref(path) if is_bundled(path) else self.python(name)
        package = None if self.state is None else self.state.owner(path)
        return None if package is None else self.package(package)


class Found(msgspec.Struct, frozen=True):
    """What one reader found."""

    components: tuple[Component, ...] = ()
    links: tuple[Link, ...] = ()
    gaps: tuple[Gap, ...] = ()


class Cataloger(msgspec.Struct, frozen=True):
    """One reader: what it finds, and why it is there beside a scanner's.

    `is_missed` where scanners do not find it; a test asks a real one whether that is still so.
    """

    name: str
    why: str
    find: Callable[[Seen], Found]
    is_missed: bool = False


def bundled_ref(path: ImagePath) -> str:
    """Return the ref of a library that is bundled in a wheel at `path`."""
    return f"{bundled_name(basename(path)).name}#{path}"


def _operating_system(seen: Seen) -> Found:
    distro = seen.scene.image.identity.distro
    if not distro.id:
        return Found()
    system = Component(
        ref=f"os:{distro.id}@{distro.version}",
        name=distro.id,
        version=distro.version,
        kind="operating-system",
        origin=seen.origin_of(_OS_RELEASE),
        layer=seen.layer_of(_OS_RELEASE),
        sightings=(_sighting(seen, _OS_RELEASE, "metadata"),),
        found_by=(OWN,),
    )
    return Found((system,))


def _debian_packages(seen: Seen) -> Found:
    records = () if seen.state is None else seen.state.records
    return Found(tuple(_debian(seen, record) for record in records))


def _debian(seen: Seen, record: InstalledRecord) -> Component:
    package = record.package
    database, own = _debian_places(seen, record)
    return Component(
        ref=seen.debian(record),
        name=package.name,
        version=package.version,
        purl=seen.debian(record),
        source_name="" if package.source == package.name else package.source,
        source_version="" if package.source_version == package.version else package.source_version,
        architecture=package.architecture,
        origin=seen.origin_of(own),
        layer=seen.layer_of(own),
        sightings=(_sighting(seen, database, "package-database"),),
        found_by=(OWN,),
        properties=(("installed-by", str(line)),) if (line := seen.named_at(record)) else (),
    )


def _debian_places(seen: Seen, record: InstalledRecord) -> tuple[ImagePath, ImagePath]:
    """Return the file that lists a package as installed, and the one that is written when it comes."""
    tree = seen.scene.image.tree
    part = join(STATUS_PARTS, record.name)
    database = STATUS if tree.entry(STATUS) is not None else part
    for name in (f"{record.name}.list", f"{record.name}:{record.package.architecture}.list"):
        if tree.entry(join(INFO, name)) is not None:
            return database, join(INFO, name)
    return database, part if tree.entry(part) is not None else database


def _distributions(seen: Seen) -> Found:
    installed = installed_distributions(seen.scene)
    components = tuple(_distribution(seen, installed[name]) for name in sorted(installed))
    links = tuple(
        Link(package, component.ref, "contains")
        for component in components
        if (package := _debian_owner(seen, component.sightings[0].path)) is not None
    )
    return Found(components, links)


def _debian_owner(seen: Seen, path: ImagePath) -> Purl | None:
    name = None if seen.state is None else seen.state.owner(path)
    return None if name is None else seen.package(name)


def _distribution(seen: Seen, found: Distribution) -> Component:
    purl = python_purl(found.name, found.version)
    tree = seen.scene.image.tree
    files = [join(found.info, "METADATA"), join(found.info, "PKG-INFO")]
    place = next((path for path in files if tree.realpath(path) is not None), found.info)
    return Component(
        ref=purl,
        name=found.name,
        version=found.version,
        purl=purl,
        origin=seen.origin_of(place),
        layer=seen.layer_of(place),
        sightings=(_sighting(seen, place, "metadata"),),
        found_by=(OWN,),
    )


def _interpreters(seen: Seen) -> Found:
    interpreter = seen.scene.interpreter
    if interpreter is None or seen.owner(interpreter.executable) is not None:
        return Found()
    path = interpreter.executable
    version = ".".join(map(str, interpreter.version))
    purl = interpreter_purl("python", version)
    python = Component(
        ref=purl,
        name="python",
        version=version,
        purl=purl,
        kind="application",
        origin=seen.origin_of(path),
        layer=seen.layer_of(path),
        sightings=(_sighting(seen, path, "binary"),),
        found_by=(OWN,),
    )
    return Found((python,))


def _bundled_libraries(seen: Seen) -> Found:
    files = [_library(seen, path, wheel) for path, wheel in _bundled(seen)]
    told, gaps = _declared_libraries(seen)
    components = united((*_matched(files, told), *told))
    links = tuple(
        Link(component.bundled_in, component.ref, "bundles", (component.sightings[0].path,))
        for component in components
    )
    return Found(components, links, tuple(gaps))


def _matched(files: Iterable[Component], told: list[Component]) -> Iterator[Component]:
    """Yield libraries that were seen with what their wheel declares of them, taken out of `told`.

    A declared library is the file's where its wheel has one of each by the name.
    """
    every = tuple(files)
    seen_names = Counter((each.bundled_in, each.name.casefold()) for each in every)
    by_name: defaultdict[tuple[str, str], list[Component]] = defaultdict(list)
    for each in told:
        by_name[each.bundled_in, each.name.casefold()].append(each)
    for component in every:
        key = component.bundled_in, component.name.casefold()
        if seen_names[key] != 1 or len(by_name[key]) != 1:
            yield component
            continue
        (declared_as,) = by_name[key]
        told.remove(declared_as)
        yield _known_as(component, declared_as)


def _known_as(component: Component, declared_as: Component) -> Component:
    return msgspec.structs.replace(
        component,
        version=declared_as.version or component.version,
        purl=declared_as.purl,
        licenses=declared_as.licenses,
        sightings=(*component.sightings, *declared_as.sightings),
        properties=(*component.properties, *declared_as.properties),
    )


def _bundled(seen: Seen) -> Iterator[tuple[ImagePath, Purl]]:
    for path in sorted(seen.scene.elf):
        if is_bundled(path) and (name := seen.scene.distributions.owner(path)) is not None:
            wheel = seen.python(name)
            if wheel is not None:
                yield path, wheel


def _library(seen: Seen, path: ImagePath, wheel: Purl) -> Component:
    told = bundled_name(basename(path))
    said = seen.scene.elf[path].soname
    facts = {"abi-version": told.abi, "soname": said or told.soname, "original-name": told.soname}
    return Component(
        ref=bundled_ref(path),
        name=told.name,
        version=told.version,
        origin=seen.origin_of(path),
        layer=seen.layer_of(path),
        sightings=(_sighting(seen, path, "elf"),),
        bundled_in=wheel,
        found_by=(OWN,),
        properties=tuple((name, value) for name, value in sorted(facts.items()) if value),
    )


def _declared_libraries(seen: Seen) -> tuple[list[Component], list[Gap]]:
    """Return what wheels declare in SBOMs of their own, and which of these could not be read."""
    components: list[Component] = []
    gaps: list[Gap] = []
    tree = seen.scene.image.tree
    for name, found in sorted(installed_distributions(seen.scene).items()):
        wheel, folder = seen.python(name), join(found.info, _SBOMS)
        for file in sorted(tree.listing(folder)):
            path = join(folder, file)
            try:
                libraries = declared(tree.read(path, limit=_SBOM_LIMIT), wheel) if wheel else ()
            except (FileUnreadable, SbomUnreadable) as e:
                gaps.append(Gap("sbom", GapKind.NOT_EXAMINED, path, e.why))
                continue
            components += (_declared(seen, each, wheel or "", path) for each in libraries)
    return components, gaps


def _declared(seen: Seen, library: DeclaredLibrary, wheel: str, path: ImagePath) -> Component:
    return Component(
        ref=f"{library.purl or library.built_from or f'{library.name}@{library.version}'}#{path}",
        name=library.name,
        version=library.version,
        purl=library.purl,
        licenses=library.licenses,
        origin=seen.origin_of(path),
        layer=seen.layer_of(path),
        sightings=(_sighting(seen, path, "metadata"),),
        bundled_in=wheel,
        found_by=(OWN,),
        properties=(("built-from", library.built_from),) if library.built_from else (),
    )


def _sighting(seen: Seen, path: ImagePath, technique: str) -> Sighting:
    return Sighting(path, technique, seen.layer_of(path))


CATALOGERS = (
    Cataloger("operating-system", "scanners tell it beside their packages", _operating_system),
    Cataloger("debian-packages", "says what is there where no scanner is", _debian_packages),
    Cataloger("python-distributions", "says what is there where no scanner is", _distributions),
    Cataloger(
        "interpreters",
        "scanners pass over a Python that no package brought and that has its code in a library of its own",
        _interpreters,
        is_missed=True,
    ),
    Cataloger(
        "bundled-libraries",
        "scanners look neither into wheels nor into the SBOMs in their metadata",
        _bundled_libraries,
        is_missed=True,
    ),
)
"""Our own readers, in the order in which what they say counts."""
