import pytest

from fleet_audit.audit.dockerfiles.shell.reading import MAX_TEXT, read_script
from fleet_audit.audit.dockerfiles.shell.script import (
    Block,
    BlockKind,
    Command,
    Item,
    Operator,
    Script,
    and_or_lists,
    pipelines,
)


def texts(script: Script) -> list[str]:
    return [" ".join(word.text for word in command.words) for command in script.commands]


def only(text: str) -> Command:
    (command,) = read_script(text).commands
    return command


def only_block(text: str) -> Block:
    (item,) = read_script(text).items
    assert isinstance(item, Block)
    return item


def test_operators_part_commands_and_are_kept_on_both_sides() -> None:
    commands = read_script("a && b || c; d & e | f\ng").commands

    assert [(c.name, c.before, c.after) for c in commands] == [
        ("a", Operator.NONE, Operator.AND),
        ("b", Operator.AND, Operator.OR),
        ("c", Operator.OR, Operator.THEN),
        ("d", Operator.THEN, Operator.BACKGROUND),
        ("e", Operator.BACKGROUND, Operator.PIPE),
        ("f", Operator.PIPE, Operator.LINE),
        ("g", Operator.LINE, Operator.NONE),
    ]


def test_a_line_may_end_behind_an_operator() -> None:
    first, second = read_script("a &&\n\n  # why\n  b").commands

    assert (first.after, second.before, second.line) == (Operator.AND, Operator.AND, 4)


@pytest.mark.parametrize("text", ["a 'b && c' d", 'a "b; c" d', r"a b\&\&c d", "a `b` c", "a $(b) c"])
def test_what_is_quoted_or_substituted_parts_nothing(text: str) -> None:
    assert len(read_script(text).items) == 1


def test_a_comment_begins_a_word_and_ends_with_the_line() -> None:
    assert texts(read_script("a b#c #d e\nf")) == ["a b#c", "f"]


def test_an_open_sign_is_a_redirect_right_behind_a_word() -> None:
    command = only("pip install foo>=1.2 'bar>=2'")
    (redirect,) = command.redirects

    assert [word.value for word in command.words] == ["pip", "install", "foo", "bar>=2"]
    assert (redirect.operator, redirect.target.value) == (">", "=1.2")
    assert redirect.start == command.words[2].end


def test_redirects_keep_their_numbers_and_files() -> None:
    redirects = only("a 2>&1 >/dev/null <in &>>all >|x 3<>y").redirects

    assert [(r.number, r.operator, r.target.text) for r in redirects] == [
        ("2", ">&", "1"),
        ("", ">", "/dev/null"),
        ("", "<", "in"),
        ("", "&>>", "all"),
        ("", ">|", "x"),
        ("3", "<>", "y"),
    ]


def test_assignments_stand_before_the_program() -> None:
    command = only("A=1 B='x y' C= run D=4")

    assert [(each.name, each.value.value) for each in command.assignments] == [
        ("A", "1"),
        ("B", "x y"),
        ("C", ""),
    ]
    assert [word.text for word in command.words] == ["run", "D=4"]


def test_an_array_is_an_assignment_of_several_words() -> None:
    (assignment,) = only("FLAGS=(-a\n  'b c')").assignments

    assert [word.value for word in assignment.items] == ["-a", "b c"]


def test_an_argument_may_be_an_array() -> None:
    script = read_script("declare -a FLAGS=(-a\n  'b c') OTHER=() && next")

    assert not script.problems
    assert [[word.value for word in command.words] for command in script.commands] == [
        ["declare", "-a", None, None],
        ["next"],
    ]


def test_a_here_document_is_no_command() -> None:
    script = read_script("cat <<EOF | sort <<-'B'\npip install x\nEOF\n\ty\n\tB\nnext")
    bodies = [redirect.heredoc for command in script.commands for redirect in command.redirects]

    assert texts(script) == ["cat", "sort", "next"]
    assert [(b.text, b.line, b.expands) for b in bodies if b] == [
        ("pip install x\n", 2, True),
        ("\ty\n", 4, False),
    ]
    assert script.commands[-1].line == 6


def test_a_here_document_without_end_reaches_to_the_end() -> None:
    script = read_script("cat <<EOF\na\nb")

    assert texts(script) == ["cat"]
    assert [problem.kind for problem in script.problems] == ["unterminated-heredoc"]


def test_continued_lines_are_one_and_keep_their_places() -> None:
    command = only("a \\\n  b\\\nc")

    assert [(word.value, word.line, word.column) for word in command.words] == [("a", 1, 0), ("bc", 2, 2)]


def test_compound_commands_show_what_is_asked_and_what_runs_then() -> None:
    script = read_script("if ! a; then b; elif c; then d; else e; fi && z")
    around = {command.name: [block.kind for block in blocks] for command, blocks in script.walk()}

    assert around == {
        "a": [BlockKind.IF, BlockKind.CONDITION],
        "b": [BlockKind.IF, BlockKind.BRANCH],
        "c": [BlockKind.IF, BlockKind.CONDITION],
        "d": [BlockKind.IF, BlockKind.BRANCH],
        "e": [BlockKind.IF, BlockKind.BRANCH],
        "z": [],
    }
    assert script.commands[0].is_negated
    assert script.items[0].after is Operator.AND


