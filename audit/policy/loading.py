"""Rules from files: read, checked, compiled, tried on their own samples, and set by a policy.

A rule set either loads whole or not at all: one bad rule must not leave a gate that quietly checks less.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain
from pathlib import Path

import msgspec

from fleet_audit import __version__
from fleet_audit.audit.configuration.kept import Store, kept_or_read
from fleet_audit.audit.configuration.located import File, located, read_file
from fleet_audit.audit.configuration.problems import ConfigurationError, Problem
from fleet_audit.audit.configuration.schema import suggestion
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.ruling import SampleAccount
from fleet_audit.audit.model.waiver import WaiverLimits
from fleet_audit.audit.policy.conditions import Language
from fleet_audit.audit.policy.envelope import RuleFile
from fleet_audit.audit.policy.facts import FACTS
from fleet_audit.audit.policy.policies import Setting, read_policy, set_gaps, set_limits, set_rule
from fleet_audit.audit.policy.rule_reading import RuleReading
from fleet_audit.audit.policy.rules import Check, Rule, RuleSet

MAX_RULES = 2000
MAX_FOLDER_DEPTH = 4

_CHECK_VERSION = 3
"""Raise whenever the same files are to be judged otherwise: what was found right is kept between runs."""

DEFAULT_POLICY = "default"
"""The policy that holds where a fleet names none."""

PACKAGED_POLICIES = (DEFAULT_POLICY, "strict")
"""A policy by one of these names comes with fleet-audit, whatever files there are."""

_YAML = (".yaml", ".yml")
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


class _WrittenRule(msgspec.Struct, frozen=True):
    """A rule as its file has it; `line` is that of its id."""

    definition: RuleFile
    file: str
    line: int


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
    language = language_of_rules()
    groups = [rule_files([folder]) for folder in folders]
    policy = policy if isinstance(policy, Named) else Named(policy, f"policies/{policy.name}")
    settings = read_file(policy.path, name=policy.name)
    packaged = packaged_policies()

    def check() -> _SetRules:
        return _checked(groups, settings, packaged, language, kept)

    files = [settings, *packaged.values(), *chain.from_iterable(groups)]
    known = kept_or_read(kept, _reading(), files, _SetRules, check)
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


@cache
def language_of_rules() -> Language:
    """Return the language of conditions, with a record for each kind of subject; each compiles once."""
    return Language({kind: FACTS[kind] for kind in FACTS})


def tried_samples(folders: Iterable[Traversable | Named]) -> tuple[SampleAccount, ...]:
    """Return what each rule below these folders says of its own samples, in order of files.

    Raises ConfigurationError with all that keeps a sample from being tried.
    """
    language = language_of_rules()
    problems: list[Problem] = []
    tried: list[SampleAccount] = []
    for file in rule_files(folders):
        try:
            tried += RuleReading(located(file), language).tried()
        except ConfigurationError as e:
            problems += e.problems
    if problems:
        raise ConfigurationError(problems)
    return tuple(tried)


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
    """Return the packaged policy of this name, else the file at this path below `folder`.

    Raises ConfigurationError where there is neither.
    """
    if word in PACKAGED_POLICIES:
        return Named(packaged_rules() / "policies" / f"{word}.yaml", f"policies/{word}.yaml")
    if not (folder / word).exists():
        names = " or ".join(PACKAGED_POLICIES)
        why = f"is neither a packaged policy ({names}) nor a file{suggestion(word, PACKAGED_POLICIES)}"
        raise ConfigurationError((Problem(word, 0, "", why),))
    return Named(folder / word, word)


def _reading() -> str:
    """Return what else than the files decides whether rules are right: the words that they may use."""
    words = [(kind.value, facts.__struct_fields__) for kind, facts in FACTS.items()]
    return f"rules/{_CHECK_VERSION} {__version__} {words}"


def _checked(
    groups: Iterable[Sequence[File]],
    settings: File,
    packaged: Mapping[str, File],
    language: Language,
    kept: Store | None,
) -> _SetRules:
    problems: list[Problem] = []
    written: dict[str, _WrittenRule] = {}
    for group in groups:
        try:
            found = _checked_files(group, language, kept)
        except ConfigurationError as e:
            problems += e.problems
            continue
        for each in found:
            other = written.setdefault(each.definition.id, each)
            if other is not each:
                why = f"{each.definition.id} is defined already, in {other.file}"
                problems.append(Problem(each.file, each.line, "id", why))
    rules = {name: written[name].definition for name in sorted(written)}
    try:
        policies = read_policy(settings, packaged, rules)
    except ConfigurationError as e:
        raise ConfigurationError([*problems, *e.problems]) from e
    if problems:
        raise ConfigurationError(problems)
    return _SetRules(
        policies[-1].said.name,
        tuple(_SetRule(rule, written[name].file, set_rule(rule, policies)) for name, rule in rules.items()),
        set_gaps(policies),
        set_limits(policies),
    )


def _checked_files(found: Sequence[File], language: Language, kept: Store | None) -> list[_WrittenRule]:
    """Return the rules of one folder: an edit in another one does not make them be checked again."""
    return kept_or_read(
        kept, f"files of {_reading()}", found, list[_WrittenRule], lambda: _read_files(found, language)
    )


def _read_files(found: Iterable[File], language: Language) -> list[_WrittenRule]:
    problems: list[Problem] = []
    rules = []
    for file in found:
        try:
            where = located(file)
            rule = RuleReading(where, language).rule()
        except ConfigurationError as e:
            problems += e.problems
        else:
            rules.append(_WrittenRule(rule, file.name, where.line(("id",))))
    if problems:
        raise ConfigurationError(problems)
    return rules


def _rule_files(folders: Iterable[Named]) -> Iterator[tuple[Traversable, str]]:
    count = 0
    for folder in folders:
        before = count
        for path, label in _yaml_below(folder.path, folder.name, MAX_FOLDER_DEPTH):
            count += 1
            if count > MAX_RULES:
                raise ConfigurationError((Problem(label, 0, "", f"more than {MAX_RULES} rule files"),))
            yield path, label
        if count == before:
            raise ConfigurationError((Problem(folder.name, 0, "", "holds no file of a rule (ID.yaml)"),))


def _yaml_below(folder: Traversable, label: str, depth: int) -> Iterator[tuple[Traversable, str]]:
    if folder.is_file() and label.endswith(_YAML):
        yield folder, label
        return
    if not folder.is_dir():
        raise ConfigurationError((Problem(label, 0, "", "is no folder of rules"),))
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and _may_hold_rules(entry.name):
            if not depth:
                why = f"lies more than {MAX_FOLDER_DEPTH} folders below the folder of rules, and is not read"
                raise ConfigurationError((Problem(f"{label}/{entry.name}", 0, "", why),))
            yield from _yaml_below(entry, f"{label}/{entry.name}", depth - 1)
        elif entry.name.endswith(_YAML):
            if not entry.is_file():
                # A pipe would be waited for; a link may lead nowhere.
                raise ConfigurationError((Problem(f"{label}/{entry.name}", 0, "", "is no file of a rule"),))
            yield entry, f"{label}/{entry.name}"


def _may_hold_rules(folder: str) -> bool:
    return folder not in _NO_RULES_IN and not folder.startswith((".", "_"))
