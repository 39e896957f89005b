"""Which values ARG and ENV have where, and what becomes of a word."""

import pytest

from fleet_audit.audit.dockerfiles.language.building import refusals
from fleet_audit.audit.dockerfiles.language.expansion import Expanded, scopes
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.shell_words import MAX_VALUE


def expanded(*lines: str, word: str = "$X", target: str = "", **build_args: str) -> Expanded:
    """Return what `word` becomes in the last instruction."""
    dockerfile = parse("\n".join((*lines, "RUN true")))
    return scopes(dockerfile, build_args, target=target).expand(word, dockerfile.instructions[-1])


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("${X:-w}", "foobarbaz"),
        ("${E:-w}", "w"),
        ("${E-w}", ""),
        ("${U-w}", "w"),
        ("${X:+w}", "w"),
        ("${E:+w}", ""),
        ("${E+w}", "w"),
        ("${U+w}", ""),
        ("${U:-${X}}", "foobarbaz"),
        ("${X#f*b}", "arbaz"),
        ("${X##f*b}", "az"),
        ("${X%b*}", "foobar"),
        ("${X%%b*}", "foo"),
        ("${X/ba/fo}", "fooforbaz"),
        ("${X//ba/fo}", "fooforfoz"),
        ("a${X}b$E", "afoobarbazb"),
        ("\\$X", "$X"),
        ("\\${X}", "${X}"),
        ("'$X'", "$X"),
        ('"$X"', "foobarbaz"),
        ('"\\$X \\a"', "$X \\a"),
        ("$X_1", ""),
        ("${X?}", "foobarbaz"),
        ("100$", "100$"),
    ],
)
def test_a_word_becomes_what_the_reference_says(word: str, value: str) -> None:
    assert expanded("FROM a", "ENV X=foobarbaz E=", word=word).value == value


def test_names_without_a_value_are_told_unless_something_stands_in() -> None:
    found = expanded("FROM a", "ENV X=1", word="$X $GONE ${OTHER:-2} ${MORE:+3}")

    assert (sorted(found.used), sorted(found.unset), found.is_known) == (["X"], ["GONE"], False)


def test_a_word_that_is_refused_says_why_and_where() -> None:
    found = expanded("FROM a", word="a${X^^}")

    assert found.refusal is not None
    assert (found.refusal.kind, found.refusal.at, found.value, found.is_known) == (
        "bad-modifier",
        1,
        "a${X^^}",
        False,
    )


def test_an_argument_holds_from_its_line_to_the_end_of_its_stage() -> None:
    assert expanded("FROM a", "ARG X=1").value == "1"
    assert expanded("FROM a", "ARG X=1", X="2").value == "2"
    assert expanded("FROM a", "ARG X=1", "FROM b").unset == {"X"}
    assert expanded("FROM a AS s", "ARG X=1", "FROM s").value == "1"
    assert expanded("FROM a", "ARG X", X="2").value == "2"


def test_global_arguments_hold_in_from_and_where_a_stage_repeats_them() -> None:
    dockerfile = parse("ARG X=1\nARG Y=$X.0\nFROM base:$Y AS a\nFROM base:${Y}\nARG Y\nRUN true\n")

    known = scopes(dockerfile, {"X": "2"})

    assert [known.base(stage).value for stage in dockerfile.stages] == ["base:2.0", "base:2.0"]
    assert expanded("ARG X=1", "FROM a").unset == {"X"}
    assert expanded("ARG X=1", "FROM a", "ARG X").value == "1"
    assert expanded("ARG X=1", "FROM a", "ARG X=3").value == "3"


def test_env_wins_over_arg() -> None:
    assert expanded("FROM a", "ARG X=1", "ENV X=2").value == "2"
    assert expanded("FROM a", "ENV X=2", "ARG X=1", X="3").value == "2"
    assert expanded("FROM a AS s", "ENV X=2", "FROM s", "ARG X=1").value == "2"


def test_values_of_one_env_are_those_from_before_it() -> None:
    assert (
        expanded("FROM a", "ENV X=hello", "ENV X=bye Y=$X", "ENV Z=$X", word="$X $Y $Z").value
        == "bye hello bye"
    )


def test_values_of_one_arg_may_use_those_to_their_left() -> None:
    assert expanded("FROM a", "ARG Y=1 X=$Y-2").value == "1-2"


def test_the_old_form_of_env_takes_the_rest_of_the_line() -> None:
    assert expanded("FROM a", 'ENV X one "two" three').value == "one two three"


def test_platform_arguments_are_known_in_from_and_where_they_are_declared() -> None:
    dockerfile = parse(
        "FROM --platform=$BUILDPLATFORM base-$TARGETARCH$TARGETVARIANT\nARG TARGETOS\nRUN true\n"
    )

    known = scopes(dockerfile, platform="linux/arm/v7")

    last = dockerfile.instructions[-1]
    assert known.base(dockerfile.stages[0]).value == "base-armv7"
    assert known.expand("$TARGETOS", last).value == "linux"
    assert known.expand("$TARGETARCH", last).unset == {"TARGETARCH"}


def test_the_environment_of_the_base_image_counts_where_it_is_known() -> None:
    dockerfile = parse("FROM a\nRUN true\n")

    known = scopes(dockerfile, base_env={"X": "of the image"})

    assert known.expand("$X", dockerfile.instructions[-1]).value == "of the image"


def test_a_value_that_doubles_with_each_line_is_not_followed_and_that_is_said() -> None:
    dockerfile = parse("FROM a\nENV X=aaaaaaaa\n" + "ENV X=$X$X\n" * 16)

    known = scopes(dockerfile)

    assert len(known.expand("$X", dockerfile.instructions[-1]).value) <= MAX_VALUE
    assert known.limited == {16, 17, 18}
    assert refusals(dockerfile, known) == ()


def test_values_are_kept_up_to_a_bound_for_all_of_them_together() -> None:
    lines = [f"ARG A0={'x' * 60_000}", *(f"ARG A{n}=$A0" for n in range(1, 400))]
    dockerfile = parse("\n".join([*lines, "FROM debian:12"]))

    known = scopes(dockerfile)

    assert known.value("A200", dockerfile.stages[0].instructions[0]) == "x" * 60_000
    assert known.value("A399", dockerfile.stages[0].instructions[0]) is None
    assert 400 in known.limited


def test_all_patterns_of_a_file_together_may_cost_no_more_than_one() -> None:
    costly = "${A##*a*a*a*a*a*a*a*a*b}"
    lines = "".join(f"ENV B{number}={costly}\n" for number in range(200))
    dockerfile = parse(f"FROM a\nENV A={'a' * 2000}\n{lines}ENV LAST=${{B0%a}}\n")
    found = scopes(dockerfile)
    first, last = dockerfile.instructions[2], dockerfile.instructions[-2]
    assert first.line not in found.limited
    assert last.line in found.limited
    assert last.line in scopes(dockerfile, {"X": "1"}).limited
