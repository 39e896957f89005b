"""A character of a text is found again in the file, however the text is written there."""

import pytest

from fleet_audit.audit.configuration.located import load

FOLDED = "a: é\nx: >-\n  one\n    && two\n  || three\n"
LITERAL = "x: |\n    one\n\n    two\n"


@pytest.mark.parametrize(
    ("text", "word", "place"),
    [
        ("x: one two\n", "two", (1, 8)),
        ("x: 'one two'\n", "two", (1, 9)),
        ('x: "one\n  two"\n', "two", (2, 3)),
        ("x: one\n  two\n", "two", (2, 3)),
        (FOLDED, "two", (4, 8)),
        (FOLDED, "three", (5, 6)),
        (LITERAL, "two", (4, 5)),
        ("y: {x: [1], z: 2}\nx: é two", "two", (2, 6)),
        ("base: &b one two\nx: *b\n", "one", (2, 0)),
        ('x: "one \\x74wo"\n', "two", (1, 0)),
    ],
)
def test_a_character_is_placed_in_its_file(text: str, word: str, place: tuple[int, int]) -> None:
    located = load(text, name="a.yaml")
    value = located.view("x").text or ""

    problem = located.problem_within(("x",), value.index(word), "wrong")

    assert (problem.line, problem.column) == place


def test_what_is_missing_at_the_end_is_placed_behind_it() -> None:
    problem = load("x: >-\n  one ==\n", name="a.yaml").problem_within(("x",), 6, "wrong")

    assert problem.place == "a.yaml:2:9"
    assert str(problem) == "a.yaml:2:9: x: wrong"
