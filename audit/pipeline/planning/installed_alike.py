"""What most services of a family install themselves, and their family's image could bring once."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.planning.closure import Closure
from fleet_audit.audit.model.apt import Share
from fleet_audit.audit.model.elf import Declared
from fleet_audit.audit.model.need import Need
from fleet_audit.audit.pipeline.planning.listed import shipping_packages
from fleet_audit.audit.pipeline.planning.own_installs import OwnInstalls

_MAX_NAMED = 3

Alike = dict[tuple[str, ...], list[str]]
"""Packages, by the services that install them."""


def installed_alike(installs: OwnInstalls, coming: Collection[str] = ()) -> Alike:
    """Return the packages that more than half of several services with Dockerfiles install.

    Those that are `coming` with a plan for their family's image are none of them.
    """
    users: defaultdict[str, set[str]] = defaultdict(set)
    for service, dockerfiles in installs.of_each.items():
        for root in {root for each in dockerfiles for root in each if root not in coming}:
            users[root].add(service)
    able = sum(bool(dockerfiles) for dockerfiles in installs.of_each.values())
    groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for root, services in sorted(users.items()):
        if len(services) > max(1, able / 2):
            groups[tuple(sorted(services))].append(root)
    return dict(sorted(groups.items()))


def told_in_words(alike: Alike, installs: OwnInstalls) -> Iterator[str]:
    """Yield a sentence for each group of services, where what it takes is not known."""
    for services, roots in alike.items():
        yield f"{', '.join(roots)} could stand in the family's image: {_why(services, roots, installs)}"


def as_options(
    alike: Alike, installs: OwnInstalls, index: ArchiveIndex, *, family: str, needs: Iterable[Need]
) -> Iterator[Share]:
    """Yield what a family's image would get, and what it takes there and in the services' images together.

    `needs` that are declared are told where the packages answer them.
    """
    declared = [need for need in needs if isinstance(need.resolution, Declared)]
    for services, roots in alike.items():
        pins = [package for root in roots if (package := index.packages.get(root)) is not None]
        brought = installs.coming([package.name for package in pins], index)
        if brought.chosen:
            yield Share(
                family=family,
                roots=tuple(package.pin for package in pins),
                installed_bytes=brought.installed_bytes,
                why=_why(services, roots, installs),
                needs=dict(_answered(declared, brought, index)),
                is_option=True,
                separate_bytes=brought.installed_bytes * len(services),
            )


def _why(services: Sequence[str], roots: Sequence[str], installs: OwnInstalls) -> str:
    dockerfiles = [each for service in services for each in installs.of_each[service]]
    places = sorted({str(each[root]) for each in dockerfiles for root in roots if root in each})
    more = f" and {len(places) - _MAX_NAMED} more" if len(places) > _MAX_NAMED else ""
    what = "it" if len(roots) == 1 else "them"
    number = f"{len(services)} of {len(installs.services)} services"
    return f"{number} install {what} themselves: {', '.join(places[:_MAX_NAMED])}{more}"


def _answered(
    needs: Iterable[Need], brought: Closure, index: ArchiveIndex
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for need in needs:
        shipping = shipping_packages(need, index)
        pins = sorted(c.package.pin for c in brought.chosen if c.package.name in shipping)
        if pins:
            yield need.subject, tuple(pins)
