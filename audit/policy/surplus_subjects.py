"""The subjects of packages that serve nobody."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from fleet_audit.audit.model.apt import Surplus
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.facts import Subject, SubjectKind
from fleet_audit.audit.policy.surplus_facts import SurplusFacts


def surplus_subjects(
    found: Iterable[Surplus],
    *,
    services: Sequence[str] = (),
    family: str = "",
    fallback: SourceLocation | None = None,
) -> tuple[Subject, ...]:
    """Return one subject for each package that a person would name, in their order.

    It stands at the line of the Dockerfile that installs it, else at `fallback`. `services` are those of the
    image that was looked at.
    """
    every = tuple(found)
    along: defaultdict[str, list[Surplus]] = defaultdict(list)
    for each in every:
        if each.goes_with:
            along[each.goes_with].append(each)
    return tuple(
        _subject(each, along[each.package], tuple(services), family, fallback)
        for each in every
        if not each.goes_with
    )


def _subject(
    surplus: Surplus,
    along: Sequence[Surplus],
    services: tuple[str, ...],
    family: str,
    fallback: SourceLocation | None,
) -> Subject:
    facts = SurplusFacts(
        name=surplus.package,
        version=surplus.version,
        kind=surplus.kind,
        reason=surplus.reason,
        confidence=surplus.confidence,
        doubt=surplus.doubt,
        origin=surplus.origin,
        is_inherited=surplus.is_inherited,
        installed_bytes=surplus.installed_bytes,
        total_bytes=surplus.installed_bytes + sum(each.installed_bytes for each in along),
        goes_along=tuple(sorted(each.package for each in along)),
        instead=surplus.instead,
        built_with=surplus.built_with,
        services=services,
        family=family,
    )
    return Subject(
        SubjectKind.SURPLUS,
        facts,
        f"package:{surplus.package}",
        Confidence(surplus.confidence),
        surplus.dockerfile or fallback,
    )
