"""The whole report on one image as Markdown, of a size for the summary of a CI step."""

from collections.abc import Iterable, Iterator, Sequence

from fleet_audit.audit.model.apt import Surplus
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.gating import GatedImage
from fleet_audit.audit.model.need import Need
from fleet_audit.reports.audit_summary import (
    AuditSummary,
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
    gravity_total,
    layers_words,
    method,
    more_words,
    needs_words,
    origin_sizes,
    outcomes_of,
    rule_columns,
    size_of,
    statuses_words,
    surplus_words,
)
from fleet_audit.reports.gate_markdown import addition_sections, waiver_sections
from fleet_audit.reports.gate_words import dry_run_rules, dry_run_words
from fleet_audit.reports.markdown import Markup, Section, code, codes, document, items, prose, table
from fleet_audit.reports.need_words import answer, answers, nearest_first, need_counts
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.proposal_words import remedies_title, remedy_gain, sort_remedies
from fleet_audit.reports.summary import EXIT_CODES
from fleet_audit.reports.surplus_groups import surplus_groups, total_words
from fleet_audit.reports.terminal import Piece, count, size
from fleet_audit.reports.text import short_digest
from fleet_audit.reports.vulns_markdown import advisory_table

MAX_BYTES = 900 << 10
"""What fits into a step's summary, with room for what other steps say (GitHub takes 1 MiB of each step)."""

MAX_ROWS = 100


def audit_markdown(images: Sequence[GatedImage], options: RenderOptions) -> str:
    """Return the whole report on each image; of what does not fit, whole sections are left out and named."""
    return document((section for image in images for section in _sections(image, options)), MAX_BYTES)


def _sections(image: GatedImage, options: RenderOptions) -> Iterator[Section]:
    summary = summary_of(image, options.manifest)
    yield Section(prose(f"verdict on {image.subject}"), "\n\n".join(_head(summary)))
    rows = [*map(_todo, summary.todos), *map(_closing, summary.gaps_to_close)]
    if rows:
        yield _section(summary, f"What to do ({len(rows)})", _list(rows, options))
    yield from addition_sections(summary.as_gate)
    yield from _remedies(summary)
    if summary.rules:
        yield _section(summary, f"Rules ({len(summary.rules)})", *_rules(summary, options))
    if summary.origins:
        yield _section(summary, "By origin", table(ORIGIN_COLUMNS, map(_origin, summary.origins)))
    yield _section(summary, "Needs", *_needs(summary, options))
    yield _section(summary, "Advisories", *_advisories(summary, options))
    if summary.layers:
        layers = [_layer(number, layer) for number, layer in enumerate(summary.layers, 1)]
        yield _section(
            summary, "Layers", prose(f"{layers_words(summary)}."), *_table(LAYER_COLUMNS, layers, options)
        )
    yield _section(summary, "Surplus", *_surplus(summary, options))
    yield from waiver_sections(summary.as_gate)
    if gaps := sorted(image.gaps, key=lambda gap: not gap.blocking):
        columns = ("keeps it from passing", "kind", "what", "why")
        yield _section(
            summary, f"Could not be examined ({len(gaps)})", *_table(columns, list(map(_gap, gaps)), options)
        )
    rest = table(("", ""), [(prose(label), code(text)) for label, text in method(summary)])
    yield _section(summary, "What this rests on", rest)


def _section(summary: AuditSummary, title: str, *parts: str) -> Section:
    return Section(prose(f"{title} of {summary.image.subject}"), "\n\n".join((f"### {prose(title)}", *parts)))


def _head(summary: AuditSummary) -> Iterator[str]:
    image = summary.image
    yield f"## {image.verdict.upper()}: {prose(image.subject)}"
    yield f"{prose(summary.reason)}; exit code {EXIT_CODES[image.verdict]}."
    if image.audit.image is not None:
        yield code(str(image.audit.image.ref))
    if image.notes:
        yield items(prose(note) for note in image.notes)


def _shown(rows: Sequence[object], options: RenderOptions) -> int:
    return len(rows) if options.is_full else min(MAX_ROWS, len(rows))


def _table(columns: Sequence[str], rows: Sequence[Sequence[Markup]], options: RenderOptions) -> Iterator[str]:
    shown = _shown(rows, options)
    yield table(columns, rows[:shown])
    if left := len(rows) - shown:
        yield _rest(left)


def _list(lines: Sequence[Markup], options: RenderOptions) -> str:
    shown = _shown(lines, options)
    text = items(lines[:shown])
    return f"{text}\n\n{_rest(len(lines) - shown)}" if len(lines) > shown else text


def _rest(left: int) -> Markup:
    return prose(f"{more_words(left)}: the JSON document has them all, and --full lists them.")


def _todo(todo: Todo) -> Markup:
    finding = todo.finding
    place = f"{code(str(todo.place))} " if todo.place is not None else ""
    remedy = f" → {prose(finding.remedy)}" if finding.remedy else ""
    what = "blocks" if todo.blocks else "warns"
    return Markup(f"**{what}** {place}{prose(finding.message)}{remedy} ({code(finding.rule)})")


