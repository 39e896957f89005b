"""The subjects of whole audits: what they rest on, which exceptions they carry, and what is too much."""

from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from fleet_audit.audit.model.apt import Surplus
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Confidence, Gap
from fleet_audit.audit.model.waiver import WaiverAccount, WaiverUse
from fleet_audit.audit.policy.advisory_subjects import age_in_days
from fleet_audit.audit.policy.facts import Subject, SubjectKind
from fleet_audit.audit.policy.release_facts import BurdenFacts, EvidenceFacts, WaiverFacts
from fleet_audit.audit.policy.rules import RuleSet

_LARGEST = 3


def release_subjects(audit: AuditReport, gaps: Iterable[Gap], today: date) -> Iterator[Subject]:
    """Yield what is to be said of an audit as a whole, on the day `today`; of one without an image, nothing.

    `gaps` are the audit's as the policy settles them.
    """
    if audit.image is None:
        return
    yield _evidence(audit, gaps, today)
    if audit.is_surplus_known:
        yield _burden(audit)


def _evidence(audit: AuditReport, gaps: Iterable[Gap], today: date) -> Subject:
    inventory, image = audit.inventory, audit.image
    dates = [tool.database_date for tool in audit.tools if tool.database_date]
    facts = EvidenceFacts(
        image=audit.subject,
        has_sbom=inventory is not None and bool(inventory.components),
        has_scan=bool(audit.scanned_digest) or audit.examined > 0,
        image_digest="" if image is None else image.ref.digest or "",
        sbom_digest=audit.listed_digest,
        scan_digest=audit.scanned_digest,
        components=0 if inventory is None else len(inventory.components),
        database_age_days=max((age_in_days(each, today) for each in dates), default=-1),
        audit_age_days=age_in_days(audit.created, today),
        tools=tuple(sorted(f"{tool.name} {tool.version}" for tool in audit.tools)),
        gaps=tuple(sorted({gap.kind.value for gap in gaps if gap.blocking})),
        services=audit.services,
        family=audit.family or "",
    )
    return Subject(SubjectKind.EVIDENCE, facts, f"audit:{audit.subject}")


def _burden(audit: AuditReport) -> Subject:
    own = [each for each in audit.surplus if not each.is_inherited]
    sure = [each for each in own if each.confidence != Confidence.POSSIBLE]
    largest = sorted(sure, key=lambda each: (-each.installed_bytes, each.package))[:_LARGEST]
    facts = BurdenFacts(
        packages=len(sure),
        bytes=sum(each.installed_bytes for each in sure),
        largest=tuple(_weight(each) for each in largest),
        services=audit.services,
        family=audit.family or "",
    )
    return Subject(SubjectKind.BURDEN, facts, f"surplus:{audit.subject}")


def _weight(surplus: Surplus) -> str:
    return f"{surplus.package} ({surplus.installed_bytes // 1_000_000} MB)"


def waiver_subjects(use: WaiverUse, rules: RuleSet, *, family: str = "") -> Iterator[Subject]:
    """Yield one subject for each waiver that concerns an image, in order of ids."""
    unused = {account.waiver.id for account in use.unused}
    expiring = {account.waiver.id for account in use.expiring}
    every = (*use.applied, *use.expired, *use.unused, *use.expiring, *use.pending)
    by_id = {account.waiver.id: account for account in every}
    for name in sorted(by_id):
        facts = msgspec.structs.replace(
            _waiver_facts(by_id[name], rules),
            is_unused=name in unused,
            is_expiring=name in expiring,
            family=family,
        )
        place = by_id[name].waiver.location
        yield Subject(
            SubjectKind.WAIVER,
            facts,
            f"waiver:{name}",
            location=place if place.path else None,
        )


def _waiver_facts(account: WaiverAccount, rules: RuleSet) -> WaiverFacts:
    waiver = account.waiver
    rule = rules.rule(waiver.rule)
    return WaiverFacts(
        id=waiver.id,
        waives=waiver.rule,
        severity="" if rule is None else rule.severity.value,
        state=account.state.value,
        expires=waiver.expires.isoformat(),
        days_left=account.days_left,
        findings=len(account.findings),
        effect=waiver.effect.value,
        owner=waiver.owner,
        approved_by=waiver.approved_by,
        ticket=waiver.ticket,
        justification=waiver.justification,
        services=waiver.matched("service"),
    )
