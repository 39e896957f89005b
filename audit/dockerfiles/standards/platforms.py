"""The platforms that images are to be for, and those that something makes them for.

Rules: Dockerfile reference, ``FROM --platform``; OCI image specification, image-index.md; docker buildx build
--platform.
"""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.dockerfiles.standards.images import MadeImage, Role
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.standards import Observed, Platforms


def platforms(image: MadeImage, wanted: Sequence[str], built: Sequence[str]) -> Iterator[Observed]:
    """Yield what does not make an image for all platforms that the manifest wants; `built` are those it has.

    Builds that name no platform, and a FROM whose platform is a variable, fix none.
    """
    if not wanted or image.role is Role.OTHER:
        return
    if built:
        yield _observed(image, "image", wanted, built, image.manifest_line or image.line)
    for build in image.builds:
        if build.platforms and build.pushes and not any("$" in each for each in build.platforms):
            yield _observed(image, "build", wanted, build.platforms, build.location)
    for each in image.use.lineage:
        if each.platform and "$" not in each.platform:
            place = SourceLocation(image.use.path, each.line)
            yield _observed(image, "dockerfile", wanted, (each.platform,), place)


def _observed(
    image: MadeImage, source: str, wanted: Sequence[str], found: Sequence[str], place: SourceLocation
) -> Observed:
    record = Platforms(
        image=image.name,
        role=image.role,
        source=source,
        wanted=tuple(wanted),
        found=tuple(found),
        missing=tuple(each for each in wanted if not any(_fits(each, other) for other in found)),
        services=image.services,
    )
    return Observed(record, f"image:{image.name}#{source}", location=place)


def _fits(wanted: str, found: str) -> bool:
    """Say whether a platform is what is wanted; one without a variant stands for any."""
    return wanted == found or found.startswith(f"{wanted}/") or wanted.startswith(f"{found}/")
