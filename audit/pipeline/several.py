"""The main job for several images: one that cannot be opened does not keep the others waiting."""

from collections.abc import Sequence

from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.model.evidence import EvidenceGraph
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.audit.pipeline.analysis import Analysis, analyse
from fleet_audit.audit.pipeline.shared import Shared
from fleet_audit.audit.pipeline.subject import Subject
from fleet_audit.audit.tools.engine import EngineError


def analyse_each(subjects: Sequence[Subject], shared: Shared) -> list[Analysis]:
    """Return the analysis of each subject, in order.

    A single image that cannot be opened raises its error (wrong usage); among several it is a blocking gap
    of its own report.
    """
    if len(subjects) == 1:
        return [analyse(subjects[0], shared)]
    return [_analysis(subject, shared) for subject in subjects]


def _analysis(subject: Subject, shared: Shared) -> Analysis:
    try:
        return analyse(subject, shared)
    except (ImageError, EngineError) as error:
        gap = Gap("images", GapKind.NO_IMAGE, subject.name, str(error), subject.location)
    report = DepsReport(
        subject=subject.name,
        family=subject.family,
        services=tuple(service.name for service in subject.services),
        gaps=(gap,),
        policy=shared.rules.summary(),
    )
    return Analysis(report, EvidenceGraph(()))
