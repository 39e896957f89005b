"""What other linters say, joined with what our own rules say of the same lines."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from fleet_audit.audit.model.finding import Finding
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.facts import SubjectKind
from fleet_audit.audit.policy.rules import RuleSet

Span = Callable[[SourceLocation], tuple[int, int]]
"""Returns the first and last line of the instruction that a place lies in."""


def without_repetitions(findings: Iterable[Finding], rules: RuleSet, span: Span) -> tuple[Finding, ...]:
    """Return the findings without those in which another linter repeats one of ours.

    It does where a rule of ours names that rule of the other (`RuleFile.same_as`), and found something in
    the same instruction.
    """
    found = tuple(findings)
    opinions = {rule.id for rule in rules.rules if rule.definition.subject is SubjectKind.OPINION}
    if not any(finding.rule in opinions for finding in found):
        return found
    same = {rule.id: rule.definition.same_as for rule in rules.rules if rule.definition.same_as}
    said: defaultdict[str, set[tuple[str, int, int]]] = defaultdict(set)
    for finding in found:
        for other in same.get(finding.rule, ()):
            said[other] |= _places(finding, span)
    return tuple(
        finding
        for finding in found
        if finding.rule not in opinions or not (_places(finding, span) & said[_other_rule(finding)])
    )


def _places(finding: Finding, span: Span) -> set[tuple[str, int, int]]:
    return set() if finding.location is None else {(finding.location.path, *span(finding.location))}


def _other_rule(finding: Finding) -> str:
    tool, _, rest = finding.subject.partition(":")
    return f"{tool}:{rest.rpartition('#')[2]}"
