"""The subjects of Dockerfiles."""

from collections.abc import Iterable

from fleet_audit.audit.model.dockerfiles import Rejection, SecondOpinion
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.dockerfile_facts import OpinionFacts, RefusalFacts
from fleet_audit.audit.policy.facts import Subject, SubjectKind, placed_subject


def refusal_subjects(
    path: str, rejections: Iterable[Rejection], *, services: Iterable[str] = (), families: Iterable[str] = ()
) -> tuple[Subject, ...]:
    """Return one subject for each rejection of the Dockerfile at `path`, in their order.

    It stands at its own line, related to that of its likely cause. Its name holds no line, so that a waiver
    survives an edit above.
    """
    found = []
    for rejection in rejections:
        facts = RefusalFacts(
            path=path,
            line=rejection.line,
            kind=rejection.kind,
            reason=rejection.message,
            cause_line=rejection.cause_line or 0,
            cause=rejection.cause or "",
            services=tuple(sorted(set(services))),
            families=tuple(sorted(set(families))),
        )
        lines = dict.fromkeys((rejection.line, rejection.cause_line or rejection.line))
        asked = [] if rejection.asked_at is None else [rejection.asked_at]
        places = [*asked, *(SourceLocation(path, line) for line in lines)]
        name = f"file:{path}#{rejection.kind}"
        found.append(placed_subject(SubjectKind.REFUSAL, facts, name, Level.CERTAIN, places))
    return tuple(found)


def opinion_subjects(opinions: Iterable[SecondOpinion]) -> tuple[Subject, ...]:
    """Return one subject for each remark of another linter; its name is ``hadolint:PATH#CODE``."""
    found = []
    for opinion in opinions:
        path = opinion.location.path
        facts = OpinionFacts(
            path=path, tool=opinion.tool, code=opinion.code, level=opinion.level, text=opinion.message
        )
        name = f"{opinion.tool}:{path}#{opinion.code}"
        found.append(placed_subject(SubjectKind.OPINION, facts, name, Level.CERTAIN, [opinion.location]))
    return tuple(found)
