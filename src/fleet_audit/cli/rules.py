"""``fleet-audit rules``: which rules hold, why, whether they are right, and what they would block."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.manifest import find_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write
from fleet_audit.cli.policies import policy_option, rules_option

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.model.ruling import SampleAccount
    from fleet_audit.audit.policy.rules import Rule, RuleSet
    from fleet_audit.reports.options import RenderOptions

FORMATS = ("text", "json", "markdown")
CHECK_FORMATS = ("text", "json")
MODES = ("off", "dry_run", "warn", "enforce")

_FAILED, _BROKEN = 1, 2
_PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
T = TypeVar("T")


@click.group("rules", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Show the rules that hold, explain one, check and try them, or say what they would block."""


@command.command("list")
@click.option("--mode", "modes", multiple=True, type=click.Choice(MODES), help="Only these; repeatable.")
@click.option("--subject", "subjects", multiple=True, metavar="KIND", help="Only rules on these; repeatable.")
@policy_option
@rules_option
@common
def list_(
    *,
    modes: tuple[str, ...],
    subjects: tuple[str, ...],
    policy: str,
    rules: tuple[Path, ...],
    common: Common,
) -> int:
    """List the rules as the policy sets them, and where it changed them.

    Formats: text, json, markdown.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)

    from fleet_audit.audit.policy.accounts import account_of_rules  # noqa: PLC0415  (not for --help)
    from fleet_audit.reports.rules_list import (  # noqa: PLC0415  (the same)
        chosen,
        rules_document,
        rules_markdown,
        rules_text,
    )

    account = chosen(account_of_rules(_effective(common, policy, rules)), modes, _known_subjects(subjects))
    writers = {"text": rules_text, "json": rules_document, "markdown": rules_markdown}
    write(outputs, _rendered(writers, account, common))
    return 0


@command.command("explain")
@click.argument("rule_id", metavar="ID")
@policy_option
@rules_option
@common
def explain(*, rule_id: str, policy: str, rules: tuple[Path, ...], common: Common) -> int:
    """Explain one rule: why, its condition, its parameters and who set them, a bad and a good example.

    Formats: text, json, markdown.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)

    from fleet_audit.audit.policy.accounts import account_of_rule, examples  # noqa: PLC0415  (not for --help)
    from fleet_audit.reports.rule_page import (  # noqa: PLC0415  (the same)
        RulePage,
        rule_document,
        rule_markdown,
        rule_text,
    )

    loaded = _effective(common, policy, rules)
    rule = _known_rule(rule_id, loaded)
    bad, good = examples(rule, loaded)
    page = RulePage(loaded.policy, account_of_rule(rule), bad, good)
    writers = {"text": rule_text, "json": rule_document, "markdown": rule_markdown}
    write(outputs, _rendered(writers, page, common))
    return 0


@command.command("lint")
@_PATHS
@policy_option
@common
def lint(*, paths: tuple[Path, ...], policy: str, common: Common) -> int:
    """Check rules and the policy: every problem at once, with its line; exit code 2 where there is one.

    PATHs are folders of rules or single files, looked at together with the packaged rules and those of the
    manifest. Formats: text, json.
    """
    outputs = parse_outputs(common.output, CHECK_FORMATS)
    check_writable(outputs)

    from fleet_audit.audit.configuration.problems import ConfigurationError  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.policy.accounts import account_of_rules  # noqa: PLC0415  (the same)
    from fleet_audit.reports.rules_checked import Linted, lint_document, lint_text  # noqa: PLC0415  (the same)

    try:
        linted = Linted(account=account_of_rules(_effective(common, policy, paths)))
    except ConfigurationError as e:
        linted = Linted(problems=e.problems)
    write(outputs, _rendered({"text": lint_text, "json": lint_document}, linted, common))
    return _BROKEN if linted.problems else 0


