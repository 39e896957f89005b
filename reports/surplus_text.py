"""Packages that nothing needs, for a terminal: by the image that brought them, and what goes with them."""

from fleet_audit.audit.model.apt import Surplus
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.surplus_groups import (
    SurplusGroup,
    SurplusHead,
    conditions,
    followers_words,
    group_words,
    nothing_surplus,
    surplus_groups,
    total_words,
)
from fleet_audit.reports.terminal import BREAK, Line, Page, Piece, count, size

MAX_HEADS = 12
MAX_COMMAND = 100


def write_surplus(page: Page, report: DepsReport) -> None:
    """Write what nothing needs; one line where it was looked for and there is none."""
    if words := nothing_surplus(report):
        page.blank()
        page.line(words, indent=1)
    if not report.surplus:
        return
    groups = surplus_groups(report.surplus)
    page.blank()
    page.line(Piece("Nothing reachable needs", "bold"), f"  {total_words(groups)}")
    for group in groups:
        _write_group(page, group)


def _write_group(page: Page, group: SurplusGroup) -> None:
    page.line(group_words(group), indent=1)
    page.table(
        ("package", ">installed", "why", "how sure"),
        [_row(head) for head in group.heads[:MAX_HEADS]],
        indent=2,
    )
    if (more := len(group.heads) - MAX_HEADS) > 0:
        left = size(sum(head.installed_bytes for head in group.heads[MAX_HEADS:]))
        page.line(Piece(f"and {count(more, 'more package')}, {left} (-o json lists them)", "dim"), indent=2)


def _row(head: SurplusHead) -> tuple[Line, ...]:
    surplus = head.surplus
    why: list[str | Piece] = [Piece(surplus.reason, "dim")]
    for words in conditions(surplus):
        why += [BREAK, Piece(words, "yellow")]
    if place := _place(surplus):
        why += [BREAK, place]
    if words := followers_words(head):
        why += [BREAK, words]
    return surplus.package, size(surplus.installed_bytes), why, surplus.confidence


def _place(surplus: Surplus) -> Piece | None:
    """Return the line that installed it, else what the history of its layer says."""
    if surplus.dockerfile is not None:
        return Piece(str(surplus.dockerfile), "cyan")
    command = surplus.created_by
    short = command if len(command) <= MAX_COMMAND else f"{command[: MAX_COMMAND - 1]}…"
    return Piece(f"layer: {short}", "dim") if command else None
