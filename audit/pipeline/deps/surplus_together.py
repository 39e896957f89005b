"""What serves nobody in the images of one run: neither a family's services nor those of what builds on it."""

from collections.abc import Mapping

import msgspec

from fleet_audit.audit.apt.surplus.doubt import Doubt
from fleet_audit.audit.apt.surplus.surplus import Circumstances, candidates, surplus_of
from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.model.apt import AptPlan, Surplus
from fleet_audit.audit.model.finding import Confidence, Gap, GapKind
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.audit.pipeline.deps.analysis import Analysis
from fleet_audit.audit.pipeline.deps.planning_together import Together
from fleet_audit.audit.pipeline.planning.placing import placed
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject, named_subject
from fleet_audit.audit.pipeline.surplus.in_use import PackageUse, use_without_services
from fleet_audit.audit.policy.evaluation import evaluate, finding_order
from fleet_audit.audit.policy.part import Part
from fleet_audit.audit.policy.surplus_subjects import surplus_subjects
from fleet_audit.audit.tools.engine import EngineError

_STAGE = "apt"


class SurplusTogether:
    """Tells of each image of a run what serves nobody, by the needs of all services that it is for."""

    def __init__(self, shared: Shared, together: Together) -> None:
        """Take what the run shares, and its analyses."""
        self._shared = shared
        self._together = together

    def told(self, subject: Subject, analysis: Analysis) -> Analysis:
        """Return the analysis with what serves nobody in its image, what rules say of it, and the patch."""
        use = analysis.use or self._without_services(subject)
        if use is None:
            is_examined = analysis.report.image is not None
            return _with_gaps(analysis, _unserved(subject)) if is_examined else analysis
        if use.gap is not None:
            return _with_gaps(analysis, use.gap)
        use = msgspec.structs.replace(use, known=_with_plan(use.known, analysis.report.proposal))
        known, gaps = self._known(subject, use)
        found = surplus_of(use.records, known)
        told = _reported(subject, analysis, found, gaps, self._shared)
        return told if subject.services else self._with_note(subject, told)

    def _with_note(self, subject: Subject, analysis: Analysis) -> Analysis:
        others = self._others(subject, subject.name)
        note = f"its packages are judged by the needs of what is built on it: {', '.join(others)}"
        report = msgspec.structs.replace(analysis.report, notes=(*analysis.report.notes, note))
        return msgspec.structs.replace(analysis, report=report)

    def _without_services(self, subject: Subject) -> PackageUse | None:
        """Return the use of a family's image that has services above it alone; None where it has none."""
        if subject.services or subject.family is None or not self._others(subject, subject.family):
            return None
        try:
            return use_without_services(subject, self._shared)
        except (ImageError, EngineError) as error:
            gap = Gap(_STAGE, GapKind.NO_IMAGE, subject.name, str(error), subject.location)
            return PackageUse(gap=gap)

    def _known(self, subject: Subject, use: PackageUse) -> tuple[Circumstances, tuple[Gap, ...]]:
        """Return what is known with the evidence of the other families that have the same packages."""
        left = candidates(use.records, use.known)
        origins = {use.known.brought[name].origin for name in left}
        known, gaps = use.known, []
        # What is asked for the sake of its own answers for what it inherits as well.
        for origin in sorted(origins, key=lambda origin: (origin != subject.name, origin)):
            others = self._others(subject, origin)
            unknown = [other for other in others if not self._may_ask(subject, other, origin)]
            if unknown:
                known = _kept_whole(known, origin, f"other families have it, too: {', '.join(unknown)}")
                # Of a family that has services above it alone, what is its own is asked.
                gaps += [_not_asked(subject, origin, unknown)] if subject.services else []
                continue
            for other in others:
                known = _with_evidence(known, origin, other, self._use_of(other))
        return known, tuple(gaps)

    def _others(self, subject: Subject, origin: str) -> list[str]:
        """Return the other families with services whose images have what the family `origin` brings.

        To a single service, its own family is another: the other services there count as well.
        """
        fleet = self._shared.fleet
        if fleet is None or subject.family is None:
            return []
        return [
            name
            for name in fleet.manifest.families
            if name != subject.name and fleet.services_of(name) and origin in (name, *fleet.ancestors(name))
        ]

    def _may_ask(self, subject: Subject, other: str, origin: str) -> bool:
        # What is a family's own is asked of all that build on it; for what is inherited no image is read.
        return origin == subject.name or self._together.has(other)

    def _use_of(self, family: str) -> PackageUse | None:
        fleet = self._shared.fleet
        return None if fleet is None else self._together.in_any_case(named_subject(fleet, family)).use


