"""Shapes, and what is said of deviations."""

from enum import StrEnum
from typing import Annotated

import msgspec
import pytest

from fleet_audit.audit.configuration.located import load
from fleet_audit.audit.configuration.problems import ConfigurationError, Problem
from fleet_audit.audit.configuration.schema import MAX_PROBLEMS, convert, schema_of


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Wheel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: int = 0
    note: str = ""


class Cart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    gpu: bool = False
    cuda: str = ""
    colour: Colour = Colour.RED
    parent: str | None = None
    budget: int | None = None
    tags: tuple[str, ...] = ()
    wheels: tuple[Wheel, ...] = ()
    spare: Wheel | None = None
    env: dict[str, str] = {}
    any_of: str | bool | float | tuple[str, ...] = ""
    load: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1


def cart(text: str) -> Cart:
    return convert(load(text, name="c.yaml"), Cart)


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        cart(text)
    return str(caught.value).splitlines()


def test_a_value_of_the_right_shape_becomes_the_type() -> None:
    assert cart("{name: a, cuda: '12.1', wheels: [{size: 2}], env: {A: b}}") == Cart(
        name="a", cuda="12.1", wheels=(Wheel(2),), env={"A": "b"}
    )


def test_every_problem_is_reported_at_once_in_order_of_lines() -> None:
    found = problems("gpu: yes please\ncuda: 12.1\ncolour: gren\ntags: [1]\nwheels:\n- siz: 3\n")

    assert found == [
        "c.yaml:1: 'name' is missing",
        "c.yaml:1: gpu: expected a boolean, got 'yes please'",
        "c.yaml:2: cuda: expected a string, got the number 12.1; write it in quotes: '12.1'",
        "c.yaml:3: colour: 'gren' is not one of green, red; did you mean 'green'?",
        "c.yaml:4: tags[0]: expected a string, got the number 1; write it in quotes: '1'",
        "c.yaml:6: wheels[0].siz: unknown key; did you mean 'size'?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu: yes", "gpu: expected a boolean, got 'yes'; write true"),
        ("gpu: off", "gpu: expected a boolean, got 'off'; write false"),
        ("cuda: true", "cuda: expected a string, got true; write it in quotes: 'true'"),
        ("tags: word", "tags: expected a list, got 'word'; write it as a list: [word]"),
        ("tags:", "tags: expected a list, got nothing"),
        ("env: [a]", "env: expected a mapping, got a list"),
        ("env: {A: 16}", "env.A: expected a string, got the number 16; write it in quotes: '16'"),
        ("budget: much", "budget: expected a whole number or nothing (null), got 'much'"),
        ("parent: {}", "parent: expected a string or nothing (null), got a mapping"),
        ("spare: {siz: 1}", "spare.siz: unknown key; did you mean 'size'?"),
        ("spare: {size: big}", "spare.size: expected a whole number, got 'big'"),
        ("any_of: [1]", "any_of[0]: expected a string, got the number 1; write it in quotes: '1'"),
        ("any_of: {}", "any_of: expected a list or a boolean or a number or a string, got a mapping"),
        ("load: 0", "load: the number 0 is out of range: at least 1"),
        ("load: 1.5", "load: expected a whole number, got the number 1.5"),
    ],
)
def test_a_deviation_is_said_in_words(text: str, message: str) -> None:
    assert problems(f"name: a\n{text}") == [f"c.yaml:2: {message}"]


def test_a_document_of_another_type_is_said_in_words() -> None:
    assert problems("[a]") == ["c.yaml:1: expected a mapping, got a list"]
    assert problems("") == ["c.yaml: expected a mapping, got nothing"]


def test_free_keys_are_dropped_where_keys_are_fixed() -> None:
    assert cart("{name: a, x-owner: [b], source: {any: thing}, published_by: c}") == Cart(name="a")


def test_a_declared_key_stays_though_its_name_is_a_free_one() -> None:
    assert cart("{name: a, wheels: [{note: flat}]}").wheels == (Wheel(note="flat"),)


def test_names_in_a_mapping_are_never_taken_for_free_keys() -> None:
    assert cart("{name: a, env: {source: b, x-y: c}}").env == {"source": "b", "x-y": "c"}


def test_a_near_miss_of_a_free_key_is_an_unknown_key() -> None:
    assert problems("name: a\nsources: b") == ["c.yaml:2: sources: unknown key"]


def test_an_integral_float_is_a_whole_number_as_json_schema_has_it() -> None:
    assert cart("{name: a, budget: 2.0}").budget == 2


def test_problems_found_by_other_means_join_the_same_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        convert(load("nam: a", name="c.yaml"), Cart, also=[Problem("c.yaml", 7, "x", "is odd")])

    assert [problem.line for problem in caught.value.problems] == [1, 1, 7]


def test_of_very_many_problems_the_first_are_reported_and_the_rest_is_said() -> None:
    found = problems("name: a\n" + "".join(f"{'k' * 90}{i}: 1\n" for i in range(20_000)))

    assert len(found) == MAX_PROBLEMS + 1
    assert found[0] == f"c.yaml: these are the first {MAX_PROBLEMS} problems; there are more"


def test_the_schema_for_editors_allows_free_keys() -> None:
    definition = schema_of(Cart)["$defs"]["Cart"]

    assert definition["additionalProperties"] is False
    assert "patternProperties" in definition
