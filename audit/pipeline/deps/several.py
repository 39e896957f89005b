"""The main job for several images: one that cannot be opened does not keep the others waiting."""

from collections.abc import Sequence

from fleet_audit.audit.pipeline.deps.analysis import Analysis
from fleet_audit.audit.pipeline.deps.common_places import with_common_places
from fleet_audit.audit.pipeline.deps.planning_together import Together
from fleet_audit.audit.pipeline.deps.same_patches import with_same_patches
from fleet_audit.audit.pipeline.deps.surplus_together import SurplusTogether
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject


def analyse_each(
    subjects: Sequence[Subject], shared: Shared, together: Together | None = None
) -> list[Analysis]:
    """Return the analysis of each subject, in order; what `together` has analysed already is taken from it.

    A single image that cannot be opened raises its error (wrong usage); among several it is a blocking gap
    of its own report.
    """
    together = together or Together(shared)
    if len(subjects) == 1:
        analyses = [together.analysis(subjects[0])]
    else:
        analyses = [together.in_any_case(subject) for subject in subjects]
    analyses = with_common_places(subjects, analyses, shared)
    surplus = SurplusTogether(shared, together)
    told = [surplus.told(subject, each) for subject, each in zip(subjects, analyses, strict=True)]
    return with_same_patches(subjects, told)
