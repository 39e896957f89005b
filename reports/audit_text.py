"""The whole report on one image for a terminal: the verdict, what to do, and then everything else."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from fleet_audit.audit.model.finding import Gap, Verdict
from fleet_audit.audit.model.gating import GatedImage
from fleet_audit.audit.model.need import Need
from fleet_audit.reports.audit_summary import (
    AuditSummary,
    GravityRow,
    LayerRow,
    OriginRow,
    RuleRow,
    Todo,
    gravest_first,
    summary_of,
)
from fleet_audit.reports.audit_words import (
    GRAVITY_COLUMNS,
    LAYER_COLUMNS,
    ORIGIN_COLUMNS,
    advisories_words,
    deps_of,
    gravity_total,
    layers_words,
    method,
    more_words,
    needs_words,
    origin_sizes,
    origin_words,
    outcomes_of,
    rule_columns,
    rule_words,
    size_of,
    statuses_words,
    surplus_words,
)
from fleet_audit.reports.gate_text import write_additions, write_waivers
from fleet_audit.reports.gate_words import dry_run_rules, dry_run_words, excuses, waiver_words
from fleet_audit.reports.need_words import answer, answers, nearest_first, need_counts
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.proposal_words import remedies_title, remedy_gain, sort_remedies
from fleet_audit.reports.summary import EXIT_CODES, count_findings
from fleet_audit.reports.surplus_text import write_surplus
from fleet_audit.reports.terminal import BREAK, Line, Page, Piece, Style, count
from fleet_audit.reports.text import (
    SEVERITY_STYLE,
    VERDICT_STYLE,
    one_after_the_other,
    shell,
    short_digest,
    write_head,
    write_next,
    write_notes,
)
from fleet_audit.reports.vulns_text import SEVERITY_STYLE as GRAVITY_STYLE
from fleet_audit.reports.vulns_text import advisory_row

MAX_ROWS = 15
_NEAREST = 3
_NARROW = 90

RowT = TypeVar("RowT")


def audit_text(images: Sequence[GatedImage], options: RenderOptions) -> str:
    """Return the whole report on each image, one after the other."""
    return one_after_the_other(images, options, write_image)


def write_image(page: Page, image: GatedImage) -> None:
    """Write the whole report on one image; lists are cut unless the page is to be full."""
    summary = summary_of(image, page.options.manifest)
    audit = summary.audit
    _write_verdict(page, summary)
    write_head(page, image.subject, audit.image)
    write_notes(page, image)
    _write_todos(page, summary)
    write_additions(page, summary.as_gate)
    _write_remedies(page, summary)
    _write_rules(page, summary)
    _write_origins(page, summary.origins)
    _write_needs(page, summary)
    _write_advisories(page, summary)
    _write_layers(page, summary)
    _write_surplus(page, summary)
    write_waivers(page, waiver_words(summary.as_gate), excuses(summary.as_gate))
    _write_gaps(page, summary)
    _title(page, "What this rests on")
    page.table(("", ""), [(Piece(label, "dim"), text) for label, text in method(summary)])
    page.blank()
    # Whoever has scrolled down to the end reads it here.
    _write_verdict(page, summary)
    _write_next(page, summary)


def _write_verdict(page: Page, summary: AuditSummary) -> None:
    verdict = summary.image.verdict
    page.line(
        Piece(verdict.upper(), VERDICT_STYLE[verdict]),
        f"  {summary.image.subject}: {summary.reason} · exit code {EXIT_CODES[verdict]}",
    )


def _title(page: Page, title: str, aside: str = "") -> None:
    page.blank()
    page.line(Piece(title, "bold"), Piece(f"  {aside}" if aside else "", "dim"))


def _is_narrow(page: Page) -> bool:
    """Say whether columns of numbers would leave no room for what they are of."""
    return page.options.width < _NARROW


def _cut(page: Page, rows: Sequence[RowT]) -> Sequence[RowT]:
    return rows if page.options.is_full else rows[:MAX_ROWS]


def _write_rest(page: Page, summary: AuditSummary, rows: Sequence[object]) -> None:
    """Say how much of a list is left out, and how all of it is shown."""
    if (left := len(rows) - len(_cut(page, rows))) > 0:
        page.line(Piece(f"{more_words(left)}; all of them:", "dim"), indent=1)
        page.verbatim([f"  {shell(_all_of(summary, page.options))}"], "dim")


def _all_of(summary: AuditSummary, options: RenderOptions) -> tuple[str, ...]:
    file = summary.image.file
    if not file:
        return ("fleet-audit", "gate", summary.image.subject, "-o", "json", *options.fleet_words)
    return ("fleet-audit", "report", "image", "--audit", file, "--full", *options.fleet_words)


def _write_todos(page: Page, summary: AuditSummary) -> None:
    rows = [*map(_todo_row, summary.todos), *map(_closing_row, summary.gaps_to_close)]
    if not rows:
        return
    _title(page, f"What to do ({len(rows)})")
    page.table(("", "", ""), _cut(page, rows))
    _write_rest(page, summary, rows)


def _todo_row(todo: Todo) -> tuple[Line, Line, Line]:
    finding = todo.finding
    text: list[str | Piece] = []
    if todo.place is not None:
        text += [Piece(str(todo.place), "cyan"), BREAK]
    text.append(finding.message)
    if finding.remedy:
        text += [BREAK, Piece("→ ", "green"), finding.remedy]
    label = Piece("blocks" if todo.blocks else "warns", SEVERITY_STYLE[finding.severity])
    return label, (finding.rule, BREAK, Piece(str(finding.severity), "dim")), text


def _closing_row(gap: Gap) -> tuple[Line, Line, Line]:
    return Piece("look", "yellow"), str(gap.kind), (gap.what, BREAK, gap.reason)


def _write_remedies(page: Page, summary: AuditSummary) -> None:
    plan = summary.audit.proposal
    better = sort_remedies(plan).better
    if not better:
        return
    _title(page, remedies_title(better))
    for remedy in better:
        gain = remedy_gain(remedy, plan)
        page.line(Piece("→ ", "green"), remedy.action, Piece(f"  {gain}" if gain else "", "dim"), indent=1)


def _write_rules(page: Page, summary: AuditSummary) -> None:
    if not summary.rules:
        return
    _title(page, f"Rules ({len(summary.rules)})", "those that had something to judge")
    shown = [row for row in summary.rules if page.options.is_full or not row.is_clean]
    outcomes = outcomes_of(shown)
    if shown and _is_narrow(page):
        page.table(("", ""), [(row.rule, (row.title, BREAK, rule_words(row))) for row in shown])
    elif shown:
        page.table(rule_columns(outcomes), [_rule_row(row, outcomes) for row in shown])
    if clean := [row.rule for row in summary.rules if row not in shown]:
        page.line(f"{count(len(clean), 'rule')} found nothing: ", Piece(", ".join(clean), "dim"), indent=1)
    for dry in dry_run_rules(summary.as_gate):
        page.line(f"{dry.rule} (dry run) {dry_run_words(dry, summary.as_gate)}", indent=1)


_OUTCOME_STYLES: dict[str, Style] = {"blocks": "red", "warns": "yellow"}


def _rule_row(row: RuleRow, outcomes: Sequence[str]) -> tuple[Line, ...]:
    numbers = [(name, getattr(row, name)) for name in outcomes]
    cells = (Piece(str(number), _OUTCOME_STYLES.get(name, "")) if number else "" for name, number in numbers)
    return row.rule, *cells, "" if row.clean is None else str(row.clean), Piece(row.title, "dim")


def _write_origins(page: Page, rows: Sequence[OriginRow]) -> None:
    if not rows:
        return
    _title(page, "By origin")
    if _is_narrow(page):
        page.table(("", ""), [(row.origin, origin_words(row)) for row in rows])
    else:
        page.table(ORIGIN_COLUMNS, map(_origin_row, rows))


def _origin_row(row: OriginRow) -> tuple[Line, ...]:
    numbers = (row.findings, row.blocking, row.advisories)
    return row.origin, str(row.packages), *origin_sizes(row), *map(str, numbers)


def _write_needs(page: Page, summary: AuditSummary) -> None:
    groups = summary.needs
    _title(page, "Needs")
    if words := needs_words(summary):
        page.line(words, indent=1)
        return
    words = statuses_words(summary)
    page.line(*_joined(need_counts(groups)), Piece(f"  ({words})" if words else "", "dim"), indent=1)
    said = answers(summary.audit.proposal)
    missing = [_need_row(need, said) for need in (*groups.required, *groups.possible)]
    if missing:
        page.table(("", "need", "what answers it", "reached from"), _cut(page, missing))
        _write_rest(page, summary, missing)


def _joined(pieces: Iterable[Piece]) -> Iterator[str | Piece]:
    for index, piece in enumerate(pieces):
        if index:
            yield ", "
        yield piece


def _need_row(need: Need, said: dict[str, Piece]) -> tuple[Line, ...]:
    ways = nearest_first(need)
    more = f" and {len(ways) - _NEAREST} more" if len(ways) > _NEAREST else ""
    named = ", ".join(dict.fromkeys(way.service for way in ways[:_NEAREST]))
    return Piece(str(need.tier), "dim"), need.subject, answer(need, said), f"{named}{more}"


def _write_advisories(page: Page, summary: AuditSummary) -> None:
    _title(page, "Advisories")
    page.line(advisories_words(summary), indent=1)
    if not summary.gravity:
        return
    page.table(GRAVITY_COLUMNS, map(_gravity_row, (*summary.gravity, gravity_total(summary.gravity))))
    page.blank()
    found = gravest_first(summary.audit.advisories)
    page.table(("", "", "", ""), [advisory_row(advisory) for advisory in _cut(page, found)])
    _write_rest(page, summary, found)


def _gravity_row(row: GravityRow) -> tuple[Line, ...]:
    numbers = (row.reached, row.unknown, row.unreached, row.fixable)
    return Piece(row.severity, GRAVITY_STYLE.get(row.severity, "bold")), *map(str, numbers)


def _write_layers(page: Page, summary: AuditSummary) -> None:
    if not summary.layers:
        return
    _title(page, "Layers", layers_words(summary))
    rows = [_layer_row(number, layer) for number, layer in enumerate(summary.layers, 1)]
    page.table(LAYER_COLUMNS, _cut(page, rows))
    _write_rest(page, summary, rows)


def _layer_row(number: int, layer: LayerRow) -> tuple[Line, ...]:
    made = layer.created_by or short_digest(layer.diff_id)
    sizes = (size_of(layer.stored_bytes), size_of(layer.unpacked_bytes))
    return str(number), *sizes, layer.origin, Piece(made, "dim")


def _write_surplus(page: Page, summary: AuditSummary) -> None:
    if words := surplus_words(summary):
        page.blank()
        page.line(words)
    write_surplus(page, deps_of(summary.audit))


def _write_gaps(page: Page, summary: AuditSummary) -> None:
    gaps = sorted(summary.image.gaps, key=lambda gap: not gap.blocking)
    if not gaps:
        return
    blocking = len(summary.gaps_to_close)
    _title(
        page,
        f"Could not be examined ({len(gaps)})",
        f"{blocking} of them {'keeps' if blocking == 1 else 'keep'} it from passing",
    )
    page.table(("", "", ""), [_gap_row(gap) for gap in _cut(page, gaps)])
    _write_rest(page, summary, gaps)


def _gap_row(gap: Gap) -> tuple[Line, ...]:
    sign = Piece("!", "yellow") if gap.blocking else Piece("·", "dim")
    place = (Piece(str(gap.location), "cyan"), BREAK) if gap.location is not None else ()
    return sign, str(gap.kind), (*place, gap.what, ": ", gap.reason)


def _write_next(page: Page, summary: AuditSummary) -> None:
    image = summary.image
    commands: list[tuple[str, tuple[str, ...]]] = []
    if image.verdict is Verdict.FAIL and image.audit.proposal.roots and summary.additions:
        commands.append(("run:", ("fleet-audit", "deps", image.subject, "--write")))
    if image.blocking:
        commands.append(("why:", ("fleet-audit", "rules", "explain", image.blocking[0].rule)))
    if remarks := count_findings(image.findings).info:
        page.line(Piece(f"{count(remarks, 'remark')} not listed here", "dim"))
        if image.file:
            commands.append(("all:", ("fleet-audit", "report", "image", "--audit", image.file, "-o", "csv")))
    if commands:
        write_next(page, commands)
