import pytest

from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.script import Word


def word(text: str) -> Word:
    *_, command = read_script(f"echo {text}").commands
    (_, found) = command.words
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("'a b'", "a b"),
        ('"a b"', "a b"),
        (r"a\ b", "a b"),
        (r'"a\"b\n"', r'a"b\n'),
        ("a'b'\"c\"d", "abcd"),
        ("$'a\\tb'", "a\tb"),
        ("''", ""),
        ("a#b", "a#b"),
        ("$", "$"),
        ('"a$"', "a$"),
        ("a=b", "a=b"),
    ],
)
def test_a_literal_word_has_the_value_that_a_command_gets(text: str, value: str) -> None:
    assert word(text).value == value


@pytest.mark.parametrize("text", ["$A", "${A}", '"x$A"', "$(a)", "`a`", "$((1))", "${A#x}", "${#A}", "<(a)"])
def test_a_word_that_the_shell_replaces_has_no_value(text: str) -> None:
    assert word(text).value is None


def test_variables_are_named_in_order_with_those_of_fallbacks() -> None:
    assert word('"$A-${B:-$C}$(echo $D)${{ github.sha }}"').variables == ("A", "B", "C", "{{ github.sha }}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A", "1"),
        ("x${A}y", "x1y"),
        ("${A:-z}", "1"),
        ("${NONE:-z}", "z"),
        ("${NONE:-'z $A'}", "z $A"),
        ('"${NONE:-it\'s}"', "it's"),
        ("${EMPTY:-z}", "z"),
        ("${EMPTY-z}", ""),
        ("$NONE", None),
        ("${A#1}", None),
        ("$A$(b)", None),
    ],
)
def test_variables_that_are_known_give_a_value(text: str, value: str | None) -> None:
    assert word(text).expanded({"A": "1", "EMPTY": ""}.get) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("$LIST", ("a", "b")),
        ('"$LIST"', ("a b",)),
        ("x$LIST", ("xa", "b")),
        ("${LIST}y", ("a", "by")),
        ("$EMPTY", ()),
        ('"$EMPTY"', ("",)),
        ("x$EMPTY", ("x",)),
        ("plain", ("plain",)),
        ("$NONE", None),
    ],
)
def test_an_unquoted_variable_falls_apart_at_white_space(text: str, words: tuple[str, ...] | None) -> None:
    assert word(text).split({"LIST": "a b", "EMPTY": ""}.get) == words


@pytest.mark.parametrize("text", ["*.txt", "a?", "[ab]", "{a,b}", "~/x"])
def test_what_the_shell_may_replace_by_names_of_files_is_a_pattern(text: str) -> None:
    assert word(text).is_pattern


@pytest.mark.parametrize("text", ["'*.txt'", '"a?"', r"\*", "a~b", "HEAD~1"])
def test_what_is_quoted_is_no_pattern(text: str) -> None:
    assert not word(text).is_pattern
