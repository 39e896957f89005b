"""What services bring along themselves, on top of their family's image, and so do not miss there."""

from functools import cache

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.planning.closure import Closure
from fleet_audit.audit.model.elf import Declared, Resolution, Unknown
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import NeedKind
from fleet_audit.audit.pipeline.needs.needs import Ask
from fleet_audit.audit.pipeline.planning.archives import ImageArchive
from fleet_audit.audit.pipeline.planning.listed import shipping_packages
from fleet_audit.audit.pipeline.planning.others import Others
from fleet_audit.audit.pipeline.planning.own_installs import Installs, OwnInstalls


class Declaring:
    """Tells for each service of one image what its own image, or else its own Dockerfile, supplies.

    The archive is asked only where something is missing and a service's Dockerfile installs packages.
    """

    def __init__(self, installs: OwnInstalls, archive: ImageArchive, others: Others) -> None:
        """Take what Dockerfiles install, and whom to ask."""
        self._installs = installs
        self._archive = archive
        self._own_image = cache(others.own_image)
        self._closures: dict[tuple[str, ...], Closure] = {}

    def own_outcome(self, ask: Ask, service: str) -> Resolution:
        """Return what becomes of something that the image lacks, for one service.

        Of several Dockerfiles of a service each has to bring it. Where the archive cannot be asked, a package
        counts only for what it ships itself, as far as the index that comes along knows that; for the rest
        it is unknown whether the packages bring it.
        """
        is_asked_of_packages = ask.kind in (NeedKind.SONAME, NeedKind.PROGRAM)
        if not is_asked_of_packages or service not in self._installs.services:
            return ask.resolution
        answered = self._own_image(service)
        if answered is not None:
            is_there = (ask.kind, ask.name) in answered
            return Declared(f"{service}'s own image") if is_there else ask.resolution
        installs = self._installs.of_each[service]
        if not installs or not all(installs):
            return ask.resolution
        return self._by_dockerfiles(ask, installs)

    def _by_dockerfiles(self, ask: Ask, installs: tuple[Installs, ...]) -> Resolution:
        # A name alone says less than the archive, and is known without asking it.
        shipping = shipping_packages(ask, self._archive.names())
        named = [next((at for root, at in each.items() if root in shipping), None) for each in installs]
        if None not in named:
            return Declared(str(named[0]))
        index = self._archive.index()
        if index is None:
            first = next(iter(installs[0].values()))
            why = f"{first} installs packages; whether they bring it is not known without an index of them"
            return Unknown(why, GapKind.NO_ARCHIVE_INDEX)
        brought = [self._line(ask, each, index) for each in installs]
        return ask.resolution if None in brought else Declared(str(brought[0]))

    def _line(self, ask: Ask, installs: Installs, index: ArchiveIndex) -> SourceLocation | None:
        """Return the line with the package that brings something, by itself or with its dependencies."""
        roots = tuple(installs)
        if roots not in self._closures:
            self._closures[roots] = self._installs.coming(roots, index)
        complete = self._closures[roots]
        names = sorted(complete.names & shipping_packages(ask, index))
        return installs.get(complete.chain_to(names[0])[0]) if names else None
