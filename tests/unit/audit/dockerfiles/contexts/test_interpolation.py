"""What variables in compose files become."""

import pytest

from fleet_audit.audit.dockerfiles.contexts.interpolation import environment, interpolated

VALUES = {"A": "a", "E": ""}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("x$A-y", "xa-y"),
        ("${A}b", "ab"),
        ("$$A", "$A"),
        ("${B:-x}", "x"),
        ("${B:-${A}y}z", "ayz"),
        ("${E:-d}", "d"),
        ("${E-d}", ""),
        ("${A:?needed}", "a"),
        ("${A:+z}", "z"),
        ("${E:+z}", ""),
        ("${E+z}", "z"),
        ("a}b", "a}b"),
        ("$B", None),
        ("${B}", None),
        ("${B:?needed}", None),
        ("${B:-$C}", None),
        ("${A", None),
        ("$", None),
        ("$1", None),
        ("${A!x}", None),
        ("${A:-" * 100 + "}" * 100, None),
        ("${B:-" * 100 + "}" * 100, None),
    ],
)
def test_a_variable_has_a_value_or_the_whole_has_none(text: str, value: str | None) -> None:
    assert interpolated(text, VALUES) == value


def test_an_env_file_gives_values_in_its_order() -> None:
    text = "# c\nA=1\nexport B=\"x $A\" # c\nC='$A'\nD=$A-b # hi\nE=\nF: y\nG\n H = h#1\n"

    assert environment(text) == {"A": "1", "B": "x 1", "C": "$A", "D": "1-b", "E": "", "F": "y", "H": "h#1"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a/$ABSENT:${ABSENT:-1}", "a/_:1"),
        ("${ABSENT-${OTHER}x}", "_x"),
        ("${ABSENT:?give it}/web", "_/web"),
        ("$$ABSENT", "$ABSENT"),
        ("${ABSENT", None),
    ],
)
def test_a_hole_stands_where_a_value_is_not_known(text: str, value: str | None) -> None:
    assert interpolated(text, {}, "_") == value
