"""With which archive an image is planned for: where packages come from, and whose keys count."""

import msgspec

from fleet_audit.audit.apt.archive.keyrings import Keyrings
from fleet_audit.audit.apt.archive.sources import (
    ArchiveSource,
    SourceOffers,
    choose_sources,
    configured_sources,
)
from fleet_audit.audit.apt.debian.architectures import debian_architecture
from fleet_audit.audit.images.tree import FileTree
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.fleet import AptSettings
from fleet_audit.audit.model.identity import Distro, Platform
from fleet_audit.audit.pipeline.placing import STAGE
from fleet_audit.audit.pipeline.shared import Shared


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
