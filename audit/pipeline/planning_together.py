"""Several images of one run: a family's addition is planned with those of the families beneath it."""

from collections.abc import Iterator

from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.model.evidence import EvidenceGraph
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.audit.pipeline.analysis import Analysis, analyse
from fleet_audit.audit.pipeline.beneath import Addition, Beneath
from fleet_audit.audit.pipeline.shared import Shared
from fleet_audit.audit.pipeline.subject import Subject, named_subject
from fleet_audit.audit.tools.engine import EngineError


class Together:
    """The analyses of one run. Each family and service is analysed once, when it is first asked for."""

    def __init__(self, shared: Shared) -> None:
        """Take what the run shares."""
        self._shared = shared
        self._found: dict[str, Analysis] = {}

    def analysis(self, subject: Subject) -> Analysis:
        """Return the analysis of a subject; raises ImageError where its image cannot be opened."""
        if subject.family is None or subject.is_image_given:
            # What the user names beside the manifest stands on nothing that the manifest speaks of.
            return analyse(subject, self._shared)
        if subject.name not in self._found:
            self._found[subject.name] = analyse(
                subject, self._shared, lambda image: self._beneath(subject, image)
            )
        return self._found[subject.name]

    def in_any_case(self, subject: Subject) -> Analysis:
        """Return the analysis of a subject; an image that cannot be opened is a gap of its report."""
        try:
            return self.analysis(subject)
        except (ImageError, EngineError) as error:
            gap = Gap("images", GapKind.NO_IMAGE, subject.name, str(error), subject.location)
        report = DepsReport(
            subject=subject.name,
            family=subject.family,
            services=tuple(service.name for service in subject.services),
            gaps=(gap,),
            policy=self._shared.rules.summary(),
        )
        return Analysis(report, EvidenceGraph(()))

    def _beneath(self, subject: Subject, image: ImageIdentity) -> Beneath:
        additions: list[Addition] = []
        notes: list[str] = []
        for below in self._families_beneath(subject):
            report = self.in_any_case(below).report
            if report.image is None:
                notes.append(_unknown(below.name, "its image is not there to be looked at"))
                continue
            if any(gap.blocking for gap in report.gaps):
                notes.append(_unknown(below.name, "not all of it could be examined"))
            additions.append(_addition(below.name, report, report.image, above=image))
        return Beneath(tuple(additions), tuple(notes))

    def _families_beneath(self, subject: Subject) -> Iterator[Subject]:
        fleet = self._shared.fleet
        if fleet is None or subject.family is None:
            return
        for name in fleet.ancestors(subject.family):
            if fleet.services_of(name):
                yield named_subject(fleet, name)


def _addition(name: str, report: DepsReport, image: ImageIdentity, *, above: ImageIdentity) -> Addition:
    found = (need.subject for need in report.needs if need.status == "resolved")
    present = () if _is_built_on(above, image) else found
    return Addition(name, report.proposal, frozenset(present))


def _is_built_on(above: ImageIdentity, below: ImageIdentity) -> bool:
    """Say whether an image begins with the layers of another; True also where layers are not known."""
    own = [layer.diff_id for layer in above.layers]
    lower = [layer.diff_id for layer in below.layers]
    return not (own and lower) or own[: len(lower)] == lower


def _unknown(family: str, why: str) -> str:
    return (
        f"what is proposed here may belong to {family}, which this image is built on: "
        f"whether its own services need the same is not known, as {why}"
    )
