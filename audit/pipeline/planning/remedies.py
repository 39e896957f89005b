"""Ways to do without packages: wheels that bring what is missing or do not need it; whether they will do."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.knowledge.rows import RemedyRow
from fleet_audit.audit.model.apt import AptPlan, Remedy
from fleet_audit.audit.model.identity import DistributionName
from fleet_audit.audit.model.imports import Level, NameUse, ServiceImports
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import Need, Tier
from fleet_audit.audit.pipeline.needs.askers import askers_of

SAVES_AT_LEAST = 1 << 20
"""A wheel that saves less than this is not worth a change of the requirements."""

MAX_TOLD = 5
"""How many lines of code are told as evidence of one kind."""

_SURENESS = ("certain", "likely", "possible")
_MISSING = "missing"


class Code(msgspec.Struct, frozen=True):
    """What services' code was seen to do; `note` says of code that was looked at in another place."""

    services: tuple[ServiceImports, ...] = ()
    note: str = ""


class Wheels(msgspec.Struct, frozen=True):
    """The distributions of an image: their versions, and who requires each of them.

    `owners` returns the distributions that a file of the image belongs to, `sharers` those that claim files
    of another one as theirs, and `places` the lines that name one.
    """

    versions: Mapping[DistributionName, str] = {}
    requirers: Mapping[DistributionName, tuple[DistributionName, ...]] = {}
    owners: Callable[[str], Collection[DistributionName]] = lambda _: ()
    sharers: Callable[[DistributionName], tuple[DistributionName, ...]] = lambda _: ()
    places: Callable[[DistributionName], tuple[SourceLocation, ...]] = lambda _: ()


class Gaining(msgspec.Struct, frozen=True):
    """What remedies are measured against: the needs that are planned for, and the plan that supplies them.

    `without` returns the plan for all of them but some.
    """

    planned: tuple[Need, ...] = ()
    plan: AptPlan = AptPlan()
    without: Callable[[Collection[str]], AptPlan] = lambda _: AptPlan()


class Advice(msgspec.Struct, frozen=True):
    """The remedies that will do, and in words why others, which would save something, will not."""

    remedies: tuple[Remedy, ...] = ()
    refused: tuple[str, ...] = ()


class _Weighed(msgspec.Struct, frozen=True):
    """How sure it is that a remedy will do, and by what; `against` where it will not."""

    confidence: str = "certain"
    evidence: tuple[str, ...] = ()
    against: str = ""


def advise(
    rows: Iterable[RemedyRow],
    needs: Sequence[Need],
    gaining: Gaining,
    wheels: Wheels,
    code: Callable[[DistributionName | None], Code],
) -> Advice:
    """Return the ways to meet what is planned for without packages, sorted by id.

    A remedy is told where nobody else than the row's distributions asks for what it meets, where no code
    that is reached speaks against it, and where it saves at least SAVES_AT_LEAST or meets what no package
    does. `code` is asked for the code that a change of a distribution concerns, None for any.
    """
    found: list[Remedy] = []
    refused: list[str] = []
    for row in sorted(rows, key=lambda row: row.id):
        met = _met(row, gaining.planned, wheels)
        sizes = _sizes(row, met, gaining, wheels) if met else None
        if not met or (sizes is not None and sizes.packages - sizes.wheels < SAVES_AT_LEAST):
            continue
        because = _because(row, wheels)
        weighed = _weighed(row, needs, wheels, code(because))
        if weighed.against:
            refused.append(f"{row.swap or row.add} will not do in place of packages: {weighed.against}")
        else:
            found.append(_remedy(row, met, sizes, because, weighed, wheels))
    return Advice(tuple(found), tuple(refused))


def _met(row: RemedyRow, planned: Iterable[Need], wheels: Wheels) -> tuple[str, ...]:
    """Return the needs that a remedy does away with; none where its own is not among them."""
    met = [need.subject for need in planned if _is_met(row, need, wheels)]
    return tuple(sorted(met)) if not set(met).isdisjoint(row.needs) else ()


def _is_met(row: RemedyRow, need: Need, wheels: Wheels) -> bool:
    if row.swap is None and need.subject not in row.needs:
        return False
    askers = [askers_of(wanted_by, wheels.owners, wheels.versions) for wanted_by in need.wanted_by]
    # A file that two distributions claim is there as long as one of them is.
    return not row.distributions or (
        bool(askers) and all(each and each <= set(row.distributions) for each in askers)
    )


