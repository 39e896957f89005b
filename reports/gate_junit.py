"""The gate's answer as JUnit writes test results (the schema that Jenkins publishes, junit-10.xsd).

One suite for each image, one case for each rule that had something to judge: failed where it blocks, skipped
where its findings are waived, known before, or in dry run. What could not be examined is an error.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from xml.etree import ElementTree as ET

from fleet_audit.audit.model.finding import Finding, Gap, Mode
from fleet_audit.audit.model.gating import Age, GatedImage, GateReport
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import place_of
from fleet_audit.reports.terminal import visible

MAX_TOLD = 50
"""Findings that one case spells out; the audit has them all."""


def gate_junit(reports: Sequence[GateReport], options: RenderOptions) -> str:
    """Return one document of all images."""
    root = ET.Element("testsuites", {"name": "fleet-audit gate"})
    for report in reports:
        root.extend(_suite(image, options) for image in report.images)
        if report.gaps:
            root.append(
                _counted("gate", [_error(gap, "gate") for gap in report.gaps if gap.blocking], options)
            )
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(image: GatedImage, options: RenderOptions) -> ET.Element:
    return _counted(image.subject, list(_cases(image, options)), options)


def _counted(name: str, cases: Sequence[ET.Element], options: RenderOptions) -> ET.Element:
    found = defaultdict(int, {"failure": 0, "error": 0, "skipped": 0})
    for case in cases:
        for outcome in case:
            found[outcome.tag] += 1
    suite = ET.Element(
        "testsuite",
        {
            "name": visible(name),
            "tests": str(len(cases)),
            "failures": str(found["failure"]),
            "errors": str(found["error"]),
            "skipped": str(found["skipped"]),
            "timestamp": options.created,
        },
    )
    suite.extend(cases)
    return suite


def _cases(image: GatedImage, options: RenderOptions) -> Iterator[ET.Element]:
    by_rule: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in image.findings:
        by_rule[finding.rule].append(finding)
    kinds = {statement.kind for part in image.audit.evidence for statement in part.statements}
    titles = {rule.id: rule for rule in image.policy.rules if rule.subject in kinds}
    blocking = frozenset(image.blocking)
    for rule in sorted({*titles, *by_rule}):
        title = f"{rule} {titles[rule].title}" if rule in titles else rule
        yield _case(title, by_rule[rule], image, blocking, options)
    yield from (_error(gap, image.subject) for gap in image.gaps if gap.blocking)


def _case(
    title: str,
    findings: Sequence[Finding],
    image: GatedImage,
    blocking: Collection[Finding],
    options: RenderOptions,
) -> ET.Element:
    case = ET.Element("testcase", {"classname": visible(image.subject), "name": visible(title), "time": "0"})
    failing = [finding for finding in findings if finding in blocking]
    others = [finding for finding in findings if finding not in blocking]
    if failing:
        outcome = ET.SubElement(case, "failure", {"type": str(failing[0].severity)})
        outcome.set("message", visible(failing[0].message))
        outcome.text = _told(failing, options)
    elif others and (why := _excuse(others[0], image)):
        ET.SubElement(case, "skipped", {"message": visible(why)})
    if others:
        ET.SubElement(case, "system-out").text = _told(others, options)
    return case


def _excuse(finding: Finding, image: GatedImage) -> str:
    """Say why what a rule found does not block; empty where it only warns, as it is meant to."""
    if finding.waiver is not None:
        return f"waived: {finding.waiver}"
    if finding.mode is Mode.DRY_RUN:
        return "in dry run"
    return {Age.KNOWN: "known before", Age.DISCLOSED: "disclosed since the baseline", Age.NEW: ""}[
        image.age(finding)
    ]


def _told(findings: Sequence[Finding], options: RenderOptions) -> str:
    lines = [_line(finding, options) for finding in findings[:MAX_TOLD]]
    left = len(findings) - MAX_TOLD
    return "\n".join([*lines, *([f"and {left} more"] if left > 0 else [])])


def _line(finding: Finding, options: RenderOptions) -> str:
    place = place_of(finding, options.manifest)
    where = f"{place}: " if place is not None else ""
    remedy = f" To do: {finding.remedy}" if finding.remedy else ""
    waived = f" Waived: {finding.waiver}" if finding.waiver is not None else ""
    return visible(f"{where}{finding.severity}: {finding.message}{remedy}{waived}")


def _error(gap: Gap, subject: str) -> ET.Element:
    name = visible(f"{gap.kind}: {gap.what}")
    case = ET.Element("testcase", {"classname": visible(subject), "name": name, "time": "0"})
    error = ET.SubElement(case, "error", {"type": str(gap.kind), "message": visible(gap.why)})
    error.text = visible(gap.reason)
    return case
