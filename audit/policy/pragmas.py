"""Judging with pragmas: what comments in source waive, and which comments waive nothing."""

from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.model.exemption import Exemption
from fleet_audit.audit.model.finding import Finding, Mode
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.pragma import Pragma
from fleet_audit.audit.policy.evaluation import Judgement, evaluate, finding_order
from fleet_audit.audit.policy.facts import Subject, SubjectKind
from fleet_audit.audit.policy.rules import RuleSet
from fleet_audit.audit.policy.service_facts import PragmaFacts

_SOURCE = ".py"
"""How files end in which pragmas are looked for."""


class Pragmas(msgspec.Struct, frozen=True):
    """The pragmas of what was judged. `settled` are the kinds of subjects of which nothing was left out.

    Only a pragma in one of `own_files` is known to stand there for these services alone: another service, on
    another image, may need one of a shared file.
    """

    pragmas: tuple[Pragma, ...] = ()
    settled: frozenset[SubjectKind] = frozenset()
    own_files: frozenset[str] = frozenset()


NO_PRAGMAS = Pragmas()


def judge(
    rules: RuleSet,
    subjects: Iterable[Subject],
    *,
    exemptions: Collection[Exemption] = (),
    pragmas: Pragmas = NO_PRAGMAS,
    family: str = "",
) -> Judgement:
    """Judge subjects as `evaluate` does, then waive what pragmas waive, and judge the pragmas themselves.

    A finding is waived where every line with code that it points at bears a pragma for its rule; one of
    which some lines do points at another line first. Nothing that is waived vanishes.
    """
    judged = evaluate(rules, subjects, exemptions=exemptions)
    told = tuple(_with_pragmas(finding, pragmas.pragmas) for finding in judged.findings)
    about = evaluate(rules, _pragma_subjects(rules, judged.findings, pragmas, family), exemptions=exemptions)
    return Judgement(tuple(sorted((*told, *about.findings), key=finding_order)), (*judged.gaps, *about.gaps))


def _with_pragmas(finding: Finding, pragmas: Sequence[Pragma]) -> Finding:
    lines = _lines_with_code(finding)
    covering = {line: pragma for line in lines if (pragma := _covering(finding, line, pragmas)) is not None}
    if not covering or finding.waiver is not None:
        return finding
    if left := [line for line in lines if line not in covering]:
        first = finding.location if finding.location in left else left[0]
        every = (finding.location, *finding.related)
        related = tuple(line for line in every if line is not None and line != first)
        return msgspec.structs.replace(finding, location=first, related=related)
    used = dict.fromkeys(covering.values())
    reasons = "; ".join(f"{pragma.location}: {pragma.reason}" for pragma in used)
    return msgspec.structs.replace(finding, waiver=reasons, is_waived_in_source=True)


def _lines_with_code(finding: Finding) -> list[SourceLocation]:
    # A related line of a Dockerfile says where to mend it, not who asks for it.
    places = [place for place in (finding.location, *finding.related) if place is not None]
    return [place for place in places if place == finding.location or place.path.endswith(_SOURCE)]


def _covering(finding: Finding, line: SourceLocation, pragmas: Iterable[Pragma]) -> Pragma | None:
    return next((p for p in pragmas if not p.problem and finding.rule in p.rules and p.covers(line)), None)


def _pragma_subjects(
    rules: RuleSet, findings: Sequence[Finding], pragmas: Pragmas, family: str
) -> Iterator[Subject]:
    known = {rule.id for rule in rules.rules}
    settled = {
        rule.id
        for rule in rules.rules
        if rule.mode is not Mode.OFF and rule.definition.subject in pragmas.settled
    }
    for pragma in sorted(set(pragmas.pragmas)):
        is_own = pragma.location.path in pragmas.own_files
        judged = [rule for rule in pragma.rules if rule in settled and is_own and not pragma.problem]
        facts = PragmaFacts(
            path=pragma.location.path,
            rules=pragma.rules,
            unknown=tuple(rule for rule in pragma.rules if rule not in known),
            unmatched=tuple(rule for rule in judged if not _matches(pragma, rule, findings)),
            problem=pragma.problem,
            family=family,
        )
        name = f"pragma:{','.join(pragma.rules)}"
        yield Subject(SubjectKind.PRAGMA, facts, name, location=pragma.location)


def _matches(pragma: Pragma, rule: str, findings: Iterable[Finding]) -> bool:
    return any(
        finding.rule == rule and any(pragma.covers(line) for line in _lines_with_code(finding))
        for finding in findings
    )
