"""What a report comes to: the counts and selections that every format shares, so that none disagree."""

import re
from collections.abc import Iterable, Sequence

import msgspec

from fleet_audit.audit.model.evidence import NodeKind
from fleet_audit.audit.model.finding import Finding, Gap, Mode, Severity, Verdict
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import Need, Tier
from fleet_audit.audit.model.report import Judged

EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCOMPLETE: 3}

_THERE = frozenset({"resolved", "declared"})
_HOST = "host-driver"


class NeedGroups(msgspec.Struct, frozen=True):
    """The needs of one image, each in exactly one group and in the report's order."""

    required: tuple[Need, ...] = ()
    possible: tuple[Need, ...] = ()
    host: tuple[Need, ...] = ()
    found: tuple[Need, ...] = ()


def group_needs(needs: Iterable[Need]) -> NeedGroups:
    """Sort needs into what must be mended, what may be missed, what the host supplies, and what is there."""
    required, possible, host, found = [], [], [], []
    for need in needs:
        if need.status in _THERE:
            found.append(need)
        elif need.status == _HOST:
            host.append(need)
        elif need.tier is Tier.REQUIRED:
            required.append(need)
        else:
            possible.append(need)
    return NeedGroups(tuple(required), tuple(possible), tuple(host), tuple(found))


class FindingCounts(msgspec.Struct, frozen=True):
    """How many findings there are of each severity, how many are waived or in dry run, and how many block.

    Those whose waiver only keeps them from blocking count by their severity as well.
    """

    critical: int = 0
    error: int = 0
    warn: int = 0
    info: int = 0
    waived: int = 0
    dry_run: int = 0
    blocking: int = 0


def count_findings(findings: Sequence[Finding]) -> FindingCounts:
    """Count findings by severity."""
    waived = sum(finding.waiver is not None for finding in findings)
    dry_run = sum(finding.waiver is None and finding.mode is Mode.DRY_RUN for finding in findings)
    active = [f for f in findings if (f.waiver is None or f.is_downgraded) and f.mode is not Mode.DRY_RUN]
    by_severity = {s: sum(finding.severity is s for finding in active) for s in Severity}
    return FindingCounts(
        critical=by_severity[Severity.CRITICAL],
        error=by_severity[Severity.ERROR],
        warn=by_severity[Severity.WARN],
        info=by_severity[Severity.INFO],
        waived=waived,
        dry_run=dry_run,
        blocking=sum(finding.blocks for finding in findings),
    )


def blocking_gaps(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Return the gaps that keep a clean report from passing."""
    return tuple(gap for gap in gaps if gap.blocking)


def chain_summary(steps: Sequence[str]) -> tuple[str, ...]:
    """Return the names on a chain, without its first, verbs, kinds and places; paths by their last part.

    Steps are as `Chain.steps` writes them: ``imports module:cv2 (app.py:3)``. A name that repeats the one
    before it, as a file does that answers to its own soname, is said once.
    """
    names: list[str] = []
    for step in steps[1:]:
        name = _name(step)
        if names[-1:] != [name]:
            names.append(name)
    return tuple(names)


_TARGET = re.compile(rf"(?:^| )({'|'.join(NodeKind)}):")


def _name(step: str) -> str:
    found = _TARGET.search(step)
    target = step[found.end() :] if found else step
    if target.endswith(")") and " (" in target:
        target = target.rpartition(" (")[0]
    is_path = found is not None and found[1] == NodeKind.FILE
    return target.rpartition("/")[2] if is_path else target


def place_of(finding: Finding, manifest: str) -> SourceLocation | None:
    """Return the line of the repository where a finding is shown: its own, a related one, or the manifest."""
    if finding.location is not None:
        return finding.location
    if finding.related:
        return finding.related[0]
    return SourceLocation(manifest) if manifest else None


def verdict_reason(report: Judged) -> str:
    """Say in a few words why the verdict is what it is."""
    counts = count_findings(report.findings)
    gaps = len(blocking_gaps(report.gaps))
    match report.verdict:
        case Verdict.FAIL:
            return f"{counts.blocking} {'finding blocks' if counts.blocking == 1 else 'findings block'}"
        case Verdict.INCOMPLETE:
            return f"{gaps} {'thing' if gaps == 1 else 'things'} could not be examined"
        case Verdict.PASS:
            return "nothing blocks"
