"""What expressions come to, by GitHub's page on them."""

import pytest

from fleet_audit.audit.dockerfiles.shell.symbols import symbol
from fleet_audit.audit.dockerfiles.workflows.expressions import (
    MAX_DEPTH,
    UNKNOWN,
    Outcome,
    Unknown,
    evaluate,
    filled,
    holds,
)

VALUES: dict[tuple[str, ...], Outcome] = {
    ("matrix", "os"): "ubuntu",
    ("github", "event_name"): "push",
    ("matrix", "flag"): "true",
    ("env", "empty"): "",
}


def lookup(path: tuple[str, ...]) -> Outcome:
    return VALUES.get(path, UNKNOWN)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'It''s open'", "It's open"),
        ("0xff", 255.0),
        ("-2.99e-2", -0.0299),
        ("null", None),
        ("matrix.os", "ubuntu"),
        ("Matrix['OS']", "ubuntu"),
        ("github.sha", UNKNOWN),
        ("'a' == 'A'", True),
        ("1 == '1'", True),
        ("'' == 0", True),
        ("null == false", True),
        ("'x' == 0", False),
        ("'x' != 'y'", True),
        ("2 <= 2 && 3 > 2", True),
        ("'a' < 'B'", True),
        ("!false", True),
        ("!!''", False),
        ("false || 'web'", "web"),
        ("'a' && 'b' || 'c'", "b"),
        ("(true || false) && false", False),
        ("github.sha && false", Unknown(truth=False)),
        ("true || github.sha", True),
        ("github.sha || true", Unknown(truth=True)),
        ("github.sha == 'a'", UNKNOWN),
        ("contains('Hello', 'ell')", True),
        ('contains(fromJSON(\'["push", "x"]\'), github.event_name)', True),
        ("startsWith('Hello', 'he')", True),
        ("endsWith('Hello', 'LO')", True),
        ("format('{0}:{1} {{x}}', matrix.os, 3.10)", "ubuntu:3.1 {x}"),
        ("format('{3}', 1)", UNKNOWN),
        ("join(fromJSON('[1,2]'), '-')", "1-2"),
        ('fromJSON(\'{"A": {"b": [5]}}\').a.b[0]', 5.0),
        ("fromJSON('[')", UNKNOWN),
        ("hashFiles('x')", UNKNOWN),
        ("success()", UNKNOWN),
        ("always()", UNKNOWN),
        ("failure() || true", Unknown(truth=True)),
        ("steps.x.outputs.*.y", UNKNOWN),
        ("matrix[github.sha]", UNKNOWN),
    ],
)
def test_an_expression_comes_to(text: str, value: Outcome) -> None:
    assert evaluate(text, lookup) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "'a",
        "a b",
        "(a",
        "a ==",
        '"a"',
        "1.2.3",
        "format(",
        "a[",
        "#",
        "(" * (MAX_DEPTH + 5) + "1",
        "x" * 30_000,
    ],
)
def test_what_is_no_expression_is_not_known(text: str) -> None:
    assert evaluate(text, lookup) == UNKNOWN


def test_many_signs_of_negation_are_two_at_most() -> None:
    assert evaluate("!" * 10_001 + "true", lookup) is False
    assert evaluate("!" * 10_000 + "true", lookup) is True


def test_expressions_in_a_text_are_replaced_and_leave_a_symbol_where_they_are_not_known() -> None:
    assert filled("a-${{ matrix.os }}", lookup) == "a-ubuntu"
    assert filled("a-${{ matrix.os }}-${{ github.SHA }}", lookup) == f"a-ubuntu-{symbol('github.sha')}"


def test_braces_in_a_quoted_text_do_not_end_an_expression() -> None:
    assert filled("${{ format('}}{0}', 'a') }}.", lookup) == "}a."


def test_an_expression_that_does_not_end_is_text() -> None:
    text = "${{" * 100_000
    assert filled(text, lookup) == text


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ("github.event_name == 'push'", True),
        ("${{ github.event_name == 'pull_request' }}", False),
        ("github.event_name == 'pull_request' && github.actor == 'x'", False),
        ("github.actor == 'x'", None),
        ("false", False),
        ("'false'", True),
        ("env.empty", False),
        ("${{ false }} || x", True),
        ("${{ false }}", False),
        ("", True),
    ],
)
def test_a_condition_holds(condition: str, answer: bool | None) -> None:
    assert holds(condition, lookup) is answer
