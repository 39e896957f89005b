"""Laws of differences: nothing differs from itself, and the other order is the mirror image."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fleet_audit.audit.model.difference import (
    AdvisoryState,
    Aspect,
    Change,
    DiffReport,
    FindingState,
    NeedState,
)
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.inspection import LayerSize
from fleet_audit.audit.model.inventory import Component, ToolUse
from fleet_audit.audit.pipeline.comparing.comparison import compared
from fleet_audit.audit.pipeline.comparing.side import Provided, Setting, Side
from fleet_audit.reports.diff_document import diff_document
from fleet_audit.reports.diff_markdown import diff_markdown
from fleet_audit.reports.diff_text import diff_text
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import visible
from tests.support.differences import TOOLS, bundled, side
from tests.support.laws import examples

OPTIONS = RenderOptions(created="2026-11-20T00:00:00Z", version="0.1.0")
WORD = st.sampled_from(["", "a", "b", "1.0", "2.0"])
TEXT = st.one_of(
    WORD, st.text(max_size=8), st.sampled_from(["a|b", "`x`", "@team", "\x1b[31m", "# h", "<b>", "[x](y)"])
)
PURLS = st.builds(
    lambda kind, name, version, rest: Purl(f"pkg:{kind}{name}@{version}{rest}"),
    st.sampled_from(["deb/debian/", "deb/ubuntu/", "pypi/", "npm/", "generic/"]),
    st.sampled_from(["x", "y"]),
    st.sampled_from(["1.0", "1.10", "1:2-3", "2004d", "1.0~rc1"]),
    st.sampled_from(["", "?arch=amd64", "?arch=i386"]),
)
INSTALLED = st.builds(
    lambda purl, name, licences, origin: Component(
        ref=purl, name=name, purl=purl, licenses=tuple(licences), origin=origin
    ),
    PURLS,
    TEXT,
    st.lists(TEXT, max_size=2),
    WORD,
)
COMPONENTS = st.one_of(INSTALLED, st.builds(bundled, TEXT, WORD, PURLS, WORD))
SETTINGS = st.dictionaries(
    st.sampled_from(["user", "environment", "labels"]),
    st.dictionaries(TEXT, st.builds(Setting, TEXT, st.sampled_from(["", "p", "q"])), max_size=2),
    max_size=2,
)
PATHS = st.lists(TEXT, max_size=3).map(tuple)
SIZES = st.dictionaries(TEXT, st.integers(0, 2**40), max_size=3)
NEEDS = st.builds(
    NeedState,
    st.sampled_from(["soname", "program"]),
    TEXT,
    st.sampled_from(["required", "lazy"]),
    st.sampled_from(["resolved", "missing", "not-available", "host-driver"]),
    PATHS,
)
FINDINGS = st.builds(
    FindingState,
    st.sampled_from(["1", "2", "3"]),
    TEXT,
    st.sampled_from(["warn", "error"]),
    TEXT,
    TEXT,
    TEXT,
    st.booleans(),
)
ADVISORIES = st.builds(
    AdvisoryState,
    st.sampled_from(["CVE-2024-1", "CVE-2024-2"]),
    st.sampled_from(["deb", "pypi"]),
    TEXT,
    st.sampled_from(["critical", "low", "odd"]),
    PATHS,
    PATHS,
    TEXT,
    st.sampled_from([None, True, False]),
)
LAYERS = st.builds(
    LayerSize, st.integers(0, 9), TEXT, st.sampled_from(["one", "two", "three"]), st.integers(-1, 9)
)


@st.composite
def sides(draw: st.DrawFn) -> Side:
    return side(
        *draw(st.lists(COMPONENTS, max_size=5)),
        name=draw(TEXT),
        tools=draw(st.sampled_from([TOOLS, TOOLS[:1], TOOLS[1:], (*TOOLS, ToolUse("trivy", "1"))])),
        silent=draw(st.dictionaries(st.sampled_from(Aspect), TEXT.filter(bool), max_size=2)),
        sonames=draw(st.dictionaries(TEXT, st.builds(Provided, PATHS, PATHS), max_size=2)),
        asked=draw(st.dictionaries(TEXT, PATHS, max_size=2)),
        settings=draw(SETTINGS),
        needs=tuple(draw(st.lists(NEEDS, max_size=3))),
        findings=tuple(draw(st.lists(FINDINGS, max_size=3))),
        advisories=tuple(draw(st.lists(ADVISORIES, max_size=3))),
        package_bytes=draw(SIZES),
        totals=draw(SIZES),
        layers=tuple(draw(st.lists(LAYERS, max_size=3))),
    )


_OTHER_WAY = {Change.ADDED: Change.REMOVED, Change.UP: Change.DOWN}
_OTHER_WAY |= {second: first for first, second in _OTHER_WAY.items()}


def turned(value: object) -> object:
    """Return a document's value with both sides exchanged."""
    match value:
        case dict():
            other = {"before": "after", "after": "before"}
            names = {name: _turned_name(name, other) for name in value}
            return {names[name]: turned(child) for name, child in value.items()}
        case list():
            return [turned(child) for child in value]
        case str() if value in _OTHER_WAY:
            return str(_OTHER_WAY[Change(value)])
        case _:
            return value


