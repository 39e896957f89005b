"""What a repository claims of its images: for a terminal, and as ``dockerfiles/1``."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.claims import DockerfileAccount
from fleet_audit.audit.model.copying import CopiedSource
from fleet_audit.audit.model.dockerfiles import Rejection
from fleet_audit.audit.model.finding import Finding, Severity
from fleet_audit.audit.model.references import ReferenceAccount
from fleet_audit.audit.model.report import DockerfilesReport
from fleet_audit.reports.documents import Fields, document_of, place_fields
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import BREAK, Line, Page, Piece, count
from fleet_audit.reports.text import (
    finding_label,
    typed_path,
    write_gaps,
    write_head,
    write_next,
    write_notes,
    write_verdict,
)

MAX_ALONE = 3
"""Findings of one rule in one file that stand each for itself, where none of them is an error."""
MAX_NAMES = 12
MAX_AGAIN = 5
"""Files that are named in the command that looks at them again."""


def dockerfiles_text(reports: Sequence[DockerfilesReport], options: RenderOptions) -> str:
    """Return the findings of a repository, file by file: those first in which something blocks."""
    page = Page(options)
    for report in reports:
        _write(page, report)
    return page.text()


def _write(page: Page, report: DockerfilesReport) -> None:
    write_head(page, report.subject, None)
    page.line(_counts(report))
    write_notes(page, report)
    by_file: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_file[finding.location.path if finding.location else ""].append(finding)
    for path, findings in sorted(by_file.items(), key=_gravity):
        page.blank()
        page.line(Piece(path or report.subject, "bold"))
        page.table(("", "", "", ""), [_row(first, more) for first, *more in _alike(findings)])
    write_gaps(page, report.gaps)
    write_verdict(page, report)
    write_next(page, _next(report, page.options))


def _gravity(file: tuple[str, list[Finding]]) -> tuple[bool, str]:
    path, findings = file
    return not any(finding.blocks for finding in findings), path


def _next(report: DockerfilesReport, options: RenderOptions) -> list[tuple[str, Sequence[str]]]:
    """Return what to type next: files in which something blocks, and a manifest where there is none."""
    places = [finding.location.path for finding in report.findings if finding.blocks and finding.location]
    paths = [typed_path(options, path) for path in sorted({*places})]
    commands: list[tuple[str, Sequence[str]]] = []
    if paths:
        more = " (the first of them)" if len(paths) > MAX_AGAIN else ""
        commands.append((f"once mended{more}", ("fleet-audit", "dockerfiles", *paths[:MAX_AGAIN])))
    if report.files and not options.manifest:
        root = typed_path(options, ".")
        commands.append(("draft a manifest", ("fleet-audit", "init", *([] if root == "." else [root]))))
    return commands


def _alike(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return the findings of a file by their lines; many small ones of a rule stand at the first."""
    ordered = sorted(findings, key=_line)
    groups: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in ordered:
        if _is_small(finding):
            groups[finding.rule].append(finding)
    joined = {rule: group for rule, group in groups.items() if len(group) > MAX_ALONE}
    alone = [[each] for each in ordered if not _is_small(each) or each.rule not in joined]
    return sorted([*alone, *joined.values()], key=lambda group: _line(group[0]))


def _is_small(finding: Finding) -> bool:
    return finding.severity.rank < Severity.ERROR.rank and finding.waiver is None


def _line(finding: Finding) -> int:
    return finding.location.line if finding.location else 0


def _more(findings: Sequence[Finding]) -> str:
    """Say what else a rule has found: how much, where, and the first names."""
    first, last = _line(findings[0]), _line(findings[-1])
    lines = f"line {first}" if first == last else f"lines {first} to {last}"
    names = list(dict.fromkeys(finding.subject.partition(":")[2] for finding in findings))
    told = [*names[:MAX_NAMES], *(["…"] if len(names) > MAX_NAMES else [])]
    return f"and {len(findings)} more in {lines}: {', '.join(told)}"


def _counts(report: DockerfilesReport) -> str:
    builds = sum(len(file.builds) for file in report.files)
    counts = ((len(report.files), "Dockerfile"), (builds, "build"), (len(report.references), "reference"))
    return ", ".join(count(number, noun) for number, noun in counts)


def _row(finding: Finding, more: Sequence[Finding]) -> tuple[Line, Line, Line, Line]:
    line = str(finding.location.line) if finding.location and finding.location.line else ""
    text: list[str | Piece] = [finding.message]
    if finding.remedy:
        text += [BREAK, Piece("→ ", "green"), finding.remedy]
    if more:
        text += [BREAK, _more(more)]
    elif finding.related:
        places = ", ".join(dict.fromkeys(str(place) for place in finding.related))
        text += [BREAK, Piece(f"see {places}", "dim")]
    if finding.waiver is not None:
        text += [BREAK, Piece(f"waived: {finding.waiver}", "dim")]
    return Piece(line, "cyan"), finding_label(finding), finding.rule, text


def dockerfiles_document(reports: Sequence[DockerfilesReport], options: RenderOptions) -> str:
    """Return ``dockerfiles/1``."""
    return document_of("dockerfiles", reports, options, _fields)


def _fields(report: DockerfilesReport) -> Fields:
    return {
        "files": [_file(file) for file in report.files],
        "references": [_reference(account) for account in report.references],
        "copies": [_copy(source) for source in report.copies],
    }


def _file(file: DockerfileAccount) -> Fields:
    return {
        "path": file.path,
        "parses": not file.rejections,
        "error": _error(file.rejections[0]) if file.rejections else None,
        "errors": [_error(rejection) for rejection in file.rejections],
        "stages": [{"name": stage.name, "base": stage.base, "line": stage.line} for stage in file.stages],
        "contexts": [_context(build) for build in file.builds],
    }


def _reference(account: ReferenceAccount) -> Fields:
    reference = account.reference
    return {
        "path": reference.location.path,
        "line": reference.location.line,
        "column": reference.location.column or None,
        "value": reference.written,
        "resolved": reference.resolved or None,
        "unknown": list(reference.unknown),
        "kind": reference.kind,
        "name": reference.name or None,
        "publishes": reference.publishes,
        "deviation": account.deviation,
        "expected": account.expected or None,
    }


def _copy(source: CopiedSource) -> Fields:
    return {
        "path": source.location.path,
        "line": source.location.line,
        "source": source.source,
        "context": source.context or None,
        "stage": source.stage or None,
        "exists": source.exists,
        "problem": source.problem,
        "reason": source.reason or None,
        "near": source.near or None,
        "left_out_by": None if source.pattern is None else place_fields(source.pattern),
        "built_at": None if source.built_at is None else place_fields(source.built_at),
    }


def _error(rejection: Rejection) -> Fields:
    return {
        "line": rejection.line,
        "kind": rejection.kind,
        "message": rejection.message,
        "cause_line": rejection.cause_line,
        "cause": rejection.cause,
    }


def _context(build: Build) -> Fields:
    return {
        "context": build.context or None,
        "origin": build.origin,
        "location": place_fields(build.location),
        "name": build.name,
        "args": dict(build.args),
        "target": build.target or None,
        "platforms": list(build.platforms),
        "tags": list(build.tags),
        "services": list(build.services),
        "families": list(build.families),
        "unknown": list(build.unknown),
    }
