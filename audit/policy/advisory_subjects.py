"""The subjects of advisories."""

from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from fleet_audit.audit.model.advisories import Advisory
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.advisory_facts import AdvisoryFacts, SystemFacts
from fleet_audit.audit.policy.facts import Subject, SubjectKind, placed_subject


def advisory_subjects(
    advisories: Iterable[Advisory], *, family: str = "", fallback: SourceLocation | None = None
) -> tuple[Subject, ...]:
    """Return one subject for each advisory, in their order.

    It stands at the line that asks for the package, else where a service's own code leads to it, else at
    `fallback`; the other lines of services are related.
    """
    return tuple(_subject(each, family, fallback) for each in advisories)


def dated(subjects: Iterable[Subject], today: date) -> Iterator[Subject]:
    """Yield subjects in their order, those of advisories with their age on the day `today`.

    Ages are of the day of judging: an audit that was stored is older when it is judged again.
    """
    for subject in subjects:
        facts = subject.facts
        if isinstance(facts, AdvisoryFacts) and facts.published:
            facts = msgspec.structs.replace(facts, published_age_days=age_in_days(facts.published, today))
            yield msgspec.structs.replace(subject, facts=facts)
        else:
            yield subject


def age_in_days(moment: str, today: date) -> int:
    """Return how many days before `today` a moment (RFC 3339) was; -1 where that is not known, or later."""
    try:
        age = (today - date.fromisoformat(moment[:10])).days
    except ValueError:
        return -1
    return max(age, -1)


def system_subject(facts: SystemFacts, fallback: SourceLocation | None = None) -> Subject:
    """Return the subject of the distribution that an image is made of."""
    places = [fallback] if fallback else []
    return placed_subject(SubjectKind.SYSTEM, facts, f"system:{facts.name}", Level.CERTAIN, places)


def _subject(advisory: Advisory, family: str, fallback: SourceLocation | None) -> Subject:
    level = Level(min((way.level for way in advisory.reached_by), default=0))
    scores = [rating.score for rating in advisory.ratings if rating.source == advisory.severity_source]
    facts = AdvisoryFacts(
        id=advisory.id,
        aliases=advisory.aliases,
        package=advisory.package,
        ecosystem=advisory.ecosystem,
        affected=advisory.affected,
        installed=advisory.installed,
        title=advisory.title,
        severity=advisory.severity,
        severity_source=advisory.severity_source,
        score=next((score for score in scores if score is not None), -1.0),
        fixed_in=advisory.fixed_in,
        status=advisory.status,
        epss=-1.0 if advisory.epss is None else advisory.epss,
        published=advisory.published[:10],
        is_exploited=bool(advisory.is_exploited),
        vex=tuple(sorted({statement.status for statement in advisory.vex})),
        reach=advisory.reach,
        level=level.name.lower() if advisory.reached_by else "",
        services=tuple(way.service for way in advisory.reached_by),
        why_unknown=advisory.why_unknown,
        origins=advisory.origins,
        family=family,
    )
    places = list(dict.fromkeys(_places(advisory))) or ([fallback] if fallback else [])
    name = f"advisory:{advisory.id}:{advisory.ecosystem}/{advisory.package}"
    return placed_subject(SubjectKind.ADVISORY, facts, name, level, places)


def _places(advisory: Advisory) -> Iterator[SourceLocation]:
    if advisory.brought_by is not None:
        yield advisory.brought_by
    yield from (way.location for way in advisory.reached_by if way.location is not None)
