"""What services bring along themselves, on top of their family's image."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, cached_property

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.closure import Closure, closure
from fleet_audit.audit.dockerfiles.addition.own_packages import own_packages
from fleet_audit.audit.images.tree import FileTree, FileUnreadable, normalise
from fleet_audit.audit.model.apt import Share
from fleet_audit.audit.model.elf import Declared, Resolution, Unknown
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.fleet import Service
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import Need, NeedKind
from fleet_audit.audit.pipeline.archives import ImageArchive
from fleet_audit.audit.pipeline.listed import shipping_packages
from fleet_audit.audit.pipeline.needs import Ask
from fleet_audit.audit.pipeline.others import Others

_DOCKERFILE_LIMIT = 1 << 20
_MAX_NAMED = 3


class Declaring:
    """Tells for each service of one image what its own Dockerfile, or its own image, supplies.

    The archive is asked only where something is missing and a service's Dockerfile installs packages.
    """

    def __init__(
        self,
        services: Iterable[Service],
        sources: FileTree | None,
        state: InstalledState | None,
        archive: ImageArchive,
        others: Others,
    ) -> None:
        """Take the services, where their Dockerfiles are, what the image has, and whom to ask."""
        self._services = {service.name: service for service in services} if sources is not None else {}
        self._sources = sources
        self._installed = () if state is None else state.records
        self._archive = archive
        self._own_image = cache(others.own_image)
        self._of_root: dict[str, frozenset[PackageName]] = {}

    def own_outcome(self, ask: Ask, service: str) -> Resolution:
        """Return what becomes of something that the image lacks, for one service."""
        if ask.kind not in (NeedKind.SONAME, NeedKind.PROGRAM) or service not in self._services:
            return ask.resolution
        answered = self._own_image(service)
        if answered is not None:
            is_there = (ask.kind, ask.name) in answered
            return Declared(f"{service}'s own image") if is_there else ask.resolution
        return self._by_dockerfile(ask, service)

    def _by_dockerfile(self, ask: Ask, service: str) -> Resolution:
        installs = self._installs[service]
        if not installs or not all(installs):
            return ask.resolution
        # A name alone says less than the archive, and is known without asking it.
        direct = shipping_packages(ask, self._archive.names()) - {r.name for r in self._installed}
        named = _first_lines(installs, lambda root: root in direct)
        if named:
            return Declared(named)
        index = self._archive.index()
        if index is None:
            line = next(iter(installs[0].values()))
            why = f"{line} installs packages; whether they bring it is not known without an index of them"
            return Unknown(why, GapKind.NO_ARCHIVE_INDEX)
        shipping = shipping_packages(ask, index)
        bringing = _first_lines(installs, lambda root: not shipping.isdisjoint(self._names(root, index)))
        return Declared(bringing) if bringing else ask.resolution

    def _names(self, root: str, index: ArchiveIndex) -> frozenset[PackageName]:
        if root not in self._of_root:
            self._of_root[root] = self._closure([root], index).names
        return self._of_root[root]

    def _closure(self, roots: Sequence[str], index: ArchiveIndex) -> Closure:
        native = (r for r in self._installed if r.package.architecture in (index.architecture, "all", ""))
        return closure(index.packages, [PackageName(root) for root in roots], installed=native)

    @cached_property
    def _installs(self) -> dict[str, tuple[dict[str, SourceLocation], ...]]:
        """Return what each Dockerfile of each service installs, and where."""
        return {name: tuple(self._in_dockerfiles(each)) for name, each in self._services.items()}

    def _in_dockerfiles(self, service: Service) -> Iterator[dict[str, SourceLocation]]:
        for path in service.dockerfiles:
            body = b""
            # One that cannot be read is told where it is asked what it copies.
            with suppress(FileUnreadable):
                if self._sources is not None:
                    body = self._sources.read(normalise(path), limit=_DOCKERFILE_LIMIT)
            found = own_packages(body.decode(errors="replace"), target=service.target)
            yield {
                self._archive.installed_as(name): SourceLocation(path, word.line)
                for name, word in sorted(found.items())
            }

    def common(self, needs: Iterable[Need], coming: Collection[str], index: ArchiveIndex) -> Iterator[Share]:
        """Yield what most of several services install themselves, and their family's image could bring.

        Packages that are there, or are `coming` with a plan, are none of them.
        """
        declared = [need for need in needs if isinstance(need.resolution, Declared)]
        for services, roots in sorted(self._shared_roots().items()):
            offered = [index.packages.get(root) for root in roots if root not in coming]
            pins = [package for package in offered if package is not None]
            brought = self._closure([package.name for package in pins], index)
            if not brought.chosen:
                continue
            yield Share(
                family="",
                roots=tuple(package.pin for package in pins),
                installed_bytes=brought.installed_bytes,
                why=self._why(services, roots),
                needs=dict(_answered(declared, brought, index)),
                is_option=True,
                separate_bytes=brought.installed_bytes * len(services),
            )

    def has_common(self) -> bool:
        """Say whether most of several services install the same."""
        return bool(self._shared_roots())

    def common_names(self) -> Iterator[str]:
        """Yield the same where no archive was asked: in words, without what it takes."""
        for services, roots in sorted(self._shared_roots().items()):
            yield f"{', '.join(roots)} could stand in the family's image: {self._why(services, roots)}"

    def _shared_roots(self) -> dict[tuple[str, ...], list[str]]:
        """Return the packages that more than half of several services install, by these services."""
        users: defaultdict[str, set[str]] = defaultdict(set)
        for service, installs in self._installs.items():
            for root in {root for each in installs for root in each}:
                users[root].add(service)
        able = sum(bool(installs) for installs in self._installs.values())
        groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        for root, services in sorted(users.items()):
            if len(services) > max(1, able / 2):
                groups[tuple(sorted(services))].append(root)
        return groups

    def _why(self, services: Sequence[str], roots: Sequence[str]) -> str:
        installs = [each for service in services for each in self._installs[service]]
        places = sorted({str(each[root]) for each in installs for root in roots if root in each})
        more = f" and {len(places) - _MAX_NAMED} more" if len(places) > _MAX_NAMED else ""
        of = len(self._services)
        return f"{len(services)} of {of} services install them: {', '.join(places[:_MAX_NAMED])}{more}"


def _first_lines(installs: Sequence[Mapping[str, SourceLocation]], is_bringing: Callable[[str], bool]) -> str:
    """Return the line of the first Dockerfile that brings something; empty unless each of them has one."""
    lines = [next((at for root, at in each.items() if is_bringing(root)), None) for each in installs]
    return "" if None in lines else str(lines[0])


def _answered(
    needs: Iterable[Need], brought: Closure, index: ArchiveIndex
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for need in needs:
        shipping = shipping_packages(need, index)
        pins = sorted(c.package.pin for c in brought.chosen if c.package.name in shipping)
        if pins:
            yield need.subject, tuple(pins)
