"""Makes one component of all that is said of it, and one inventory of components and links."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from fleet_audit.audit.model.identity import Digest, Purl
from fleet_audit.audit.model.inventory import Component, Link
from fleet_audit.audit.sbom.canonical import SYSTEMS, purl_type, system_of
from fleet_audit.audit.sbom.package_set import package_set_digest

_SCALARS = (
    "version",
    "purl",
    "source_name",
    "source_version",
    "architecture",
    "supplier",
    "origin",
    "layer",
    "bundled_in",
)
_MAX_EVIDENCE = 20
_NOT_INSTALLED = frozenset({"docker", "generic", "github", "oci"})
"""Types of purls of what no package manager has put there: images, and guesses at single files."""


def united(components: Iterable[Component]) -> tuple[Component, ...]:
    """Return one component for each ref, sorted by ref; what is said first counts where two disagree.

    Nothing that only one of them says is lost, and uniting what was united changes nothing.
    """
    by_ref: dict[str, Component] = {}
    for component in components:
        known = by_ref.get(component.ref)
        by_ref[component.ref] = component if known is None else _both(known, component)
    return tuple(_ordered(by_ref[ref]) for ref in sorted(by_ref))


def _both(first: Component, second: Component) -> Component:
    scalars = {name: getattr(first, name) or getattr(second, name) for name in _SCALARS}
    return msgspec.structs.replace(
        first,
        **scalars,
        licenses=(*first.licenses, *second.licenses),
        sightings=(*first.sightings, *second.sightings),
        found_by=(*first.found_by, *second.found_by),
        hashes={**second.hashes, **first.hashes},
        cpes=(*first.cpes, *second.cpes),
        properties=(*first.properties, *second.properties),
    )


def _ordered(component: Component) -> Component:
    return msgspec.structs.replace(
        component,
        licenses=tuple(sorted(set(component.licenses))),
        sightings=tuple(sorted(set(component.sightings), key=lambda s: (s.path, s.technique, s.layer or ""))),
        found_by=tuple(sorted(set(component.found_by))),
        hashes=dict(sorted(component.hashes.items())),
        cpes=tuple(sorted(set(component.cpes))),
        properties=tuple(sorted(set(component.properties))),
    )


def united_links(links: Iterable[Link], refs: Iterable[str]) -> tuple[Link, ...]:
    """Return the links among `refs`, each source, target and way once, with all that was seen of it.

    Of evidence, which files by the hundred may give, the first twenty by name are kept.
    """
    known = set(refs)
    found: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for link in links:
        if link.source in known and link.target in known and link.source != link.target:
            found[link.source, link.target, link.how].update(link.evidence)
    return tuple(
        Link(*key, evidence=tuple(sorted(evidence)[:_MAX_EVIDENCE]))
        for key, evidence in sorted(found.items())
    )


def installed_purls(components: Iterable[Component]) -> tuple[Purl, ...]:
    """Return the purls of what package managers installed: neither bundled in a package nor guessed."""
    return tuple(
        component.purl
        for component in components
        if component.purl is not None and not component.bundled_in and is_installed(component.purl)
    )


def is_installed(purl: Purl) -> bool:
    """Say whether a canonical URL is of what a package manager installs, by what it says itself."""
    kind = purl_type(purl)
    return kind not in _NOT_INSTALLED and (kind not in SYSTEMS or bool(system_of(purl)))


def package_set_of(components: Iterable[Component]) -> Digest | None:
    """Return the digest of a set of packages (see `package_set_digest`); None where there is none."""
    purls = installed_purls(components)
    return package_set_digest(purls) if purls else None
