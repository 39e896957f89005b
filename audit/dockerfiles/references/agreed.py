"""What a fleet has agreed on its images: where they come from, their tags, references that stay as they are.

Source: the manifest's ``registry``, its families and its services (CONTRACT, ``fleet.yaml``).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property

from fleet_audit.audit.dockerfiles.language.reference import (
    ImageReference,
    ReferenceInvalid,
    parse_reference,
)
from fleet_audit.audit.model.fleet import Fleet, Manifest, Service
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Reference, ReferenceKind

MAX_NEAREST = 200
"""Names for which one of nearly the same spelling is sought; it takes a millisecond each."""

NEAR = 0.75
"""How alike two names are (difflib's ratio) of which one may be a misspelling of the other."""

OFFICIAL = "docker.io/library/"
_BELOW = "/0/0"
"""What makes a reference of a prefix, which may be a registry alone."""

_TRANSPORT = re.compile(r"(?:oci|oci-archive|docker-archive|dir|docker|podman|registry):(?=[A-Za-z./])")
_REMOTE = re.compile(r"(?:registry|docker|podman):(?=[A-Za-z])")
_THIS_MACHINE = ("localhost", "127.0.0.1")
_SEPARATORS = re.compile(r"[^a-z0-9]+")


class Canonical:
    """A reference that must be written exactly so, as the manifest has it and in its parts."""

    def __init__(self, written: str, parsed: ImageReference) -> None:
        """Take both forms."""
        self.written = written
        self.parsed = parsed
        self.image = parsed.repository.rpartition("/")[2]


class Agreed:
    """The agreement of one fleet; without one, nothing is agreed and nothing is an image of the fleet.

    `references` are those of the repository: what they publish is the fleet's as well. `is_complete` is
    false where something publishes images under names that are not known.
    """

    def __init__(
        self, fleet: Fleet | None, references: Sequence[Reference], *, is_complete: bool = True
    ) -> None:
        """Take the fleet and all references."""
        self._is_complete = is_complete
        self._fleet = fleet
        self._registry = None if fleet is None else fleet.manifest.registry
        self._references = references
        self._nearest: dict[str, str] = {}
        self._published = [each for each in references if each.publishes]

    @cached_property
    def prefix(self) -> str:
        """Return where the fleet's images come from, the registry in full; empty where nothing is agreed."""
        parsed = parsed_or_none(self.written_prefix + _BELOW) if self.written_prefix else None
        return "" if parsed is None else parsed.name.removesuffix(_BELOW)

    @cached_property
    def written_prefix(self) -> str:
        """Return the prefix as the manifest has it."""
        return "" if self._registry is None else self._registry.prefix.strip("/")

    @cached_property
    def canonical(self) -> tuple[Canonical, ...]:
        """Return the references that must match exactly; what is none is left out."""
        written = () if self._registry is None else self._registry.canonical
        return tuple(
            Canonical(each, parsed) for each in written if (parsed := parsed_or_none(each)) is not None
        )

    @cached_property
    def cache(self) -> str:
        """Return the name where builds keep their cache; empty where there is none."""
        parsed = parsed_or_none("" if self._registry is None else self._registry.cache_ref)
        return "" if parsed is None else parsed.name

    @property
    def written_cache(self) -> str:
        """Return where builds keep their cache as the manifest has it."""
        return "" if self._registry is None else self._registry.cache_ref

    @cached_property
    def family_images(self) -> frozenset[str]:
        """Return the names and aliases of families, which are the last parts of their images' names."""
        families = {} if self._fleet is None else self._fleet.manifest.families
        aliases = (alias for family in families.values() for alias in family.aliases)
        return frozenset((*families, *aliases))

    @cached_property
    def upstream(self) -> frozenset[str]:
        """Return the names of images that families start from: those of others, whatever they are called."""
        families = {} if self._fleet is None else self._fleet.manifest.families
        parsed = (parsed_or_none(family.upstream) for family in families.values())
        return frozenset(each.name for each in parsed if each is not None)

    @cached_property
    def published(self) -> frozenset[str]:
        """Return the names, registry and repository, under which the repository publishes images."""
        own = (_service_image(service) for service in self._services)
        return frozenset(
            (*(each.repository_name for each in self._published if each.repository_name), *filter(None, own))
        )

    @cached_property
    def published_images(self) -> frozenset[str]:
        """Return the last parts of the names that are published below the prefix."""
        return frozenset(name.rpartition("/")[2] for name in self.published if self.is_below_prefix(name))

    @cached_property
    def given_names(self) -> frozenset[str]:
        """Return the texts by which the repository calls what it builds, as they are written."""
        return frozenset(each.written for each in self._published)

    @cached_property
    def known_images(self) -> frozenset[str]:
        """Return the last parts of the names of all images of the fleet."""
        return self.family_images | self.published_images | {each.image for each in self.canonical}

    @cached_property
    def has_unknown_publications(self) -> bool:
        """Say whether the repository publishes images whose names are not known."""
        return not self._is_complete or any(not each.image and not each.problem for each in self._published)

    @property
    def _services(self) -> tuple[Service, ...]:
        return () if self._fleet is None else self._fleet.manifest.services

    @cached_property
    def _service_names(self) -> frozenset[str]:
        folders = (path.split("/")[:-1] for each in self._services for path in each.dockerfiles)
        names = (*(each.name for each in self._services), *(parts[-1] for parts in folders if parts))
        return frozenset(_folded(name) for name in names)

    def nearest(self, image: str) -> str:
        """Return the image of the fleet whose name is spelt nearly so; empty where none is.

        Of hostile numbers of names, only the first MAX_NEAREST are looked at.
        """
        if image not in self._nearest and len(self._nearest) < MAX_NEAREST:
            found = get_close_matches(image[:100], sorted(self.known_images), n=1, cutoff=NEAR)
            self._nearest[image] = found[0] if found else ""
        return self._nearest.get(image, "")

    def is_below_prefix(self, name: str) -> bool:
        """Say whether a name, registry and repository, lies where the fleet's images come from."""
        return bool(self.prefix) and name.startswith(f"{self.prefix}/")

    def knows(self, image: str) -> bool:
        """Say whether an image of the fleet is called so; a service's may be spelt in any way."""
        return image in self.known_images or _folded(image) in self._service_names

    def tag_fits(self, tag: str) -> bool:
        """Say whether a tag has the agreed form, also with the suffix of the version before (``-prev``)."""
        if self._registry is None or not self._registry.tag_pattern:
            return True
        stem = tag.removesuffix(self._previous)
        return re.search(self._registry.tag_pattern, stem) is not None

    @property
    def _previous(self) -> str:
        return "" if self._registry is None else self._registry.prev_suffix

    @property
    def tag_pattern(self) -> str:
        """Return the agreed form of tags; empty where there is none."""
        return "" if self._registry is None else self._registry.tag_pattern

    @cached_property
    def usual_tags(self) -> Mapping[str, str]:
        """Return the tag of the agreed form that is most in use for each image below the prefix.

        That of a version before (``-prev``) is none to write.
        """
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for each in consumed(self._references):
            is_older = self._previous != "" and each.tag.endswith(self._previous)
            is_fitting = self.is_below_prefix(each.repository_name) and self.tag_fits(each.tag)
            if each.tag and is_fitting and not is_older:
                counts[each.image][each.tag] += 1
        return {image: max(found, key=lambda tag: (found[tag], tag)) for image, found in counts.items()}

    @cached_property
    def published_well(self) -> frozenset[SourceLocation]:
        """Return the places that publish an image below the prefix, whatever other names they give it."""
        return frozenset(
            each.location for each in self._published if self.is_below_prefix(each.repository_name)
        )


def misspelt_agreements(manifest: Manifest) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what the manifest says of images and is no reference, with the path of the value."""
    registry = manifest.registry
    written: list[tuple[tuple[str | int, ...], str]] = [
        (("registry", "canonical", at), each) for at, each in enumerate(registry.canonical)
    ]
    written += [
        (("families", name, "upstream"), family.upstream) for name, family in manifest.families.items()
    ]
    written.append((("registry", "cache_ref"), registry.cache_ref))
    yield from ((path, each) for path, each in written if each and parsed_or_none(each) is None)
    prefix = registry.prefix.strip("/")
    if prefix and parsed_or_none(prefix + _BELOW) is None:
        yield ("registry", "prefix"), registry.prefix


def parsed_or_none(text: str) -> ImageReference | None:
    """Return what a reference says; None where the text is none."""
    try:
        return parse_reference(text)
    except ReferenceInvalid:
        return None


def is_local_name(reference: Reference) -> bool:
    """Say whether a name is one that a build on the same machine may have given.

    It has one part only, or names a registry of this machine.
    """
    if reference.registry.partition(":")[0] in _THIS_MACHINE:
        return True
    return reference.repository_name.startswith(OFFICIAL) and "/" not in reference.written


def consumed(references: Iterable[Reference]) -> Iterator[Reference]:
    """Yield the references that take an image, without those of templates."""
    for each in references:
        if not each.publishes and each.kind not in (ReferenceKind.TEMPLATE, ReferenceKind.CACHE):
            yield each


def _service_image(service: Service) -> str:
    image = service.image or ""
    if _TRANSPORT.match(image) and not _REMOTE.match(image):
        return ""
    parsed = parsed_or_none(_REMOTE.sub("", image, count=1))
    return "" if parsed is None else parsed.name


def _folded(name: str) -> str:
    return _SEPARATORS.sub("", name.lower())
