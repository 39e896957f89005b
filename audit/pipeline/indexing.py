"""Reads the archives that plans are made with ahead of time, and tells which states of them are kept."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.apt.archive.index import ArchiveIndex, IndexUnavailable
from fleet_audit.audit.apt.archive.prebuilt import (
    PrebuiltNames,
    file_name,
    packed,
    prebuilt_archives,
)
from fleet_audit.audit.apt.archive.sources import release_names, released
from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.archives import ArchiveAnswer, IndexReport, KeptArchive
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.fleet import AptSettings
from fleet_audit.audit.model.identity import Distro, Platform
from fleet_audit.audit.pipeline.planning.archives import ArchiveRequest, archive_request
from fleet_audit.audit.pipeline.planning.placing import STAGE
from fleet_audit.audit.pipeline.run.scene import missing_image, open_scene
from fleet_audit.audit.pipeline.run.shared import ARCHIVES, Shared
from fleet_audit.audit.pipeline.run.subject import Subject

_SUBJECT = "package archives"
_EXPORTED = (Platform("linux", "amd64"), Platform("linux", "arm64"))


def kept_archives(shared: Shared) -> IndexReport:
    """Return every state of an archive that is kept, and the indexes that come along; no archive is asked."""
    report = _report(shared, [ArchiveAnswer(known) for known in shared.archive.kept()])
    notes = tuple(_notes(report.answers))
    return msgspec.structs.replace(report, notes=notes, shipped=prebuilt_archives())


def _notes(answers: Sequence[ArchiveAnswer]) -> Iterator[str]:
    if not answers:
        yield "nothing is kept yet; `fleet-audit index update` reads what deps plans with"
    if any(suite.doubt for answer in answers for suite in answer.archive.suites):
        yield "what is doubtful was so when it was read; `fleet-audit index update` checks what is there now"


def releases(names: Iterable[str]) -> tuple[Distro, ...]:
    """Return the releases with these codenames; raises UsageError with all that are not known."""
    found = {name: released(name) for name in names}
    if unknown := [name for name, distro in found.items() if distro is None]:
        known = ", ".join(release_names())
        raise UsageError(f"--suite {', '.join(unknown)}: no release of Debian or Ubuntu; known are {known}")
    return tuple(distro for distro in found.values() if distro is not None)


def updated_archives(subjects: Sequence[Subject], distros: Sequence[Distro], shared: Shared) -> IndexReport:
    """Read the archives that `deps` would plan with, for images and for releases, where they have changed.

    What cannot be had is a blocking gap, and the state that was kept before stays. Raises ImageError where an
    image that is named cannot be opened.
    """
    before = {known.key for known in shared.archive.kept()}
    gaps: list[Gap] = []
    found: dict[str, ArchiveAnswer] = {}
    for name, answer in _updated(subjects, distros, shared):
        if isinstance(answer, Gap):
            gaps.append(answer)
            continue
        known = found.get(answer.key)
        names = (name,) if known is None else (*known.asked_for, name)
        found[answer.key] = ArchiveAnswer(answer, names, is_new=answer.key not in before)
    return _report(shared, found.values(), gaps)


def exported_indexes(distros: Iterable[Distro], shared: Shared) -> Iterator[tuple[str, bytes]]:
    """Yield a file's name and its bytes for each release: the index of its names that comes with fleet-audit.

    Raises IndexUnavailable also where an archive is not proved by its signatures.
    """
    made = shared.settings.created.partition("T")[0]
    for distro in distros:
        read = (_proved(distro, platform, shared) for platform in _EXPORTED)
        names = {index.architecture: _names(index) for index in read}
        yield file_name(distro), packed(distro, made, names)


def _names(index: ArchiveIndex) -> PrebuiltNames:
    # The digests of the Releases say what was read; from which mirror, and with whose keyring, is no matter.
    known = () if index.known is None else index.known.suites
    suites = tuple(msgspec.structs.replace(suite, archive="", keys="") for suite in known)
    lacking = () if index.known is None else index.known.lacking
    return PrebuiltNames(
        suites, index.sonames, index.programs, tuple(place.partition(" at ")[0] for place in lacking)
    )


def _proved(distro: Distro, platform: Platform, shared: Shared) -> ArchiveIndex:
    request = archive_request(distro.codename, distro, platform, shared, manifest=AptSettings(), tree=None)
    if isinstance(request, Gap):
        raise IndexUnavailable(distro, request.why, "choose another platform")
    index = shared.archive.update(request.distro, request.architecture, request.sources, request.keyrings)
    if not index.is_verified:
        why = "; ".join(f"{gap.what}: {gap.why}" for gap in index.gaps)
        raise IndexUnavailable(distro, why, "what comes along with fleet-audit has to be proved")
    return index


def _updated(
    subjects: Sequence[Subject], distros: Sequence[Distro], shared: Shared
) -> Iterator[tuple[str, KeptArchive | Gap]]:
    for subject in subjects:
        yield from ((subject.name, answer) for answer in _for_image(subject, shared))
    for distro in distros:
        platform = shared.settings.platform
        request = archive_request(
            distro.codename, distro, platform, shared, manifest=AptSettings(), tree=None
        )
        yield from ((distro.codename, answer) for answer in _asked(distro.codename, request, shared))


def _for_image(subject: Subject, shared: Shared) -> Iterator[KeptArchive | Gap]:
    gap = missing_image(subject)
    if gap is not None or subject.image is None:
        if gap is not None:
            yield gap
        return
    with open_scene(subject.image, shared.settings) as scene:
        identity = scene.image.identity
        request = archive_request(
            subject.name,
            identity.distro,
            identity.ref.platform,
            shared,
            manifest=subject.settings.apt,
            tree=scene.image.tree,
        )
        # The keys are read from the image while it is open.
        yield from _asked(subject.name, request, shared)


def _asked(name: str, request: ArchiveRequest | Gap, shared: Shared) -> Iterator[KeptArchive | Gap]:
    if isinstance(request, Gap):
        yield request
        return
    yield from request.gaps
    try:
        index = shared.archive.update(request.distro, request.architecture, request.sources, request.keyrings)
    except IndexUnavailable as error:
        last = shared.archive.last(request.architecture, request.sources)
        kept = f"; the state of {last.label} is kept" if last is not None else ""
        yield Gap(STAGE, GapKind.NO_ARCHIVE_INDEX, name, f"{error}{kept}")
        return
    yield from index.gaps
    if index.known is not None:
        yield index.known


def _report(shared: Shared, answers: Iterable[ArchiveAnswer], gaps: Iterable[Gap] = ()) -> IndexReport:
    folder = str(shared.settings.cache_dir / ARCHIVES)
    ordered = sorted(answers, key=lambda answer: _order(answer.archive))
    return IndexReport(
        subject=_SUBJECT, cache=folder, answers=tuple(ordered), gaps=tuple(dict.fromkeys(gaps))
    )


def _order(known: KeptArchive) -> tuple[str, str, str, str, str]:
    return known.distribution, known.release, known.architecture, known.label, known.key
