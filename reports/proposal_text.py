"""The proposal of ``deps`` for a terminal: what beats it, its proof, the patch, and what else would do."""

from fleet_audit.audit.model.apt import AptPlan, Placement, Remedy, Verification
from fleet_audit.reports.proposal_words import (
    STEERING,
    another,
    apt_alone,
    lines_to_add,
    outcome,
    pinned,
    places,
    plan_size,
    remedies_title,
    remedy_gain,
    share_words,
    sort_remedies,
    split_by_name,
    standing,
    told_places,
    unnamed,
    use_of,
    verified,
)
from fleet_audit.reports.terminal import Page, Piece, Style, count, size, visible_block

MAX_EVIDENCE = 8
MAX_OTHERS = 3


def write_proposal(page: Page, plan: AptPlan) -> None:
    """Write a proposal; nothing where there is none and none was to be written."""
    remedies = sort_remedies(plan)
    _write_remedies(page, remedies_title(remedies.better), remedies.better, plan)
    if plan.is_empty and not (plan.shares or any(place.patch for place in places(plan.placement))):
        _write_remedies(page, "Other ways", remedies.other, plan)
        if plan.placement.is_written is False:
            page.blank()
            _write_outcome(page, plan.placement)
        return
    page.blank()
    page.line(Piece("Proposal", "bold"), f"  {plan_size(plan)}")
    _write_proof(page, plan)
    for place in told_places(plan):
        _write_change(page, place, plan if place is plan.placement else None)
    if plan.packages or plan.shares:
        page.blank()
    _write_packages(page, plan)
    _write_alternatives(page, plan)
    _write_remedies(page, "Other ways", remedies.other, plan)


def _write_remedies(page: Page, title: str, remedies: tuple[Remedy, ...], plan: AptPlan) -> None:
    if not remedies:
        return
    page.blank()
    page.line(Piece(title, "bold"))
    for remedy in remedies:
        sure = "" if remedy.confidence == "certain" else f"  ({remedy.confidence})"
        page.line(Piece("→ ", "green"), remedy.action, Piece(sure, "yellow"), indent=1)
        if remedy.change:
            page.line(Piece(remedy.change, "green"), indent=3)
        if gain := remedy_gain(remedy, plan):
            page.line(gain, indent=3)
        page.line(Piece("for ", "dim"), ", ".join(remedy.needs), indent=3)
        if places_to_change := ", ".join(str(place) for place in remedy.locations[:MAX_EVIDENCE]):
            page.line(Piece("in ", "dim"), Piece(places_to_change, "cyan"), indent=3)
        for text in remedy.evidence[:MAX_EVIDENCE]:
            page.line(Piece(text, "dim"), indent=3)
        more = len(remedy.evidence[MAX_EVIDENCE:]) + len(remedy.locations[MAX_EVIDENCE:])
        if more:
            page.line(Piece(f"and {more} more (-o json lists them)", "dim"), indent=3)


def _write_proof(page: Page, plan: AptPlan) -> None:
    if not plan.packages:
        return
    if words := standing(plan):
        page.line(Piece("✓ ", "green") if plan.is_optimal else Piece("· ", "dim"), words, indent=1)
    if plan.verification is not None:
        _write_verification(page, plan.verification)


def _aside(text: str) -> Piece:
    return Piece(f"  ({text})", "dim")


_OUTCOMES: dict[str, Piece] = {
    "verified": Piece("✓ ", "green"),
    "failed": Piece("✗ ", "red"),
}


def _write_verification(page: Page, verification: Verification) -> None:
    page.line(_OUTCOMES.get(verification.outcome, Piece("! ", "yellow")), verified(verification), indent=1)
    for name, why in verification.failed:
        page.line(Piece(name, "bold"), f": {why}", indent=3)


def _write_change(page: Page, place: Placement, plan: AptPlan | None) -> None:
    """Write how one Dockerfile changes; what to add to it where there is no patch of the plan's own place."""
    if plan is None:
        page.blank()
    if place.dockerfile is not None:
        why = f"  {place.why}" if place.why else ""
        page.line("in ", Piece(str(place.dockerfile), "cyan"), Piece(why, "dim"), indent=1)
    _write_outcome(page, place)
    if place.patch:
        page.blank()
        _write_patch(page, place.patch)
    elif plan is not None and (lines := lines_to_add(plan)):
        page.blank()
        page.verbatim(lines, "green")


_DIFF_STYLES: dict[str, Style] = {"+": "green", "-": "red", "@": "cyan"}


def _write_patch(page: Page, patch: str) -> None:
    """Write a unified diff as it is, tabs and long lines too."""
    lines = patch.removesuffix("\n").split("\n")
    for line in lines:
        page.verbatim([line], _DIFF_STYLES.get(line[:1], ""))
    if visible_block(patch) != lines:
        page.line(_aside("what cannot be shown stands as its escape: apply it with --write, not from here"))


def _write_outcome(page: Page, place: Placement) -> None:
    if words := outcome(place):
        signs = {True: Piece("✓ ", "green"), False: Piece("✗ ", "yellow"), None: Piece("")}
        style: Style = "dim" if place.is_written is None else ""
        page.line(signs[place.is_written], Piece(words, style), indent=1)


def _write_packages(page: Page, plan: AptPlan) -> None:
    roots, others = split_by_name(plan)
    if roots:
        rows = [
            (
                pinned(package),
                Piece(", ".join(use_of(package, plan)) or STEERING, "dim"),
                size(package.installed_bytes),
            )
            for package in roots
        ]
        page.table(("package", "answers", ">installed"), rows)
    if others:
        page.line(Piece(unnamed(others), "dim"), indent=1)
    if plan.snapshot:
        page.line(Piece(f"planned with {plan.snapshot}", "dim"), indent=1)


def _write_alternatives(page: Page, plan: AptPlan) -> None:
    for share in plan.shares:
        page.line(share_words(share), indent=1)
    if words := apt_alone(plan):
        page.line(words, indent=1)
    for other in plan.others[:MAX_OTHERS]:
        page.line("or ", another(other), indent=1)
        page.line(Piece(" ".join(other.roots), "dim"), indent=4)
    if (more := len(plan.others) - MAX_OTHERS) > 0:
        page.line(Piece(f"and {count(more, 'more plan')} (-o json lists them)", "dim"), indent=1)
