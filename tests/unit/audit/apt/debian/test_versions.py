import pytest

from fleet_audit.audit.apt.debian.versions import compare_versions, satisfies


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0~rc1", "1.0"),
        ("1.0~~", "1.0~"),
        ("1.0", "1.0+b1"),
        ("1.0", "1.0a"),
        ("1.9", "1.10"),
        ("1.0-1", "1.0-1.1"),
        ("1.0-1", "1.0-1+deb12u1"),
        ("1.0-9", "1.0.1-1"),
        ("9", "1:0"),
        ("2.36-9+deb12u9", "2.36-9+deb12u10"),
        ("0~", "0"),
        ("1a", "1+"),
        ("7.4-1-1", "7.4-2-1"),
    ],
)
def test_versions_are_ordered_as_dpkg_orders_them(older: str, newer: str) -> None:
    assert compare_versions(older, newer) == -1
    assert compare_versions(newer, older) == 1


@pytest.mark.parametrize(
    ("left", "right"), [("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.00", "1.0"), ("1a", "1a0")]
)
def test_some_versions_that_differ_in_writing_are_equal(left: str, right: str) -> None:
    assert compare_versions(left, right) == 0


def test_a_number_of_any_length_is_compared() -> None:
    assert compare_versions("9" * 10_000, "1" + "0" * 10_000) == -1


@pytest.mark.parametrize(
    ("operator", "answers"),
    [
        ("<<", (True, False, False)),
        ("<=", (True, True, False)),
        ("<", (True, True, False)),
        ("=", (False, True, False)),
        (">=", (False, True, True)),
        (">", (False, True, True)),
        (">>", (False, False, True)),
        ("", (True, True, True)),
        ("~>", (False, False, False)),
    ],
)
def test_relations_mean_what_policy_says(operator: str, answers: tuple[bool, bool, bool]) -> None:
    assert tuple(satisfies(version, operator, "2") for version in ("1", "2", "3")) == answers
