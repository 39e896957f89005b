"""That all reports of a run show the same patch of a Dockerfile, whichever families it stands in for."""

from collections.abc import Mapping, Sequence

import msgspec

from fleet_audit.audit.model.apt import Placement
from fleet_audit.audit.pipeline.deps.analysis import Analysis
from fleet_audit.audit.pipeline.run.subject import Subject


def with_same_patches(subjects: Sequence[Subject], analyses: Sequence[Analysis]) -> list[Analysis]:
    """Return the analyses of a run with one patch for each Dockerfile: that of its own family's report."""
    own = {
        subject.family: _patches(analysis.report.proposal.placement, subject.family)
        for subject, analysis in zip(subjects, analyses, strict=True)
        if subject.family is not None and subject.name == subject.family and not subject.is_image_given
    }
    return [_with_patches(analysis, own) for analysis in analyses]


def _patches(place: Placement, family: str) -> dict[str, Placement]:
    """Return a family's own placements by the path of the Dockerfile."""
    every = (msgspec.structs.replace(place, also=()), *place.also)
    return {p.dockerfile.path: p for p in every if p.dockerfile is not None and p.family == family}


def _with_patches(analysis: Analysis, own: Mapping[str, Mapping[str, Placement]]) -> Analysis:
    plan = analysis.report.proposal
    also = tuple(
        place
        if place.family == plan.placement.family or place.family is None or place.dockerfile is None
        else own.get(place.family, {}).get(place.dockerfile.path, place)
        for place in plan.placement.also
    )
    if also == plan.placement.also:
        return analysis
    plan = msgspec.structs.replace(plan, placement=msgspec.structs.replace(plan.placement, also=also))
    return msgspec.structs.replace(analysis, report=msgspec.structs.replace(analysis.report, proposal=plan))
