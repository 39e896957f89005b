"""Whether each family is built on its parent, and each service on its family, as the manifest has it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from fleet_audit.audit.dockerfiles.references.agreed import Agreed, parsed_or_none
from fleet_audit.audit.dockerfiles.references.in_dockerfiles import SCRATCH, LineOf, bases_in_use
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.fleet import Family, Fleet
from fleet_audit.audit.model.references import Deviation, Drift, Reference, Standard

MAX_STEPS = 20
"""Images between a service and its family that are looked at."""


class _Link(NamedTuple):
    """What an image is to be built on: a family, or the image of others, for which a family may stand."""

    owner: str
    dockerfile: str
    family: str = ""
    upstream: str = ""
    target: str = ""
    is_service: bool = False


def broken_chains(
    repository: Repository, fleet: Fleet, builds: Iterable[Build], agreed: Agreed, line_of: LineOf
) -> Iterator[Drift]:
    """Yield the bases that are not what the manifest says, each once.

    A base is held to a family by the last part of its name alone; where it comes from is another question.
    Between a service and its family there may be images that the repository builds itself.
    """
    links = [*_of_families(fleet), *_of_services(fleet)]
    chains = _Chains(repository, builds, line_of)
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for link in links:
        owners[link.dockerfile].add(link.owner)
    for link in links:
        names = _names(link.family, fleet.manifest.families)
        for reference in chains.bases(link, is_only=len(owners[link.dockerfile]) == 1):
            if link.is_service and chains.leads_to(reference, frozenset(names)):
                continue
            drift = _held(reference, link, names, agreed)
            if drift is not None:
                yield drift


class _Chains:
    """What images of the repository start from, by the Dockerfiles that publish them."""

    def __init__(self, repository: Repository, builds: Iterable[Build], line_of: LineOf) -> None:
        self._repository = repository
        self._line_of = line_of
        self._by_file: defaultdict[str, list[Build]] = defaultdict(list)
        self._published: defaultdict[str, dict[tuple[str, str], None]] = defaultdict(dict)
        for build in builds:
            self._by_file[build.dockerfile].append(build)
            for tag in build.tags:
                parsed = parsed_or_none(tag)
                if parsed is not None:
                    self._published[parsed.name][build.dockerfile, build.target] = None

    def bases(self, link: _Link, *, is_only: bool) -> tuple[Reference, ...]:
        """Return what the Dockerfile of a link starts from; `is_only` where no other link has it."""
        return self._bases(
            link.dockerfile, link.target, _builds_for(link, self._by_file[link.dockerfile], is_only=is_only)
        )

    def _bases(self, path: str, target: str, builds: Sequence[Build]) -> tuple[Reference, ...]:
        dockerfile = self._repository.dockerfile(path) if path and self._repository.holds(path) else None
        if dockerfile is None:
            return ()
        return tuple(bases_in_use(path, dockerfile, builds, self._line_of, target))

    def leads_to(self, reference: Reference, images: frozenset[str]) -> bool:
        """Say whether an image that the repository builds starts, over some steps, from one called so."""
        pending, seen = [reference], {reference.repository_name}
        while pending and len(seen) <= MAX_STEPS:
            for path, target in self._published.get(pending.pop().repository_name, ()):
                for base in self._bases(path, target, self._by_file[path]):
                    if base.image in images:
                        return True
                    if base.repository_name not in seen:
                        seen.add(base.repository_name)
                        pending.append(base)
        return False


def _of_families(fleet: Fleet) -> Iterator[_Link]:
    for name, family in fleet.manifest.families.items():
        for path in family.dockerfiles:
            if family.parent is not None:
                parent = fleet.family_name(family.parent) or family.parent
                yield _Link(f"family {name}", path, parent, _upstream(parent, fleet))
            elif family.upstream:
                yield _Link(f"family {name}", path, upstream=family.upstream)


def _of_services(fleet: Fleet) -> Iterator[_Link]:
    for service in fleet.manifest.services:
        for path in service.dockerfiles:
            family = fleet.family_name(service.family) or service.family
            upstream = _upstream(family, fleet)
            yield _Link(f"service {service.name}", path, family, upstream, service.target, is_service=True)


def _upstream(name: str, fleet: Fleet) -> str:
    """Return the image of others that a family stands for; empty for families that are built."""
    family = fleet.manifest.families.get(name)
    is_of_others = family is not None and not family.dockerfiles and family.parent is None
    return family.upstream if family is not None and is_of_others else ""


def _builds_for(link: _Link, builds: Sequence[Build], *, is_only: bool) -> list[Build]:
    name = link.owner.partition(" ")[2]
    return [
        build
        for build in builds
        if name in (build.services if link.is_service else build.families)
        or (is_only and not build.services and not build.families)
    ]


def _held(reference: Reference, link: _Link, names: Sequence[str], agreed: Agreed) -> Drift | None:
    if reference.problem:
        return None
    if link.family and reference.image in names:
        return None
    if link.upstream:
        return _held_to_upstream(reference, link)
    if not reference.image:
        return None
    tag = next((agreed.usual_tags[name] for name in names if name in agreed.usual_tags), "")
    prefix = f"{agreed.written_prefix}/" if agreed.written_prefix else ""
    expected = f"{prefix}{link.family}:{tag}" if tag else f"{prefix}{link.family}"
    return _drift(reference, expected, f"{link.owner} is to be built on {link.family}")


def _names(family: str, families: Mapping[str, Family]) -> tuple[str, ...]:
    return (family, *(families[family].aliases if family in families else ()))


def _held_to_upstream(reference: Reference, link: _Link) -> Drift | None:
    wanted = parsed_or_none(link.upstream)
    if wanted is None or not (reference.repository_name or reference.image == SCRATCH):
        return None
    is_other = reference.repository_name != wanted.name
    is_other = is_other or _differs(reference, "tag", wanted.tag, reference.tag)
    is_other = is_other or _differs(reference, "digest", wanted.digest, reference.digest)
    detail = f"{link.owner} is to be built on {link.upstream}"
    return _drift(reference, link.upstream, detail) if is_other else None


def _differs(reference: Reference, part: str, wanted: str, given: str) -> bool:
    return bool(wanted) and part not in reference.unknown and given != wanted


def _drift(reference: Reference, expected: str, detail: str) -> Drift:
    return Drift(
        reference=reference,
        standard=Standard.FAMILY_CHAIN,
        deviation=Deviation.FAMILY_CHAIN,
        expected=expected,
        detail=detail,
    )
