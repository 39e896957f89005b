"""Findings as SARIF 2.1.0 (OASIS, with errata 01): one run for each image or family.

A run's `automationDetails.id` is its category, so that results of one image never replace another's, and
`partialFingerprints` survive line moves. Results stand only at lines of the repository. Gaps are
notifications of the invocation: what was not looked at is part of what is said.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from fleet_audit.audit.model.finding import Finding, Gap, Mode, RuleSummary, Severity
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import DepsReport, Judged
from fleet_audit.reports.documents import encode
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import blocking_gaps, place_of
from fleet_audit.reports.terminal import visible

MAX_RESULTS = 25_000
"""Results that GitHub's code scanning takes in one run; what is beyond is counted in a notification."""

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

Fields = dict[str, Any]

_BASE = "%SRCROOT%"

_LEVELS = {
    Severity.INFO: "note",
    Severity.WARN: "warning",
    Severity.ERROR: "error",
    Severity.CRITICAL: "error",
}


def sarif(reports: Sequence[Judged], options: RenderOptions) -> str:
    """Return one SARIF log with one run for each report."""
    return log_of([run_of(report, options) for report in reports])


def log_of(runs: Sequence[Fields]) -> str:
    """Return a log of these runs as text."""
    return encode({"$schema": SCHEMA, "version": "2.1.0", "runs": runs})


def run_of(report: Judged, options: RenderOptions) -> Fields:
    """Return the run of one report; its results are those of the first findings, in their order."""
    return _run(report, _placed(options, report))


def message_text(text: str) -> str:
    """Return text as a plain SARIF message: no link, no placeholder, nothing invisible (3.11.5, 3.11.6)."""
    escaped = visible(text).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return escaped.replace("{", "{{").replace("}", "}}")


def artifact_uri(path: str) -> str:
    """Return a repository path as a relative URI reference (RFC 3986), without scheme or authority."""
    return quote(path.lstrip("/").encode(errors="backslashreplace"), safe="/")


def _placed(options: RenderOptions, report: Judged) -> RenderOptions:
    """Return the options for a report whose paths do not begin in the manifest's folder."""
    if report.folder is None:
        return options
    return msgspec.structs.replace(options, repository_folder=report.folder, manifest="")


def _run(report: Judged, options: RenderOptions) -> Fields:
    rules = _rules(report)
    order = {rule["id"]: index for index, rule in enumerate(rules)}
    findings = report.findings[:MAX_RESULTS]
    name = _subject_name(report)
    return {
        "tool": {
            "driver": {
                "name": "fleet-audit",
                "version": options.version,
                "semanticVersion": options.version,
                "rules": rules,
            }
        },
        "automationDetails": {"id": f"fleet-audit/{_category(report)}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_BASE: {"description": {"text": "The root of the repository."}}},
        "invocations": [
            {
                "executionSuccessful": not blocking_gaps(report.gaps),
                "endTimeUtc": options.created,
                "toolExecutionNotifications": _notifications(report, len(findings), options),
            }
        ],
        "results": [_result(finding, order[finding.rule], name, options) for finding in findings],
        "properties": {
            "verdict": report.verdict,
            "policy": report.policy.name,
            "policyDigest": report.policy.digest,
        },
    }


def _subject_name(report: Judged) -> str:
    return (report.family if isinstance(report, DepsReport) else None) or report.subject


def _category(report: Judged) -> str:
    """Return the subject as one path component: a category has hierarchy marked by slashes (3.17.3)."""
    return quote(visible(_subject_name(report)).encode(), safe="")


def _rules(report: Judged) -> list[Fields]:
    known = {rule.id: rule for rule in report.policy.rules}
    used = {finding.rule: finding for finding in report.findings}
    return [_rule(rule_id, known.get(rule_id), used.get(rule_id)) for rule_id in sorted({*known, *used})]


def _rule(rule_id: str, rule: RuleSummary | None, sample: Finding | None) -> Fields:
    fields: Fields = {"id": rule_id}
    if rule is not None:
        fields["shortDescription"] = {"text": message_text(rule.title)}
        fields["fullDescription"] = {"text": message_text(rule.why)}
        fields["help"] = {"text": message_text(f"{rule.why} See docs/rules/{rule_id}.md.")}
    severity = rule.severity if rule is not None else sample.severity if sample is not None else Severity.WARN
    fields["defaultConfiguration"] = {"level": _LEVELS[severity]}
    fields["properties"] = {
        "tags": ["supply-chain"],
        "problem.severity": _LEVELS[severity].replace("note", "recommendation"),
    }
    return fields


def _result(finding: Finding, rule_index: int, name: str, options: RenderOptions) -> Fields:
    text = f"{name}: {finding.message}" + (f". To do: {finding.remedy}" if finding.remedy else "")
    place = place_of(finding, options.manifest)
    result: Fields = {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "kind": "fail",
        "level": _LEVELS[finding.severity],
        "message": {"text": message_text(text)},
        "locations": [_location(place, options)] if place else [],
        "relatedLocations": [
            {"id": number, **_location(related, options)}
            for number, related in enumerate(finding.related, start=1)
        ],
        "partialFingerprints": {"fleetAuditFinding/v1": finding.fingerprint},
        "properties": {
            "subject": finding.subject,
            "severity": finding.severity,
            "confidence": finding.confidence,
            "mode": finding.mode,
        },
    }
    if finding.is_downgraded:
        # A suppressed result is not shown; this one is to be seen, and must not stop anything.
        result["level"] = "note" if finding.severity is Severity.INFO else "warning"
        result["message"] = {"text": message_text(f"{text}. Waived: {finding.waiver}")}
    elif finding.waiver is not None:
        kind = "inSource" if finding.is_waived_in_source else "external"
        result["suppressions"] = [{"kind": kind, "justification": visible(finding.waiver)}]
    if finding.mode is Mode.DRY_RUN:
        result |= {"kind": "informational", "level": "none"}
    return result


def _location(place: SourceLocation, options: RenderOptions) -> Fields:
    path = f"{options.repository_folder}/{place.path}" if options.repository_folder else place.path
    physical: Fields = {"artifactLocation": {"uri": artifact_uri(path), "uriBaseId": _BASE}}
    if place.line:
        column = {"startColumn": place.column} if place.column else {}
        physical["region"] = {"startLine": place.line, **column}
    return {"physicalLocation": physical}


def _notifications(report: Judged, shown: int, options: RenderOptions) -> list[Fields]:
    notifications = [_notification(gap, options) for gap in report.gaps]
    if left := len(report.findings) - shown:
        text = f"{left} findings, the least grave, were left out of this run; the JSON document has them all."
        notifications.append(
            {"descriptor": {"id": "results-left-out"}, "level": "warning", "message": {"text": text}}
        )
    return notifications


def _notification(gap: Gap, options: RenderOptions) -> Fields:
    fields: Fields = {
        "descriptor": {"id": gap.kind},
        "level": "error" if gap.blocking else "note",
        "message": {"text": message_text(f"{gap.stage}: {gap.what}: {gap.reason}")},
    }
    if gap.location is not None:
        fields["locations"] = [_location(gap.location, options)]
    return fields
