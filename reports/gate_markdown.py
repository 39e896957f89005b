"""The gate's answer as Markdown, of a size for a comment: the verdict and what to do come first."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.model.finding import Finding
from fleet_audit.audit.model.gating import Age, GatedImage, GateReport
from fleet_audit.reports.gate_words import (
    Excuse,
    Task,
    WaiverWord,
    additions,
    coverage,
    dry_run_rules,
    dry_run_words,
    excuses,
    in_order,
    of_age,
    reason,
    summary,
    tasks,
    waiver_words,
)
from fleet_audit.reports.markdown import Markup, Section, code, codes, document, fence, items, prose, table
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import EXIT_CODES
from fleet_audit.reports.terminal import count
from fleet_audit.reports.text import short_digest

MAX_ROWS = 60


def gate_markdown(reports: Sequence[GateReport], options: RenderOptions) -> str:
    """Return the verdict on each image, what to do, and what the verdict rests on."""
    return document(section for report in reports for section in _sections(report, options))


def _sections(report: GateReport, options: RenderOptions) -> Iterator[Section]:
    head = f"## {report.verdict.upper()}: {prose(summary(report))}"
    parts = [head, *([prose(_coverage(report))] if report.absent else [])]
    yield Section(Markup("verdict"), "\n\n".join(parts))
    yield Section(Markup("images"), _images(report))
    if found := tasks(report, options):
        text = f"### What to do ({len(found)})\n\n{_rows([_task(task) for task in found])}"
        yield Section(Markup("what to do"), text)
    yield from addition_sections(report)
    yield from _compared(report)
    yield from waiver_sections(report)
    yield from _gaps(report)
    yield Section(Markup("policy"), _foot(report))


def addition_sections(report: GateReport) -> Iterator[Section]:
    """Yield the lines that Dockerfiles lack, as they can be copied."""
    for addition in additions(report):
        place = prose(addition.place or f"the Dockerfile of {addition.image}")
        also = f" (parts of it to {prose(', '.join(addition.also))})" if addition.also else ""
        text = f"Add to {place}{also}:\n\n{fence(chr(10).join(addition.lines), 'dockerfile')}"
        yield Section(Markup("what to add"), text)


def _coverage(report: GateReport) -> str:
    return f"{coverage(report)}; not there: {', '.join(report.absent)}"


def _images(report: GateReport) -> str:
    rows = [
        (prose(image.verdict.upper()), code(image.subject), prose(reason(image)), _digest(image))
        for image in in_order(report.images)
    ]
    return table(("verdict", "image", "why", "digest"), rows)


def _digest(image: GatedImage) -> Markup:
    audit = image.audit
    return code(short_digest(audit.image.ref.digest or "")) if audit.image is not None else Markup("")


def _rows(lines: Sequence[Markup]) -> str:
    shown = items(lines[:MAX_ROWS])
    left = len(lines) - MAX_ROWS
    return f"{shown}\n\n{count(left, 'more')} in the JSON document" if left > 0 else shown


def _task(task: Task) -> Markup:
    place = f"{code(str(task.place))} " if task.place is not None else ""
    remedy = f" → {prose(task.remedy)}" if task.remedy else ""
    return Markup(
        f"{place}**{task.severity}** {prose(task.message)}{remedy} ({code(task.rule)}; {codes(task.images)})"
    )


def _compared(report: GateReport) -> Iterator[Section]:
    rows = [_comparison(image) for image in report.images if image.comparison is not None]
    if rows:
        columns = ("image", ">new", ">known", ">disclosed since", ">fixed", "databases", "waived since")
        yield Section(Markup("baseline"), f"### Beside the baseline\n\n{table(columns, rows)}")
    for age, title in (
        (Age.DISCLOSED, "Disclosed since the baseline was scanned"),
        (Age.KNOWN, "Known before"),
    ):
        if found := of_age(report, age):
            lines = [_excused(image, finding) for image, finding in found]
            yield Section(prose(title), f"### {title}, and not blocking ({len(lines)})\n\n{_rows(lines)}")


def _comparison(image: GatedImage) -> tuple[Markup, ...]:
    told = image.comparison
    if told is None:
        return ()
    numbers = (len(image.blocking), len(told.known), len(told.disclosed), len(told.fixed))
    before, now = told.database_before[:10], told.database_now[:10]
    dates = before if before == now else f"{before or 'none'} then, {now or 'none'} now"
    return (
        code(image.subject),
        *(prose(str(number)) for number in numbers),
        prose(dates),
        codes(told.waived_since),
    )


def _excused(image: GatedImage, finding: Finding) -> Markup:
    place = f"{code(str(finding.location))} " if finding.location is not None else ""
    return Markup(f"{place}{prose(finding.message)} ({code(finding.rule)}; {code(image.subject)})")


def waiver_sections(report: GateReport) -> Iterator[Section]:
    """Yield which waivers hold, end soon, have ended, have not begun, and name nothing."""
    words = waiver_words(report)
    soon = {each.account.waiver.id for each in words.expiring}
    rows = [
        *(_waiver("ends soon" if w.account.waiver.id in soon else "in effect", w) for w in words.applied),
        *(_waiver("expired", word) for word in words.expired),
        *(_waiver("not begun", word) for word in words.pending),
        *(_waiver("unused", word) for word in words.unused),
        *(_excuse(excuse) for excuse in excuses(report)),
    ]
    if rows:
        columns = ("state", "waiver", "rule", "until", "owner", "reason", ">findings", "images")
        yield Section(Markup("waivers"), f"### Waivers ({len(rows)})\n\n{table(columns, rows)}")


def _waiver(state: str, word: WaiverWord) -> tuple[Markup, ...]:
    waiver = word.account.waiver
    return (
        prose(state),
        code(waiver.id),
        code(waiver.rule),
        prose(str(waiver.expires)),
        prose(waiver.owner),
        prose(waiver.reason),
        prose(str(word.findings)),
        codes(word.images),
    )


def _excuse(excuse: Excuse) -> tuple[Markup, ...]:
    return (
        prose("in source" if excuse.in_source else "manifest"),
        Markup(""),
        code(excuse.rule),
        Markup(""),
        Markup(""),
        prose(excuse.reason),
        prose(str(excuse.findings)),
        codes(excuse.images),
    )


def _gaps(report: GateReport) -> Iterator[Section]:
    gaps = dict.fromkeys((*report.gaps, *(gap for image in report.images for gap in image.gaps)))
    if blocking := [gap for gap in gaps if gap.blocking]:
        lines = [Markup(f"{prose(gap.what)}: {prose(gap.reason)}") for gap in blocking]
        yield Section(Markup("gaps"), f"### Could not be examined ({len(lines)})\n\n{_rows(lines)}")
    if harmless := len(gaps) - len(blocking):
        words = f"Beside that, {count(harmless, 'gap')} without effect: the JSON document has them all."
        yield Section(Markup("harmless gaps"), words)


def _foot(report: GateReport) -> str:
    policy = f"Policy {prose(report.policy.name)} @ {code(report.policy.digest[:8])}"
    lines = [f"{policy}, {count(len(report.policy.rules), 'rule')}; exit code {EXIT_CODES[report.verdict]}."]
    lines += [
        f"{code(row.rule)} (dry run) {prose(dry_run_words(row, report))}." for row in dry_run_rules(report)
    ]
    return "\n\n".join(lines)
