"""The subjects of what a manifest promises of an image's contents: its system, packages, distributions."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

import msgspec
from packaging.requirements import InvalidRequirement, Requirement

from fleet_audit.audit.model.fleet import Family
from fleet_audit.audit.model.identity import Distro, distribution_name
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.facts import Subject, SubjectKind
from fleet_audit.audit.policy.promise_facts import PromiseFacts

_BETWEEN = re.compile(r"[^0-9a-z.]+")


class Contents(msgspec.Struct, frozen=True):
    """What an image has: its system, and all components that were found in it."""

    distro: Distro
    components: tuple[Component, ...] = ()


def promise_subjects(
    promised: Family, contents: Contents, image: PromiseFacts, location: SourceLocation | None = None
) -> Iterator[Subject]:
    """Yield one subject for each promise of a family, in the order of its keys and words.

    `image` says whose image it is; `location` is where the manifest promises.
    """
    for facts in _facts(promised, contents):
        whole = msgspec.structs.replace(
            facts, image=image.image, family=image.family, services=image.services
        )
        name = f"promise:{image.image}/{facts.key}/{facts.wanted}"
        yield Subject(SubjectKind.PROMISE, whole, name, location=location)


def _facts(promised: Family, contents: Contents) -> Iterator[PromiseFacts]:
    if promised.os:
        yield _system(promised.os, contents.distro)
    packages = dict(_versions(contents.components, "deb"))
    for wanted in promised.must_contain_apt:
        name, _, version = wanted.partition("=")
        found = packages.get(name, "")
        yield PromiseFacts("must_contain_apt", wanted, found, bool(found) and version in ("", found))
    distributions = dict(_versions(contents.components, "pypi"))
    for wanted in promised.must_contain_pip:
        yield _distribution(wanted, distributions)


def _system(wanted: str, distro: Distro) -> PromiseFacts:
    found = " ".join(part for part in (distro.id, distro.version) if part)
    names = {_plain(distro.id + distro.version), _plain(distro.id), _plain(distro.codename)} - {""}
    return PromiseFacts("os", wanted, found, _plain(wanted) in names)


def _plain(text: str) -> str:
    """Return a system's name as it is compared: ``Debian:12``, ``debian-12`` and ``debian12`` are one."""
    return _BETWEEN.sub("", text.lower())


def _distribution(wanted: str, distributions: dict[str, str]) -> PromiseFacts:
    try:
        requirement = Requirement(wanted)
    except InvalidRequirement:
        return PromiseFacts("must_contain_pip", wanted)
    found = distributions.get(distribution_name(requirement.name), "")
    is_kept = bool(found) and requirement.specifier.contains(found, prereleases=True)
    return PromiseFacts("must_contain_pip", wanted, found, is_kept)


def _versions(components: Iterable[Component], kind: str) -> Iterator[tuple[str, str]]:
    """Yield the names and versions of components with package URLs of one type."""
    for component in components:
        if component.purl is not None and component.purl.startswith(f"pkg:{kind}/"):
            name = unquote(component.purl.partition("?")[0].rpartition("/")[2].partition("@")[0])
            yield name, component.version