def _because(row: RemedyRow, wheels: Wheels) -> DistributionName | None:
    named = (DistributionName(name) for name in row.distributions)
    return next((name for name in named if name in wheels.versions), None)


class _Sizes(msgspec.Struct, frozen=True):
    """What packages take that a remedy makes needless, and how much larger the wheels get with it."""

    packages: int
    wheels: int


def _sizes(row: RemedyRow, met: Collection[str], gaining: Gaining, wheels: Wheels) -> _Sizes | None:
    """Return the sizes on both sides; None where packages do not supply all that the remedy meets."""
    supplied = gaining.plan.suppliers().keys()
    if not set(met) <= supplied:
        return None
    rest = gaining.without(met)
    grown = 0 if _is_there(row, wheels) else row.sizes.after - row.sizes.before
    return _Sizes(gaining.plan.installed_bytes - rest.installed_bytes, grown)


def _is_there(row: RemedyRow, wheels: Wheels) -> bool:
    """Say whether the wheel is installed already, so that only the rest is left to do."""
    return row.add is not None and row.add in wheels.versions


def _remedy(  # noqa: PLR0913, PLR0917  (what is told of one remedy, each part from another question)
    row: RemedyRow,
    met: tuple[str, ...],
    sizes: _Sizes | None,
    because: DistributionName | None,
    weighed: _Weighed,
    wheels: Wheels,
) -> Remedy:
    evidence = (*weighed.evidence, row.why, _sizes_told(row, sizes))
    return Remedy(
        id=row.id,
        needs=met,
        action=_action(row, because, wheels),
        change=_change(row, because, wheels),
        saved_bytes=None if sizes is None else sizes.packages - sizes.wheels,
        confidence=weighed.confidence,
        evidence=(*evidence, f"to know: {row.limits}") if row.limits else evidence,
        locations=wheels.places(because) if because is not None else (),
        row=row.id,
        references=row.references,
    )


def _sizes_told(row: RemedyRow, sizes: _Sizes | None) -> str:
    before = f", {row.sizes.before / 1e6:.1f} MB before" if row.sizes.before else ""
    wheel = f"the wheel takes {row.sizes.after / 1e6:.1f} MB{before} (release {row.sizes.release})"
    return wheel if sizes is None else f"the packages take {sizes.packages / 1e6:.1f} MB, {wheel}"


def _action(row: RemedyRow, because: DistributionName | None, wheels: Wheels) -> str:
    action = f"install {row.swap} in place of {because}" if row.swap else f"install {row.add}"
    if _is_there(row, wheels):
        action = f"use {row.add}, which is installed"
    return f"{action}; {row.then}" if row.then else action


def _change(row: RemedyRow, because: DistributionName | None, wheels: Wheels) -> str:
    if _is_there(row, wheels):
        return ""
    version = wheels.versions.get(because, "") if because is not None else ""
    pin = f"=={version}" if version else ""
    if row.swap:
        return f"{because}{pin} -> {row.swap}{pin}"
    return f"+ {row.add}{pin if row.same_version else f'=={row.sizes.release}'}"


def _weighed(row: RemedyRow, needs: Iterable[Need], wheels: Wheels, code: Code) -> _Weighed:
    """Say whether a remedy will do, by what else is missing, by the code, and by what requires the wheel."""
    parts = [_by_needs(row, needs), _by_use(row, code), _by_requirement(row, wheels)]
    if row.limits and not row.unless_used:
        parts.append(_Weighed("likely"))
    if against := next((part.against for part in parts if part.against), ""):
        return _Weighed(against=against)
    worst = max((part.confidence for part in parts), key=_SURENESS.index)
    return _Weighed(worst, tuple(line for part in parts for line in part.evidence))


