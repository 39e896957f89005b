"""The parts that all terminal reports share: head, findings, gaps, verdict."""

import posixpath
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from fleet_audit.audit.model.finding import Finding, Gap, GapKind, Mode, Severity, Verdict
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.report import Judged
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import EXIT_CODES, blocking_gaps, count_findings, verdict_reason
from fleet_audit.reports.terminal import BREAK, Line, Page, Piece, Style, count, visible

ReportT = TypeVar("ReportT", bound=Judged)

MAX_HARMLESS_GAPS = 10

SEVERITY_STYLE: dict[Severity, Style] = {
    Severity.INFO: "dim",
    Severity.WARN: "yellow",
    Severity.ERROR: "red",
    Severity.CRITICAL: "bold red",
}
VERDICT_STYLE: dict[Verdict, Style] = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INCOMPLETE: "bold yellow",
}


def one_after_the_other(
    reports: Sequence[ReportT], options: RenderOptions, write: Callable[[Page, ReportT], None]
) -> str:
    """Return reports as `write` writes each, with a blank line between them."""
    page = Page(options)
    for index, report in enumerate(reports):
        if index:
            page.blank()
        write(page, report)
    return page.text()


def write_head(page: Page, title: str, image: ImageIdentity | None) -> None:
    """Write which image the report speaks of."""
    if image is None:
        page.line(Piece(title, "bold"))
        return
    reference = str(image.ref)
    page.line(Piece(title, "bold"), Piece("" if reference == title else f"   {reference}", "dim"))
    distro = image.distro.pretty_name or " ".join(
        part for part in (image.distro.id, image.distro.version, image.distro.codename) if part
    )
    parts = (short_digest(image.ref.digest or ""), str(image.ref.platform), distro)
    page.line(Piece(" · ".join(part for part in parts if part), "dim"))


def short_digest(digest: str) -> str:
    """Return a digest's algorithm, first twelve and last four digits; documents hold all of it."""
    algorithm, _, digits = digest.partition(":")
    return digest if len(digits) < 20 else f"{algorithm}:{digits[:12]}…{digits[-4:]}"


def write_notes(page: Page, report: Judged) -> None:
    """Write the remarks that a stage left for the reader."""
    for note in report.notes:
        page.line(Piece("note  ", "dim"), note)


def write_findings(page: Page, findings: Sequence[Finding], title: str = "Findings") -> None:
    """Write findings with their place, message and remedy, gravest first; nothing where there are none."""
    if not findings:
        return
    page.blank()
    page.line(Piece(title, "bold"))
    page.table(("", "", ""), [_finding_row(finding) for finding in findings])


def finding_label(finding: Finding) -> Piece:
    """Return how grave a finding is, or why it does not count, in its colour."""
    label = str(finding.severity)
    if finding.waiver is not None and not finding.is_downgraded:
        label = "waived"
    elif finding.mode is Mode.DRY_RUN:
        label = "dry run"
    return Piece(label, SEVERITY_STYLE[finding.severity])


def _finding_row(finding: Finding) -> tuple[Line, Line, Line]:
    text: list[str | Piece] = []
    if finding.location is not None:
        text += [Piece(str(finding.location), "cyan"), BREAK]
    text.append(finding.message)
    if finding.remedy:
        text += [BREAK, Piece("→ ", "green"), finding.remedy]
    if finding.waiver is not None:
        text += [BREAK, Piece(f"waived: {finding.waiver}", "dim")]
    return finding_label(finding), finding.rule, text


def write_gaps(page: Page, gaps: Sequence[Gap]) -> None:
    """Write what could not be examined: all that blocks, and the first of what does not."""
    if not gaps:
        return
    blocking = blocking_gaps(gaps)
    harmless = [gap for gap in gaps if not gap.blocking]
    page.blank()
    page.line(Piece("Could not be examined", "bold"))
    rows = [_gap_row(gap, Piece("!", "yellow")) for gap in blocking]
    rows += [_gap_row(gap, Piece("·", "dim")) for gap in harmless[:MAX_HARMLESS_GAPS]]
    page.table(("", ""), rows)
    # A command is never wrapped, so that it can be copied.
    page.verbatim(f"    {visible(gap.command)}" for gap in gaps if gap.command)
    if len(harmless) > MAX_HARMLESS_GAPS:
        left = len(harmless) - MAX_HARMLESS_GAPS
        page.line(Piece(f"and {left} more that block nothing (-o json lists them)", "dim"), indent=4)


def _gap_row(gap: Gap, sign: Piece) -> tuple[Line, Line]:
    place: tuple[str | Piece, ...] = (Piece(f"  {gap.location}", "cyan"),) if gap.location else ()
    what = f"layer {gap.what}" if gap.kind is GapKind.UNREADABLE_LAYER else gap.what
    return sign, (Piece(what, "bold" if gap.blocking else ""), ": ", gap.why, *place)


def write_verdict(page: Page, report: Judged) -> None:
    """Write the verdict, the counts that lead to it, and the exit code that it means."""
    counts = count_findings(report.findings)
    shown = (
        (counts.critical, "critical", "critical"),
        (counts.error, "error", "errors"),
        (counts.warn, "warning", "warnings"),
        (counts.info, "remark", "remarks"),
        (counts.waived, "waived", "waived"),
        (counts.dry_run, "in dry run", "in dry run"),
    )
    parts = [count(number, one, many) for number, one, many in shown if number]
    if gaps := len(blocking_gaps(report.gaps)):
        parts.append(count(gaps, "blocking gap"))
    page.blank()
    page.line(
        Piece(report.verdict.upper(), VERDICT_STYLE[report.verdict]),
        f"  {verdict_reason(report)} · exit code {EXIT_CODES[report.verdict]}",
        Piece(f"  ({', '.join(parts)})" if parts else "", "dim"),
    )
    if blocking := Counter(finding.rule for finding in report.findings if finding.blocks):
        named = (f"{rule} ×{number}" if number > 1 else rule for rule, number in sorted(blocking.items()))
        page.line("blocked by ", ", ".join(named))
    if report.policy.digest:
        rules = count(len(report.policy.rules), "rule")
        page.line(Piece(f"policy {report.policy.name} @ {report.policy.digest[:8]} · {rules}", "dim"))


def write_next(page: Page, commands: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Write what to type next: a word on each command, and the command, quoted for a shell."""
    width = max((len(why) for why, _ in commands), default=0)
    named = page.options.fleet_words
    page.verbatim(f"{why.ljust(width)}  {shell((*words, *named))}" for why, words in commands)


def typed_path(options: RenderOptions, path: str) -> str:
    """Return a path of the repository as it is typed here: one that begins like an option is none."""
    if options.here.startswith(".."):
        seen = posixpath.normpath(posixpath.join(options.start, path))
    else:
        seen = posixpath.relpath(posixpath.join("/", path), posixpath.join("/", options.here))
    return f"./{seen}" if seen.startswith("-") else seen


def shell(words: Sequence[str]) -> str:
    """Return a command line that a shell splits into these words."""
    return " ".join(shlex.quote(visible(word)) for word in words)


def target_words(family: str | None, image: ImageIdentity | None) -> tuple[str, ...]:
    """Return the options by which other commands are pointed at the same image."""
    if family is not None:
        return ("--family", family)
    return ("--image", str(image.ref)) if image is not None else ()
