"""The language of conditions: typed, and never taken for an answer when it has none."""

import pytest

from fleet_audit.audit.policy.conditions import (
    MAX_SENTENCE,
    ConditionFailed,
    ConditionInvalid,
    Language,
    Parameter,
)
from fleet_audit.audit.policy.facts import NeedFacts

LANGUAGE = Language({"need": NeedFacts})


def answer(text: str, facts: NeedFacts, **parameters: Parameter) -> bool:
    question = LANGUAGE.question(text, subject="need", parameters=parameters)
    return question.ask(LANGUAGE.record("need", facts), parameters)


def said(text: str, facts: NeedFacts) -> str:
    sentence = LANGUAGE.sentence(text, subject="need", parameters={})
    return sentence.say(LANGUAGE.record("need", facts), {})


def refusal(text: str, **parameters: Parameter) -> str:
    with pytest.raises(ConditionInvalid) as caught:
        LANGUAGE.question(text, subject="need", parameters=parameters)
    return str(caught.value)


def test_a_condition_speaks_of_the_fields_of_its_record() -> None:
    assert answer('need.name == "x" && "b" in need.services', NeedFacts(name="x", services=("a", "b")))
    assert not answer('need.name == "x"', NeedFacts(name="y"))


def test_a_misspelt_field_does_not_compile_and_is_shown() -> None:
    assert refusal('need.statis == "missing"') == (
        "undefined field 'statis' not found in struct 'facts.need'; did you mean 'status'?\n"
        '    need.statis == "missing"\n'
        "    ....^"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("need.name == 1", "found no matching overload for '_==_' applied to '(string, int)'"),
        ("need.name ==", "Syntax error"),
        ("need.name", "must give true or false, gives string"),
        ("params.limit > 1", "undeclared reference to 'params"),
        ("x" * 5000, "is longer than"),
        ("nead.name == ''", "undeclared reference to 'nead.name'; did you mean 'need.name'?"),
    ],
)
def test_what_does_not_fit_the_types_does_not_compile(text: str, why: str) -> None:
    assert why in refusal(text)


def test_a_misspelt_parameter_does_not_compile() -> None:
    assert "did you mean 'params.limit'?" in refusal("params.limt > 1", limit=1)


def test_parameters_are_typed_by_their_defaults() -> None:
    facts = NeedFacts(name="x", services=("a",))

    assert answer("size(need.services) < params.most", facts, most=2)
    assert answer("need.name in params.names", facts, names=("x", "y"))
    assert "no matching overload" in refusal("size(need.services) < params.most", most="2")


@pytest.mark.parametrize(
    "text",
    [
        'need.services[3] == "a"',
        'int(need.name) == 1 || need.name == "y"',
        'need.name.matches(need.via + "(")',
    ],
)
def test_an_evaluation_error_is_never_an_answer(text: str) -> None:
    with pytest.raises(ConditionFailed):
        answer(text, NeedFacts(name="x"))


def test_a_sentence_is_bounded() -> None:
    assert len(said("need.name", NeedFacts(name="x" * 10_000))) == MAX_SENTENCE


def test_text_that_utf_8_cannot_carry_is_shown_as_its_escape() -> None:
    assert said("need.name + need.services[0]", NeedFacts(name="\udcff", services=("é",))) == "\\udcffé"
