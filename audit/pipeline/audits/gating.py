"""Which images a gate is about: all of a fleet, those of them that are built, and what is stored of them."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.exemption import Exemption
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.gating import GatedImage, gated, with_gaps
from fleet_audit.audit.model.stored_audit import AuditUnreadable
from fleet_audit.audit.model.waiver import Waiver, WaiverAccount
from fleet_audit.audit.pipeline.audits.auditing import Auditing, Scanners
from fleet_audit.audit.pipeline.audits.claims import Claims
from fleet_audit.audit.pipeline.audits.stored import newest_audits, read_audit
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.run.exceptions import today_of, waivers_of
from fleet_audit.audit.pipeline.run.scene import missing_image
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject, named_subject
from fleet_audit.audit.policy.advisory_subjects import age_in_days
from fleet_audit.audit.policy.baseline import SCANNER, compared, database_date
from fleet_audit.audit.policy.judging_again import judged
from fleet_audit.audit.policy.part import StatementUnreadable, kept
from fleet_audit.audit.policy.rules import RuleSet
from fleet_audit.audit.policy.waivers import account_of, is_active

STAGE = "gate"


class Law(msgspec.Struct, frozen=True):
    """What audits are judged by: the rules, the waivers, and the day on which these hold.

    `exemptions` are what the manifest ignores today; None without a manifest: then those of the audit hold.
    """

    rules: RuleSet
    waivers: tuple[Waiver, ...] = ()
    today: date = date.min
    exemptions: tuple[Exemption, ...] | None = None

    def judge(self, audit: AuditReport) -> AuditReport:
        """Return an audit as it is judged; raises StatementUnreadable."""
        if self.exemptions is not None:
            audit = msgspec.structs.replace(audit, exemptions=self.exemptions)
        return judged(audit, self.rules, self.waivers, self.today)


def law_of(shared: Shared, waivers: Sequence[Path] = ()) -> Law:
    """Return what audits are judged by in a run; `waivers` are files and folders in place of the manifest's.

    Raises ConfigurationError with everything that is wrong with rules, policy and waivers.
    """
    # What is wrong with a configuration is told at once, and is no gap of an image.
    _ = shared.knowledge
    return law_with(shared, waivers_of(shared, waivers))


def law_with(shared: Shared, waivers: Iterable[Waiver]) -> Law:
    """Return what audits are judged by in a run with these waivers."""
    exemptions = None if shared.fleet is None else tuple(shared.exemptions)
    return Law(shared.rules, tuple(waivers), today_of(shared.settings), exemptions)


class Kept(msgspec.Struct, frozen=True):
    """The newest audit of each subject in a folder or file, and what of it could not be read."""

    audits: dict[str, AuditReport] = {}
    refused: tuple[Gap, ...] = ()


def images_of(fleet: Fleet) -> list[Subject]:
    """Return every family, and every service with an image of its own, in the manifest's order."""
    own = (service.name for service in fleet.manifest.services if service.image is not None)
    return [named_subject(fleet, name) for name in dict.fromkeys((*fleet.manifest.families, *own))]


def built(subjects: Iterable[Subject]) -> list[Subject]:
    """Return those whose image is there."""
    return [subject for subject in subjects if missing_image(subject) is None]


def all_audits(subjects: Sequence[Subject], shared: Shared, scanners: Scanners) -> Iterator[AuditReport]:
    """Yield the audit of each image, not judged yet, and of a whole fleet that of its own claims as the last.

    An image that cannot be opened is a gap of its audit.
    """
    fleet = shared.fleet
    claims = None if fleet is None else Claims(_grounds(fleet, shared))
    yield from image_audits(subjects, shared, scanners, claims)
    if fleet is not None and claims is not None:
        yield _audit_of_fleet(fleet, subjects, claims, shared)


def image_audits(
    subjects: Iterable[Subject], shared: Shared, scanners: Scanners, claims: Claims | None = None
) -> Iterator[AuditReport]:
    """Yield the audit of each image, not judged yet; one that cannot be opened is a gap of its audit."""
    if claims is None and shared.fleet is not None:
        claims = Claims(_grounds(shared.fleet, shared))
    auditing = Auditing(shared, scanners, claims)
    for subject in subjects:
        yield auditing.in_any_case(subject)


def fleet_subject(fleet: Fleet, names: Collection[str]) -> str:
    """Return what the audit of a fleet's own claims is called beside those of images with these names."""
    name = fleet.manifest.fleet
    return f"fleet {name}" if name in names else name


def _grounds(fleet: Fleet, shared: Shared) -> Grounds:
    return Grounds(Repository(open_folder(Path(os.path.realpath(fleet.root)))), shared)


