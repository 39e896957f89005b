"""The subjects of ELF files that load, and of which something is to be known all the same."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from fleet_audit.audit.model.elf import Closure
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.facts import BinaryFacts, Subject, SubjectKind, placed_subject


def binary_subjects(
    closures: Iterable[Closure], *, family: str = "", places: Sequence[SourceLocation] = ()
) -> tuple[Subject, ...]:
    """Return one subject for each remark on a file, sorted by path and kind, with all that load the file.

    `places` are the lines where the image is made.
    """
    entries: defaultdict[tuple[ImagePath, str, str], set[ImagePath]] = defaultdict(set)
    for closure in closures:
        for remark in _remarks(closure):
            entries[remark].add(closure.entry.path)
    return tuple(
        placed_subject(
            SubjectKind.BINARY,
            BinaryFacts(path=path, kind=kind, detail=detail, entries=tuple(sorted(loading)), family=family),
            f"file:{path}",
            Level.CERTAIN,
            places,
        )
        for (path, kind, detail), loading in sorted(entries.items())
    )


def _remarks(closure: Closure) -> Iterator[tuple[ImagePath, str, str]]:
    for remark in closure.remarks:
        yield remark.path, remark.kind, remark.detail
    for relative in closure.relative_directories:
        yield relative.wanted_by, "relative-rpath", relative.directory