def _closing(gap: Gap) -> Markup:
    return Markup(f"**not examined** {prose(gap.what)}: {prose(gap.reason)} ({code(gap.kind)})")


def _remedies(summary: AuditSummary) -> Iterator[Section]:
    plan = summary.audit.proposal
    if better := sort_remedies(plan).better:
        gains = [(remedy, remedy_gain(remedy, plan)) for remedy in better]
        lines = [prose(f"{remedy.action}; {gain}" if gain else remedy.action) for remedy, gain in gains]
        yield _section(summary, remedies_title(better), items(lines))


def _rules(summary: AuditSummary, options: RenderOptions) -> Iterator[str]:
    shown = [row for row in summary.rules if options.is_full or not row.is_clean]
    outcomes = outcomes_of(shown)
    if shown:
        yield table(rule_columns(outcomes), [_rule(row, outcomes) for row in shown])
    if clean := [row.rule for row in summary.rules if row not in shown]:
        yield Markup(f"{count(len(clean), 'rule')} found nothing: {codes(clean)}")
    for dry in dry_run_rules(summary.as_gate):
        yield Markup(f"{code(dry.rule)} (dry run) {prose(dry_run_words(dry, summary.as_gate))}.")


def _rule(row: RuleRow, outcomes: Iterable[str]) -> tuple[Markup, ...]:
    numbers = (getattr(row, name) for name in outcomes)
    cells = (prose(str(number) if number else "") for number in numbers)
    return code(row.rule), *cells, prose("" if row.clean is None else str(row.clean)), prose(row.title)


def _origin(row: OriginRow) -> tuple[Markup, ...]:
    numbers = (str(row.findings), str(row.blocking), str(row.advisories))
    return code(row.origin), *map(prose, (str(row.packages), *origin_sizes(row), *numbers))


def _needs(summary: AuditSummary, options: RenderOptions) -> Iterator[str]:
    if words := needs_words(summary):
        yield prose(words)
        return
    counts = ", ".join(piece.text for piece in need_counts(summary.needs))
    more = statuses_words(summary)
    yield prose(f"{counts} ({more})" if more else counts)
    said = answers(summary.audit.proposal)
    rows = [_need(need, said) for need in (*summary.needs.required, *summary.needs.possible)]
    if rows:
        yield from _table(("", "need", "what answers it", "reached from"), rows, options)


def _need(need: Need, said: dict[str, Piece]) -> tuple[Markup, ...]:
    services = dict.fromkeys(way.service for way in nearest_first(need))
    return prose(need.tier), code(need.subject), prose(answer(need, said).text), codes(services)


def _advisories(summary: AuditSummary, options: RenderOptions) -> Iterator[str]:
    yield prose(advisories_words(summary))
    if not summary.gravity:
        return
    rows = (*summary.gravity, gravity_total(summary.gravity))
    numbers = [(row.severity, row.reached, row.unknown, row.unreached, row.fixable) for row in rows]
    yield table(GRAVITY_COLUMNS, [tuple(prose(str(number)) for number in row) for row in numbers])
    found = gravest_first(summary.audit.advisories)
    shown = _shown(found, options)
    yield advisory_table(found[:shown])
    if left := len(found) - shown:
        yield _rest(left)


def _layer(number: int, layer: LayerRow) -> tuple[Markup, ...]:
    sizes = (size_of(layer.stored_bytes), size_of(layer.unpacked_bytes))
    made = layer.created_by or short_digest(layer.diff_id)
    return prose(str(number)), *map(prose, sizes), code(layer.origin), code(made)


def _surplus(summary: AuditSummary, options: RenderOptions) -> Iterator[str]:
    surplus = summary.audit.surplus
    if not surplus:
        yield prose(surplus_words(summary) or "Nothing that is installed is known to be surplus.")
        return
    yield prose(f"Nothing reachable needs {total_words(surplus_groups(surplus))}.")
    rows = sorted(surplus, key=lambda each: (-each.installed_bytes, each.package))
    columns = ("package", ">installed", "brought by", "why", "how sure")
    yield from _table(columns, list(map(_surplus_row, rows)), options)


def _surplus_row(each: Surplus) -> tuple[Markup, ...]:
    why = f"{each.reason}, but {each.doubt}" if each.doubt else each.reason
    place = f" ({code(str(each.dockerfile))})" if each.dockerfile is not None else ""
    origin = Markup(f"{code(each.origin)}{place}")
    return code(each.package), prose(size(each.installed_bytes)), origin, prose(why), prose(each.confidence)


def _gap(gap: Gap) -> tuple[Markup, ...]:
    place = f"{code(str(gap.location))} " if gap.location is not None else ""
    what = Markup(f"{place}{code(gap.what)}")
    return prose("yes" if gap.blocking else "no"), code(gap.kind), what, prose(gap.reason)