def _audit_of_fleet(fleet: Fleet, subjects: Sequence[Subject], claims: Claims, shared: Shared) -> AuditReport:
    left = claims.left(subjects)
    return AuditReport(
        subject=fleet_subject(fleet, [subject.name for subject in subjects]),
        created=shared.settings.created,
        gaps=tuple(dict.fromkeys(left.gaps)),
        evidence=(kept(left.part),),
        exemptions=tuple(shared.exemptions),
    )


def kept_audits(place: Path) -> Kept:
    """Return the newest audit of each subject in a folder, or the one in a file; what is damaged is a gap.

    Raises AuditUnreadable where there is no such place.
    """
    if place.exists() and not place.is_dir():
        audit = read_audit(place)
        return Kept({audit.subject: audit})
    audits, refused = newest_audits(place)
    return Kept({audit.subject: audit for audit in audits}, tuple(map(_refused, refused)))


def stored_audit_of(name: str, stored: Kept, place: str) -> AuditReport:
    """Return the newest audit of a subject; without one, an audit that says so."""
    audit = stored.audits.get(name)
    if audit is not None:
        return audit
    why = f"{place} holds no audit of it that can be read; run `fleet-audit gate` without --stored"
    return AuditReport(subject=name, gaps=(Gap(STAGE, GapKind.NO_AUDIT, name, why),))


def with_age(audit: AuditReport, today: date, days: int) -> AuditReport:
    """Return a stored audit with a gap where its scanner's database is older than so many days by now.

    On a day before the audit nobody can say how old anything will be: so with an old SOURCE_DATE_EPOCH.
    """
    made = database_date(audit)
    if audit.created[:10] > today.isoformat():
        why = f"its audit is of {audit.created[:10]}, which is after today ({today}); set the clock right"
        return with_gaps(audit, Gap(STAGE, GapKind.STALE_DATABASE, SCANNER, why))
    age = age_in_days(made, today)
    if age <= days or any(gap.kind is GapKind.STALE_DATABASE for gap in audit.gaps):
        return audit
    why = f"its database is of {made[:10]}, and what was found out since is not in it; audit the image again"
    return with_gaps(audit, Gap(STAGE, GapKind.STALE_DATABASE, SCANNER, why))


def gate(audits: Iterable[AuditReport], law: Law, base: Kept | None = None) -> Iterator[GatedImage]:
    """Yield audits as the law judges them; with a `base`, only what is new there blocks."""
    for audit in audits:
        told = _judged(audit, law)
        if base is None:
            yield gated(told)
            continue
        before = base.audits.get(audit.subject)
        if before is None:
            yield gated(_without_base(told, "there is no audit of it in the baseline", law))
            continue
        try:
            yield gated(told, comparison=compared(told, before, law.judge(before)))
        except StatementUnreadable as e:
            yield gated(_without_base(told, str(e), law))


def idle_waivers(images: Iterable[GatedImage], law: Law) -> tuple[WaiverAccount, ...]:
    """Return the waivers that hold and name nothing of all these images, in order of their ids."""
    named = {account.waiver.id for image in images for account in image.audit.waivers.applied}
    idle = (each for each in law.waivers if each.id not in named and is_active(each, law.today))
    return tuple(account_of(each, law.today) for each in sorted(idle, key=lambda waiver: waiver.id))


def _judged(audit: AuditReport, law: Law) -> AuditReport:
    if not _has_ground(audit):
        why = "its audit holds nothing that was looked at, and not why; audit the image again"
        audit = with_gaps(audit, Gap(STAGE, GapKind.NO_AUDIT, audit.subject, why))
    try:
        return law.judge(audit)
    except StatementUnreadable as e:
        gap = Gap(STAGE, GapKind.NO_AUDIT, audit.subject, f"{e}; audit the image again")
        return law.judge(with_gaps(msgspec.structs.replace(audit, evidence=()), gap))


def _has_ground(audit: AuditReport) -> bool:
    """Say whether there is something in an audit that rules may judge, or the reason why there is not."""
    # The audit of a fleet's own claims is of no image, and of no family.
    is_of_something = bool(audit.evidence) and (audit.image is not None or audit.family is None)
    return is_of_something or any(gap.kind in (GapKind.NO_IMAGE, GapKind.NO_AUDIT) for gap in audit.gaps)


def _without_base(audit: AuditReport, why: str, law: Law) -> AuditReport:
    gap = Gap(STAGE, GapKind.NO_BASELINE, audit.subject, f"{why}, so all that is found counts as new")
    return msgspec.structs.replace(audit, gaps=law.rules.settled((*audit.gaps, gap)))


def _refused(error: AuditUnreadable) -> Gap:
    return Gap(STAGE, GapKind.NO_AUDIT, error.file, error.why)
