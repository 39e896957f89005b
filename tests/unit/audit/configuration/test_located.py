"""Reading YAML with positions."""

from pathlib import Path

import pytest

from fleet_audit.audit.configuration.located import MAX_BYTES, MAX_DEPTH, Located, load, load_file
from fleet_audit.audit.configuration.problems import ConfigurationError


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(text, name="a.yaml")
    return str(caught.value)


def test_every_value_knows_its_line() -> None:
    located = load("a: 1\nb:\n  - x\n  - {c: y}\n", name="a.yaml")

    assert located.value == {"a": 1, "b": ["x", {"c": "y"}]}
    assert located.line(("b", 1, "c")) == 4
    assert located.line(("b",)) == 2


def test_a_value_that_is_absent_stands_where_its_parent_does() -> None:
    located = load("a: 1\nb:\n  c: 2\n", name="a.yaml")

    assert located.line(("b", "d", "e")) == 2


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-11-20", "2026-11-20"),
        ("0x10", "0x10"),
        (".inf", ".inf"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("12.1", 12.1),
        ("-7", -7),
        ("1e3", 1000.0),
        ("1" * 40, "1" * 40),
        ("1" * 9000, "1" * 9000),
        ("'12'", "12"),
        ("1e999", "1e999"),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(written: str, meant: object) -> None:
    assert load(f"a: {written}", name="a.yaml").value == {"a": meant}


def test_keys_are_text_whatever_they_look_like() -> None:
    assert load("on: 1\n3060: 2\nnull: 3\n", name="a.yaml").value == {"on": 1, "3060": 2, "null": 3}


def test_an_empty_document_is_nothing() -> None:
    assert load("", name="a.yaml").value is None


def test_all_duplicate_keys_are_reported_with_both_lines() -> None:
    message = refusal("a: 1\nb: 2\na: 3\nc: {d: 1, d: 2}\n")

    assert message.splitlines() == [
        "a.yaml:3: a: this key is given twice, first in line 1",
        "a.yaml:4: c.d: this key is given twice, first in line 4",
    ]


def test_a_syntax_error_names_its_line() -> None:
    assert refusal("a: 1\nb: [1, 2\nc: 3\n").startswith("a.yaml:3: is not valid YAML: ")


@pytest.mark.parametrize("text", ["a: \x00", "a: \x07", "a: \ud800"])
def test_forbidden_characters_are_one_sentence(text: str) -> None:
    message = refusal(text)

    assert message.startswith("a.yaml: is not valid YAML: ")
    assert "\n" not in message


def test_an_alias_stands_for_its_value() -> None:
    assert load("a: &x [1]\nb: *x\n", name="a.yaml").value == {"a": [1], "b": [1]}


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]

    assert "once aliases are expanded" in refusal("\n".join(lines))


def test_an_alias_that_contains_itself_is_refused() -> None:
    assert "contains itself" in refusal("a: &a [*a]")


def test_deep_nesting_is_refused_at_any_depth() -> None:
    assert "levels deep" in refusal("[" * (MAX_DEPTH + 1))
    assert load("[" * MAX_DEPTH + "]" * MAX_DEPTH, name="a.yaml").value is not None


def test_depth_through_aliases_counts() -> None:
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, MAX_DEPTH + 2))]

    assert "levels deep" in refusal("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: !!python/object:os.system x", "tag"),
        ("a: 1\n---\nb: 2\n", "second document"),
        ("? [a]\n: 1\n", "a key must be text"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "merge keys"),
        ("a: *nowhere", "has no anchor before it"),
    ],
)
def test_what_configuration_never_needs_is_refused(text: str, why: str) -> None:
    assert why in refusal(text)


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))

    with pytest.raises(ConfigurationError, match="no configuration"):
        load_file(path)


def test_a_file_that_is_no_text_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")

    with pytest.raises(ConfigurationError, match=r"a\.yaml:2: is not UTF-8 text"):
        load_file(path, name="a.yaml")


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"a\.yaml: cannot be read: No such file"):
        load_file(tmp_path / "a.yaml", name="a.yaml")


def test_a_view_answers_nothing_for_another_type() -> None:
    located: Located = load("a: [x, 1]\nb: word\n", name="a.yaml")

    assert [text for text, _ in located.view("a").texts()] == ["x"]
    assert [text for text, _ in located.view("b").texts()] == ["word"]
    assert list(located.view("b").entries()) == []
    assert located.view("c", "d").text is None


def test_a_key_cannot_speak_to_the_terminal_or_forge_a_line() -> None:
    message = refusal('"a\\n\\e[2Jb": 1\n"a\\n\\e[2Jb": 2')

    assert message == "a.yaml:2: a\\n\\x1b[2Jb: this key is given twice, first in line 1"
