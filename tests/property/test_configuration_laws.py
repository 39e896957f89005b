"""Laws of reading configuration, for any text."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_audit.audit.configuration.located import load, plain_value
from fleet_audit.audit.configuration.problems import ConfigurationError, Problem
from fleet_audit.audit.configuration.schema import convert
from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.model.fleet import Manifest
from tests.support.laws import examples

WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=12)
SCALARS = st.one_of(WORDS, st.booleans(), st.none(), st.integers(-(10**12), 10**12))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=12,
)
YAML_LIKE = st.text("ab:-[]{}&*!|>#'\"?,\n \t%@`~<=0.1", max_size=60)
KEYS = st.sampled_from([*Manifest.__struct_fields__, "source", "x-a", "familys"])


@given(VALUES)
def test_what_is_written_as_json_is_read_as_it_was(value: Any) -> None:
    text = msgspec.json.encode(value).decode()

    assert load(text, name="a").value == value


def refused(act: Callable[[], object]) -> tuple[Problem, ...]:
    """Return the problems for which something is refused; nothing where it is not."""
    try:
        act()
    except ConfigurationError as e:
        return e.problems
    return ()


@given(VALUES)
def test_every_value_has_a_line(value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    located = load(text, name="a")

    assert all(1 <= mark.line <= text.count("\n") + 1 for mark in located.marks.values())


@given(YAML_LIKE)
def test_any_text_is_read_or_refused_in_one_error(text: str) -> None:
    problems = refused(lambda: load(text, name="a.yaml"))

    assert all(problem.file == "a.yaml" for problem in problems)
    if not problems and (located := load(text, name="a.yaml")).value is not None:
        assert () in located.marks


@given(st.text(max_size=40))
def test_a_plain_word_is_itself_or_a_number_or_a_truth_or_nothing(text: str) -> None:
    value = plain_value(text)

    assert value == text or not isinstance(value, str)


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_a_manifest_of_any_shape_is_converted_or_refused_whole(value: dict[str, Any]) -> None:
    located = load(msgspec.json.encode(value).decode(), name="fleet.yaml")

    problems = refused(lambda: convert(located, Manifest))

    assert problems == tuple(sorted(set(problems)))


@examples(60)
@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_contradictions_are_looked_for_in_a_manifest_of_any_shape(value: dict[str, Any]) -> None:
    value |= {"families": {"a": value.get("families"), "b": {"parent": "b", "aliases": ["a"]}}}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.yaml"
        path.write_bytes(msgspec.json.encode(value))
        problems = refused(lambda: load_fleet(path))

    assert any("cycle" in problem.message for problem in problems)
