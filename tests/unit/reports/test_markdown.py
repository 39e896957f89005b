"""Text in Markdown forms nothing, and documents stay within their bounds."""

import pytest

from fleet_audit.reports.markdown import Markup, Section, code, document, fence, items, prose, table
from tests.support.rendering import cells, rendered, shown


@pytest.mark.parametrize(
    "text",
    [
        "a|b",
        "ends in \\",
        "a\\|b",
        "`tick`",
        "**bold** _it_ ~~gone~~",
        "<script>alert(1)</script>",
        "[a](http://host.example)",
        "![a](x)",
        "&amp;",
        "- no list",
        "1. no list",
        "2) no list",
        "# no heading",
        "    no code",
        "| no | table |",
        "+ x",
        "=== x",
        "> no quote",
    ],
)
def test_text_reads_as_it_is_wherever_it_stands(text: str) -> None:
    assert shown(prose(text)) == text
    assert shown(items([prose(text)])) == text
    assert shown(code(text)) == text
    assert cells(table(("a", "b"), [(prose(text), code(text))])) == [[text, text]]


def test_a_version_stays_readable_in_the_source() -> None:
    assert prose("libgl1 (= 1.6.0-1) is missing: 2 of 3") == "libgl1 (= 1.6.0-1) is missing: 2 of 3"
    assert code("libgl1=1.6.0-1+b1") == "`libgl1=1.6.0-1+b1`"
    assert prose("0.1.0") == "0.1.0"


def test_nobody_is_called_and_no_issue_is_referred_to() -> None:
    assert "@security" not in rendered(prose("ask @security"))
    assert "#12" not in rendered(prose("see #12"))
    assert "<code>@security #12</code>" in rendered(code("@security #12"))


@pytest.mark.parametrize(
    "text", ["http://host.example", "https://host.example/x", "www.host.example", ":smile:"]
)
def test_an_address_or_a_short_code_in_text_is_not_written_as_one(text: str) -> None:
    assert text not in prose(f"see {text} there")


def test_what_acts_or_hides_is_shown_as_its_escape() -> None:
    assert shown(prose("a\x1b[2Jb\u202ec\nd")) == "a\\x1b[2Jb\\u202ec\\nd"
    assert shown(code("a\x1bb")) == "a\\x1bb"


def test_nothing_is_no_code() -> None:
    assert code("") == ""


def test_a_fence_is_longer_than_any_run_of_backticks_in_it() -> None:
    text = "+RUN echo ```\n+````\n"

    block = fence(text, "diff")

    assert block.startswith("`````diff\n")
    assert rendered(block) == '<pre><code class="language-diff">' + text + "</code></pre>\n"
    assert fence("a", "diff").startswith("```diff")


def test_lines_of_a_fence_keep_their_tabs() -> None:
    assert "+\tx" in fence("+\tx\r\n", "diff")
    assert "\r" not in fence("+\tx\r\n", "diff")


def test_columns_of_numbers_are_aligned_to_the_right() -> None:
    assert table(("package", ">installed"), []) == "| package | installed |\n| --- | --: |"


def section(name: str, size: int) -> Section:
    return Section(Markup(name), name * size)


def test_sections_that_do_not_fit_are_left_out_whole_and_named() -> None:
    text = document([section("a", 100), section("b", 5000), section("c", 100)], limit=2000)

    first, last, closing = text.splitlines()[::2]
    assert (first, last) == ("a" * 100, "c" * 100)
    assert closing == "1 section left out for want of room (b): the JSON document has them all."


def test_a_document_in_which_all_fits_leaves_nothing_out() -> None:
    assert document([section("a", 1), section("b", 1)], limit=2000) == "a\n\nb\n"
    assert document([]) == ""


def test_many_sections_left_out_are_named_in_part_and_within_the_bound() -> None:
    text = document([section(f"{n:02}é" * 20, 100) for n in range(50)], limit=2000)

    assert "50 sections left out" in text
    assert ", …)" in text
    assert len(text.encode()) <= 2000
