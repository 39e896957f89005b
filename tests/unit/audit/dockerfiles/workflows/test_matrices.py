"""The runs that a matrix makes, as GitHub's documentation describes them."""

from textwrap import dedent

import pytest

from fleet_audit.audit.configuration.located import load_foreign
from fleet_audit.audit.dockerfiles.workflows.matrix import MAX_RUNS, Matrix, read_matrix


def matrix(text: str) -> Matrix:
    return read_matrix(load_foreign(dedent(text), name="w").documents[0].view())


def runs(text: str) -> list[dict[str, str | None]]:
    return [dict(combination) for combination in matrix(text).combinations]


def test_every_value_meets_every_other_in_the_order_of_the_file() -> None:
    assert runs("{version: [10, 12], os: [a, b]}") == [
        {"version": "10", "os": "a"},
        {"version": "10", "os": "b"},
        {"version": "12", "os": "a"},
        {"version": "12", "os": "b"},
    ]


def test_an_excluded_configuration_needs_to_match_in_part_only() -> None:
    assert runs("{os: [a, b], version: [1, 2], exclude: [{os: a}, {os: b, version: 2}]}") == [
        {"os": "b", "version": "1"}
    ]


def test_an_included_configuration_adds_to_the_runs_that_it_does_not_change() -> None:
    assert runs(
        """\
        fruit: [apple, pear]
        animal: [cat, dog]
        include:
          - color: green
          - color: pink
            animal: cat
          - fruit: apple
            shape: circle
          - fruit: banana
          - fruit: banana
            animal: cat
        """
    ) == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_included_configurations_alone_are_a_run_each() -> None:
    assert runs("{include: [{site: a}, {site: b}]}") == [{"site": "a"}, {"site": "b"}]


def test_values_of_mappings_have_dotted_names() -> None:
    assert runs("{image: [{Name: web, args: {A: 3.10}}]}") == [
        {"image": None, "image.name": "web", "image.args": None, "image.args.a": "3.1"}
    ]


@pytest.mark.parametrize(
    "text",
    [
        "'${{ fromJSON(needs.a.outputs.b) }}'",
        "{os: '${{ fromJSON(inputs.os) }}'}",
        "{include: '${{ fromJSON(inputs.os) }}'}",
        "{os: [], version: [1]}",
    ],
)
def test_a_matrix_that_an_expression_makes_has_runs_that_are_not_known(text: str) -> None:
    assert not matrix(text).is_known


def test_the_vectors_beside_an_expression_are_known() -> None:
    assert runs("{image: [a, b], os: '${{ inputs.os }}'}") == [{"image": "a"}, {"image": "b"}]


def test_no_matrix_is_one_run() -> None:
    assert read_matrix(load_foreign("a: 1", name="w").documents[0].view("b")) == Matrix()


def test_more_runs_than_github_makes_are_a_problem() -> None:
    values = f"[{', '.join(map(str, range(20)))}]"
    large = matrix(f"{{a: {values}, b: {values}}}")
    assert (len(large.combinations), large.is_known) == (MAX_RUNS, False)
    assert str(MAX_RUNS) in large.problem
    huge = matrix(f"{{{', '.join(f'v{i}: {values}' for i in range(40))}}}")
    assert (huge.combinations, huge.is_known) == (((),), False)
    assert huge.problem
