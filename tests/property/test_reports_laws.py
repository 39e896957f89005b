"""Laws of rendering, for any text that an image, a repository or a database may hold."""

import unicodedata

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.renderers import render
from fleet_audit.reports.sarif import artifact_uri, message_text
from fleet_audit.reports.terminal import visible
from tests.support.reports import IMAGE, OPTIONS, clean_report, deps_report, finding, need

ANYTHING = st.text(st.characters(codec=None, categories=None), max_size=40)
HOSTILE = st.one_of(
    ANYTHING,
    st.sampled_from(
        ["\x1b]0;title\x07", "\u202e", "|", "[red]", "a\nb", "\udc80", "${{ x }}", "'; rm -rf /", "…"]
    ),
)


def is_harmless(text: str) -> bool:
    return all(c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text)


@given(ANYTHING)
def test_visible_text_has_nothing_that_acts_or_hides(text: str) -> None:
    assert is_harmless(visible(text))
    assert "\n" not in visible(text)


@given(ANYTHING)
def test_visible_text_is_left_alone(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=HOSTILE, width=st.integers(1, 300))
def test_no_format_lets_a_hostile_name_through(text: str, width: int) -> None:
    report = DepsReport(
        subject=text,
        family=text,
        image=IMAGE,
        services=(text,),
        needs=(need(text, None), need("libx.so.1")),
        findings=(
            msgspec.structs.replace(
                finding(message=text, subject=text), location=SourceLocation(text, 3), remedy=text
            ),
        ),
        gaps=(Gap(text, GapKind.UNREADABLE_ELF, text, text, SourceLocation(text)),),
        notes=(text,),
    )
    options = msgspec.structs.replace(OPTIONS, width=width)

    assert is_harmless(render(DepsReport, [report], "text", options))
    for name in ("json", "sarif"):
        assert msgspec.json.decode(render(DepsReport, [report], name, options))


@given(ANYTHING)
def test_a_sarif_message_has_no_unescaped_bracket_or_brace(text: str) -> None:
    message = message_text(text).replace("\\\\", "").replace("\\[", "").replace("\\]", "")

    assert "[" not in message
    assert "]" not in message
    assert "{" not in message.replace("{{", "")


@given(ANYTHING)
def test_an_artifact_is_a_relative_reference_in_ascii(path: str) -> None:
    uri = artifact_uri(path)

    assert uri.isascii()
    assert ":" not in uri
    assert not uri.startswith("/")


@settings(max_examples=30, deadline=None)
@given(st.permutations([deps_report(), clean_report()]))
def test_a_document_of_several_subjects_fails_in_any_order_if_one_fails(reports: list[DepsReport]) -> None:
    assert msgspec.json.decode(render(DepsReport, reports, "json", OPTIONS))["verdict"] == "fail"
