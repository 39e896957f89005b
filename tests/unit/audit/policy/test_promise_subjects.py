"""What a manifest promises of an image is held against what is in it."""

from typing import Any

import pytest

from fleet_audit.audit.model.fleet import Family
from fleet_audit.audit.model.identity import Distro, Purl
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.promise_facts import PromiseFacts
from fleet_audit.audit.policy.promise_subjects import Contents, promise_subjects

BOOKWORM = Distro("debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)")
WHOSE = PromiseFacts(image="vision", family="vision", services=("face",))
PLACE = SourceLocation("fleet.yaml", 7)


def component(purl: str, version: str) -> Component:
    return Component(ref=purl, name="", version=version, purl=Purl(purl))


CONTENTS = Contents(
    BOOKWORM,
    (
        component("pkg:deb/debian/libstdc%2B%2B6@12.2?arch=amd64", "12.2"),
        component("pkg:deb/debian/curl@7.88?arch=amd64", "7.88"),
        component("pkg:pypi/opencv-python@4.10.0.84", "4.10.0.84"),
        component("pkg:generic/scipy@1.0", "1.0"),
        Component(ref="file", name="numpy", version="1.0"),
    ),
)


def kept(contents: Contents = CONTENTS, **promised: Any) -> dict[str, tuple[str, bool]]:
    """Return what was found of each promise, and whether it is kept."""
    family = Family(**promised)
    facts = [subject.facts for subject in promise_subjects(family, contents, WHOSE, PLACE)]
    return {each.wanted: (each.found, each.is_kept) for each in facts if isinstance(each, PromiseFacts)}


@pytest.mark.parametrize("name", ["debian12", "Debian:12", "debian-12", "debian 12", "debian", "bookworm"])
def test_a_system_is_known_by_its_usual_names(name: str) -> None:
    assert kept(os=name) == {name: ("debian 12", True)}


@pytest.mark.parametrize("name", ["debian1", "debian120", "ubuntu22.04", "trixie", "12"])
def test_another_system_is_not_what_was_promised(name: str) -> None:
    assert kept(os=name) == {name: ("debian 12", False)}


def test_an_image_that_does_not_say_what_it_is_keeps_no_promise_of_its_system() -> None:
    assert kept(Contents(Distro()), os="debian12") == {"debian12": ("", False)}


def test_packages_are_promised_by_name_or_with_their_version() -> None:
    wanted = ("libstdc++6", "curl=7.88", "curl=8.0", "jq", "scipy")

    assert kept(must_contain_apt=wanted) == {
        "libstdc++6": ("12.2", True),
        "curl=7.88": ("7.88", True),
        "curl=8.0": ("7.88", False),
        "jq": ("", False),
        "scipy": ("", False),
    }


def test_distributions_are_promised_as_requirements_are_written() -> None:
    wanted = ("OpenCV_Python", "opencv-python>=4.10,<5", "opencv-python<4", "scipy", "numpy", "not a name!")

    assert kept(must_contain_pip=wanted) == {
        "OpenCV_Python": ("4.10.0.84", True),
        "opencv-python>=4.10,<5": ("4.10.0.84", True),
        "opencv-python<4": ("4.10.0.84", False),
        "scipy": ("", False),
        "numpy": ("", False),
        "not a name!": ("", False),
    }


def test_nothing_is_said_where_nothing_is_promised() -> None:
    assert kept() == {}


def test_a_promise_stands_in_the_manifest_and_names_whose_image_it_is() -> None:
    (subject,) = promise_subjects(Family(os="debian12"), CONTENTS, WHOSE, PLACE)

    assert (subject.name, subject.location) == ("promise:vision/os/debian12", PLACE)
    assert (subject.facts.services, getattr(subject.facts, "image", "")) == (("face",), "vision")
