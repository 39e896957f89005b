"""References to images, written down as checks find them."""

from fleet_audit.audit.dockerfiles.references.partly_known import OPEN, Place, reference_at
from fleet_audit.audit.model.fleet import Family, Fleet, Manifest, Registry, Service
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Reference, ReferenceKind

PREFIX = "registry.example/acme"
TAG = "20261114-3f9c2ab"


def reference(
    text: str,
    *,
    line: int = 1,
    path: str = "compose.yaml",
    kind: ReferenceKind = ReferenceKind.COMPOSE,
    publishes: bool = False,
) -> Reference:
    """Return what stands at a line; ``?`` is a part that is not known."""
    place = Place(SourceLocation(path, line), kind, publishes=publishes)
    return reference_at(place, text.replace("?", OPEN))


def house(
    *canonical: str, tag_pattern: str = r"^\d{8}-[0-9a-f]{7,40}$", services: tuple[Service, ...] = ()
) -> Fleet:
    """Return a fleet of two families, one built on the other, below PREFIX."""
    families = {
        "base-python": Family(
            upstream="debian:bookworm-slim", dockerfiles=("docker/base-python/Dockerfile",)
        ),
        "family-web": Family(
            parent="base-python", aliases=("family-http",), dockerfiles=("docker/family-web/Dockerfile",)
        ),
    }
    registry = Registry(
        prefix=PREFIX,
        tag_pattern=tag_pattern,
        prev_suffix="-prev",
        cache_ref=f"{PREFIX}/cache",
        canonical=canonical,
    )
    return Fleet(Manifest(1, "house", families, services, registry), ".", "fleet.yaml")
