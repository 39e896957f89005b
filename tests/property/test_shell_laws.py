"""Laws of reading shell text."""

import shlex
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.dockerfiles.shell.reading import MAX_TEXT, read_script
from fleet_audit.audit.dockerfiles.shell.script import Command, Script

PIECES = (
    *(
        "a",
        "b",
        " ",
        "\n",
        ";",
        "&&",
        "||",
        "|",
        "&",
        "'",
        '"',
        "\\",
        "`",
        "$",
        "(",
        ")",
        "{ ",
        "}",
        "#",
        "!",
    ),
    *(
        ">",
        "<",
        "<<E\n",
        "\nE\n",
        "$(",
        "${",
        "$((",
        "))",
        "[[ ",
        " ]]",
        "x=",
        "x=(",
        "if ",
        "; then ",
        "; fi",
    ),
    *(
        "for i in ",
        "; do ",
        "; done",
        "case ",
        " in ",
        ";;",
        " esac",
        "f() ",
        "2>&1",
        ">=1",
        "${{ a }}",
        "é\x00",
    ),
)
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=30).map("".join)
statements = st.sampled_from(
    (
        "a b && c 'd e'",
        "if a; then b; fi",
        "for x in a b; do c; done | d",
        "(a; b) || c",
        "f() { a; }",
        "x=$(a | b) c >d",
        "! a",
    )
)


def told(script: Script) -> list[tuple[object, ...]]:
    return [
        (
            [word.text for word in command.words],
            [(each.operator, each.target.text) for each in command.redirects],
            [block.kind for block in around],
            command.is_negated,
        )
        for command, around in script.walk()
    ]


@given(texts)
def test_any_text_is_read_and_every_line_that_is_named_exists(text: str) -> None:
    script = read_script(text)
    count = text.count("\n") + 1

    for command in script.commands:
        assert 1 <= command.line <= count
        assert all(1 <= word.line <= count for word in command.words)
    assert all(1 <= problem.line <= count and problem.message for problem in script.problems)


@given(texts.filter(lambda text: "`" not in text))
def test_words_stand_where_they_are_said_to(text: str) -> None:
    for command in read_script(text).commands:
        for word in command.words:
            assert text[word.start : word.end] == word.text


@given(texts)
def test_commands_do_not_overlap(text: str) -> None:
    items = [item for item in read_script(text).items if isinstance(item, Command)]

    assert all(one.end <= other.start for one, other in pairwise(items))


@given(st.lists(statements, min_size=1, max_size=5), st.data())
def test_blank_lines_and_comments_change_nothing(lines: list[str], data: st.DataObject) -> None:
    between = st.lists(st.sampled_from(("\n", "  \n", "# a; b\n", "\t# 'c\n")), max_size=3).map("".join)
    ends = st.sampled_from(("\n", " # why\n", "  \n"))
    decorated = "".join(data.draw(between) + line + data.draw(ends) for line in lines)

    assert told(read_script(decorated)) == told(read_script("\n".join(lines)))


@given(st.lists(statements, min_size=1, max_size=5))
def test_lines_and_semicolons_say_the_same(lines: list[str]) -> None:
    assert told(read_script("\n".join(lines))) == told(read_script("; ".join(lines)))


@given(st.text())
def test_a_quoted_text_is_one_word_with_that_value(text: str) -> None:
    (command,) = read_script(f"a {shlex.quote(text)}").commands

    assert [word.value for word in command.words] == ["a", text]


@pytest.mark.parametrize("piece", PIECES)
def test_reading_takes_time_in_proportion_to_the_text(piece: str) -> None:
    text = (piece * MAX_TEXT)[: MAX_TEXT // 10]

    began = time.process_time()
    read_script(text)

    # What grows with the square of the length takes far longer.
    assert time.process_time() - began < 4
