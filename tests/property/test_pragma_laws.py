"""Laws of comments that waive, and of what Dockerfiles copy: any text has an answer."""

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.dockerfiles.copying.copies import copied_files
from fleet_audit.audit.dockerfiles.copying.ignoring import ignore_rules
from fleet_audit.audit.dockerfiles.running.starting import start_words
from fleet_audit.audit.static_imports.source.lexer import decode, lex
from fleet_audit.audit.static_imports.source.pragmas import pragmas

PIECES = st.sampled_from(
    [
        *("# fleet-audit: ignore[FA-IMP-001] late", "# fleet-audit:", "#", "import cv2", "x = (", ")", "\\"),
        *('"""', "'", "\n", "\r\n", "\t", " ", "\f", "é"),
    ]
)
INSTRUCTIONS = st.sampled_from(
    [
        *(
            "FROM a",
            "FROM b AS c",
            "COPY",
            "ADD",
            "--from=c",
            "RUN",
            "ARG X=1",
            "ENV X",
            "$X",
            "${X:-",
            "<<EOF",
        ),
        *("[", '"a"', "]", ".", "**/b", "\\\n", "\n", " ", "CMD", "# escape=`"),
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_a_pragma_speaks_of_lines_that_the_file_has_or_of_none(text: str) -> None:
    lexed = lex(decode(text.encode()))
    last = lexed.source.count(b"\n") + 1

    for found in pragmas(lexed):
        assert 1 <= found.line <= last
        assert (found.first == found.last == 0) or (1 <= found.first <= found.last <= last)
        assert found.first or found.problem


@given(st.lists(PIECES, max_size=20).map("".join))
def test_what_stands_below_does_not_change_what_a_line_says(text: str) -> None:
    above = "import cv2  # fleet-audit: ignore[FA-IMP-001] late\n"

    (first, *_) = pragmas(lex(decode((above + text).encode())))

    assert (first.line, first.first, first.reason, first.problem) == (1, 1, "late", "")


@given(st.lists(INSTRUCTIONS, max_size=40).map(" ".join), st.text(max_size=60))
def test_any_dockerfile_and_any_ignore_file_have_an_answer(text: str, ignored: str) -> None:
    found = copied_files(text, target="", build_args={"X": "y"}, ignored=ignore_rules(ignored))

    start_words(text, target="")
    if found is not None:
        assert found.hold("a/b.py") in (True, False)
        assert 1 <= found.line <= text.count("\n") + 1