def _by_needs(row: RemedyRow, needs: Iterable[Need]) -> _Weighed:
    """Weigh what the packages would bring besides, and the wheel does not."""
    left = [n for n in needs if n.status == _MISSING and n.subject in row.unless_needs]
    if required := sorted(n.subject for n in left if n.tier is Tier.REQUIRED):
        return _Weighed(against=f"it does not bring {', '.join(required)}, which is missing, too")
    lazy = sorted(f"{n.subject}, which {n.wanted_by[0]} may ask for," for n in left if n.tier is Tier.LAZY)
    return _Weighed("possible", tuple(f"{each} stays missing" for each in lazy)) if lazy else _Weighed()


def _by_requirement(row: RemedyRow, wheels: Wheels) -> _Weighed:
    """Weigh who requires the distribution that is to go: pip brings it back with them."""
    if row.swap is None:
        return _Weighed()
    old = row.distributions[0]
    if sharers := wheels.sharers(DistributionName(old)):
        return _Weighed(against=f"{_listed(sharers)} claims the same files as {old}; keep one of them first")
    names = sorted(
        {by for name in row.distributions for by in wheels.requirers.get(DistributionName(name), ())}
    )
    if not names:
        return _Weighed()
    line = f"{_listed(names)} requires {old}: install it without dependencies, or pip brings {old} back"
    return _Weighed("possible", (line,))


def _by_use(row: RemedyRow, code: Code) -> _Weighed:
    """Weigh the names that reachable code uses and that the remedy does not serve."""
    if not row.unless_used:
        return _Weighed()
    watched = f"{_first_name(row)} or {_others(row)} more of its kind"
    if not code.services:
        return _Weighed(
            "possible", (f"no services are given: whether their code uses {watched} is not known",)
        )
    uses = [(service.service, use) for service in code.services for use in _of_row(row, service.watched)]
    if against := [pair for pair in uses if _speaks_against(pair[1])]:
        return _Weighed(against=_told(against))
    return _by_silence(watched, uses, code)


def _by_silence(watched: str, uses: Sequence[tuple[str, NameUse]], code: Code) -> _Weighed:
    names = _listed([service.service for service in code.services])
    evidence = [f"no use of {watched} is seen in the code of {names}, or in what that reaches"]
    doubts = list(_doubts(code.services))
    confidence = "likely" if doubts or code.note else "certain"
    if uses:
        confidence = "possible"
        evidence = [f"not seen to run, and not known never to run: {_told(uses)}"]
    return _Weighed(confidence, (*evidence, *doubts, *([code.note] if code.note else ())))


def _doubts(services: Iterable[ServiceImports]) -> Iterator[str]:
    """Yield what of the services' code could not be followed."""
    for service in services:
        if unparsed := [file for file in service.unparsed if file.is_reached]:
            yield f"{unparsed[0].path}:{unparsed[0].line} does not parse, and was read as far as that goes"
        if service.dynamic_imports:
            yield f"{service.dynamic_imports[0].location} imports a module by a name that is not known"


def _of_row(row: RemedyRow, uses: Iterable[NameUse]) -> Iterator[NameUse]:
    for use in uses:
        names = row.unless_used.get(use.module)
        if names is not None and (not use.name or use.name in names):
            yield use


def _speaks_against(use: NameUse) -> bool:
    """Say whether a use surely counts: named in own code, or in code of others that is seen to run."""
    most = Level.LAZY if use.is_own_code else Level.PROBABLE
    return bool(use.name) and use.level <= most


def _told(uses: Sequence[tuple[str, NameUse]]) -> str:
    """Return where the uses are, those of own code first."""
    ranked = sorted(uses, key=lambda pair: (not pair[1].is_own_code, pair[1].level, str(pair[1].location)))
    told = list(dict.fromkeys(f"{_what(use)} at {use.location} ({service})" for service, use in ranked))
    more = f" and {len(told) - MAX_TOLD} more" if len(told) > MAX_TOLD else ""
    return f"{', '.join(told[:MAX_TOLD])}{more}"


def _what(use: NameUse) -> str:
    return f"{use.full_name} is used" if use.name else f"{use.module} is handed on"


def _first_name(row: RemedyRow) -> str:
    module, names = next(iter(row.unless_used.items()))
    return f"{module}.{names[0]}"


def _others(row: RemedyRow) -> int:
    return sum(map(len, row.unless_used.values())) - 1


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_TOLD} more" if len(names) > MAX_TOLD else ""
    return f"{', '.join(names[:MAX_TOLD])}{more}"
