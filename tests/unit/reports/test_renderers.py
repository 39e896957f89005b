"""What holds for every renderer of the table."""

import msgspec
import pytest

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.report import DepsReport, ExplainReport, ImportsReport, Judged, LddReport
from fleet_audit.reports.renderers import RENDERERS, formats_of, render
from tests.support.reports import ALL, OPTIONS
from tests.support.snapshots import assert_snapshot

EMPTY: tuple[Judged, ...] = (
    DepsReport(subject="a"),
    ImportsReport(subject="a"),
    LddReport(subject="a"),
    ExplainReport(subject="a"),
)
CELLS = sorted(RENDERERS, key=lambda cell: (cell[0].__name__, cell[1]))


def reports_of(kind: type[Judged]) -> list[Judged]:
    return [report for report in (*ALL, *EMPTY) if type(report) is kind]


@pytest.mark.parametrize(("kind", "name"), CELLS)
def test_a_renderer_ends_its_text_with_one_line_end_whatever_it_gets(kind: type[Judged], name: str) -> None:
    for reports in ([], *([report] for report in reports_of(kind)), reports_of(kind)):
        text = render(kind, reports, name, OPTIONS)
        assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), (name, len(reports))


@pytest.mark.parametrize(("kind", "name"), CELLS)
def test_the_same_reports_give_the_same_text(kind: type[Judged], name: str) -> None:
    reports = reports_of(kind)

    assert render(kind, reports, name, OPTIONS) == render(kind, list(reports), name, OPTIONS)


@pytest.mark.parametrize(("kind", "name"), CELLS)
def test_every_finding_that_blocks_is_in_every_format_by_its_rule_or_its_subject(
    kind: type[Judged], name: str
) -> None:
    for report in reports_of(kind):
        text = render(kind, [report], name, OPTIONS)
        for finding in report.findings:
            if finding.blocks:
                assert finding.rule in text or finding.subject in text


@pytest.mark.parametrize(("kind", "name"), CELLS)
def test_every_blocking_gap_is_in_every_format(kind: type[Judged], name: str) -> None:
    for report in reports_of(kind):
        text = render(kind, [report], name, OPTIONS)
        for gap in report.gaps:
            if gap.blocking:
                assert gap.what in text


@pytest.mark.parametrize("kind", [DepsReport, ImportsReport, LddReport, ExplainReport])
def test_every_report_can_be_written_for_people_and_for_programs(kind: type[Judged]) -> None:
    assert {"text", "json"} <= set(formats_of(kind))


def test_an_unknown_format_names_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="-o pdf: not one of text, json, markdown, sarif"):
        render(DepsReport, [], "pdf", OPTIONS)


@pytest.mark.parametrize(("kind", "name"), CELLS)
def test_the_whole_text_is_as_it_was(kind: type[Judged], name: str) -> None:
    reports = [report for report in ALL if type(report) is kind]
    extension = {"text": "txt", "markdown": "md", "junit": "xml", "csv": "csv"}.get(name, "json")

    assert_snapshot(f"reports/{kind.__name__}.{name}.{extension}", render(kind, reports, name, OPTIONS))


@pytest.mark.parametrize(("kind", "name"), CELLS)
def test_a_document_is_json(kind: type[Judged], name: str) -> None:
    if name not in ("text", "markdown", "junit", "csv"):
        assert msgspec.json.decode(render(kind, reports_of(kind), name, OPTIONS))
