"""Whether rules are right: problems of their files, and their own samples, as text and as documents."""

from collections.abc import Sequence

import msgspec

from fleet_audit.audit.configuration.problems import Problem
from fleet_audit.audit.model.finding import Verdict
from fleet_audit.audit.model.ruling import RulesAccount, SampleAccount
from fleet_audit.reports.documents import encode
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.rule_page import sample_fields, sample_lines
from fleet_audit.reports.rules_list import account_fields, head_of, nothing_held, write_changes, write_summary
from fleet_audit.reports.terminal import Page, Piece, count


class Linted(msgspec.Struct, frozen=True):
    """What is wrong with files of rules and the policy; where nothing is, the rules that hold."""

    problems: tuple[Problem, ...] = ()
    account: RulesAccount | None = None


def lint_text(linted: Linted, options: RenderOptions) -> str:
    """Return each problem as ``file:line:column: key: message``; where there is none, what holds."""
    page = Page(options)
    page.verbatim(line for problem in linted.problems for line in str(problem).split("\n"))
    if linted.account is not None:
        write_summary(page, linted.account)
        write_changes(page, linted.account)
    found = len(linted.problems)
    page.blank()
    page.line(
        Piece(f"{count(found, 'problem')}; no rule holds until all are mended", "bold red")
        if found
        else Piece("no problem", "bold green")
    )
    return page.text()


def lint_document(linted: Linted, options: RenderOptions) -> str:
    """Return ``rules-lint/1``."""
    found = [
        {
            "file": problem.file,
            "line": problem.line or None,
            "column": problem.column or None,
            "key": problem.key or None,
            "message": problem.message,
        }
        for problem in linted.problems
    ]
    return encode(
        {
            **head_of("rules-lint", options),
            "subject": "rules" if linted.account is None else linted.account.policy,
            "problems": found,
            "effective": None if linted.account is None else account_fields(linted.account),
            **nothing_held(Verdict.FAIL if found else Verdict.PASS),
        }
    )


def tries_text(tried: Sequence[SampleAccount], options: RenderOptions) -> str:
    """Return each sample that a rule judges otherwise than it expects: what was given, what was said."""
    page = Page(options)
    wrong = [each for each in tried if each.wrong]
    for each in wrong:
        page.line(
            Piece(f"{each.file}:{each.line}", "bold red"),
            f"  {each.rule}, sample {each.number}: {each.wrong}",
        )
        page.verbatim(f"    {line}" for line in sample_lines(each))
        if each.message:
            page.line("it says: ", each.message, indent=2)
        if each.remedy:
            page.line("it advises: ", each.remedy, indent=2)
        page.blank()
    rules = len({each.rule for each in tried})
    said = f"{count(len(tried), 'sample')} of {count(rules, 'rule')}: "
    if wrong:
        page.line(said, Piece(f"{len(wrong)} judged otherwise than expected", "bold red"))
    else:
        page.line(said, Piece("each judged as it expects", "bold green"))
    return page.text()


def tries_document(tried: Sequence[SampleAccount], options: RenderOptions) -> str:
    """Return ``rules-test/1``."""
    wrong = [each for each in tried if each.wrong]
    return encode(
        {
            **head_of("rules-test", options),
            "subject": "rules",
            "rules": len({each.rule for each in tried}),
            "samples": len(tried),
            "wrong": [sample_fields(each) for each in wrong],
            **nothing_held(Verdict.FAIL if wrong else Verdict.PASS),
        }
    )
