"""What it costs to load rules, and to judge the facts of a real image by them.

Run ``python -m benchmarks.gate.rules`` from a checkout with the example's images (`make images`). Rules are
loaded by processes of their own, with an empty cache and with what it then knows; 5,000 subjects are judged
by 30 rules, each on its own kind, and by all rules, with nothing kept of what was judged before. CPU seconds
of user and system, the least of `--rounds`, since whatever else a machine does only adds. The command fails
where 30 rules take 0.3 seconds or longer.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.gate.evidence import real_audit, subjects_like
from fleet_audit.audit.model.finding import Mode
from fleet_audit.audit.policy.evaluation import Judgement, evaluate
from fleet_audit.audit.policy.facts import Subject
from fleet_audit.audit.policy.loading import load_rules, packaged_policy, packaged_rules
from fleet_audit.audit.policy.rules import RuleSet

SUBJECTS, RULES, MOST_SECONDS = 5000, 30, 0.3

_LOAD = """
import sys, time
from pathlib import Path
from fleet_audit.audit.pipeline.run.settings import configuration_store
from fleet_audit.audit.policy.loading import load_rules, packaged_policy, packaged_rules
begin = time.process_time()
load_rules([packaged_rules()], packaged_policy(), configuration_store(Path(sys.argv[1])))
print(time.process_time() - begin)
"""


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    cold, warm = loading(rounds)
    subjects = subjects_like(real_audit(), SUBJECTS)
    every = load_rules([packaged_rules()], packaged_policy())
    some = busiest(every, subjects, RULES)
    print(
        f"{len(every.rules)} rules loaded: {1000 * cold:.0f} ms with an empty cache, {1000 * warm:.0f} then"
    )
    seconds = {}
    for rules in (some, every):
        spent, judged = least(rules, subjects, rounds)
        seconds[len(rules.rules)] = spent
        print(
            f"{len(subjects)} subjects by {len(rules.rules)} rules: {spent:.3f} s, "
            f"{asked(rules, subjects)} questions, {len(judged.findings)} findings, {len(judged.gaps)} gaps"
        )
    if seconds[RULES] >= MOST_SECONDS:
        print(f"missed: {RULES} rules take {seconds[RULES]:.3f} s, not under {MOST_SECONDS} s")
        return 1
    return 0


def loading(rounds: int) -> tuple[float, float]:
    """Return the CPU seconds of loading all packaged rules, from an empty cache and from a known one."""
    colds: list[float] = []
    warms: list[float] = []
    for _ in range(rounds):
        with TemporaryDirectory(prefix="benchmark-rules-") as cache:
            for times in (colds, warms):
                command = [sys.executable, "-c", _LOAD, cache]
                times.append(float(subprocess.run(command, capture_output=True, check=True).stdout))
    return min(colds), min(warms)


def busiest(rules: RuleSet, subjects: Iterable[Subject], number: int) -> RuleSet:
    """Return the rules that have the most to judge; those of one kind have as much."""
    kinds = [subject.kind for subject in subjects]
    on = [rule for rule in rules.rules if rule.mode is not Mode.OFF]
    chosen = sorted(on, key=lambda rule: (-kinds.count(rule.definition.subject), rule.id))[:number]
    return msgspec.structs.replace(rules, rules=tuple(sorted(chosen, key=lambda rule: rule.id)))


def asked(rules: RuleSet, subjects: Iterable[Subject]) -> int:
    """Return how often a rule is asked about a subject."""
    kinds = [subject.kind for subject in subjects]
    return sum(kinds.count(rule.definition.subject) for rule in rules.rules)


def least(rules: RuleSet, subjects: Sequence[Subject], rounds: int) -> tuple[float, Judgement]:
    """Return the least CPU seconds of some rounds, and what was judged."""
    spent, judged = [], Judgement()
    for _ in range(rounds):
        begin = time.process_time()
        judged = evaluate(rules, subjects)
        spent.append(time.process_time() - begin)
    return min(spent), judged


if __name__ == "__main__":
    sys.exit(main())
