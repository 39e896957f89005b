"""Comments that waive a rule: where they count, and what they must say."""

import pytest

from fleet_audit.audit.static_imports.source.lexer import decode, lex
from fleet_audit.audit.static_imports.source.pragmas import MAX_PRAGMAS, pragmas
from fleet_audit.audit.static_imports.source.records import PragmaComment

GOOD = "# fleet-audit: ignore[FA-IMP-001] mounted at run time"


def read(text: str) -> tuple[PragmaComment, ...]:
    return pragmas(lex(decode(text.encode())))


def lines(text: str) -> list[tuple[int, int]]:
    return [(found.first, found.last) for found in read(text)]


def test_a_pragma_behind_a_statement_names_its_rules_and_a_reason() -> None:
    (found,) = read(f"import os\nimport cv2  {GOOD}\n")

    assert found == PragmaComment(2, 2, 2, ("FA-IMP-001",), "mounted at run time")


def test_one_that_stands_alone_speaks_of_the_statement_below() -> None:
    assert lines(f"{GOOD}\nimport cv2\nimport numpy\n") == [(2, 2)]


def test_comments_may_stand_between_it_and_the_statement_and_empty_lines_may_not() -> None:
    assert lines(f"{GOOD}\n# why we do this\nimport cv2\n") == [(3, 3)]
    assert lines(f"{GOOD}\n\nimport cv2\n") == [(0, 0)]


@pytest.mark.parametrize(
    "text",
    [
        f"from a import (  {GOOD}\n    b,\n)\n",
        f"from a import (\n    b,  {GOOD}\n)\n",
        f"from a import (\n    b,\n)  {GOOD}\n",
        f"from a import (\n    {GOOD}\n    b,\n)\n",
    ],
)
def test_it_speaks_of_all_lines_of_its_statement(text: str) -> None:
    assert lines(text) == [(1, 4 if "\n    #" in text else 3)]


@pytest.mark.parametrize(
    "text",
    [
        f'words = "{GOOD}"\n',
        f'"""\n{GOOD}\n"""\nimport cv2\n',
        f"f'{{x}} {GOOD}'\n",
        "# fleet audit: ignore[FA-IMP-001] not ours\n",
        "# not-fleet-audit: ignore[FA-IMP-001] not ours\n",
    ],
)
def test_what_stands_in_strings_or_is_said_otherwise_is_none(text: str) -> None:
    assert read(text) == ()


def test_other_comments_may_stand_on_the_same_line() -> None:
    (found,) = read(
        "import cv2  # nosec B404  # fleet-audit: ignore[FA-IMP-001, FA-IMP-002] late  # type: x\n"
    )

    assert (found.rules, found.reason) == (("FA-IMP-001", "FA-IMP-002"), "late")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("ignore[FA-IMP-001]", "it gives no reason"),
        ("ignore[FA-IMP-001]  # nosec", "it gives no reason"),
        ("ignore[] because", "it names no rule in brackets"),
        ("ignore FA-IMP-001 because", "it names no rule in brackets"),
        ("ignore[FA-IMP-001 because", "it names no rule in brackets"),
        ("disable[FA-IMP-001] because", "only ignore[RULE] and a reason can follow `fleet-audit:`"),
        ("", "only ignore[RULE] and a reason can follow `fleet-audit:`"),
    ],
)
def test_one_that_cannot_waive_says_why(words: str, problem: str) -> None:
    (found,) = read(f"import cv2  # fleet-audit: {words}\n")

    assert found.problem == problem


def test_one_at_the_end_of_a_file_has_no_statement() -> None:
    assert [found.problem for found in read(f"import cv2\n\n{GOOD}")] == [
        "no statement stands on its line or below it"
    ]


def test_pragmas_are_found_in_a_file_that_does_not_parse() -> None:
    assert lines(f"def broken(:\nimport cv2  {GOOD}\nx = '\n") == [(2, 2)]


def test_line_ends_of_other_systems_do_not_move_them() -> None:
    assert (
        lines(f"import os\r\nimport cv2  {GOOD}\r\n") == lines(f"import os\rimport cv2  {GOOD}\r") == [(2, 2)]
    )


def test_a_file_full_of_pragmas_takes_no_longer_than_it_may() -> None:
    assert len(read(f"{GOOD}\n" * 20_000 + "import cv2\n")) == MAX_PRAGMAS
