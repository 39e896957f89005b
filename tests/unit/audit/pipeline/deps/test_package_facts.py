"""What a report knows of one package."""

import msgspec
import pytest

from fleet_audit.audit.apt.installed.state import InstalledRecord
from fleet_audit.audit.apt.surplus.surplus import Brought, Circumstances
from fleet_audit.audit.model.apt import AptPlan, InstalledPackage, Placement, Share
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.pipeline.deps.package_facts import (
    installed_facts,
    is_installed,
    package_facts,
    supply_facts,
)
from fleet_audit.audit.pipeline.surplus.in_use import PackageUse
from tests.support.proposals import audio_plan
from tests.support.reports import planned_report

PORTAUDIO = "so:libportaudio.so.2"


def facts(name: str) -> list[tuple[str, str]]:
    return list(package_facts(name, planned_report()))


def test_a_planned_package_shows_each_step_that_leads_to_it() -> None:
    assert facts("libasound2") == [
        ("proposed", "libasound2=1.2.8-1+b1, because so:libportaudio.so.2 → libportaudio2 → libasound2"),
        ("forced", "libportaudio2, by so:libportaudio.so.2"),
        ("forced", "libasound2, by libportaudio2: Depends libasound2 (>= 1.0.16)"),
    ]


def test_a_choice_shows_what_was_not_chosen_and_that_apt_would_not_have_made_it() -> None:
    labels = dict(facts("libjack0"))

    assert labels["chosen"].startswith("libjack0, by libportaudio2: Depends libjack-jackd2-0")
    assert labels["not instead"] == "libjack-jackd2-0 would bring libdb5.3 as well"
    assert labels["is named"] == "so that apt chooses as planned; it answers no need itself"
    assert labels["apt alone"] == "would not take it"


def test_what_answers_a_need_comes_with_its_step_and_with_other_ways() -> None:
    assert list(supply_facts(PORTAUDIO, audio_plan())) == [
        ("proposed", "libportaudio2=19.6.0-1.2, because so:libportaudio.so.2 → libportaudio2"),
        ("forced", "libportaudio2, by so:libportaudio.so.2"),
        (
            "another way",
            "take the wheel that bundles the library: sounddevice==0.5.1 -> sounddevice-bundled==0.5.1",
        ),
    ]
    assert list(supply_facts("so:libother.so.1", audio_plan())) == []


def test_what_comes_with_another_familys_addition_says_so() -> None:
    share = Share("base", needs={PORTAUDIO: ("libportaudio2=1",)})

    found = list(supply_facts(PORTAUDIO, AptPlan(placement=Placement("audio"), shares=(share,))))

    assert found == [("comes with", "the addition to base: libportaudio2=1")]


def test_a_surplus_package_says_how_sure_it_is_whence_it_came_and_what_it_lets_go() -> None:
    assert facts("cmake") == [
        ("surplus", "certain: a tool for building, which no service runs"),
        ("installed bytes", "40000000"),
        ("brought by", "family-audio, docker/family-audio/Dockerfile:7"),
        ("used by the build", "docker/family-audio/Dockerfile:9 runs cmake"),
        ("lets go", "cmake-data"),
    ]
    assert ("goes with", "cmake") in facts("cmake-data")


def test_an_inherited_one_names_the_family_below_and_what_speaks_for_it() -> None:
    labels = dict(facts("fonts-noto"))

    assert labels["inherited from"] == "base-gpu-cu121, docker/base-gpu-cu121/Dockerfile:4"
    assert labels["but"] == "fontconfig opens fonts by their names"


def test_of_any_other_package_nothing_is_known() -> None:
    assert facts("libc6") == []


def record(name: str, *, depends: str = "", is_essential: bool = False) -> InstalledRecord:
    package = InstalledPackage(PackageName(name), "1.0", "amd64", is_essential=is_essential)
    return InstalledRecord(package, depends=depends)


USE = PackageUse(
    (
        record("app", depends="liba1, libb1"),
        record("dash", is_essential=True),
        record("libb1"),
        record("tool"),
    ),
    Circumstances(
        needed={PackageName("app"): "/usr/bin/app is started"},
        brought={PackageName("dash"): Brought("base", is_base=True), PackageName("tool"): Brought("vision")},
    ),
)


def test_an_installed_package_says_what_it_is_needed_for() -> None:
    assert list(installed_facts("app", USE)) == [
        ("installed", "app=1.0"),
        ("needed", "/usr/bin/app is started"),
    ]


def test_one_that_another_depends_on_names_the_one_that_is_needed_itself() -> None:
    assert list(installed_facts("libb1", USE)) == [
        ("installed", "libb1=1.0"),
        ("comes with", "app, which is needed: /usr/bin/app is started"),
    ]


def test_one_of_the_base_image_or_essential_is_kept_whatever_needs_it() -> None:
    labels = dict(installed_facts("dash", USE))

    assert list(labels) == ["installed", "kept"]
    assert "the lowest Dockerfile starts from; a system without it" in labels["kept"]


def test_an_inherited_one_names_the_family_that_brought_it() -> None:
    brought = {PackageName("tool"): Brought("base", is_inherited=True)}
    use = msgspec.structs.replace(USE, known=Circumstances(brought=brought))

    assert ("inherited from", "base") in list(installed_facts("tool", use))


def test_of_one_that_nothing_needs_only_is_said_that_it_is_there() -> None:
    assert list(installed_facts("tool", USE)) == [("installed", "tool=1.0")]


@pytest.mark.parametrize(("name", "use"), [("nowhere", USE), ("app", None)])
def test_one_that_is_not_there_has_no_facts(name: str, use: PackageUse | None) -> None:
    assert not is_installed(name, use)
    assert list(installed_facts(name, use)) == []
    assert is_installed("app", USE)


def test_many_that_go_along_are_named_in_part() -> None:
    report = planned_report()
    many = tuple(msgspec.structs.replace(report.surplus[1], package=f"p{number:02}") for number in range(12))
    found = dict(package_facts("cmake", msgspec.structs.replace(report, surplus=(report.surplus[0], *many))))

    assert found["lets go"].endswith("p07 and 4 more")
