"""In which parts references differ from what the fleet has agreed.

What a variable leaves open is not compared: a part that is not known never differs.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

from fleet_audit.audit.dockerfiles.references.agreed import (
    NEAR,
    Agreed,
    Canonical,
    consumed,
    is_local_name,
)
from fleet_audit.audit.dockerfiles.references.partly_known import is_placeholder
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Deviation, Drift, Reference, ReferenceKind, Standard, suffix

LATEST = "latest"
_FORM_OF_ITS_OWN = (ReferenceKind.COMPOSE, ReferenceKind.KUBERNETES, ReferenceKind.WORKFLOW)
"""Where nothing else says that a text is no reference: Dockerfiles are refused for it as a whole."""


def drifts(references: Sequence[Reference], agreed: Agreed) -> tuple[Drift, ...]:
    """Return what differs, at most once for each reference beside the digests, in order of places.

    A line that several services share, or several runs of a job, is told once for each way in which it
    differs.
    """
    found = [drift for each in references if (drift := _drift(each, agreed)) is not None]
    found += _digests(references)
    found.sort(key=lambda each: (each.reference.location, each.standard, each.expected))
    return tuple({_identity(each): each for each in reversed(found)}.values())[::-1]


def _identity(drift: Drift) -> tuple[SourceLocation, str, Standard, Deviation | None, str]:
    reference = drift.reference
    return reference.location, reference.written, drift.standard, drift.deviation, drift.expected


def _drift(reference: Reference, agreed: Agreed) -> Drift | None:
    if reference.problem:
        return _malformed(reference)
    if not reference.repository_name:
        return None
    if reference.kind is ReferenceKind.CACHE:
        return _cache_elsewhere(reference, agreed)
    same = [each for each in agreed.canonical if each.parsed.name == reference.repository_name]
    if same:
        held = [_from_canonical(reference, canonical) for canonical in same]
        return None if None in held else held[0]
    checks = (_misuse_of_cache, _elsewhere, _off_scheme, _unpublished, _moving)
    return next((drift for check in checks if (drift := check(reference, agreed)) is not None), None)


def _malformed(reference: Reference) -> Drift | None:
    if reference.kind not in _FORM_OF_ITS_OWN or is_placeholder(reference.written):
        return None
    lower = reference.written.lower()
    expected = lower if "small letters" in reference.problem and lower != reference.written else ""
    return Drift(reference=reference, standard=Standard.FORM, expected=expected, detail=reference.problem)


def _from_canonical(reference: Reference, canonical: Canonical) -> Drift | None:
    wanted = canonical.parsed
    deviation = None
    if wanted.tag and "tag" not in reference.unknown and reference.tag != wanted.tag:
        deviation = Deviation.TAG if reference.tag else Deviation.NO_TAG
    elif wanted.digest and "digest" not in reference.unknown and reference.digest != wanted.digest:
        deviation = Deviation.DIGEST
    return None if deviation is None else _canonical_drift(reference, canonical, deviation)


def _canonical_drift(
    reference: Reference, canonical: Canonical, deviation: Deviation, *, is_sure: bool = True
) -> Drift:
    return Drift(
        reference=reference,
        standard=Standard.CANONICAL,
        deviation=deviation,
        expected=canonical.written,
        is_sure=is_sure,
    )


def _misuse_of_cache(reference: Reference, agreed: Agreed) -> Drift | None:
    if reference.repository_name != agreed.cache:
        return None
    return Drift(reference=reference, standard=Standard.CACHE, deviation=Deviation.REPOSITORY)


def _cache_elsewhere(reference: Reference, agreed: Agreed) -> Drift | None:
    name = f"{reference.repository_name}/"
    if not agreed.cache or name.startswith(f"{agreed.cache}/"):
        return None
    has_tag = ":" in agreed.written_cache.rpartition("/")[2]
    return Drift(
        reference=reference,
        standard=Standard.CACHE,
        deviation=Deviation.REPOSITORY,
        expected=agreed.written_cache + ("" if has_tag else suffix(reference.tag, "")),
    )


def _elsewhere(reference: Reference, agreed: Agreed) -> Drift | None:
    """Return the drift of an image of the fleet that comes from somewhere else than agreed."""
    name = reference.repository_name
    if name in agreed.upstream or agreed.is_below_prefix(name):
        return None
    if is_local_name(reference) and _is_for_here(reference, agreed):
        return None
    for canonical in agreed.canonical:
        deviation = _astray(reference, canonical.parsed.registry, canonical.parsed.repository)
        if deviation is not None:
            is_sure = not is_local_name(reference)
            return _canonical_drift(reference, canonical, deviation, is_sure=is_sure)
    is_copy = reference.publishes and reference.location in agreed.published_well
    return _from_prefix(reference, agreed) if agreed.prefix and not is_copy else None


def _is_for_here(reference: Reference, agreed: Agreed) -> bool:
    """Say whether a name of one part is one that is given, and used, on the machine that builds."""
    is_on_this_machine = reference.kind in (ReferenceKind.COMPOSE, ReferenceKind.COMMAND)
    return reference.publishes or (is_on_this_machine and reference.repository_name in agreed.published)


def _astray(reference: Reference, registry: str, repository: str) -> Deviation | None:
    """Return in what a reference differs from the place of an image that it most likely means."""
    image = repository.rpartition("/")[2]
    if reference.image != image:
        return None
    if reference.repository == repository or (is_local_name(reference) and registry != "docker.io"):
        return Deviation.REGISTRY
    if reference.registry == registry and _is_near(reference.repository, repository):
        return Deviation.REPOSITORY
    return None


def _is_near(repository: str, wanted: str) -> bool:
    """Say whether a folder is left out, put in between, or misspelt in the path of an image."""
    given, agreed = repository.split("/")[:-1], wanted.split("/")[:-1]
    if not given or not agreed or {*given} <= {*agreed} or {*agreed} <= {*given}:
        return True
    folder, wanted_folder = "/".join(given), "/".join(agreed)
    if folder.startswith(wanted_folder) or wanted_folder.startswith(folder):
        return True
    return SequenceMatcher(None, folder, wanted_folder).ratio() >= NEAR


def _from_prefix(reference: Reference, agreed: Agreed) -> Drift | None:
    registry, _, path = agreed.prefix.partition("/")
    repository = f"{path}/{reference.image}" if path else reference.image
    deviation = None
    if reference.image in agreed.family_images:
        deviation = _astray(reference, registry, repository) or Deviation.PREFIX
    elif agreed.knows(reference.image) and not is_local_name(reference):
        deviation = _astray(reference, registry, repository)
    if deviation is None:
        return None
    expected = f"{agreed.written_prefix}/{reference.image}" + suffix(reference.tag, reference.digest)
    return Drift(
        reference=reference,
        standard=Standard.PREFIX,
        deviation=deviation,
        expected="" if {"tag", "digest"} & {*reference.unknown} else expected,
        detail=f"{agreed.written_prefix}/{reference.image}",
    )


def _off_scheme(reference: Reference, agreed: Agreed) -> Drift | None:
    """Return the drift of an image of the fleet whose tag has not the agreed form."""
    name = reference.repository_name
    if not (agreed.tag_pattern and agreed.is_below_prefix(name) and agreed.knows(reference.image)):
        return None
    deviation = None
    if reference.is_untagged:
        deviation = Deviation.NO_TAG
    elif reference.tag and not agreed.tag_fits(reference.tag):
        deviation = Deviation.TAG
    if deviation is None:
        return None
    tag = "" if reference.publishes else agreed.usual_tags.get(reference.image, "")
    return Drift(
        reference=reference,
        standard=Standard.TAG_SCHEME,
        deviation=deviation,
        expected=f"{agreed.written_prefix}/{reference.image}:{tag}" if tag else "",
        detail=agreed.tag_pattern,
    )


def _unpublished(reference: Reference, agreed: Agreed) -> Drift | None:
    """Return the drift of a reference to an image of the fleet that nothing here builds."""
    is_taken = not reference.publishes and reference.kind is not ReferenceKind.TEMPLATE
    is_known = agreed.knows(reference.image) or reference.repository_name in agreed.published
    if not is_taken or is_known or not agreed.is_below_prefix(reference.repository_name):
        return None
    near = agreed.nearest(reference.image)
    folder = reference.repository_name.rpartition("/")[0].replace(agreed.prefix, agreed.written_prefix, 1)
    return Drift(
        reference=reference,
        standard=Standard.PUBLISHED,
        deviation=Deviation.REPOSITORY,
        expected=f"{folder}/{near}" + suffix(reference.tag, reference.digest) if near else "",
        is_sure=not agreed.has_unknown_publications,
    )


def _moving(reference: Reference, agreed: Agreed) -> Drift | None:
    """Return the drift of a reference that means another image tomorrow: no tag, or ``latest``."""
    if reference.publishes or reference.kind is ReferenceKind.TEMPLATE:
        return None
    if reference.written in agreed.given_names:
        return None
    deviation = None
    if reference.is_untagged:
        deviation = Deviation.NO_TAG
    elif reference.tag == LATEST and not reference.digest and "digest" not in reference.unknown:
        deviation = Deviation.TAG
    if deviation is None:
        return None
    return Drift(
        reference=reference,
        standard=Standard.MOVING_TAG,
        deviation=deviation,
        expected=reference.near_stage,
    )


def _digests(references: Iterable[Reference]) -> Iterator[Drift]:
    """Yield the references whose tag has another digest in more, or in earlier, places."""
    by_tag: defaultdict[tuple[str, str], list[Reference]] = defaultdict(list)
    for each in consumed(references):
        if each.repository_name and each.tag and each.digest:
            by_tag[each.repository_name, each.tag].append(each)
    for (_, tag), group in sorted(by_tag.items()):
        group.sort(key=lambda each: each.location)
        counts = Counter(each.digest for each in group)
        digest = max(counts, key=lambda each: counts[each])
        first = next(each for each in group if each.digest == digest)
        for each in group:
            if each.digest != digest:
                yield Drift(
                    reference=each,
                    standard=Standard.DIGEST,
                    deviation=Deviation.DIGEST,
                    expected=each.written.partition(f":{tag}@")[0] + suffix(tag, digest),
                    detail=str(first.location),
                )