@command.command("test")
@_PATHS
@common
def test(*, paths: tuple[Path, ...], common: Common) -> int:
    """Try rules on their own samples; exit code 1 where one says otherwise than its sample expects.

    Without a PATH, the packaged rules and those of the manifest are tried. Formats: text, json.
    """
    outputs = parse_outputs(common.output, CHECK_FORMATS)
    check_writable(outputs)

    from fleet_audit.reports.rules_checked import tries_document, tries_text  # noqa: PLC0415  (not for --help)

    tried = _tried(common, paths)
    write(outputs, _rendered({"text": tries_text, "json": tries_document}, tried, common))
    return _FAILED if any(each.wrong for each in tried) else 0


@command.command("impact")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--audits",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where audits are stored (default: the manifest's `audits`).",
)
@policy_option
@rules_option
@common
def impact(
    *, ids: tuple[str, ...], audits: Path | None, policy: str, rules: tuple[Path, ...], common: Common
) -> int:
    """Say what rules would block if they were enforced as errors, by stored audits; no image is read.

    Without an ID, each rule that can block nothing as the policy sets it. Waived findings block nothing.
    Exit code 3 where an audit could not be judged. Formats: text, json, markdown.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)

    from fleet_audit.audit.model.finding import verdict  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.audits.foreseeing import foretold  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.reports.rules_impact import (  # noqa: PLC0415  (the same)
        impact_document,
        impact_markdown,
        impact_text,
    )
    from fleet_audit.reports.summary import EXIT_CODES  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    folder = _audits_folder(audits, fleet)
    with common.settings(policy=policy, rules=rules) as settings:
        shared = Shared(settings, fleet)
        for rule_id in ids:
            _known_rule(rule_id, shared.rules)
        found = foretold(folder, shared, ids)
    writers = {"text": impact_text, "json": impact_document, "markdown": impact_markdown}
    write(outputs, _rendered(writers, found, common))
    return EXIT_CODES[verdict((), found.gaps)]


def _audits_folder(audits: Path | None, fleet: "Fleet | None") -> Path:
    if audits is not None:
        return audits
    if fleet is None or not fleet.manifest.audits:
        raise UsageError("no audits to foretell from: give --audits DIR, or `audits:` in fleet.yaml")
    return Path(os.path.join(fleet.root, fleet.manifest.audits))


def _known_rule(rule_id: str, rules: "RuleSet") -> "Rule":
    from fleet_audit.audit.configuration.schema import suggestion  # noqa: PLC0415  (not for --help)

    rule = rules.rule(rule_id)
    if rule is None:
        known = suggestion(rule_id, [each.id for each in rules.rules])
        raise UsageError(f"no rule has the id '{rule_id}'{known}; `fleet-audit rules list` shows all")
    return rule


def _tried(common: Common, paths: tuple[Path, ...]) -> "tuple[SampleAccount, ...]":
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.policy.loading import packaged_rules, tried_samples  # noqa: PLC0415  (the same)

    if paths:
        with common.settings(rules=paths) as settings:
            return tried_samples(Shared(settings).own_rules)
    with common.settings() as settings:
        return tried_samples((packaged_rules(), *Shared(settings, find_fleet(common)).own_rules))


def _effective(common: Common, policy: str, paths: tuple[Path, ...]) -> "RuleSet":
    """Return the rules of the manifest, where there is one, and of these paths, as the policy sets them."""
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (not for --help)

    with common.settings(policy=policy, rules=paths) as settings:
        return Shared(settings, find_fleet(common)).rules


def _known_subjects(words: Sequence[str]) -> Sequence[str]:
    from fleet_audit.audit.configuration.schema import suggestion  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.policy.facts import SubjectKind  # noqa: PLC0415  (the same)

    kinds = [kind.value for kind in SubjectKind]
    for word in words:
        if word not in kinds:
            raise UsageError(f"--subject {word}: rules judge nothing of this name{suggestion(word, kinds)}")
    return words


def _rendered(
    writers: "Mapping[str, Callable[[T, RenderOptions], str]]", account: T, common: Common
) -> Callable[[str], str]:
    from fleet_audit.cli.rendering import options_for  # noqa: PLC0415  (not for --help)

    options = options_for(common, None)
    return lambda name: writers[name](account, options)
