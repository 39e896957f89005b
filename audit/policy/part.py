"""What one stage puts before the rules, and the form in which it is kept to be judged again."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import msgspec

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.audit import EvidencePart, Statement
from fleet_audit.audit.policy.facts import FACTS, Facts, Subject, SubjectKind
from fleet_audit.audit.policy.pragmas import NO_PRAGMAS, Pragmas


class StatementUnreadable(FleetAuditError):
    """A kept statement is of a kind, or has a field, that this version does not know."""


class Part(msgspec.Struct, frozen=True):
    """What one stage saw: subjects of rules, and the pragmas of the source that they were read from."""

    stage: str
    subjects: tuple[Subject, ...] = ()
    pragmas: Pragmas = NO_PRAGMAS


def kept(part: Part) -> EvidencePart:
    """Return a part as values that documents hold; each subject once, in order."""
    return EvidencePart(
        stage=part.stage,
        statements=tuple(map(_statement, dict.fromkeys(part.subjects))),
        pragmas=part.pragmas.pragmas,
        settled=tuple(sorted(part.pragmas.settled)),
        own_files=tuple(sorted(part.pragmas.own_files)),
    )


def part_of(evidence: EvidencePart) -> Part:
    """Return what was kept by `kept`; raises StatementUnreadable where it is of another version's words."""
    return Part(evidence.stage, tuple(_subjects(evidence)), _pragmas(evidence))


def _statement(subject: Subject) -> Statement:
    return Statement(
        kind=subject.kind,
        facts=_told(subject.facts),
        name=subject.name,
        confidence=subject.confidence,
        location=subject.location,
        related=subject.related,
    )


def _told(facts: Facts) -> dict[str, Any]:
    blank = _blank(type(facts))
    told: dict[str, Any] = msgspec.to_builtins(facts)
    return {name: _listed(value) for name, value in told.items() if value != blank[name]}


def _listed(value: Any) -> Any:
    # Documents know lists alone, and what was kept is to equal what is read back.
    return list(value) if isinstance(value, tuple) else value


@cache
def _blank(kind: type[Facts]) -> dict[str, Any]:
    blank: dict[str, Any] = msgspec.to_builtins(kind())
    return blank


def _subjects(evidence: EvidencePart) -> Iterator[Subject]:
    for statement in evidence.statements:
        try:
            kind = SubjectKind(statement.kind)
            facts = msgspec.convert(statement.facts, FACTS[kind])
        except (ValueError, msgspec.ValidationError) as e:
            why = f"{evidence.stage}: what is said of {statement.name} cannot be judged: {e}"
            raise StatementUnreadable(why) from e
        yield Subject(
            kind, facts, statement.name, statement.confidence, statement.location, statement.related
        )


def _pragmas(evidence: EvidencePart) -> Pragmas:
    return Pragmas(evidence.pragmas, frozenset(_kinds(evidence.settled)), frozenset(evidence.own_files))


def _kinds(names: Iterable[str]) -> Iterator[SubjectKind]:
    known = {kind.value: kind for kind in SubjectKind}
    yield from (known[name] for name in names if name in known)
