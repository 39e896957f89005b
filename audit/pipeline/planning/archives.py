"""With which archive an image is planned for: where packages come from, and whose keys count."""

import shlex
from collections.abc import Iterable
from functools import cached_property

import msgspec

from fleet_audit.audit.apt.archive.index import ArchiveIndex, IndexUnavailable
from fleet_audit.audit.apt.archive.keyrings import Keyrings
from fleet_audit.audit.apt.archive.prebuilt import PrebuiltIndex, prebuilt_index
from fleet_audit.audit.apt.archive.sources import (
    ArchiveSource,
    SourceOffers,
    choose_sources,
    configured_sources,
    is_snapshot_date,
)
from fleet_audit.audit.apt.debian.architectures import debian_architecture
from fleet_audit.audit.images.open import Image
from fleet_audit.audit.images.tree import FileTree
from fleet_audit.audit.model.apt import Hint
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.fleet import AptSettings
from fleet_audit.audit.model.identity import Distro, Platform
from fleet_audit.audit.model.need import Need
from fleet_audit.audit.pipeline.planning.listed import Shipping, shipping_packages
from fleet_audit.audit.pipeline.planning.placing import STAGE
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject


class ArchiveRequest(msgspec.Struct, frozen=True):
    """What is asked of an archive: for which distribution and Debian architecture, where, with which keys.

    `gaps` tell what of an image's own sources could not be read.
    """

    distro: Distro
    architecture: str
    sources: tuple[ArchiveSource, ...]
    keyrings: Keyrings
    gaps: tuple[Gap, ...] = ()


def archive_request(  # noqa: PLR0913  (each says where packages come from)
    name: str,
    distro: Distro,
    platform: Platform,
    shared: Shared,
    *,
    manifest: AptSettings,
    tree: FileTree | None,
) -> ArchiveRequest | Gap:
    """Return what to ask an archive for an image, or without its `tree` for any image of a distribution.

    `name` is the subject's, for a Gap where Debian has no architecture for the platform.
    """
    architecture = debian_architecture(platform)
    if architecture is None:
        why = f"Debian has no architecture for {platform}"
        return Gap(STAGE, GapKind.UNSUPPORTED_PLATFORM, name, why)
    own = None if tree is None else configured_sources(tree)
    offers = SourceOffers(
        asked_for=shared.settings.snapshot,
        environment=" ".join(shared.settings.archives),
        manifest=manifest.sources,
        snapshot=manifest.snapshot or "",
        image=() if own is None else own.sources,
        machine=shared.machine_sources,
    )
    image = () if tree is None else (("the image", tree),)
    return ArchiveRequest(
        distro=distro,
        architecture=architecture,
        sources=choose_sources(distro, architecture, offers),
        keyrings=Keyrings((*image, ("this machine", shared.machine)), distro.id),
        gaps=() if own is None else own.gaps,
    )


class ImageArchive:
    """The archive that one image is planned with: asked once, when it is first needed.

    Where it cannot be had, the index that comes along for the image's release, if there is one, knows names.
    What could not be found out on the way goes to the `gaps` that it was given.
    """

    def __init__(self, subject: Subject, image: Image, shared: Shared, gaps: list[Gap]) -> None:
        """Take the image, what the run shares, and where gaps are told."""
        self._subject = subject
        self._image = image
        self._shared = shared
        self._gaps = gaps

    def index(self) -> ArchiveIndex | None:
        """Return the archive to plan with; None where none can be had, which is a gap."""
        answer = self._answer
        if isinstance(answer, Gap):
            self._gaps.append(answer)
            return None
        return answer

    def index_if_any(self) -> ArchiveIndex | None:
        """Return the same for what nothing hangs on: that none can be had is no gap."""
        return self._answer if isinstance(self._answer, ArchiveIndex) else None

    def sonames(self) -> Iterable[str]:
        """Return every soname that is known to be shipped; a gap where nothing is known."""
        if isinstance(self._answer, ArchiveIndex):
            return self._answer.sonames
        if self._prebuilt is not None:
            return self._prebuilt.names.sonames
        self._gaps.append(self._answer)
        return ()

    def installed_as(self, name: str) -> str:
        """Return the package that apt-get takes for a name: another one that provides an old name."""
        return self._shared.knowledge.installed_as(name, self._image.identity.distro.codename)

    def names(self) -> Shipping | None:
        """Return who ships what by name as far as that is known without asking an archive."""
        return None if self._prebuilt is None else self._prebuilt.names

    def hints(self, needs: Iterable[Need]) -> tuple[Hint, ...]:
        """Return which packages ship what is needed, as far as the index that comes along knows."""
        if self._prebuilt is None:
            return ()
        found = ((need.subject, shipping_packages(need, self._prebuilt.names)) for need in needs)
        hints = (
            Hint(subject, tuple(sorted(packages)), self._prebuilt.label)
            for subject, packages in found
            if packages
        )
        return tuple(sorted(set(hints), key=lambda hint: hint.need))

    @cached_property
    def _answer(self) -> ArchiveIndex | Gap:
        identity = self._image.identity
        request = archive_request(
            self._subject.name,
            identity.distro,
            identity.ref.platform,
            self._shared,
            manifest=self._subject.settings.apt,
            tree=self._image.tree,
        )
        if isinstance(request, Gap):
            return request
        self._gaps.extend(request.gaps)
        try:
            index = self._asked(request)
        except IndexUnavailable as error:
            return self._without(error, request)
        self._gaps.extend(index.gaps)
        return index

    def _asked(self, request: ArchiveRequest) -> ArchiveIndex:
        archive, key = self._shared.archive, self._shared.settings.snapshot
        if key and not is_snapshot_date(key):
            return archive.repeated(request.distro, request.architecture, key)
        return archive.index(request.distro, request.architecture, request.sources, request.keyrings)

    def _without(self, error: IndexUnavailable, request: ArchiveRequest) -> Gap:
        why, command = str(error), ""
        if self._prebuilt is not None:
            why += f"; names alone are known from the index that comes along ({self._prebuilt.label})"
        if error.may_be_had:
            has_address = bool(request.sources)
            command = update_command(self._subject, self._shared.settings, has_address=has_address)
        return Gap(STAGE, GapKind.NO_ARCHIVE_INDEX, self._subject.name, why, command=command)

    @cached_property
    def _prebuilt(self) -> PrebuiltIndex | None:
        identity = self._image.identity
        architecture = debian_architecture(identity.ref.platform)
        return None if architecture is None else prebuilt_index(identity.distro, architecture)


def update_command(subject: Subject, settings: Settings, *, has_address: bool) -> str:
    """Return the command that reads the archive which this subject is planned with, as a shell takes it.

    Where no address is known, it has ADDRESS in its place.
    """
    name = subject.name if subject.family is not None else subject.image or subject.name
    words = ["fleet-audit", "index", "update", name]
    if subject.is_image_given and subject.family is not None and subject.image is not None:
        words += ["--image", subject.image]
    words += settings.typed
    if not has_address:
        words += ["--archive", "ADDRESS"]
    return shlex.join(words)
