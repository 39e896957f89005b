"""The rules that hold: as terminal text, as Markdown, and as ``rules/1``."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from fleet_audit.audit.model.finding import GapKind, Mode, Severity, Verdict
from fleet_audit.audit.model.ruling import RuleAccount, RulesAccount
from fleet_audit.reports.documents import Fields, encode
from fleet_audit.reports.markdown import Section, code, document, items, prose, table
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import Line, Page, Piece, Style, count

_STYLES: dict[Mode, Style] = {Mode.ENFORCE: "bold", Mode.DRY_RUN: "cyan", Mode.OFF: "dim"}


def chosen(account: RulesAccount, modes: Sequence[str], subjects: Sequence[str]) -> RulesAccount:
    """Return the account with the rules of these modes on these subjects; without any, all of them."""
    kept = tuple(
        rule
        for rule in account.rules
        if (not modes or rule.mode in modes) and (not subjects or rule.subject in subjects)
    )
    return msgspec.structs.replace(account, rules=kept)


def rules_text(account: RulesAccount, options: RenderOptions) -> str:
    """Return one line for each rule, and what the policy changed."""
    page = Page(options)
    write_summary(page, account)
    page.blank()
    page.table(
        ("rule", "mode", "severity", "judges", "says", "from"),
        [
            (
                rule.id,
                Piece(rule.mode, _STYLES.get(rule.mode, "")),
                rule.severity,
                rule.subject,
                rule.title,
                Piece(rule.file.rpartition("/")[0], "dim"),
            )
            for rule in account.rules
        ],
    )
    write_changes(page, account)
    return page.text()


def write_summary(page: Page, account: RulesAccount) -> None:
    """Write how many rules hold, and how hard."""
    page.line(
        Piece(count(len(account.rules), "rule"), "bold"),
        f"  policy {account.policy}",
        Piece(f"  digest {account.digest[:16]}", "dim"),
    )
    page.line(summary_words(account.rules), indent=1)


def summary_words(rules: Iterable[RuleAccount]) -> str:
    """Say how many rules block, and how many stand in each mode."""
    every = tuple(rules)
    modes = Counter(rule.mode for rule in every)
    blocking = sum(rule.can_block for rule in every)
    parts = [f"{modes[mode]} {mode}" for mode in Mode if modes[mode]]
    return f"{blocking} can block; modes: {', '.join(parts) or 'none'}"


def write_changes(page: Page, account: RulesAccount) -> None:
    """Write each word of the policy that is not the rules' own, and its place."""
    rows: list[Sequence[Line]] = [(*row[:2], Piece(row[2], "dim")) for row in changes(account)]
    if rows:
        page.blank()
        page.line(Piece("Changed by the policy", "bold"))
        page.table(("what", "to", "in"), rows)


def changes(account: RulesAccount) -> tuple[tuple[str, str, str], ...]:
    """Return what a policy changed, to what, and where it says so."""
    found = [change for rule in account.rules for change in _changes_of(rule)]
    found += [(f"gaps: {kind}", word, "") for kind, word in _gap_words(account.gaps).items()]
    return tuple(found)


def _changes_of(rule: RuleAccount) -> Iterable[tuple[str, str, str]]:
    if rule.mode is not rule.own_mode:
        yield f"{rule.id} mode", f"{rule.mode}, was {rule.own_mode}", rule.set_by.get("mode", "")
    if rule.severity is not rule.own_severity:
        was = f"{rule.severity}, was {rule.own_severity}"
        yield f"{rule.id} severity", was, rule.set_by.get("severity", "")
    for parameter in rule.parameters:
        if parameter.value != parameter.default:
            was = f"{shown(parameter.value)}, was {shown(parameter.default)}"
            yield f"{rule.id} params.{parameter.name}", was, parameter.set_by


def shown(value: Any) -> str:
    """Return a parameter's value as YAML and JSON write it."""
    return msgspec.json.encode(value).decode()


def _gap_words(gaps: dict[GapKind, bool]) -> dict[str, str]:
    return {kind.value: "blocking" if blocks else "harmless" for kind, blocks in gaps.items()}


def rules_markdown(account: RulesAccount, options: RenderOptions) -> str:  # noqa: ARG001  (as every renderer)
    """Return a table of the rules, and what the policy changed; cut to what a comment holds."""
    title = f"## {count(len(account.rules), 'rule')} under policy {prose(account.policy)}"
    rows = [
        (code(rule.id), code(rule.mode), code(rule.severity), code(rule.subject), prose(rule.title))
        for rule in account.rules
    ]
    head = f"{title}\n\n{prose(summary_words(account.rules))}; digest {code(account.digest)}"
    sections = [
        Section(prose("summary"), head),
        Section(prose("rules"), table(("rule", "mode", "severity", "judges", "says"), rows)),
    ]
    changed = [
        prose(f"{what}: {to}" + (f" ({place})" if place else "")) for what, to, place in changes(account)
    ]
    if changed:
        sections.append(Section(prose("changes"), f"### Changed by the policy\n\n{items(changed)}"))
    return document(sections)


def rules_document(account: RulesAccount, options: RenderOptions) -> str:
    """Return ``rules/1``."""
    return encode(
        {
            **head_of("rules", options),
            "subject": account.policy,
            **account_fields(account),
            **nothing_held(),
        }
    )


def account_fields(account: RulesAccount) -> Fields:
    """Return the policy and its rules."""
    return {
        "policy": {"name": account.policy, "digest": account.digest},
        "gaps_by_policy": _gap_words(account.gaps),
        "waivers_by_policy": msgspec.to_builtins(account.waivers),
        "counts": {
            "rules": len(account.rules),
            "blocking": sum(rule.can_block for rule in account.rules),
            "modes": {mode.value: sum(rule.mode is mode for rule in account.rules) for mode in Mode},
            "severities": {
                level.value: sum(rule.severity is level for rule in account.rules) for level in Severity
            },
        },
        "rules": [rule_fields(rule) for rule in account.rules],
    }


def rule_fields(rule: RuleAccount) -> Fields:
    """Return one rule as it holds."""
    return {
        "id": rule.id,
        "title": rule.title,
        "subject": rule.subject,
        "mode": rule.mode,
        "severity": rule.severity,
        "own_mode": rule.own_mode,
        "own_severity": rule.own_severity,
        "blocks": rule.can_block,
        "file": rule.file,
        "since": rule.since,
        "set_by": dict(sorted(rule.set_by.items())),
        "params": [
            {
                "name": each.name,
                "value": each.value,
                "default": each.default,
                "set_by": each.set_by or None,
            }
            for each in rule.parameters
        ],
    }


def head_of(name: str, options: RenderOptions) -> Fields:
    """Return the beginning of every document."""
    return {
        "schema": f"fleet-audit.{name}/1",
        "tool": {"name": "fleet-audit", "version": options.version},
        "created": options.created,
    }


def nothing_held(verdict: Verdict = Verdict.PASS) -> Fields:
    """Return the end of every document, of one that looked at no image."""
    return {"findings": [], "gaps": [], "verdict": verdict}
