"""Names that more than one Dockerfile publishes: which of them an image is, depends on who built last."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from fleet_audit.audit.dockerfiles.references.agreed import OFFICIAL, Agreed, parsed_or_none
from fleet_audit.audit.dockerfiles.references.drift import LATEST
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Publication, Reference

_Source = tuple[str, SourceLocation, frozenset[str]]
"""A Dockerfile, who says that it publishes, and for which platforms (none: for any)."""


def contested_names(
    fleet: Fleet | None, builds: Sequence[Build], references: Iterable[Reference], agreed: Agreed
) -> tuple[Publication, ...]:
    """Return the names that several Dockerfiles publish, in their order.

    The image of a family is one whatever its tag. Elsewhere tags count: a CPU and a GPU variant are two
    images. Dockerfiles for different platforms make one image together.
    """
    sources: defaultdict[str, list[_Source]] = defaultdict(list)
    families = _families(fleet, agreed)
    for name, source in (*_declared(fleet, agreed), *_built(builds), *_partly_known(builds, references)):
        untagged = name if ":" not in name.rpartition("/")[2] else name.rpartition(":")[0]
        sources[families.get(untagged, name)].append(source)
    found = (_publication(name, each) for name, each in sorted(sources.items()))
    return tuple(each for each in found if each is not None)


def _families(fleet: Fleet | None, agreed: Agreed) -> Mapping[str, str]:
    """Return the name of each family's image, registry and all, by that name and those of its aliases."""
    if fleet is None or not agreed.prefix:
        return {}
    return {
        f"{agreed.prefix}/{spelling}": f"{agreed.prefix}/{name}"
        for name, family in fleet.manifest.families.items()
        for spelling in (name, *family.aliases)
    }


def _declared(fleet: Fleet | None, agreed: Agreed) -> Iterator[tuple[str, _Source]]:
    if fleet is None:
        return
    for name, family in fleet.manifest.families.items():
        full = f"{agreed.prefix}/{name}" if agreed.prefix else name
        line = fleet.lines.get(f"families.{name}", SourceLocation(fleet.file))
        for path in family.dockerfiles:
            yield full, (path, line, frozenset())


def _built(builds: Iterable[Build]) -> Iterator[tuple[str, _Source]]:
    for build in builds:
        if build.dockerfile and build.origin is not BuildOrigin.DEFAULT:
            source = (build.dockerfile, build.location, frozenset(build.platforms))
            for tag in build.tags:
                parsed = parsed_or_none(tag)
                # A name of one part is one for the machine that builds.
                if parsed is not None and not parsed.name.startswith(OFFICIAL):
                    yield f"{parsed.name}:{parsed.tag or LATEST}", source


def _partly_known(builds: Sequence[Build], references: Iterable[Reference]) -> Iterator[tuple[str, _Source]]:
    """Yield names whose tags are not known, from places that build one Dockerfile only."""
    at: defaultdict[SourceLocation, set[str]] = defaultdict(set)
    platforms: dict[SourceLocation, frozenset[str]] = {}
    for build in builds:
        at[build.location].add(build.dockerfile)
        platforms[build.location] = frozenset(build.platforms)
    for each in references:
        place = next((place for place in (each.location, *each.related) if place in at), each.location)
        files = at.get(place, set())
        if each.publishes and "tag" in each.unknown and each.repository_name and len(files) == 1:
            (path,) = files
            if path:
                name = f"{each.repository_name}:{each.written.rpartition(':')[2]}"
                yield name, (path, each.location, platforms[place])


def _publication(name: str, sources: Sequence[_Source]) -> Publication | None:
    files = sorted({path for path, _, _ in sources})
    if len(files) < 2 or _are_for_other_platforms(sources):
        return None
    locations = sorted({location for _, location, _ in sources})
    return Publication(image=name, dockerfiles=tuple(files), locations=tuple(locations))


def _are_for_other_platforms(sources: Sequence[_Source]) -> bool:
    """Say whether no platform is served by two Dockerfiles."""
    by_file: defaultdict[str, set[str]] = defaultdict(set)
    for path, _, platforms in sources:
        if not platforms:
            return False
        by_file[path] |= platforms
    return len(frozenset().union(*by_file.values())) == sum(len(each) for each in by_file.values())
