"""A whole audit as the rules judge it: the same for one that was just made and for one that was stored."""

from collections.abc import Iterator, Sequence
from datetime import date

import msgspec

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Finding, GapKind
from fleet_audit.audit.model.waiver import Waiver, WaiverScope
from fleet_audit.audit.policy.advisory_subjects import dated
from fleet_audit.audit.policy.evaluation import Judgement, evaluate, finding_order
from fleet_audit.audit.policy.part import part_of
from fleet_audit.audit.policy.pragmas import judge
from fleet_audit.audit.policy.release_subjects import release_subjects, waiver_subjects
from fleet_audit.audit.policy.rules import RuleSet
from fleet_audit.audit.policy.waivers import applied


def judged(
    audit: AuditReport, rules: RuleSet, waivers: Sequence[Waiver] = (), today: date = date.min
) -> AuditReport:
    """Return the audit with what these rules say of its evidence; what they said of it before is left out.

    `waivers` hold as far as they do on the day `today` (UTC). No image is read. Raises StatementUnreadable
    where the evidence is in words of another version.
    """
    judgements = tuple(_judgements(audit, rules, today))
    findings = {finding for each in judgements for finding in each.findings}
    seen = (gap for gap in audit.gaps if gap.kind is not GapKind.UNEVALUATED_RULE)
    gaps = rules.settled((*seen, *(gap for each in judgements for gap in each.gaps)))
    whole = evaluate(rules, release_subjects(audit, gaps, today), exemptions=audit.exemptions)
    ordered = sorted((*_strongest(findings), *whole.findings), key=finding_order)
    told, use = applied(ordered, waivers, scope_of(audit), today, rules.waivers)
    hygiene = evaluate(rules, waiver_subjects(use, rules, family=audit.family or ""))
    return msgspec.structs.replace(
        audit,
        findings=tuple(sorted((*told, *hygiene.findings), key=finding_order)),
        gaps=rules.settled((*gaps, *whole.gaps, *hygiene.gaps)),
        waivers=use,
        policy=rules.summary(),
    )


def scope_of(audit: AuditReport) -> WaiverScope:
    """Return by which names and contents a waiver can mean the audit's image."""
    image = audit.image
    names = (audit.subject, *audit.names, *(() if image is None else (image.ref.name, str(image.ref))))
    return WaiverScope(
        names=tuple(dict.fromkeys(names)),
        digest=None if image is None else image.ref.digest,
        package_set=None if audit.inventory is None else audit.inventory.package_set,
    )


def _judgements(audit: AuditReport, rules: RuleSet, today: date) -> Iterator[Judgement]:
    for evidence in audit.evidence:
        part = part_of(evidence)
        yield judge(
            rules,
            dated(part.subjects, today),
            exemptions=audit.exemptions,
            pragmas=part.pragmas,
            family=audit.family or "",
        )


def _strongest(findings: set[Finding]) -> Iterator[Finding]:
    """Yield findings that several stages make of the same thing once: the one that counts most."""
    by_place: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        key = (finding.rule, finding.subject, finding.message, finding.location)
        known = by_place.get(key)
        if known is None or _weight(finding) > _weight(known):
            by_place[key] = finding
    yield from by_place.values()


def _weight(finding: Finding) -> tuple[bool, int, tuple[str, ...]]:
    places = tuple(str(place) for place in finding.related)
    return finding.blocks, len(places), places
