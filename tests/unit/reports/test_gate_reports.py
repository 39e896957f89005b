"""The gate's answer in words: no format says otherwise than another, and none is silent on what matters."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from fleet_audit.audit.model.apt import AptPlan, Placement, PlannedPackage
from fleet_audit.audit.model.finding import Mode
from fleet_audit.audit.model.gating import GatedImage, GateReport, gated
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.reports.gate_junit import gate_junit
from fleet_audit.reports.gate_words import additions, dry_run_rules, excuses, tasks, waiver_words
from fleet_audit.reports.renderers import render
from tests.support.gated import audit, blocking, blocking_gap, gate_report, use_of
from tests.support.junit import problems_of
from tests.support.reports import OPTIONS, decoded
from tests.support.waivers import waiver

XSD = Path(__file__).parents[2] / "fixtures" / "junit" / "junit-10.xsd"


def report(*images: GatedImage, **fields: Any) -> GateReport:
    return GateReport(subject="gate", images=images, **fields)


def text_of(one: GateReport, name: str = "text") -> str:
    return render(GateReport, [one], name, OPTIONS)


def suites(one: GateReport) -> dict[str, ET.Element]:
    root = ET.fromstring(gate_junit([one], OPTIONS))  # noqa: S314  (our own document)
    return {suite.get("name", ""): suite for suite in root}


def test_what_blocks_several_images_is_one_thing_to_do() -> None:
    both = report(gated(audit("a", blocking())), gated(audit("b", blocking())))

    (task,) = tasks(both, OPTIONS)

    assert task.images == ("a", "b")
    assert "keeps back a, b" in text_of(both)


def test_what_blocks_at_different_lines_is_several_things_to_do() -> None:
    elsewhere = blocking(location=SourceLocation("other/Dockerfile", 3))

    assert len(tasks(report(gated(audit("a", blocking())), gated(audit("b", elsewhere))), OPTIONS)) == 2


def test_the_lines_to_add_are_told_where_what_blocks_is_a_package_that_is_missing() -> None:
    package = PlannedPackage(
        PackageName("libgl1"), "1.6.0-1", 1, 1, ("so:libGL.so.1",), supplies=("so:libGL.so.1",)
    )
    plan = AptPlan(
        roots=("libgl1=1.6.0-1",),
        packages=(package,),
        placement=Placement("vision", SourceLocation("docker/vision/Dockerfile", 18)),
    )
    lacking = report(gated(audit("vision", blocking(), proposal=plan)))
    otherwise = report(gated(audit("vision", blocking("file:x.py"), proposal=plan)))

    (addition,) = additions(lacking)

    assert addition.place == "docker/vision/Dockerfile:18"
    assert all("\n".join(addition.lines) in text_of(lacking, name) for name in ("text", "markdown"))
    assert additions(otherwise) == ()


def test_a_rule_in_dry_run_is_told_with_what_it_would_keep_back() -> None:
    dry = blocking(mode=Mode.DRY_RUN, matter=(("service", "face"),))
    one = report(gated(audit("a", dry, services=("face", "ears"))), gated(audit("b", services=("eyes",))))

    (row,) = dry_run_rules(one)

    assert (row.rule, row.images, row.services) == ("FA-NEED-001", 1, 1)
    assert "FA-NEED-001 (dry run) would block 1 of 2 images and 1 of 3 services" in text_of(one)


def test_waivers_are_told_once_with_all_images_that_they_concern() -> None:
    use = use_of(waiver("W-1"), fingerprints=("f" * 32,))
    words = waiver_words(report(gated(audit("a", waivers=use)), gated(audit("b", waivers=use))))

    assert [(word.account.waiver.id, word.images, word.findings) for word in words.applied] == [
        ("W-1", ("a", "b"), 2)
    ]


@pytest.mark.parametrize("form", ["text", "markdown"])
@pytest.mark.parametrize(("in_source", "where"), [(True, "in source"), (False, "manifest")])
def test_what_is_waived_without_an_end_is_told_with_the_reason(
    form: str, in_source: bool, where: str
) -> None:
    told = blocking(waiver="face: not yet", is_waived_in_source=in_source)
    ended = blocking(waiver="W-1 until 2026-12-19", waived_by="W-1")
    one = report(gated(audit("a", told, ended)), gated(audit("b", told)))

    assert [(each.rule, each.images, each.findings) for each in excuses(one)] == [
        ("FA-NEED-001", ("a", "b"), 2)
    ]
    assert "face: not yet" in text_of(one, form)
    assert where in text_of(one, form)


def test_a_gate_without_images_does_not_pass() -> None:
    assert report().verdict == "incomplete"


def test_a_gap_of_the_gate_itself_keeps_it_from_passing() -> None:
    one = report(gated(audit("a")), gaps=(blocking_gap("a/b.audit.json"),))

    assert one.verdict == "incomplete"
    assert "a/b.audit.json" in text_of(one)
    assert suites(one)["gate"].get("errors") == "1"


def test_one_image_is_one_document_and_several_are_listed() -> None:
    one, several = report(gated(audit("a"))), report(gated(audit("a")), gated(audit("b")))

    assert decoded(text_of(one, "json"))["subject"] == "a"
    subjects = decoded(text_of(several, "json"))["subjects"]
    assert isinstance(subjects, list)
    assert [each["subject"] for each in subjects] == ["a", "b"]


@pytest.mark.parametrize("one", [gate_report(), report(), report(gated(audit("\x1b]0;<&>\ud800")))])
def test_junit_is_valid_by_the_schema_that_jenkins_publishes(one: GateReport) -> None:
    assert problems_of(gate_junit([one], OPTIONS), XSD) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<testsuites><testsuite/></testsuites>", "testsuite: no attribute name"),
        ('<testsuites color="red"/>', "testsuites: attribute color"),
        ("<testsuites><testcase name='x'/></testsuites>", "testsuites: element testcase"),
        ("<testsuites time='long'/>", "testsuites: time is 'long'"),
        ("<nothing/>", "nothing is no root"),
    ],
)
def test_the_schema_of_jenkins_tells_what_is_not_valid(text: str, problem: str) -> None:
    assert problem in problems_of(text, XSD)[0]


def test_a_case_fails_where_its_rule_blocks_and_is_skipped_where_that_is_waived() -> None:
    cases = {
        (suite.get("name"), case.get("name", "").split(" ", 1)[0]): [outcome.tag for outcome in case]
        for suite in suites(gate_report()).values()
        for case in suite
    }

    assert cases["vision", "FA-NEED-001"][0] == "failure"
    assert cases["vision", "FA-VULN-001"][0] == "skipped"
    assert cases["torch", "FA-NEED-001"][0] == "skipped"
    assert cases["web", "FA-NEED-001"] == []
    assert cases["llm", "scanner-absent:"] == ["error"]


def test_a_rule_that_had_nothing_to_judge_is_no_case_that_passed() -> None:
    empty = gated(msgspec.structs.replace(audit("a"), evidence=()))

    assert list(suites(report(empty))["a"]) == []
