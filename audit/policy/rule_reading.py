"""One rule file on its way to a rule: its shape, its expressions, and what it says of its own samples."""

from collections.abc import Iterator

from fleet_audit.audit.configuration.located import Located
from fleet_audit.audit.configuration.problems import ConfigurationError, Problem
from fleet_audit.audit.configuration.schema import convert
from fleet_audit.audit.model.ruling import SampleAccount
from fleet_audit.audit.policy.conditions import ConditionFailed, ConditionInvalid, Language, Record
from fleet_audit.audit.policy.envelope import Parameters, RuleFile, RuleTest
from fleet_audit.audit.policy.facts import FACTS
from fleet_audit.audit.policy.parameters import merged, misfit
from fleet_audit.audit.policy.rules import Check, Denial

_EXPRESSIONS = ("deny", "message", "remedy")


class RuleReading:
    """Reads one rule file: problems are gathered, and raised together."""

    def __init__(self, located: Located, language: Language) -> None:
        """Take what the file says, and the language of conditions."""
        self._located = located
        self._language = language
        self._problems: list[Problem] = []

    def rule(self) -> RuleFile:
        """Return the rule; raise ConfigurationError with all problems of its file, wrong samples included."""
        definition, tried = self._read()
        wrong = [self._problem(("tests", each.number - 1), each.wrong) for each in tried if each.wrong]
        if self._problems or wrong:
            raise ConfigurationError([*self._problems, *wrong])
        return definition

    def tried(self) -> list[SampleAccount]:
        """Return what the rule says of its samples, right or wrong; raise ConfigurationError for all else."""
        _, tried = self._read()
        if self._problems:
            raise ConfigurationError(self._problems)
        return tried

    def _read(self) -> tuple[RuleFile, list[SampleAccount]]:
        definition = convert(self._located, RuleFile, also=self._misnamed())
        check = self._compiled(definition)
        self._require_both_sides(definition)
        tried = []
        for index, test in enumerate(definition.tests):
            record = self._sample(index, test, definition)
            parameters = self._sample_parameters(index, test, definition)
            if record and parameters is not None and check:
                tried.append(self._try(definition, index, check, record, parameters))
        return definition, tried

    def _problem(self, path: tuple[str | int, ...], message: str) -> Problem:
        return self._located.problem(path, message)

    def _report(self, path: tuple[str | int, ...], message: str) -> None:
        self._problems.append(self._problem(path, message))

    def _misnamed(self) -> Iterator[Problem]:
        name = self._located.view("id")
        stem = self._located.name.rpartition("/")[2].rpartition(".")[0]
        if name.text is not None and name.text != stem:
            yield name.problem(f"a rule stands in a file of its name: {name.text}.yaml, not {stem}.yaml")

    def _compiled(self, rule: RuleFile) -> Check | None:
        check = Check(rule, self._language)
        is_right = [self._compiles(check, key) for key in _EXPRESSIONS]
        return check if all(is_right) else None

    def _compiles(self, check: Check, key: str) -> bool:
        try:
            getattr(check, key)
        except ConditionInvalid as e:
            where, said = self._located, str(e)
            self._problems.append(
                where.problem((key,), said)
                if e.offset is None
                else where.problem_within((key,), e.offset, said)
            )
            return False
        return True

    def _require_both_sides(self, rule: RuleFile) -> None:
        for side in ("deny", "allow"):
            if not any(test.expect == side for test in rule.tests):
                what = "that it must catch" if side == "deny" else "that it must leave alone"
                self._report(("tests",), f"has no sample {what} (expect: {side})")

    def _sample(self, index: int, test: RuleTest, rule: RuleFile) -> Record | None:
        path = ("tests", index, "given")
        if set(test.given) != {rule.subject}:
            self._report(path, f"must hold exactly one record: {rule.subject}")
            return None
        try:
            facts = convert(self._located, FACTS[rule.subject], at=(*path, rule.subject))
        except ConfigurationError as e:
            self._problems += e.problems
            return None
        return self._language.record(rule.subject, facts)

    def _sample_parameters(self, index: int, test: RuleTest, rule: RuleFile) -> Parameters | None:
        view = self._located.view("tests", index, "params")
        reasons = {key: misfit(key, value, rule.params) for key, value in test.params.items()}
        self._problems += [view.get(key).problem(reason) for key, reason in reasons.items() if reason]
        return None if any(reasons.values()) else merged(rule.params, test.params)

    def _try(
        self, rule: RuleFile, index: int, check: Check, record: Record, parameters: Parameters
    ) -> SampleAccount:
        """Judge a sample with the rule."""
        test = rule.tests[index]
        denial, wrong = None, ""
        try:
            denial = check.judge(record, parameters)
        except ConditionFailed as e:
            found, wrong = "", f"cannot be evaluated: {e}"
        else:
            found, wrong = "allow" if denial is None else "deny", _difference(test, denial)
        return SampleAccount(
            rule=rule.id,
            file=self._located.name,
            line=self._located.line(("tests", index)),
            number=index + 1,
            expected=test.expect,
            found=found,
            given=test.given,
            params=test.params,
            message="" if denial is None else denial.message,
            remedy="" if denial is None else denial.remedy,
            wrong=wrong,
        )


def _difference(test: RuleTest, denial: Denial | None) -> str:
    """Say how a rule's word on a sample differs from what the sample expects; empty where it does not."""
    if (denial is not None) != test.is_denied:
        return f"the rule {'denies' if denial else 'allows'} this, expected {test.expect}"
    if denial is None:
        return ""
    if not denial.message:
        return "the message is empty"
    if test.message not in (None, denial.message):
        return f"the message is {denial.message!r}, expected {test.message!r}"
    return ""