def _with_plan(known: Circumstances, plan: AptPlan) -> Circumstances:
    """Return what is known with the packages that the proposal brings in another version."""
    needed = {package.name: "the proposal brings it" for package in plan.packages}
    return msgspec.structs.replace(known, needed={**needed, **known.needed})


def _with_evidence(known: Circumstances, origin: str, family: str, use: PackageUse | None) -> Circumstances:
    """Return what is known with the needs of a family that has the packages of `origin`."""
    theirs = [name for name, came in known.brought.items() if came.origin == origin]
    if use is None or use.gap is not None:
        doubt = Doubt(Confidence.POSSIBLE, f"{family} has it, too, and its image could not be looked at")
        return _doubted(known, dict.fromkeys(theirs, (doubt,)))
    needed = {name: f"{family}: {use.known.needed[name]}" for name in theirs if name in use.known.needed}
    doubts = {
        name: tuple(
            msgspec.structs.replace(doubt, why=f"{family}: {doubt.why}")
            for doubt in (*use.known.general, *use.known.doubts.get(name, ()))
        )
        for name in theirs
    }
    return _doubted(msgspec.structs.replace(known, needed={**needed, **known.needed}), doubts)


def _doubted(known: Circumstances, doubts: Mapping[PackageName, tuple[Doubt, ...]]) -> Circumstances:
    merged = {name: (*known.doubts.get(name, ()), *doubts.get(name, ())) for name in {*known.doubts, *doubts}}
    return msgspec.structs.replace(known, doubts=merged)


def _kept_whole(known: Circumstances, origin: str, why: str) -> Circumstances:
    needed = {name: why for name, came in known.brought.items() if came.origin == origin}
    return msgspec.structs.replace(known, needed={**needed, **known.needed})


def _unserved(subject: Subject) -> Gap:
    why = "without services nobody can say which packages are needed"
    return Gap(_STAGE, GapKind.NOT_EXAMINED, f"surplus of {subject.name}", why, subject.location)


def _not_asked(subject: Subject, origin: str, others: list[str]) -> Gap:
    why = (
        f"whether what it brings serves nobody also depends on {', '.join(others)}, not audited in this run:"
        f" fleet-audit deps {origin}"
    )
    return Gap(_STAGE, GapKind.NOT_EXAMINED, f"surplus of {origin}", why, subject.location)


def _with_gaps(analysis: Analysis, *gaps: Gap) -> Analysis:
    report = msgspec.structs.replace(
        analysis.report, gaps=tuple(dict.fromkeys((*analysis.report.gaps, *gaps)))
    )
    return msgspec.structs.replace(analysis, report=report)


def _reported(
    subject: Subject, analysis: Analysis, found: tuple[Surplus, ...], gaps: tuple[Gap, ...], shared: Shared
) -> Analysis:
    report = analysis.report
    family = subject.family or ""
    said = surplus_subjects(found, services=report.services, family=family, fallback=subject.location)
    judgement = evaluate(shared.rules, said, exemptions=shared.exemptions)
    plan, patch_gaps = _with_patch(subject, report, found)
    report = msgspec.structs.replace(
        report,
        surplus=found,
        is_surplus_known=not gaps,
        proposal=plan,
        findings=tuple(sorted((*report.findings, *judgement.findings), key=finding_order)),
    )
    parts = (*analysis.parts, Part("surplus", tuple(said)))
    analysis = msgspec.structs.replace(analysis, report=report, parts=parts)
    return _with_gaps(analysis, *gaps, *patch_gaps, *judgement.gaps)


def taken_out(found: tuple[Surplus, ...]) -> tuple[Surplus, ...]:
    """Return what a patch takes out: what is certain and named in the family's own Dockerfile.

    What the build itself uses has to go into a stage of its own, which no patch does.
    """
    return tuple(
        each
        for each in found
        if each.confidence == Confidence.CERTAIN
        and not (each.goes_with or each.is_inherited or each.built_with)
        and each.dockerfile is not None
    )


def _with_patch(
    subject: Subject, report: DepsReport, found: tuple[Surplus, ...]
) -> tuple[AptPlan, tuple[Gap, ...]]:
    plan = report.proposal
    gone = taken_out(found)
    # A service's Dockerfile is none of the subject's.
    if not gone or subject.name != subject.family:
        return plan, ()
    roots = {*plan.roots, *(pin for each in gone for pin in each.instead)}
    wanted = msgspec.structs.replace(plan, roots=tuple(sorted(roots)))
    user = "" if report.image is None else report.image.config.user
    names = frozenset(each.package for each in gone)
    place, gaps = placed(subject, wanted, surplus=names, image_user=user)
    elsewhere = tuple(each for each in plan.placement.also if each.family != subject.family)
    place = msgspec.structs.replace(place, also=(*place.also, *elsewhere))
    return msgspec.structs.replace(plan, placement=place), gaps
