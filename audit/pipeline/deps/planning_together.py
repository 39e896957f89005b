"""Several images of one run: a family's addition is planned with those of the families beneath it."""

from collections.abc import Iterator

from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.model.elf import Resolved
from fleet_audit.audit.model.evidence import EvidenceGraph
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.need import Need
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.audit.pipeline.deps.analysis import Analysis, analyse
from fleet_audit.audit.pipeline.planning.beneath import Addition, Beneath
from fleet_audit.audit.pipeline.planning.listed import is_listed_place
from fleet_audit.audit.pipeline.planning.others import Answered
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject, named_subject
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
            beside = _Beside(subject, self, self._shared.fleet)
            self._found[subject.name] = analyse(subject, self._shared, beside)
        return self._found[subject.name]

    def has(self, family: str) -> bool:
        """Say whether a family was analysed in this run already."""
        return family in self._found

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
            gaps=self._shared.rules.settled((gap,)),
            policy=self._shared.rules.summary(),
        )
        return Analysis(report, EvidenceGraph(()))


class _Beside:
    """What other images of the run say to the analysis of one (`Others`)."""

    def __init__(self, subject: Subject, together: Together, fleet: Fleet | None) -> None:
        self._subject = subject
        self._together = together
        self._fleet = fleet

    def beneath(self, image: ImageIdentity) -> Beneath:
        additions: list[Addition] = []
        notes: list[str] = []
        # The lowest first: each finds those beneath it analysed, however long the chain is.
        for below in reversed(list(self._families_beneath())):
            report = self._together.in_any_case(below).report
            if report.image is None:
                notes.append(_unknown(below.name, "its image is not there to be looked at"))
                continue
            if any(gap.blocking for gap in report.gaps):
                notes.append(_unknown(below.name, "not all of it could be examined"))
            additions.append(_addition(below.name, report, report.image, above=image))
        return Beneath(tuple(reversed(additions)), tuple(reversed(notes)))

    def own_image(self, service: str) -> Answered | None:
        fleet = self._fleet
        if fleet is None or service == self._subject.name or fleet.family_name(service) is not None:
            return None
        if not any(each.name == service and each.image for each in fleet.manifest.services):
            return None
        report = self._together.in_any_case(named_subject(fleet, service)).report
        if report.image is None:
            return None
        return frozenset((need.kind, need.name) for need in report.needs if need.status == "resolved")

    def _families_beneath(self) -> Iterator[Subject]:
        if self._fleet is None or self._subject.family is None:
            return
        for name in self._fleet.ancestors(self._subject.family):
            if self._fleet.services_of(name):
                yield named_subject(self._fleet, name)


def _addition(name: str, report: DepsReport, image: ImageIdentity, *, above: ImageIdentity) -> Addition:
    present = () if _is_built_on(above, image) else filter(_is_there_for_all, report.needs)
    return Addition(name, report.proposal, frozenset(need.subject for need in present))


def _is_there_for_all(need: Need) -> bool:
    """Say whether an image answers a need from a place where every image that is built on it looks."""
    return isinstance(need.resolution, Resolved) and is_listed_place(need.kind, need.resolution.path)


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