def _turned_name(name: str, other: dict[str, str]) -> str:
    for old, new in other.items():
        if name == old or name.endswith(f"_{old}"):
            return f"{name.removesuffix(old)}{new}"
    return name


def told(report: DiffReport) -> dict[str, object]:
    """Return everything that a difference tells but the layers and the words for people."""
    found: dict[str, object] = msgspec.json.decode(msgspec.json.encode(report))
    return {**found, "layers": [], "subject": "", "notes": []}


def layers_of(report: DiffReport, *, is_turned: bool = False) -> set[tuple[str, bool]]:
    """Return the layers of one side with the word whether B has them; of both sides exchanged, if asked."""
    return {(each.diff_id, each.is_added is not is_turned) for each in report.layers}


@given(sides())
@examples(100)
def test_nothing_differs_from_itself(one: Side) -> None:
    report = compared(one, one)

    assert report.is_same
    assert not report.needs
    assert not report.packages


@given(sides(), sides())
@examples(150)
def test_the_other_order_is_the_mirror_image(first: Side, second: Side) -> None:
    forth, back = compared(first, second), compared(second, first)

    assert layers_of(forth) == layers_of(back, is_turned=True)
    assert told(forth) == turned(told(back))


@given(sides(), sides())
@examples(60)
def test_the_same_sides_give_the_same_bytes(first: Side, second: Side) -> None:
    report = compared(first, second)
    again = compared(first, second)

    for render in (diff_text, diff_markdown, diff_document):
        assert render([report], OPTIONS) == render([again], OPTIONS)


@given(sides(), sides())
@examples(80)
def test_no_name_acts_on_a_terminal_or_forms_markdown(first: Side, second: Side) -> None:
    report = compared(first, second)

    text = diff_text([report], OPTIONS)
    assert [line for line in text.split("\n") if visible(line) != line] == []
    tokens = MarkdownIt("commonmark", {"html": False}).enable("table").parse(diff_markdown([report], OPTIONS))
    kinds = {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {
        "text",
        "code_inline",
        "softbreak",
        "strong_open",
        "strong_close",
        "html_inline",
        "text_special",
    }
    rows = [token.map for token in tokens if token.type == "tr_open"]
    assert len(rows) == len({tuple(at or ()) for at in rows})


@given(sides(), sides())
@examples(60)
def test_a_document_has_every_package_that_differs(first: Side, second: Side) -> None:
    report = compared(first, second)

    written = msgspec.json.decode(diff_document([report], OPTIONS))

    assert [each["package"] for each in written["packages"]] == [each.key for each in report.packages]
    assert written["same"] is report.is_same
