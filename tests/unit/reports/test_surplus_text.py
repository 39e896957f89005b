"""Packages that nothing needs, for a terminal."""

import msgspec
import pytest

from fleet_audit.audit.model.apt import Surplus
from fleet_audit.audit.model.finding import Gap, GapKind, Mode
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.reports.deps_text import deps_text
from fleet_audit.reports.surplus_groups import surplus_groups, total_words
from fleet_audit.reports.surplus_text import MAX_HEADS
from tests.support.reports import OPTIONS, clean_report, finding, planned_report


def surplus(name: str, size: int = 1000, **more: object) -> Surplus:
    fields = {"origin": "family", "reason": "nothing needs it", "confidence": "certain"} | more
    return Surplus(PackageName(name), size, **fields)  # type: ignore[arg-type]  # names and values of fields


def text(*packages: Surplus, is_known: bool = True, width: int = 100) -> str:
    report = msgspec.structs.replace(clean_report(), surplus=packages, is_surplus_known=is_known)
    return deps_text([report], msgspec.structs.replace(OPTIONS, width=width))


def names(*packages: Surplus) -> list[list[str]]:
    return [[head.surplus.package for head in group.heads] for group in surplus_groups(packages)]


def test_nothing_surplus_is_one_line_and_only_where_it_was_looked_for() -> None:
    assert text().count("surplus") == 1
    assert "\n Nothing that is installed is surplus.\n" in text()
    assert "surplus" not in text(is_known=False)


def test_it_is_not_claimed_that_nothing_is_surplus_where_not_all_was_looked_at() -> None:
    gap = Gap("apt", GapKind.NOT_EXAMINED, "surplus of base", "what it brings is also for others")
    report = msgspec.structs.replace(clean_report(), is_surplus_known=True, gaps=(gap,))

    shown = deps_text([report], OPTIONS)

    assert "Nothing is known to be surplus, and not all could be looked at (see below)." in shown
    assert "Nothing that is installed" not in shown


def test_what_this_image_brought_stands_before_what_it_inherits() -> None:
    shown = deps_text([planned_report()], OPTIONS)

    own, inherited = (
        shown.index("brought by family-audio itself"),
        shown.index("inherited from base-gpu-cu121"),
    )
    assert own < shown.index("cmake") < inherited < shown.index("fonts-noto")
    assert "139.1 MB, of which 49.1 MB can be saved in this image" in shown


def test_what_goes_with_a_package_is_counted_beside_it_and_has_no_row() -> None:
    shown = deps_text([planned_report()], OPTIONS)

    assert "and 1 package that goes with it, 9.0 MB" in shown
    assert "cmake-data" not in shown


def test_build_tools_come_first_then_the_surest_then_the_largest() -> None:
    assert names(
        surplus("large", 9000),
        surplus("unsure", 90000, confidence="possible"),
        surplus("gcc", 10, kind="build-tool"),
        surplus("libx-dev", 10, kind="development"),
        surplus("small", 5),
        surplus("with-small", 9500, goes_with="small"),
    ) == [["gcc", "libx-dev", "small", "large", "unsure"]]


def test_a_chain_of_packages_is_folded_into_its_end() -> None:
    (group,) = surplus_groups([surplus("c", goes_with="b"), surplus("b", goes_with="a"), surplus("a")])

    assert [(head.surplus.package, len(head.followers)) for head in group.heads] == [("a", 2)]
    assert group.installed_bytes == 3000


@pytest.mark.parametrize("other", ["elsewhere", "b"])
def test_a_package_that_goes_with_none_of_the_list_stands_alone(other: str) -> None:
    alone = surplus("a", goes_with=other)
    inherited = surplus("b", origin="base", is_inherited=True)

    assert names(alone, inherited) == [["a"], ["b"]]


def test_packages_that_go_with_each_other_are_all_named() -> None:
    assert names(surplus("a", goes_with="b"), surplus("b", goes_with="a"), surplus("c", goes_with="a")) == [
        ["a", "b"]
    ]


def test_two_architectures_of_a_package_count_what_goes_with_it_once() -> None:
    (group,) = surplus_groups([surplus("a"), surplus("a"), surplus("b", goes_with="a")])

    assert group.installed_bytes == 3000
    assert total_words([group]) == "3 packages, 3.0 kB"


def test_a_long_list_ends_with_how_many_more_there_are() -> None:
    shown = text(*(surplus(f"p{n:02}", 1000 - n) for n in range(MAX_HEADS + 2)))

    assert "p11" in shown
    assert "p12" not in shown
    assert "and 2 more packages, 2.0 kB (-o json lists them)" in shown


def test_without_a_line_of_a_dockerfile_the_layers_history_is_told_in_short() -> None:
    shown = text(
        surplus("a", created_by="RUN apt-get install a"), surplus("b", created_by="x" * 500), width=200
    )

    assert "layer: RUN apt-get install a" in shown
    assert "x" * 99 + "…" in shown
    assert "x" * 100 not in shown


@pytest.mark.parametrize(("mode", "is_shown"), [(Mode.WARN, False), (Mode.ENFORCE, True)])
def test_a_finding_on_what_is_listed_is_shown_again_only_where_it_blocks(mode: Mode, is_shown: bool) -> None:
    found = finding(rule="FA-SURPLUS-001", subject="package:a", message="a is a tool", mode=mode)
    report = msgspec.structs.replace(clean_report(), surplus=(surplus("a"),), findings=(found,))

    assert ("a is a tool" in deps_text([report], OPTIONS)) is is_shown


def test_where_the_build_uses_it_and_what_to_name_instead_are_told() -> None:
    shown = deps_text([planned_report()], msgspec.structs.replace(OPTIONS, width=200))

    assert (
        "the build uses it: docker/family-audio/Dockerfile:9 runs cmake; a stage of its own can have it"
        in shown
    )
    assert "came with it and is needed, so name it instead: libice6=2:1.0.10-1" in shown
    assert "a stage of its own" not in text(surplus("a"))


def test_a_hostile_reason_is_shown_and_does_nothing() -> None:
    shown = text(surplus("a\x1b[31m", reason="b\nc", doubt="\u202ed", created_by="e\x07"), width=40)

    assert not {"\x1b", "\u202e", "\x07"} & set(shown)
