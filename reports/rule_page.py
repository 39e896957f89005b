"""One rule for a person who has never met it: as terminal text, as Markdown, and as ``rule/1``."""

from collections.abc import Iterator

import msgspec

from fleet_audit.audit.model.ruling import RuleAccount, SampleAccount
from fleet_audit.reports.documents import Fields, encode
from fleet_audit.reports.markdown import Section, code, document, fence, prose, table
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.rules_list import head_of, nothing_held, rule_fields, shown
from fleet_audit.reports.terminal import Page, Piece


class RulePage(msgspec.Struct, frozen=True):
    """A rule under a policy, a sample that it denies, with its words on it, and one that it allows."""

    policy: str
    rule: RuleAccount
    bad: SampleAccount
    good: SampleAccount


def rule_text(page: RulePage, options: RenderOptions) -> str:
    """Return why the rule is there, what it says of what, what can be set, a bad and a good example."""
    text, rule = Page(options), page.rule
    text.line(Piece(rule.id, "bold"), f"  {rule.title}")
    text.line(f"judges each {rule.subject} · since {rule.since} · {rule.file}", indent=1)
    for words in _settings(page):
        text.line(words, indent=1)
    _titled(text, "Why", rule.why.split("\n"))
    _titled(text, "It denies where", rule.deny.rstrip().split("\n"), is_copied=True)
    _titled(text, "It says", rule.message.rstrip().split("\n"), is_copied=True)
    if rule.remedy != "''":
        _titled(text, "It advises", rule.remedy.rstrip().split("\n"), is_copied=True)
    if rule.parameters:
        text.blank()
        text.line(Piece("Parameters", "bold"))
        rows = [(p.name, shown(p.value), shown(p.default), p.set_by) for p in rule.parameters]
        text.table(("name", "value", "the rule's own", "set in"), rows)
    for title, sample in (("Bad", page.bad), ("Good", page.good)):
        _titled(text, title, sample_lines(sample), is_copied=True)
        if sample.message:
            text.line("→ ", sample.message, indent=1)
        if sample.remedy:
            text.line("→ ", sample.remedy, indent=1)
    _titled(text, "To change it, in a policy", _advice(rule), is_copied=True)
    return text.text()


def _settings(page: RulePage) -> Iterator[str]:
    rule = page.rule
    block = "a finding blocks" if rule.can_block else "no finding blocks"
    yield f"mode {rule.mode}, severity {rule.severity} under policy {page.policy}: {block}"
    if place := rule.set_by.get("mode"):
        yield f"mode set in {place}; the rule's own is {rule.own_mode}"
    if place := rule.set_by.get("severity"):
        yield f"severity set in {place}; the rule's own is {rule.own_severity}"


def _titled(page: Page, title: str, lines: list[str], *, is_copied: bool = False) -> None:
    page.blank()
    page.line(Piece(title, "bold"))
    if is_copied:
        page.verbatim(f"  {line}" for line in lines)
        return
    for line in lines:
        page.line(line, indent=1)


def sample_lines(sample: SampleAccount) -> list[str]:
    """Return what a sample gives, as a rule file has it."""
    lines = []
    for record, facts in sample.given.items():
        lines.append(f"{record}:")
        lines += [f"  {name}: {shown(value)}" for name, value in facts.items()]
    lines += [f"params.{name}: {shown(value)}" for name, value in sample.params.items()]
    return lines


def _advice(rule: RuleAccount) -> list[str]:
    words = f"rules: {{{rule.id}: {{mode: dry_run}}}}"
    return [words, f"fleet-audit rules impact {rule.id} --audits DIR"]


def rule_markdown(page: RulePage, options: RenderOptions) -> str:  # noqa: ARG001  (as every renderer)
    """Return the same as a page of Markdown."""
    rule = page.rule
    settings = "; ".join(_settings(page))
    head = f"## {code(rule.id)} {prose(rule.title)}\n\n{prose(settings)}.\n\n{prose(rule.why)}"
    sections = [
        Section(prose("summary"), head),
        Section(prose("condition"), f"### It denies where\n\n{fence(rule.deny, 'text')}"),
        Section(prose("message"), f"### It says\n\n{fence(rule.message, 'text')}"),
    ]
    if rule.remedy != "''":
        sections.append(Section(prose("remedy"), f"### It advises\n\n{fence(rule.remedy, 'text')}"))
    if rule.parameters:
        rows = [
            (code(p.name), code(shown(p.value)), code(shown(p.default)), prose(p.set_by))
            for p in rule.parameters
        ]
        text = table(("parameter", "value", "the rule's own", "set in"), rows)
        sections.append(Section(prose("parameters"), f"### Parameters\n\n{text}"))
    for title, sample in (("Bad", page.bad), ("Good", page.good)):
        said = "".join(f"\n\n{prose(words)}" for words in (sample.message, sample.remedy) if words)
        shown_sample = fence("\n".join(sample_lines(sample)), "yaml")
        sections.append(Section(prose(title), f"### {title}\n\n{shown_sample}{said}"))
    return document(sections)


def rule_document(page: RulePage, options: RenderOptions) -> str:
    """Return ``rule/1``."""
    rule = page.rule
    return encode(
        {
            **head_of("rule", options),
            "subject": rule.id,
            "policy": page.policy,
            "rule": {
                **rule_fields(rule),
                "why": rule.why,
                "deny": rule.deny,
                "message": rule.message,
                "remedy": rule.remedy,
            },
            "bad": sample_fields(page.bad),
            "good": sample_fields(page.good),
            **nothing_held(),
        }
    )


def sample_fields(sample: SampleAccount) -> Fields:
    """Return one sample, and what was said of it."""
    return {
        "rule": sample.rule,
        "file": sample.file,
        "line": sample.line or None,
        "number": sample.number,
        "expected": sample.expected,
        "found": sample.found or None,
        "given": sample.given,
        "params": sample.params,
        "message": sample.message or None,
        "remedy": sample.remedy or None,
        "wrong": sample.wrong or None,
    }
