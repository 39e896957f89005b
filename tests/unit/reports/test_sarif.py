"""SARIF 2.1.0: the structure that the standard asks for, and what code scanning makes of it."""

import re
from typing import Any

import msgspec
import pytest

from fleet_audit.audit.model.finding import Mode, Severity
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports import sarif as module
from fleet_audit.reports.sarif import artifact_uri, message_text, sarif
from tests.support.reports import OPTIONS, clean_report, deps_report, finding, imports_report


def runs(*reports: DepsReport) -> list[Any]:
    log = msgspec.json.decode(sarif(reports, OPTIONS))
    assert log["version"] == "2.1.0"
    found: list[Any] = log["runs"]
    return found


def run(*findings: Any) -> Any:
    return runs(DepsReport(subject="family-x", family="family-x", findings=findings))[0]


def test_each_image_is_a_run_with_a_category_of_its_own() -> None:
    ids = [r["automationDetails"]["id"] for r in runs(deps_report(), clean_report())]

    assert ids == ["fleet-audit/family-vision-cu121/", "fleet-audit/family-web/"]


def test_a_reference_with_slashes_is_one_part_of_the_category() -> None:
    (only,) = msgspec.json.decode(sarif([imports_report()], OPTIONS))["runs"]

    assert only["automationDetails"]["id"].count("/") == 2


def test_every_result_points_into_the_table_of_rules_and_at_a_line() -> None:
    (only,) = runs(deps_report())
    rules = only["tool"]["driver"]["rules"]

    assert len(only["results"]) == len(deps_report().findings)
    for result in only["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"]
        assert location["physicalLocation"]["region"]["startLine"] > 0
        assert result["message"]["text"].startswith("family-vision-cu121: ")
        assert set(result["partialFingerprints"]) == {"fleetAuditFinding/v1"}


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        (Severity.INFO, "note"),
        (Severity.WARN, "warning"),
        (Severity.ERROR, "error"),
        (Severity.CRITICAL, "error"),
    ],
)
def test_severities_are_levels(severity: Severity, level: str) -> None:
    assert run(finding(severity))["results"][0]["level"] == level


def test_a_fingerprint_survives_a_line_move() -> None:
    moved = msgspec.structs.replace(
        finding(), location=SourceLocation("services/face_recognition/app.py", 99)
    )

    first, second = (run(f)["results"][0]["partialFingerprints"] for f in (finding(), moved))
    assert first == second


def test_a_finding_without_a_line_stands_at_a_related_line_else_at_the_manifest() -> None:
    related = msgspec.structs.replace(finding(), location=None)
    nowhere = msgspec.structs.replace(finding(), location=None, related=())

    uris = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in run(related, nowhere)["results"]
    ]
    assert uris == ["docker/family-vision-cu121/Dockerfile", "fleet.yaml"]


def test_what_was_audited_without_the_manifest_stands_in_its_own_folder() -> None:
    options = msgspec.structs.replace(OPTIONS, repository_folder="examples/fleet", manifest="fleet.yaml")
    here = msgspec.structs.replace(deps_report(), folder="tools/face")

    uris = re.findall(r'"uri": "([^"]+)"', sarif([here], options))

    assert uris
    assert all(uri.startswith("tools/face/") for uri in uris)


def test_paths_start_at_the_root_of_the_repository() -> None:
    options = msgspec.structs.replace(OPTIONS, repository_folder="examples/fleet")

    (only,) = msgspec.json.decode(sarif([deps_report()], options))["runs"]

    place = only["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "examples/fleet/services/face_recognition/app.py", "uriBaseId": "%SRCROOT%"}


def test_a_waived_finding_is_listed_and_suppressed() -> None:
    (result,) = run(finding(waiver="W-1: known"))["results"]

    assert result["suppressions"] == [{"kind": "external", "justification": "W-1: known"}]


def test_a_finding_whose_waiver_only_keeps_it_from_blocking_is_a_warning_that_is_seen() -> None:
    waived = finding(waiver="W-1 until 2026-12-19", waived_by="W-1", is_downgraded=True)

    (result,) = run(waived)["results"]

    assert (result["level"], "suppressions" in result) == ("warning", False)
    assert result["message"]["text"].endswith("Waived: W-1 until 2026-12-19")


def test_a_waived_dry_run_stays_informational() -> None:
    waived = finding(mode=Mode.DRY_RUN, waiver="W-1", waived_by="W-1", is_downgraded=True)

    (result,) = run(waived)["results"]

    assert (result["kind"], result["level"]) == ("informational", "none")


def test_a_dry_run_is_informational() -> None:
    dry = [r for r in runs(deps_report())[0]["results"] if r["properties"]["mode"] == "dry_run"]

    assert [(r["kind"], r["level"]) for r in dry] == [("informational", "none")]


def test_gaps_are_notifications_and_a_blocking_one_means_that_the_run_was_not_successful() -> None:
    (only,) = runs(deps_report())
    (invocation,) = only["invocations"]

    assert invocation["executionSuccessful"] is False
    levels = {n["descriptor"]["id"]: n["level"] for n in invocation["toolExecutionNotifications"]}
    assert levels == {"unreadable-elf": "error", "path-edit": "note"}
    assert runs(clean_report())[0]["invocations"][0]["executionSuccessful"] is True


def test_too_many_results_are_cut_at_the_least_grave_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RESULTS", 2)

    only = run(finding(), finding(rule="FA-B-001"), finding(Severity.INFO, rule="FA-C-001"))

    assert [result["ruleId"] for result in only["results"]] == ["FA-NEED-001", "FA-B-001"]
    (notification,) = only["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"].startswith("1 findings, the least grave")


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a b/ü.py", "a%20b/%C3%BC.py"),
        ("//evil.example/x", "evil.example/x"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("a#b?c%d", "a%23b%3Fc%25d"),
        ("\udcff.py", "%5Cudcff.py"),
    ],
)
def test_a_path_becomes_a_relative_reference(path: str, uri: str) -> None:
    assert artifact_uri(path) == uri


def test_a_message_holds_no_link_and_no_placeholder() -> None:
    assert message_text("see [x](http://e) {0} \x1b\\") == "see \\[x\\](http://e) {{0}} \\\\x1b\\\\"
