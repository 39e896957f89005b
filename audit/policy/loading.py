"""Rules from files: read, checked, compiled, tried on their own samples, and set by a policy.

A rule set either loads whole or not at all: one bad rule must not leave a gate that quietly checks less.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from fleet_audit import __version__
from fleet_audit.audit.configuration.kept import Store, kept_or_read
from fleet_audit.audit.configuration.located import File, KeyPath, Located, located, read_file
from fleet_audit.audit.configuration.problems import ConfigurationError, Problem
from fleet_audit.audit.configuration.schema import convert
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.waiver import WaiverLimits
from fleet_audit.audit.policy.conditions import ConditionFailed, ConditionInvalid, Language, Record
from fleet_audit.audit.policy.envelope import Parameters, RuleFile, RuleTest
from fleet_audit.audit.policy.facts import FACTS
from fleet_audit.audit.policy.parameters import merged, misfit
from fleet_audit.audit.policy.policies import Setting, read_policy, set_gaps, set_limits, set_rule
from fleet_audit.audit.policy.rules import Check, Rule, RuleSet

MAX_RULES = 2000
MAX_FOLDER_DEPTH = 4

_CHECK_VERSION = 2
"""Raise whenever the same files are to be judged otherwise: what was found right is kept between runs."""

DEFAULT_POLICY = "default"
"""The policy that holds where a fleet names none."""

PACKAGED_POLICIES = (DEFAULT_POLICY, "strict")
"""A policy by one of these names comes with fleet-audit, whatever files there are."""

_YAML = (".yaml", ".yml")
_EXPRESSIONS = ("deny", "message", "remedy")
_NO_RULES_IN = frozenset({"knowledge", "policies"})


def packaged_rules() -> Traversable:
    """Return the folder of the rules that come with fleet-audit."""
    return files("fleet_audit") / "rules"


def packaged_policy() -> Traversable:
    """Return the policy that holds where a fleet names none."""
    return packaged_rules() / "policies" / "default.yaml"


class Named(msgspec.Struct, frozen=True):
    """A file or folder, and how messages name it."""

    path: Traversable
    name: str


class _SetRule(msgspec.Struct, frozen=True):
    """A rule as a policy sets it, apart from what is compiled."""

    definition: RuleFile
    file: str
    setting: Setting


class _SetRules(msgspec.Struct, frozen=True):
    policy: str
    rules: tuple[_SetRule, ...]
    gaps: dict[GapKind, bool]
    waivers: WaiverLimits


def load_rules(
    folders: Iterable[Traversable | Named], policy: Traversable | Named, kept: Store | None = None
) -> RuleSet:
    """Read every rule below these folders, and the policy that sets them.

    Folders named ``knowledge`` and ``policies`` hold no rules. What `kept` knows of the same files is not
    checked again. Raises ConfigurationError where files cannot be read, else with all problems of all files:
    shapes, conditions that do not compile, samples that a rule judges otherwise than it says, a rule without
    a sample for either side, ids used twice, and whatever is wrong with the policy (`read_policy`).
    """
    language = Language({kind: FACTS[kind] for kind in FACTS})
    found = rule_files(folders)
    policy = policy if isinstance(policy, Named) else Named(policy, f"policies/{policy.name}")
    settings = read_file(policy.path, name=policy.name)
    packaged = packaged_policies()

    def check() -> _SetRules:
        return _checked(found, settings, packaged, language)

    known = kept_or_read(kept, _reading(), [settings, *packaged.values(), *found], _SetRules, check)
    rules = (
        Rule(
            definition=rule.definition,
            file=rule.file,
            mode=rule.setting.mode,
            severity=rule.setting.severity,
            params=rule.setting.params,
            check=Check(rule.definition, language),
            set_by=rule.setting.set_by,
        )
        for rule in known.rules
    )
    return RuleSet(known.policy, tuple(rules), language, kept, known.gaps, known.waivers)


def rule_files(folders: Iterable[Traversable | Named]) -> list[File]:
    """Read every file of rules below these folders; raise ConfigurationError where one cannot be read."""
    named = (folder if isinstance(folder, Named) else Named(folder, folder.name) for folder in folders)
    return [read_file(path, name=label) for path, label in _rule_files(named)]


def packaged_policies() -> dict[str, File]:
    """Return the policies that come with fleet-audit, by their names."""
    folder = packaged_rules() / "policies"
    return {
        name: read_file(folder / f"{name}.yaml", name=f"policies/{name}.yaml") for name in PACKAGED_POLICIES
    }


def policy_called(word: str, folder: Path) -> Named:
    """Return the packaged policy of this name, else the file at this path below `folder`."""
    if word in PACKAGED_POLICIES:
        return Named(packaged_rules() / "policies" / f"{word}.yaml", f"policies/{word}.yaml")
    return Named(folder / word, word)


def _reading() -> str:
    """Return what else than the files decides whether rules are right: the words that they may use."""
    words = [(kind.value, facts.__struct_fields__) for kind, facts in FACTS.items()]
    return f"rules/{_CHECK_VERSION} {__version__} {words}"


def _checked(
    found: Iterable[File], settings: File, packaged: Mapping[str, File], language: Language
) -> _SetRules:
    problems: list[Problem] = []
    rules: dict[str, RuleFile] = {}
    written: dict[str, str] = {}
    for file in found:
        try:
            where = located(file)
            rule = _Loading(where, language).rule()
        except ConfigurationError as e:
            problems += e.problems
            continue
        if rule.id in rules:
            problems.append(where.problem(("id",), f"{rule.id} is defined already, in {written[rule.id]}"))
        else:
            rules[rule.id], written[rule.id] = rule, file.name
    try:
        policies = read_policy(settings, packaged, rules)
    except ConfigurationError as e:
        raise ConfigurationError([*problems, *e.problems]) from e
    if problems:
        raise ConfigurationError(problems)
    return _SetRules(
        policies[-1].said.name,
        tuple(_SetRule(rules[id_], written[id_], set_rule(rules[id_], policies)) for id_ in sorted(rules)),
        set_gaps(policies),
        set_limits(policies),
    )


def _rule_files(folders: Iterable[Named]) -> Iterator[tuple[Traversable, str]]:
    count = 0
    for folder in folders:
        for path, label in _yaml_below(folder.path, folder.name, MAX_FOLDER_DEPTH):
            count += 1
            if count > MAX_RULES:
                raise ConfigurationError((Problem(label, 0, "", f"more than {MAX_RULES} rule files"),))
            yield path, label


def _yaml_below(folder: Traversable, label: str, depth: int) -> Iterator[tuple[Traversable, str]]:
    if folder.is_file() and label.endswith(_YAML):
        yield folder, label
        return
    if not folder.is_dir():
        raise ConfigurationError((Problem(label, 0, "", "is no folder of rules"),))
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and depth and _may_hold_rules(entry.name):
            yield from _yaml_below(entry, f"{label}/{entry.name}", depth - 1)
        elif entry.name.endswith(_YAML):
            yield entry, f"{label}/{entry.name}"


def _may_hold_rules(folder: str) -> bool:
    return folder not in _NO_RULES_IN and not folder.startswith((".", "_"))


class _Loading:
    """One rule file on its way to a rule: problems are gathered, and raised together."""

    def __init__(self, located: Located, language: Language) -> None:
        self._located = located
        self._language = language
        self._problems: list[Problem] = []

    def rule(self) -> RuleFile:
        """Return the rule; raise ConfigurationError with all problems of its file."""
        definition = convert(self._located, RuleFile, also=self._misnamed())
        check = self._compiled(definition)
        self._require_both_sides(definition)
        for index, test in enumerate(definition.tests):
            record = self._sample(index, test, definition)
            parameters = self._sample_parameters(index, test, definition)
            if record and parameters is not None and check:
                self._try(("tests", index), test, check, record, parameters)
        if self._problems or check is None:
            raise ConfigurationError(self._problems)
        return definition

    def _report(self, path: KeyPath, message: str) -> None:
        self._problems.append(self._located.problem(path, message))

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
        self, path: KeyPath, test: RuleTest, check: Check, record: Record, parameters: Parameters
    ) -> None:
        """Judge a sample with the rule, and report where the rule says otherwise than the sample expects."""
        try:
            denial = check.judge(record, parameters)
        except ConditionFailed as e:
            self._report(path, f"cannot be evaluated: {e}")
            return
        if (denial is not None) != test.is_denied:
            self._report(path, f"the rule {'denies' if denial else 'allows'} this, expected {test.expect}")
        elif denial is not None and not denial.message:
            self._report(path, "the message is empty")
        elif denial is not None and test.message not in (None, denial.message):
            self._report(path, f"the message is {denial.message!r}, expected {test.message!r}")
