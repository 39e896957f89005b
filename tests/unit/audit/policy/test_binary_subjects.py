"""ELF files that load, and of which something is to be known, as rules see them."""

import pytest

from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint, RelativeDirectory, Remark
from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.binary_subjects import binary_subjects
from fleet_audit.audit.policy.evaluation import evaluate
from fleet_audit.audit.policy.facts import BinaryFacts
from fleet_audit.audit.policy.rules import RuleSet
from tests.support import packaged

FAST, MODULE, OTHER = map(ImagePath, ("/lib/fast.so", "/site/m.so", "/site/other.so"))


@pytest.fixture
def rules() -> RuleSet:
    return packaged.rules()


def closure(entry: ImagePath, *remarks: Remark, relative: tuple[RelativeDirectory, ...] = ()) -> Closure:
    point = EntryPoint(entry, EntryKind.EXTENSION_MODULE)
    return Closure(point, loaded=(entry, FAST), remarks=remarks, relative_directories=relative)


def test_a_remark_is_one_subject_with_all_that_load_the_file() -> None:
    remark = Remark("isa", FAST, "it needs x86-64-v4")

    (subject,) = binary_subjects([closure(OTHER, remark), closure(MODULE, remark)], family="f")

    assert subject.name == "file:/lib/fast.so"
    assert subject.facts == BinaryFacts(
        path=FAST, kind="isa", detail="it needs x86-64-v4", entries=(MODULE, OTHER), family="f"
    )


@pytest.mark.parametrize(
    ("found", "rule", "severity"),
    [
        (closure(MODULE, Remark("isa", FAST, "it needs x86-64-v4")), "FA-ELF-001", Severity.ERROR),
        (closure(MODULE, Remark("execstack", FAST, "…")), "FA-ELF-002", Severity.WARN),
        (closure(MODULE, relative=(RelativeDirectory(FAST, "lib"),)), "FA-ELF-003", Severity.WARN),
    ],
)
def test_each_remark_has_its_rule(found: Closure, rule: str, severity: Severity, rules: RuleSet) -> None:
    place = SourceLocation("docker/Dockerfile", 3)

    judgement = evaluate(rules, binary_subjects([found], places=[place]))

    (finding,) = judgement.findings
    assert (finding.rule, finding.severity, finding.location) == (rule, severity, place)
    assert judgement.gaps == ()


def test_of_what_loads_without_a_remark_nothing_is_said() -> None:
    assert binary_subjects([closure(MODULE)]) == ()
