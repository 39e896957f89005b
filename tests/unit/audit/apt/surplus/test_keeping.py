"""The smallest part of what is installed that holds what is needed."""

import pytest

from fleet_audit.audit.apt.solving.problem import SolverGaveUp
from fleet_audit.audit.apt.surplus import keeping
from fleet_audit.audit.apt.surplus.dependencies import Dependencies
from fleet_audit.audit.apt.surplus.keeping import keep_set
from tests.support.installed import KIB, installed


def test_what_is_needed_stays_with_all_that_it_depends_on() -> None:
    world = Dependencies([installed("a", "b"), installed("b", "c"), installed("c"), installed("d", "c")])

    assert keep_set(world, ["a"]) == {"a", "b", "c"}


def test_pre_dependencies_count() -> None:
    world = Dependencies([installed("a", pre_depends="b (>= 1)"), installed("b")])

    assert keep_set(world, ["a"]) == {"a", "b"}


def test_a_need_that_is_not_installed_keeps_nothing() -> None:
    assert keep_set(Dependencies([installed("a")]), ["elsewhere"]) == set()


def test_of_alternatives_the_smaller_stays() -> None:
    world = Dependencies(
        [installed("a", "big | small"), installed("big", size=9 * KIB), installed("small", size=KIB)]
    )

    assert keep_set(world, ["a"]) == {"a", "small"}


def test_of_alternatives_one_that_is_needed_anyway_serves() -> None:
    world = Dependencies(
        [
            installed("a", "big | small"),
            installed("b", "big"),
            installed("big", size=9 * KIB),
            installed("small", size=KIB),
        ]
    )

    assert keep_set(world, ["a", "b"]) == {"a", "b", "big"}


def test_of_alternatives_of_one_size_the_first_by_name_stays() -> None:
    world = Dependencies([installed("a", "y | x"), installed("x"), installed("y")])

    assert keep_set(world, ["a"]) == {"a", "x"}


def test_what_is_provided_answers_a_dependency_in_its_version() -> None:
    world = Dependencies(
        [
            installed("a", "mta (>= 2)"),
            installed("old", provides="mta (= 1)"),
            installed("new", provides="mta (= 2)", size=9 * KIB),
            installed("unversioned", provides="mta"),
        ]
    )

    assert keep_set(world, ["a"]) == {"a", "new"}


def test_a_dependency_that_is_broken_already_holds_nothing() -> None:
    world = Dependencies([installed("a", "b (>= 2), c"), installed("b", version="1"), installed("c")])

    assert keep_set(world, ["a"]) == {"a", "c"}


def test_what_gives_up_keeps_all_alternatives(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(_problem: object, *, seconds: float) -> None:
        raise SolverGaveUp(f"not done in {seconds} s")

    monkeypatch.setattr(keeping, "optimum", give_up)
    world = Dependencies([installed("a", "x | y"), installed("x"), installed("y"), installed("z")])

    assert keep_set(world, ["a"]) == {"a", "x", "y"}


def test_packages_of_foreign_architectures_hold_what_they_depend_on() -> None:
    world = Dependencies(
        [
            installed("dpkg"),
            installed("data", architecture="all"),
            installed("tool", "data", architecture="i386"),
            installed("tool", "dpkg"),
        ]
    )

    assert world.wanted_by_foreign == {"data"}
    assert "tool" in world
