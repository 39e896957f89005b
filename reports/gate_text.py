"""The gate's answer on several images for a terminal: a line for each, then what to do."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.model.finding import Finding, Gap, Verdict
from fleet_audit.audit.model.gating import Age, GatedImage, GateReport
from fleet_audit.reports.gate_words import (
    Excuse,
    Task,
    WaiverWord,
    WaiverWords,
    additions,
    coverage,
    dry_run_rules,
    dry_run_words,
    excuses,
    extent,
    in_order,
    of_age,
    reason,
    some,
    summary,
    tasks,
    waiver_words,
)
from fleet_audit.reports.summary import EXIT_CODES
from fleet_audit.reports.terminal import BREAK, Line, Page, Piece, count, visible
from fleet_audit.reports.text import SEVERITY_STYLE, VERDICT_STYLE, short_digest, write_gaps, write_next

MAX_HARMLESS = 5


def write_gate(page: Page, report: GateReport) -> None:
    """Write the verdict on each image, what to do, and what the verdict rests on."""
    page.table(("", "", ""), [_image_row(image) for image in in_order(report.images)], indent=0)
    if covered := coverage(report):
        page.line(covered, Piece("; not there: ", "dim"), ", ".join(report.absent))
    _write_tasks(page, tasks(report, page.options))
    write_additions(page, report)
    _write_baseline(page, report)
    write_waivers(page, waiver_words(report), excuses(report))
    write_gaps(page, tuple(_gaps(report)))
    _write_verdict(page, report)
    write_next(page, tuple(_next(report)))


def _image_row(image: GatedImage) -> tuple[Line, Line, Line]:
    verdict = Piece(image.verdict.upper(), VERDICT_STYLE[image.verdict])
    audit = image.audit
    digest = short_digest(audit.image.ref.digest or "") if audit.image is not None else ""
    since = f"audited {audit.created}" if audit.created else ""
    facts = " · ".join(part for part in (digest, since) if part)
    return (
        verdict,
        Piece(image.subject, "bold"),
        (reason(image), *((BREAK, Piece(facts, "dim")) if facts else ())),
    )


def _write_tasks(page: Page, found: Sequence[Task]) -> None:
    if not found:
        return
    page.blank()
    page.line(Piece(f"What to do ({len(found)})", "bold"))
    page.table(("", "", ""), [_task_row(task) for task in found])


def _task_row(task: Task) -> tuple[Line, Line, Line]:
    text: list[str | Piece] = []
    if task.place is not None:
        text += [Piece(str(task.place), "cyan"), BREAK]
    text.append(task.message)
    if task.remedy:
        text += [BREAK, Piece("→ ", "green"), task.remedy]
    text += [BREAK, Piece(f"keeps back {some(task.images)}", "dim")]
    return Piece(str(task.severity), SEVERITY_STYLE[task.severity]), task.rule, text


def write_additions(page: Page, report: GateReport) -> None:
    """Write the lines that Dockerfiles lack, as they can be copied."""
    for addition in additions(report):
        page.blank()
        also = f" (parts of it to {', '.join(addition.also)})" if addition.also else ""
        page.line("add to ", Piece(addition.place or f"the Dockerfile of {addition.image}", "cyan"), also)
        page.verbatim(map(visible, addition.lines), "green")


def _write_baseline(page: Page, report: GateReport) -> None:
    compared = [image for image in report.images if image.comparison is not None]
    if not compared:
        return
    page.blank()
    page.line(Piece("Beside the baseline", "bold"))
    page.table(("", ""), [_compared_row(image) for image in compared])
    for age, title in (
        (Age.DISCLOSED, "Disclosed since the baseline was scanned"),
        (Age.KNOWN, "Known before"),
    ):
        if found := of_age(report, age):
            page.blank()
            page.line(Piece(f"{title}, and not blocking ({len(found)})", "bold"))
            page.table(("", "", ""), [_excused_row(image, finding) for image, finding in found])


def _compared_row(image: GatedImage) -> tuple[Line, Line]:
    told = image.comparison
    if told is None:
        return image.subject, ""
    counts = (len(image.blocking), len(told.known), len(told.disclosed), len(told.fixed))
    words = "{} new, {} known, {} disclosed since, {} fixed".format(*counts)
    text: list[str | Piece] = [
        words,
        BREAK,
        Piece(f"baseline audited {told.base or 'at a time unknown'}", "dim"),
    ]
    if told.database_before != told.database_now:
        before, now = (date[:10] or "none" for date in (told.database_before, told.database_now))
        text += [BREAK, Piece(f"databases differ: {before} then, {now} now", "yellow")]
    if told.waived_since:
        text += [BREAK, Piece(f"waived since: {', '.join(told.waived_since)}", "yellow")]
    return Piece(image.subject, "bold"), text


def _excused_row(image: GatedImage, finding: Finding) -> tuple[Line, Line, Line]:
    place = (Piece(f"{finding.location}  ", "cyan"),) if finding.location is not None else ()
    return finding.rule, image.subject, (*place, finding.message)


def write_waivers(page: Page, words: WaiverWords, without_end: Sequence[Excuse]) -> None:
    """Write which waivers hold, end soon, have ended, have not begun, name nothing; then what has no end."""
    expiring = {each.account.waiver.id for each in words.expiring}
    rows = [
        _waiver_row("in effect", word, ends_soon=word.account.waiver.id in expiring) for word in words.applied
    ]
    rows += [_waiver_row("expired", word) for word in words.expired]
    rows += [_waiver_row("not begun", word) for word in words.pending]
    rows += [_waiver_row("unused", word) for word in words.unused]
    rows += [_excuse_row(excuse) for excuse in without_end]
    if rows:
        page.blank()
        page.line(Piece("Waivers", "bold"))
        page.table(("", "", ""), rows)


def _waiver_row(state: str, word: WaiverWord, *, ends_soon: bool = False) -> tuple[Line, Line, Line]:
    waiver, left = word.account.waiver, word.account.days_left
    when = f"until {waiver.expires}" if left >= 0 else f"ended {waiver.expires}"
    soon = f" ({count(left, 'day')} left)" if ends_soon else ""
    text: list[str | Piece] = [
        f"{waiver.rule}, {when}{soon}, {waiver.owner}: {waiver.reason}",
        BREAK,
        Piece(f"{extent(word)}  {waiver.location}".rstrip(), "dim"),
    ]
    is_remarkable = ends_soon or state != "in effect"
    return Piece(state, "yellow" if is_remarkable else ""), Piece(waiver.id, "bold"), text


def _excuse_row(excuse: Excuse) -> tuple[Line, Line, Line]:
    text: list[str | Piece] = [excuse.reason, BREAK, Piece(extent(excuse), "dim")]
    return "in source" if excuse.in_source else "manifest", Piece(excuse.rule, "bold"), text


def _gaps(report: GateReport) -> Iterator[Gap]:
    """Yield what could not be examined anywhere, each once."""
    gaps = dict.fromkeys((*report.gaps, *(gap for image in report.images for gap in image.gaps)))
    yield from gaps


def _write_verdict(page: Page, report: GateReport) -> None:
    page.blank()
    page.line(
        Piece(report.verdict.upper(), VERDICT_STYLE[report.verdict]),
        f"  {summary(report)} · exit code {EXIT_CODES[report.verdict]}",
    )
    for row in dry_run_rules(report):
        page.line(Piece(f"{row.rule} (dry run) {dry_run_words(row, report)}", "dim"))
    rules = count(len(report.policy.rules), "rule")
    page.line(Piece(f"policy {report.policy.name} @ {report.policy.digest[:8]} · {rules}", "dim"))


def _next(report: GateReport) -> Iterator[tuple[str, tuple[str, ...]]]:
    first = in_order(report.images)[:1]
    for image in first:
        audit = image.audit
        if image.verdict is not Verdict.FAIL or audit.image is None:
            continue
        target = audit.subject
        if audit.proposal.roots:
            yield "run:", ("fleet-audit", "deps", target, "--write")
        if image.file:
            yield "all:", ("fleet-audit", "report", "image", "--audit", image.file)
        yield "why:", ("fleet-audit", "rules", "explain", image.blocking[0].rule)
