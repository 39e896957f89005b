"""What is told of a rule set: each rule as it holds, and whose word that is."""

import msgspec

from fleet_audit.audit.model.ruling import ParameterAccount, RuleAccount, RulesAccount, SampleAccount
from fleet_audit.audit.policy.facts import FACTS
from fleet_audit.audit.policy.parameters import merged
from fleet_audit.audit.policy.rules import Rule, RuleSet


def account_of_rules(rules: RuleSet) -> RulesAccount:
    """Return the rules in order of their ids, those that are off included."""
    return RulesAccount(
        policy=rules.policy,
        digest=rules.digest,
        rules=tuple(map(account_of_rule, rules.rules)),
        gaps=rules.gaps,
        waivers=rules.waivers,
    )


def account_of_rule(rule: Rule) -> RuleAccount:
    """Return a rule with its expressions as they are written, and its parameters by name."""
    definition = rule.definition
    return RuleAccount(
        id=rule.id,
        title=definition.title,
        subject=definition.subject,
        mode=rule.mode,
        severity=rule.severity,
        own_mode=definition.mode,
        own_severity=definition.severity,
        file=rule.file,
        since=definition.since,
        why=definition.why,
        deny=definition.deny,
        message=definition.message,
        remedy=definition.remedy,
        parameters=tuple(
            ParameterAccount(name, rule.params[name], default, rule.set_by.get(f"params.{name}", ""))
            for name, default in sorted(definition.params.items())
        ),
        set_by=rule.set_by,
    )


def examples(rule: Rule, rules: RuleSet) -> tuple[SampleAccount, SampleAccount]:
    """Return the first sample that a rule denies, with its words on it, and the first that it allows.

    The rule was loaded: it judges both as they expect.
    """
    bad, good = (
        next((number, test) for number, test in enumerate(rule.definition.tests, 1) if test.is_denied is side)
        for side in (True, False)
    )
    number, test = bad
    facts = msgspec.convert(test.given[rule.definition.subject], FACTS[rule.definition.subject])
    record = rules.language.record(rule.definition.subject, facts)
    denial = rule.check.judge(record, merged(rule.definition.params, test.params))
    shown = SampleAccount(rule.id, rule.file, 0, number, "deny", "deny", test.given, test.params)
    if denial is not None:
        shown = msgspec.structs.replace(shown, message=denial.message, remedy=denial.remedy)
    number, test = good
    return shown, SampleAccount(rule.id, rule.file, 0, number, "allow", "allow", test.given, test.params)
