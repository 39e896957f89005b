"""What rules would do if they were enforced: which images and services they would block."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Finding, GapKind, Mode, Severity
from fleet_audit.audit.model.ruling import Impact, ImpactRow
from fleet_audit.audit.policy.rules import Rule, RuleSet

Judge = Callable[[AuditReport, RuleSet], AuditReport]
"""Returns an audit as rules judge it, with the waivers that hold."""


def impact(audits: Iterable[AuditReport], rules: RuleSet, judge: Judge, ids: Collection[str] = ()) -> Impact:
    """Return what each of these rules would block, enforced as an error, by the audits' own evidence.

    Without `ids`, all rules that can block nothing as they are set, and are not off. What is waived blocks
    nothing then either. The rows are in order of ids; an audit counts as one image.
    """
    asked = [rule for rule in rules.rules if (rule.id in ids if ids else _is_toothless(rule))]
    enforced = _enforced(rules, {rule.id for rule in asked})
    judged = [judge(audit, enforced) for audit in audits]
    rows = tuple(_rows(asked, judged))
    of_images = {service for audit in judged for service in audit.services}
    return Impact(
        policy=rules.policy,
        digest=rules.digest,
        images=tuple(audit.subject for audit in judged),
        services=tuple(sorted(of_images.union(*(row.services for row in rows)))),
        rows=rows,
        unevaluated=_unevaluated(judged, {rule.id for rule in asked}),
    )


def _is_toothless(rule: Rule) -> bool:
    can_block = rule.mode is Mode.ENFORCE and rule.severity.rank >= Severity.ERROR.rank
    return rule.mode is not Mode.OFF and not can_block


def _enforced(rules: RuleSet, ids: Collection[str]) -> RuleSet:
    return msgspec.structs.replace(
        rules,
        rules=tuple(
            msgspec.structs.replace(
                rule,
                mode=Mode.ENFORCE,
                severity=max(rule.severity, Severity.ERROR, key=lambda severity: severity.rank),
            )
            if rule.id in ids
            else rule
            for rule in rules.rules
        ),
    )


def _rows(asked: Sequence[Rule], judged: Sequence[AuditReport]) -> Iterator[ImpactRow]:
    blocking: defaultdict[str, list[tuple[AuditReport, list[Finding]]]] = defaultdict(list)
    known = {rule.id for rule in asked}
    otherwise: set[str] = set()
    for audit in judged:
        by_rule: defaultdict[str, list[Finding]] = defaultdict(list)
        for finding in audit.findings:
            if finding.blocks:
                by_rule[finding.rule].append(finding)
        if by_rule.keys() - known:
            otherwise.add(audit.subject)
        for name, findings in by_rule.items():
            blocking[name].append((audit, findings))
    for rule in asked:
        blocked = blocking[rule.id]
        images = [audit.subject for audit, _ in blocked]
        yield ImpactRow(
            rule=rule.id,
            title=rule.definition.title,
            mode=rule.mode,
            severity=rule.severity,
            findings=sum(len(findings) for _, findings in blocked),
            images=tuple(sorted(images)),
            newly=tuple(sorted(set(images) - otherwise)),
            services=tuple(sorted({name for audit, found in blocked for name in _services(audit, found)})),
        )


def _services(audit: AuditReport, findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the services that findings name; one that names none keeps the whole image from release."""
    for finding in findings:
        named = [value for key, value in finding.matter if key == "service"]
        yield from named or audit.services


def _unevaluated(judged: Iterable[AuditReport], ids: Collection[str]) -> tuple[str, ...]:
    whats = {gap.what for audit in judged for gap in audit.gaps if gap.kind is GapKind.UNEVALUATED_RULE}
    return tuple(sorted({what.partition(" ")[0] for what in whats} & set(ids)))
