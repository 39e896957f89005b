"""Which stored audits a report is about, and how they are judged."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePath

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.gating import GatedImage, gated, with_gaps
from fleet_audit.audit.model.stored_audit import AuditUnreadable
from fleet_audit.audit.pipeline.audits.gating import Kept, Law, gate, kept_audits, stored_audit_of, with_age
from fleet_audit.audit.pipeline.audits.stored import place_of, read_audit, subject_folder
from fleet_audit.audit.pipeline.run.subject import named_subject, names_image


def audits_in(folder: Path, words: Sequence[str], fleet: Fleet | None) -> list[AuditReport]:
    """Return the newest stored audit of each subject that a word names, of all subjects without a word.

    What is damaged, and what is not there, is an audit with a blocking gap. Raises UsageError for a word
    that names nothing, AuditUnreadable where there is no such folder, or nothing in it.
    """
    kept = kept_audits(folder)
    if not words:
        found = [*kept.audits.values(), *_damaged(kept, kept.audits)]
        if not found:
            raise AuditUnreadable(str(folder), "holds no audits; `fleet-audit gate --audits DIR` makes some")
        return found
    names = dict.fromkeys(_subject_of(word, kept, fleet) for word in words)
    return [_whole(stored_audit_of(name, kept, str(folder)), kept) for name in names]


def audits_of(files: Iterable[Path]) -> list[AuditReport]:
    """Return the audits in files; raises AuditUnreadable."""
    return [read_audit(file) for file in files]


def judged_again(audits: Iterable[AuditReport], law: Law, database_days: int) -> Iterator[GatedImage]:
    """Yield audits as the law judges them; an old database of a scanner is a gap of its audit."""
    return gate((with_age(audit, law.today, database_days) for audit in audits), law)


def as_stored(audits: Iterable[AuditReport]) -> Iterator[GatedImage]:
    """Yield audits with what was said of them when they were stored."""
    return map(gated, audits)


def file_of(audit: AuditReport, folder: Path) -> str:
    """Return where an audit is stored below a folder; empty where it is not."""
    place = place_of(audit, folder)
    return str(place) if place.is_file() else ""


def _subject_of(word: str, kept: Kept, fleet: Fleet | None) -> str:
    """Return the name under which an audit is stored: the word, or that of the family or service it means."""
    if word in kept.audits or fleet is None or names_image(word, fleet):
        return word
    subject = named_subject(fleet, word)
    if subject.name not in kept.audits and subject.family in kept.audits:
        # A service without an image of its own is part of its family's audit.
        return str(subject.family)
    return subject.name


def _whole(audit: AuditReport, kept: Kept) -> AuditReport:
    """Return an audit with the gaps of damaged ones of the same subject: one of them may be newer."""
    folder = subject_folder(audit.subject)
    return with_gaps(audit, *(gap for gap in kept.refused if _folder_of(gap) == folder))


def _damaged(kept: Kept, known: Collection[str]) -> Iterator[AuditReport]:
    """Yield what could not be read as audits of which nothing else is known, under their files' names."""
    for gap in kept.refused:
        name = gap.what if gap.what not in known else f"file {gap.what}"
        yield AuditReport(subject=name, gaps=(gap,))


def _folder_of(gap: Gap) -> str:
    return PurePath(gap.what).parent.name
