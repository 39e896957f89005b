"""How packages leave: what a person names, what follows, and what has to be named instead."""

from fleet_audit.audit.apt.installed.state import InstalledRecord
from fleet_audit.audit.apt.surplus.dependencies import Dependencies
from fleet_audit.audit.apt.surplus.leaving import Leaving, leaving
from fleet_audit.audit.model.identity import PackageName
from tests.support.installed import installed


def left(records: list[InstalledRecord], *, kept: str = "", named: str = "") -> Leaving:
    names = [frozenset(map(PackageName, text.split())) for text in (kept, named)]
    return leaving(Dependencies(records), *names)


def test_dependencies_go_with_what_was_asked_for() -> None:
    found = left([installed("gtk-dev", "gtk"), installed("gtk", "glib"), installed("glib")], named="gtk-dev")

    assert found.roots == ("gtk-dev",)
    assert found.goes_with == {"gtk": "gtk-dev", "glib": "gtk-dev"}
    assert found.instead == {}


def test_what_stays_and_came_only_with_a_root_has_to_be_named() -> None:
    world = [installed("gtk-dev", "gtk"), installed("gtk", "gl"), installed("gl", "glx"), installed("glx")]

    found = left(world, kept="gl glx", named="gtk-dev")

    assert found.instead == {"gtk-dev": ("gl",)}


def test_what_stays_and_comes_with_something_else_as_well_need_not_be_named() -> None:
    world = [installed("gtk-dev", "gl"), installed("cv", "gl"), installed("gl")]

    assert left(world, kept="cv gl", named="cv gtk-dev").instead == {}


def test_what_depends_on_itself_in_a_circle_is_named_once() -> None:
    world = [installed("dev", "a"), installed("a", "b"), installed("b", "a")]

    assert left(world, kept="a b", named="dev").instead == {"dev": ("a",)}


def test_what_nobody_asked_for_and_nothing_brought_leaves_by_itself() -> None:
    found = left([installed("orphan", "lib"), installed("lib"), installed("root")], named="root", kept="root")

    assert found.roots == ("orphan",)
    assert found.goes_with == {"lib": "orphan"}


def test_what_was_recommended_goes_too_and_is_named_where_it_is_needed() -> None:
    world = [installed("dev", recommends="fonts, gl"), installed("fonts"), installed("gl")]

    found = left(world, kept="gl", named="dev")

    assert (found.roots, found.goes_with) == (("dev",), {"fonts": "dev"})
    assert found.instead == {"dev": ("gl",)}


def test_what_a_recommendation_alone_would_keep_is_named_all_the_same() -> None:
    world = [installed("dev", "gl"), installed("cv", recommends="gl"), installed("gl")]

    assert left(world, kept="cv gl", named="cv dev").instead == {"dev": ("gl",)}


def test_what_two_roots_bring_goes_with_the_first_by_name() -> None:
    found = left([installed("b", "lib"), installed("a", "lib"), installed("lib")], named="a b")

    assert found.goes_with == {"lib": "a"}
