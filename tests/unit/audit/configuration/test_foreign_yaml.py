"""YAML of other programs: compose files, workflows, Kubernetes objects."""

import pytest

from fleet_audit.audit.configuration.located import load_foreign
from fleet_audit.audit.configuration.problems import ConfigurationError


def test_each_document_keeps_its_own_lines() -> None:
    read = load_foreign("a: 1\n---\nb:\n  c: x\n", name="k8s.yaml")
    assert [document.value for document in read.documents] == [{"a": 1}, {"b": {"c": "x"}}]
    assert read.documents[1].line(("b", "c")) == 4


def test_an_empty_file_has_no_document() -> None:
    assert load_foreign("# nothing\n", name="x").documents == ()


def test_a_merge_key_brings_what_the_mapping_does_not_say_itself() -> None:
    text = "x: &x {image: a, user: '1'}\ny: &y\n  <<: *x\n  init: true\n"
    text += "z:\n  image: b\n  <<: [*y, {tty: true}]\n"
    read = load_foreign(text, name="compose.yaml")
    assert read.documents[0].view("z").value == {"image": "b", "init": True, "user": "1", "tty": True}
    assert read.documents[0].line(("z", "user")) == 1
    assert read.problems == ()


def test_a_key_given_twice_is_a_problem_and_its_last_value_holds() -> None:
    read = load_foreign("steps:\n  run: a\n  run: b\n", name="w.yml")
    assert read.documents[0].value == {"steps": {"run": "b"}}
    assert [(p.line, p.message) for p in read.problems] == [(3, "this key is given twice, first in line 2")]


def test_tags_are_kept_and_their_scalars_are_text() -> None:
    read = load_foreign("ports: !reset []\nn: !override 5\n", name="compose.yaml")
    assert read.documents[0].tags == {("ports",): "!reset", ("n",): "!override"}
    assert read.documents[0].value == {"ports": [], "n": "5"}


def test_on_is_a_key_and_no_truth_value() -> None:
    assert load_foreign("on: push\n", name="w.yml").documents[0].value == {"on": "push"}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(
            f"{c}: &{c} [{','.join(['*' + p] * 10)}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=True)
        ),
        "a: &a {k: 1}\n"
        + "".join(
            f"m{i}: &m{i} {{<<: [{','.join(['*m' + str(i - 1) if i else '*a'] * 20)}]}}\n" for i in range(30)
        ),
        "[" * 200,
        "a: *a",
        "a: &a {<<: *a}",
        "\x00",
    ],
    ids=["aliases", "merges", "depth", "no anchor", "itself", "binary"],
)
def test_what_would_cost_too_much_or_is_no_yaml_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        load_foreign(text, name="bomb.yaml")


def test_a_scalar_is_known_as_it_was_written() -> None:
    view = load_foreign("a: 1.20\nb: [007, x]\nc: null\n", name="values.yaml").documents[0].view()

    assert view.get("a").written == "1.20"
    assert [each.written for each in view.get("b").elements()] == ["007", "x"]
    assert [view.get(key).written for key in ("b", "c", "d")] == ["", "", ""]