def test_loops_keep_their_words() -> None:
    block = only_block("for x in a 'b c'\ndo use $x; done >log")

    assert (block.kind, block.name, [word.value for word in block.words]) == (
        BlockKind.FOR,
        "x",
        ["a", "b c"],
    )
    assert [redirect.target.text for redirect in block.redirects] == ["log"]


def test_arms_of_a_case_are_branches_whose_patterns_are_no_commands() -> None:
    script = read_script("case $x in a|b) y;; (c) z ;& *) w; esac; q")

    assert texts(script) == ["y", "z", "w", "q"]
    assert not script.problems


@pytest.mark.parametrize("text", ["f() { a; b; }", "function f { a; b; }", "f ( )\n{ a\nb\n}"])
def test_a_function_holds_what_runs_when_it_is_called(text: str) -> None:
    block = only_block(text)

    assert (block.kind, block.name, len(block.items)) == (BlockKind.FUNCTION, "f", 2)


@pytest.mark.parametrize(
    "text", ["x=$(a | b) c", 'c "$(a | b)"', "c `a | b`", "c <(a | b)", "c ${X:-$(a | b)}"]
)
def test_what_a_substitution_runs_comes_first(text: str) -> None:
    found = [(c.name, [block.kind for block in blocks]) for c, blocks in read_script(text).walk()]

    assert found == [("a", [BlockKind.SUBSTITUTION]), ("b", [BlockKind.SUBSTITUTION]), ("c", [])]


def test_words_within_a_substitution_stand_where_they_are_written() -> None:
    script = read_script("echo ok\nx=$(a\n  `b`)")

    assert [(c.name, c.line, c.column) for c in script.commands] == [
        ("echo", 1, 0),
        ("a", 2, 4),
        ("b", 3, 3),
        ("", 3, 2),
        ("", 2, 0),
    ]


@pytest.mark.parametrize("text", ["[[ a < b && -f c || d =~ ^(x|y)$ ]]", "((a > b))", "x=$((1 > 2))"])
def test_signs_in_tests_and_sums_are_no_operators(text: str) -> None:
    script = read_script(text)

    assert len(script.items) == 1
    assert not any(command.redirects for command in script.commands)
    assert not script.problems


def test_options_hold_from_the_line_that_sets_them_to_the_end_of_their_shell() -> None:
    script = read_script("a\nset -euo pipefail\nb; (set +e; c); d; set +o pipefail; e")
    states = {c.name: (c.options.exits_on_error, c.options.fails_in_pipes) for c in script.commands}

    assert states["a"] == (False, False)
    assert states["b"] == states["d"] == (True, True)
    assert states["c"] == (False, True)
    assert states["e"] == (True, False)


def test_lists_and_pipelines_are_found_again() -> None:
    items = read_script("a | b && c || d; e &\nf").items

    def names(found: tuple[Item, ...]) -> list[str]:
        return [item.name for item in found]

    assert [names(each) for each in pipelines(items)] == [["a", "b"], ["c"], ["d"], ["e"], ["f"]]
    assert [[names(each) for each in found] for found in and_or_lists(items)] == [
        [["a", "b"], ["c"], ["d"]],
        [["e"]],
        [["f"]],
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a 'b", "unterminated-quote"),
        ('a "b', "unterminated-quote"),
        ("a `b", "unterminated-substitution"),
        ("a ${b", "unterminated-substitution"),
        ("a $(b", "unterminated-block"),
        ("(a", "unterminated-block"),
        ("if a; then b", "unterminated-block"),
        ("a; fi", "unexpected-word"),
        ("a )", "unexpected-word"),
        ("&& a", "unexpected-operator"),
        ("a >", "bad-redirect"),
        ("a; function f", "bad-function"),
    ],
)
def test_what_a_shell_would_refuse_is_said_and_the_rest_is_read(text: str, kind: str) -> None:
    script = read_script(text)

    assert [problem.kind for problem in script.problems] == [kind]
    assert any(name.startswith("a") for name in texts(script))


def test_reading_goes_on_behind_what_is_out_of_place() -> None:
    assert texts(read_script("a; done\nb && (c; fi; d) | e")) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "$(" * 5000,
        "${a:-" * 5000,
        '"$(' * 5000,
        "`" * 5001,
        "$((" * 5000,
        "if " * 5000,
        "case a in " * 5000,
        "<<a " * 5000,
        "{ " * 5000,
        "f() " * 5000,
        "\\" * 5001,
        "a<(" * 5000,
        "! " * 5000,
        "${{" * 5000,
        "$'" * 5000,
        "[[ " * 5000,
        "x=(" * 5000,
        ";;" * 5000,
    ],
)
def test_hostile_nesting_is_bounded(text: str) -> None:
    assert isinstance(read_script(text), Script)


def test_a_script_that_is_too_long_says_so() -> None:
    script = read_script("a" * (MAX_TEXT + 1))

    assert [problem.kind for problem in script.problems] == ["too-long"]
