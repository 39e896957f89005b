"""Where else the additions of several families of a run could stand: once, in a family that they share."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.model.apt import AptPlan, Share
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.need import Need
from fleet_audit.audit.pipeline.deps.analysis import Analysis
from fleet_audit.audit.pipeline.planning.beneath import OWN
from fleet_audit.audit.pipeline.planning.others import ALONE
from fleet_audit.audit.pipeline.planning.supply import Supply
from fleet_audit.audit.pipeline.run.machines import lowest_isa
from fleet_audit.audit.pipeline.run.scene import missing_image, open_scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject, named_subject
from fleet_audit.audit.tools.engine import EngineError

Plans = Mapping[str, AptPlan]
_Place = tuple[str, tuple[str, ...]]
"""A family, and those built on it that lack the same."""


def with_common_places(
    subjects: Sequence[Subject], analyses: Sequence[Analysis], shared: Shared
) -> list[Analysis]:
    """Return the analyses of a run, each plan with what it has in common with the plans of other families.

    A family whose addition serves others of the run as well says which. Needs that several families would
    each get packages for, and no family beneath them needs itself, are told with what the packages take in
    the nearest family that they share: an option, since that family's other descendants would carry them. An
    option whose family's image is not there to be planned for is not told.
    """
    fleet = shared.fleet
    families = {
        subject.family: analysis
        for subject, analysis in zip(subjects, analyses, strict=True)
        if subject.family is not None and subject.name == subject.family and not subject.is_image_given
    }
    if fleet is None or len(families) < 2:
        return list(analyses)
    plans = {family: analysis.report.proposal for family, analysis in families.items()}
    options = _options(families, plans, fleet, shared)
    return [
        _with_shares(analysis, (*_serving(subject.name, plans), *options.get(subject.name, ())))
        if families.get(subject.name) is analysis
        else analysis
        for subject, analysis in zip(subjects, analyses, strict=True)
    ]


def _with_shares(analysis: Analysis, shares: Sequence[Share]) -> Analysis:
    if not shares:
        return analysis
    plan = analysis.report.proposal
    new = {share.family for share in shares if not share.is_option}
    kept = (share for share in plan.shares if share.is_option or share.family not in new)
    in_order = sorted((*kept, *shares), key=lambda share: share.is_option)
    plan = msgspec.structs.replace(plan, shares=tuple(in_order))
    return msgspec.structs.replace(analysis, report=msgspec.structs.replace(analysis.report, proposal=plan))


def _serving(family: str, plans: Plans) -> Iterator[Share]:
    """Yield a family's own share, where its addition serves others of the run, with all that it serves."""
    others = [
        other
        for other, plan in plans.items()
        if any(s.family == family and s.roots and s.needs and not s.is_option for s in plan.shares)
    ]
    plan = plans[family]
    if others and not plan.is_empty:
        yield Share(
            family=family,
            roots=plan.roots,
            installed_bytes=plan.installed_bytes,
            for_families=(family, *(other for other in others if other != family)),
            why=OWN,
            needs=plan.suppliers(),
        )


def _options(
    families: Mapping[str, Analysis], plans: Plans, fleet: Fleet, shared: Shared
) -> dict[str, list[Share]]:
    found: defaultdict[str, list[Share]] = defaultdict(list)
    for (place, users), names in sorted(_shared_needs(plans, fleet).items()):
        needs = [need for need in families[users[0]].report.needs if need.subject in names]
        plan = _planned_at(place, needs, fleet, shared)
        if plan is not None and not (plan.is_empty or plan.unsatisfied):
            option = _option(place, users, plan, plans, fleet)
            for user in users:
                found[user].append(option)
    return found


def _shared_needs(plans: Plans, fleet: Fleet) -> dict[_Place, list[str]]:
    """Return the needs that several families get packages for, by the nearest family that they share."""
    users: defaultdict[str, list[str]] = defaultdict(list)
    for family, plan in plans.items():
        for need in plan.suppliers():
            users[need].append(family)
    found: defaultdict[_Place, list[str]] = defaultdict(list)
    for need, families in sorted(users.items()):
        for place, sharing in _places(families, fleet):
            found[place, sharing].append(need)
    return found


def _places(families: Sequence[str], fleet: Fleet) -> set[_Place]:
    below = {family: fleet.ancestors(family) for family in families}
    places = set()
    for family in families:
        users = ((a, tuple(f for f in families if a in below[f])) for a in below[family])
        nearest = next(((a, sharing) for a, sharing in users if len(sharing) > 1), None)
        if nearest is not None:
            places.add(nearest)
    return places


def _planned_at(place: str, needs: Sequence[Need], fleet: Fleet, shared: Shared) -> AptPlan | None:
    """Return the addition to a family's image that would meet needs; None where it cannot be looked at."""
    subject = named_subject(fleet, place)
    if subject.image is None or missing_image(subject) is not None:
        return None
    isa = lowest_isa(fleet, subject.image)
    try:
        with open_scene(subject.image, shared.settings, python=subject.python, isa=isa) as scene:
            return Supply(subject, scene, shared, ALONE).proposed(needs)
    except (ImageError, EngineError):
        return None


def _option(place: str, users: tuple[str, ...], plan: AptPlan, plans: Plans, fleet: Fleet) -> Share:
    names = {package.name for package in plan.packages}
    separate = sum(p.installed_bytes for user in users for p in plans[user].packages if p.name in names)
    return Share(
        family=place,
        roots=plan.roots,
        installed_bytes=plan.installed_bytes,
        for_families=users,
        why=f"{place}'s own services do not need them, up to the tier that is planned for",
        needs=plan.suppliers(),
        is_option=True,
        separate_bytes=separate,
        carried_by=tuple(_carrying(place, users, fleet)),
    )


def _carrying(place: str, users: Iterable[str], fleet: Fleet) -> Iterator[str]:
    """Yield the families that would carry what stands in `place` without a need of theirs."""
    served = set(users)
    for family in sorted(fleet.manifest.families):
        ancestors = fleet.ancestors(family)
        if place in ancestors and family not in served and served.isdisjoint(ancestors):
            yield family
