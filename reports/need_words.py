"""What is to be said of needs, in the same words in every format for people; a colour is a hint only."""

from collections.abc import Sequence

from fleet_audit.audit.model.apt import AptPlan, Share
from fleet_audit.audit.model.finding import Finding, Severity
from fleet_audit.audit.model.need import Need, NeedKind, ReachedFrom
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.summary import NeedGroups, blocking_gaps
from fleet_audit.reports.terminal import Piece, Style


def need_counts(groups: NeedGroups) -> list[Piece]:
    """Return how many needs there are of each sort; of those that are found also where there is none."""
    undecided = sum(need.status == "unknown" for need in groups.required)
    declared = sum(need.status == "declared" for need in groups.found)
    counts: list[tuple[int, str, Style]] = [
        (len(groups.required) - undecided, "missing", "red"),
        (undecided, "undecided", "yellow"),
        (len(groups.found) - declared, "found", ""),
        (declared, "brought along by services themselves", ""),
        (len(groups.host), "from the host's driver", ""),
        (len(groups.possible), "lazy or optional and not there", ""),
    ]
    return [
        Piece(f"{number} {words}", style) for number, words, style in counts if number or words == "found"
    ]


def nothing_missing(report: DepsReport) -> Piece:
    """Say that nothing is missing, as far as everything could be examined."""
    if blocking_gaps(report.gaps):
        return Piece("Nothing is known to be missing, and not everything could be examined (see below).")
    return Piece(f"Nothing that {_whom(report)} is missing.", "green")


def _whom(report: DepsReport) -> str:
    match report.services:
        case ():
            return "the image's extension modules require"
        case (service,):
            return f"{service} requires"
        case services:
            return f"the {len(services)} services require"


def nearest_first(need: Need) -> list[ReachedFrom]:
    """Return the services that reach a need, the surest and shortest way first."""
    return sorted(need.reached_from, key=lambda way: (way.level, len(way.chain), way.service))


def answers(plan: AptPlan) -> dict[str, Piece]:
    """Return what a plan says to each need that it speaks of."""
    said = {
        hint.need: Piece(f"{' or '.join(hint.packages)} in {hint.by}, its version is not known", "yellow")
        for hint in plan.hints
    }
    said |= {row.need: Piece(f"no package: {row.verdict}", "yellow") for row in plan.unsatisfied}
    said |= {
        need: Piece(_from_beneath(share, share.needs[need]), "green")
        for need, share in plan.inherited().items()
    }
    return said | {need: Piece(" ".join(packages), "green") for need, packages in plan.suppliers().items()}


def _from_beneath(share: Share, packages: Sequence[str]) -> str:
    if not packages:
        return f"{share.family}, once this image is built anew on it"
    return f"{' '.join(packages)} with the addition to {share.family}"


def answer(need: Need, said: dict[str, Piece]) -> Piece:
    """Return what supplies a need, by what a plan says or by its outcome."""
    if need.subject in said:
        return said[need.subject]
    why = str(getattr(need.resolution, "why", "") or "")
    match need.status:
        case "host-driver":
            return Piece("the host's driver", "dim")
        case "missing" if need.kind is NeedKind.DISTRIBUTION:
            names = " or ".join(need.alternatives)
            return Piece(f"the requirements: {names}" if names else "the requirements", "dim")
        case "missing":
            return Piece("no package known", "dim")
        case _:
            return Piece(f"{need.status}: {why}" if why else need.status)


def other_findings(report: DepsReport, groups: NeedGroups) -> list[Finding]:
    """Return the findings that lists of what is missing or surplus do not show already, without remarks.

    One on surplus that blocks is shown all the same: the list does not tell that it does.
    """
    needs = (*groups.required, *groups.possible)
    shown = {need.subject for need in needs}
    shown |= {f"module:{need.name}" for need in needs if need.kind is NeedKind.DISTRIBUTION}
    listed = {f"package:{surplus.package}" for surplus in report.surplus}
    return [
        finding
        for finding in report.findings
        if finding.waiver is not None
        or (finding.subject in listed and finding.blocks)
        or (finding.severity is not Severity.INFO and finding.subject not in shown | listed)
    ]
