"""Which packages services install themselves, by their own Dockerfiles, on top of their family's image."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.closure import Closure, closure
from fleet_audit.audit.dockerfiles.addition.own_packages import own_packages
from fleet_audit.audit.images.tree import FileTree, FileUnreadable, normalise
from fleet_audit.audit.model.fleet import Service
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.location import SourceLocation

_LIMIT = 1 << 20

Installs = Mapping[str, SourceLocation]
"""The packages that one Dockerfile installs and keeps, and where it names them."""


class OwnInstalls:
    """What the Dockerfiles of services install, and what of it the image has not got.

    Dockerfiles are read when they are first asked for; one that cannot be read installs nothing that is
    known, which is told where it is asked what it copies.
    """

    def __init__(
        self,
        services: Iterable[Service],
        sources: FileTree | None,
        state: InstalledState | None,
        installed_as: Callable[[str], str] = str,
    ) -> None:
        """Take the services, where their Dockerfiles are, what the image has, and what names stand for."""
        self._installed_as = installed_as
        self._services = {} if sources is None else {service.name: service for service in services}
        self._sources = sources
        self._records = () if state is None else state.records

    @property
    def services(self) -> Collection[str]:
        """Return the services whose Dockerfiles may be read."""
        return self._services.keys()

    @cached_property
    def of_each(self) -> Mapping[str, tuple[Installs, ...]]:
        """Return what each Dockerfile of each service installs that the image has not got."""
        return {name: tuple(self._in_dockerfiles(each)) for name, each in self._services.items()}

    def coming(self, roots: Iterable[str], index: ArchiveIndex) -> Closure:
        """Return everything that comes into the image where `roots` are installed."""
        native = (r for r in self._records if r.package.architecture in (index.architecture, "all", ""))
        return closure(index.packages, [PackageName(root) for root in roots], installed=native)

    def _in_dockerfiles(self, service: Service) -> Iterator[Installs]:
        there = {record.name for record in self._records}
        for path in service.dockerfiles:
            found = own_packages(self._text(path), target=service.target)
            meant = {self._installed_as(name): word.line for name, word in sorted(found.items())}
            named = sorted((name, line) for name, line in meant.items() if name not in there)
            yield {name: SourceLocation(path, line) for name, line in named}

    def _text(self, path: str) -> str:
        body = b""
        with suppress(FileUnreadable):
            if self._sources is not None:
                body = self._sources.read(normalise(path), limit=_LIMIT)
        return body.decode(errors="replace")
