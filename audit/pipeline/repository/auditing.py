"""A repository's claims, checked and judged: the answer of ``dockerfiles``."""

from collections.abc import Collection
from functools import partial

import msgspec

from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.pragmas import pragmas
from fleet_audit.audit.model.finding import Finding, Gap
from fleet_audit.audit.model.location import Location
from fleet_audit.audit.model.report import DockerfilesReport
from fleet_audit.audit.pipeline.repository.checks import CHECKS
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.repository.second_opinion import SecondOpinions, instruction_span
from fleet_audit.audit.policy.facts import OF_REPOSITORY
from fleet_audit.audit.policy.part import Part
from fleet_audit.audit.policy.pragmas import Pragmas, judge
from fleet_audit.audit.policy.second_opinions import without_repetitions


def audit_repository(
    name: str, grounds: Grounds, *, paths: Collection[str] = (), second: SecondOpinions | None = None
) -> DockerfilesReport:
    """Return what the repository called `name` claims; of `paths` alone, where some are given.

    A path is a file or a folder below the repository's root. Everything is read all the same: what builds
    a Dockerfile may stand anywhere. `second` is asked for its opinion, too.
    """
    part, gaps = part_of_repository(grounds, second)
    judgement = judge(
        grounds.shared.rules,
        part.subjects,
        exemptions=grounds.shared.exemptions,
        pragmas=part.pragmas,
    )
    span = partial(instruction_span, grounds.repository)
    report = DockerfilesReport(
        subject=name,
        findings=without_repetitions(judgement.findings, grounds.shared.rules, span),
        gaps=grounds.shared.rules.settled((*gaps, *judgement.gaps)),
        policy=grounds.shared.rules.summary(),
        files=grounds.accounts,
        references=grounds.references.accounts,
        copies=grounds.copies,
    )
    return _limited(report, tuple(paths)) if paths else report


def part_of_repository(
    grounds: Grounds, second: SecondOpinions | None = None
) -> tuple[Part, tuple[Gap, ...]]:
    """Return what rules judge of a repository, and what of it could not be examined."""
    examined = [check(grounds) for check in CHECKS]
    examined += [] if second is None else [second.examine(grounds.repository)]
    comments = pragmas(grounds.repository)
    gaps = (*grounds.repository.gaps, *(gap for each in examined for gap in each.gaps))
    waiving = Pragmas(
        comments,
        frozenset() if any(gap.blocking for gap in gaps) else OF_REPOSITORY,
        frozenset(comment.location.path for comment in comments),
    )
    subjects = tuple(subject for each in examined for subject in each.subjects)
    return Part("dockerfiles", subjects, waiving), gaps


def says_anything(report: DockerfilesReport, grounds: Grounds, paths: Collection[str] = ()) -> bool:
    """Say whether anything was looked at below `paths`, or anywhere where none is given.

    A clean report about nothing would deceive.
    """
    if grounds.fleet is not None or report.files or report.references or report.findings or report.gaps:
        return True
    wanted = tuple(paths) or (".",)
    return any(_is_below(path, wanted) for path in grounds.repository.files(*_CLAIMS))


_CLAIMS = (
    *(FileRole.COMPOSE, FileRole.BAKE, FileRole.WORKFLOW, FileRole.IGNORE),
    FileRole.DOCKERFILE_TEMPLATE,
)
"""Files that speak of images or gates where nothing is said of them. Dockerfiles are listed anyway."""


def _limited(report: DockerfilesReport, paths: tuple[str, ...]) -> DockerfilesReport:
    return msgspec.structs.replace(
        report,
        findings=tuple(each for each in report.findings if _speaks_of(each, paths)),
        gaps=tuple(gap for gap in report.gaps if gap.location is None or _stands_below(gap, paths)),
        files=tuple(each for each in report.files if _is_below(each.path, paths)),
        references=tuple(
            each for each in report.references if _is_below(each.reference.location.path, paths)
        ),
        copies=tuple(each for each in report.copies if _is_below(each.location.path, paths)),
    )


def _speaks_of(finding: Finding, paths: tuple[str, ...]) -> bool:
    places: list[Location | None] = [finding.location, *finding.related]
    return any(place is not None and _is_below(place.path, paths) for place in places)


def _stands_below(gap: Gap, paths: tuple[str, ...]) -> bool:
    return gap.location is not None and _is_below(gap.location.path, paths)


def _is_below(path: str, folders: tuple[str, ...]) -> bool:
    return any(folder in (".", path) or path.startswith(f"{folder}/") for folder in folders)
