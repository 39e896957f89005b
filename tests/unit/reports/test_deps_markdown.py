"""The main job's answer as Markdown, for a comment or a step's summary."""

from html import unescape

import msgspec
import pytest

from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.deps_markdown import MAX_ROWS, deps_markdown
from fleet_audit.reports.markdown import MAX_BYTES
from tests.support.proposals import PATCH, audio_plan
from tests.support.rendering import cells, rendered
from tests.support.reports import OPTIONS, clean_report, deps_report, finding, need, planned_report


def markdown(*reports: DepsReport) -> str:
    return deps_markdown(reports, OPTIONS)


def test_the_verdict_comes_first_then_what_is_missing_then_what_to_do() -> None:
    text = markdown(planned_report())

    assert text.startswith("## FAIL `family-audio`\n\n1 finding blocks · exit code 1 · 2 missing")
    order = [
        "### Missing",
        "### Better than installing",
        "### Proposal",
        "```diff",
        "### Nothing reachable needs",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_each_missing_need_has_its_line_and_what_supplies_it() -> None:
    rows = cells(markdown(planned_report()))

    assert rows[0] == [
        "so:libportaudio.so.2",
        "SpeechAgent services/face_recognition/app.py:12 (cv2 → cv2.abi3.so → libportaudio.so.2)",
        "libportaudio2=19.6.0-1.2",
    ]
    assert rows[1][2] == "no package: no suite of Debian 12 ships it"


def test_the_patch_is_a_block_that_can_be_copied() -> None:
    shown = unescape(rendered(markdown(planned_report())))

    assert f'<pre><code class="language-diff">{PATCH}</code></pre>' in shown


def test_without_a_patch_the_lines_to_add_are_shown() -> None:
    text = markdown(deps_report())

    assert "```dockerfile\nRUN apt-get update \\\n" in text
    assert "```diff" not in text


def test_the_proof_apts_own_plan_and_surplus_are_told_in_the_words_of_the_text() -> None:
    text = markdown(planned_report())

    assert "nothing smaller would do (proved: 2 forced steps, 1 choice)" in text
    assert "apt alone would take 4 packages" in text
    assert "4 packages, 139.1 MB, of which 49.1 MB can be saved in this image" in text
    assert "and 1 package that goes with it, 9.0 MB" in text


def test_a_clean_report_is_short() -> None:
    text = markdown(msgspec.structs.replace(clean_report(), is_surplus_known=True))

    assert "Nothing that ServiceRegistry requires is missing." in text
    assert "Nothing that is installed is surplus." in text
    assert "###" not in text


def test_several_families_begin_with_a_table_of_verdicts() -> None:
    text = markdown(deps_report(), clean_report())

    assert text.startswith("# FAIL: 2 images · exit code 1\n")
    assert cells(text)[1] == ["family-web", "pass", "0", "0", "–", "unknown", "0"]


def test_no_family_at_all_is_said() -> None:
    assert markdown() == "Nothing to report on: no family was chosen.\n"


def test_nothing_is_claimed_of_an_image_that_was_not_read() -> None:
    text = markdown(DepsReport(subject="a", family="a", is_surplus_known=True))

    assert "missing" not in text
    assert "surplus" not in text


@pytest.mark.parametrize(("waiver", "mode"), [("known", "waived"), (None, "error")])
def test_findings_say_how_grave_they_are_or_that_they_are_waived(waiver: str | None, mode: str) -> None:
    other = finding(rule="FA-SRC-001", subject="file:x", message="it does not parse", waiver=waiver)

    text = markdown(msgspec.structs.replace(clean_report(), findings=(other,)))

    assert f"- **{mode}** `FA-SRC-001` `services/face_recognition/app.py:12` it does not parse" in text


def test_a_long_list_ends_with_how_many_more_there_are() -> None:
    needs = tuple(need(f"lib{n:03}.so") for n in range(MAX_ROWS + 5))

    text = markdown(msgspec.structs.replace(clean_report(), needs=needs))

    assert "lib039.so" in text
    assert "lib040.so" not in text
    assert "and 5 more needs (the JSON document lists them)" in text


def test_a_patch_too_long_for_a_comment_is_left_out_whole_and_named() -> None:
    plan = audio_plan()
    place = msgspec.structs.replace(plan.placement, patch=PATCH + "+x\n" * MAX_BYTES)
    report = msgspec.structs.replace(
        planned_report(), proposal=msgspec.structs.replace(plan, placement=place)
    )

    text = markdown(report)

    assert "```diff" not in text
    assert "1 section left out for want of room (a patch of `family-audio`)" in text
    assert "### Nothing reachable needs" in text
