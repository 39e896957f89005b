"""Laws of rendering, for any text that an image, a repository or a database may hold."""

import unicodedata

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_audit.audit.model.apt import (
    AptPlan,
    OtherPlan,
    Placement,
    Remedy,
    Share,
    Step,
    Surplus,
    Unsatisfied,
    Verification,
)
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.markdown import MAX_BYTES, code, fence, items, prose, table
from fleet_audit.reports.renderers import render
from fleet_audit.reports.sarif import artifact_uri, message_text
from fleet_audit.reports.terminal import visible
from tests.support.laws import examples
from tests.support.proposals import package
from tests.support.rendering import cells, rendered, shown
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


@settings(examples(50), suppress_health_check=[HealthCheck.too_slow])
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

    for name in ("text", "markdown"):
        assert is_harmless(render(DepsReport, [report], name, options))
    for name in ("json", "sarif"):
        assert msgspec.json.decode(render(DepsReport, [report], name, options))


def hostile_plan(text: str) -> AptPlan:
    """Return a plan of which all words come from outside; its patch may hold tabs, as Dockerfiles do."""
    place = SourceLocation(text, 3)
    return AptPlan(
        snapshot=text,
        roots=(text,),
        packages=(package(text, text, 1, text, text, is_root=True, supplies=(text,)),),
        is_optimal=True,
        certificate=text,
        unsatisfied=(Unsatisfied("so:libx.so.1", text),),
        placement=Placement(text, place, text, text, also=(Placement(text, place, why_no_patch=text),)),
        steering=(text,),
        steps=(Step(PackageName(text), text, (text,)),),
        apt_default=OtherPlan((text,), (text,), 1, 1, text),
        others=(OtherPlan((text,), (text,), 1, 1, text),),
        remedies=(Remedy(text, (text,), text, text, 1, text, (text,), (place,), text, (text,)),),
        shares=(Share(text, (text,), 1, (text,), text, {text: (text,)}, is_option=True, carried_by=(text,)),),
        verification=Verification(text, text, text, (text,), (text,), ((text, text),)),
    )


@settings(examples(50), suppress_health_check=[HealthCheck.too_slow])
@given(text=HOSTILE, width=st.integers(1, 300))
def test_no_format_lets_a_hostile_proposal_through(text: str, width: int) -> None:
    surplus = Surplus(PackageName(text), 1, text, text, text, text, text, text, text, doubt=text)
    report = msgspec.structs.replace(
        clean_report(),
        needs=(need(text, None), need("libx.so.1")),
        proposal=hostile_plan(text),
        surplus=(surplus, msgspec.structs.replace(surplus, goes_with=text, is_inherited=True)),
    )
    options = msgspec.structs.replace(OPTIONS, width=width)

    for name in ("text", "markdown"):
        assert is_harmless(render(DepsReport, [report], name, options).replace("\t", ""))
    assert msgspec.json.decode(render(DepsReport, [report], "json", options))


@given(HOSTILE)
def test_text_in_markdown_reads_as_it_is_wherever_it_stands(text: str) -> None:
    # Spaces at the ends of a line or cell are not seen.
    seen = visible(text).strip()

    assert shown(prose(text)).strip() == seen
    assert shown(items([prose(text)])).strip() == seen
    ((first, second),) = cells(table(("a", "b"), [(prose(text), code(text))]))
    assert (first.strip(), second) == (seen, visible(text))


@given(st.text(alphabet="`~ \ta\n+-", max_size=60))
def test_nothing_gets_out_of_a_fence(text: str) -> None:
    block = rendered(fence(text, "diff") + "\n\nafter")

    assert block.startswith('<pre><code class="language-diff">')
    assert block.endswith("</code></pre>\n<p>after</p>\n")
    assert block.count("<p>") == 1


@examples(10)
@given(st.integers(1, 400), st.integers(1, 400))
def test_a_comment_is_never_longer_than_one_can_be(families: int, length: int) -> None:
    report = msgspec.structs.replace(deps_report(), family="f" * length)

    text = render(DepsReport, [report] * families, "markdown", OPTIONS)

    assert len(text.encode()) <= MAX_BYTES


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


@examples(30)
@given(st.permutations([deps_report(), clean_report()]))
def test_a_document_of_several_subjects_fails_in_any_order_if_one_fails(reports: list[DepsReport]) -> None:
    assert msgspec.json.decode(render(DepsReport, reports, "json", OPTIONS))["verdict"] == "fail"
