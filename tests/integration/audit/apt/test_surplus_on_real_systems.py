"""In a real Debian system with too much in it, exactly what serves nobody is purged, and all still works."""

import os
from typing import Any, NamedTuple

import pytest

from tests.support.swollen_systems import NAMED, instead, resolved, surplus, told, with_cv2
from tests.support.throwaway_systems import System

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting and chroot need root"),
]


class Purge(NamedTuple):
    """What deps told, and what became of the system without it: `failing` are libraries that do not load.

    `idle` is what it told for a service that reads no image.
    """

    document: dict[str, Any]
    idle: dict[str, Any]
    before: set[str]
    after: set[str]
    failing: dict[str, str]
    inconsistent: str


@pytest.fixture(scope="module")
def purged(tmp_path_factory: pytest.TempPathFactory) -> Purge:
    with with_cv2(NAMED) as it:
        document = told(it, tmp_path_factory.mktemp("swollen"))
        idle = told(it, tmp_path_factory.mktemp("idle"), app="import json\n")
        before = names(it)
        loading = [name for name, why in it.load(resolved(document)).items() if not why]
        it.run("apt-get", "--assume-yes", "--quiet", "purge", *surplus(document))
        failing = it.load(loading) | it.import_(["cv2"])
        return Purge(
            document=document,
            idle=idle,
            before=before,
            after=names(it),
            failing={name: why for name, why in failing.items() if why},
            inconsistent=it.run("dpkg", "--audit") + it.complaint("apt-get", "check"),
        )


def names(it: System) -> set[str]:
    return {pin.partition("=")[0] for pin in it.packages()}


def test_tools_and_headers_are_told_and_what_cv2_needs_is_not(purged: Purge) -> None:
    found = surplus(purged.document)

    assert {name for name, each in found.items() if not each["goes_with"]} >= {
        "build-essential",
        "cmake",
        "libgtk-3-dev",
    }
    assert found.keys().isdisjoint(["libgl1", "libglx0", "libxcb1", "libglib2.0-0", "python3"])
    assert {found[name]["kind"] for name in ("build-essential", "cmake", "libgtk-3-dev")} == {
        "build-tool",
        "development",
    }


def test_more_than_half_of_the_packages_serve_nobody(purged: Purge) -> None:
    assert len(surplus(purged.document)) > len(purged.before) / 2


def test_apt_get_takes_out_exactly_what_is_told(purged: Purge) -> None:
    assert purged.before - purged.after == surplus(purged.document).keys()


def test_the_system_is_consistent_afterwards(purged: Purge) -> None:
    assert purged.inconsistent == ""


def test_every_library_loads_and_cv2_imports_afterwards(purged: Purge) -> None:
    assert purged.failing == {}


def test_whoever_names_what_is_told_instead_gets_all_that_is_needed(purged: Purge) -> None:
    found = surplus(purged.document)
    left = [name for name in NAMED if name not in found]

    with with_cv2([*left, *instead(purged.document)]) as it:
        assert it.import_(["cv2"]) == {"cv2": ""}
        assert names(it) <= purged.after


def test_purging_the_obvious_with_all_that_came_with_it_breaks_cv2() -> None:
    with with_cv2(NAMED) as it:
        assert it.import_(["cv2"]) == {"cv2": ""}

        obvious = ("build-essential", "cmake", "libgtk-3-dev")
        it.run("apt-get", "--assume-yes", "--quiet", "purge", "--auto-remove", *obvious)

        assert "libGL.so.1" in it.import_(["cv2"])["cv2"]


def test_for_a_service_that_reads_no_image_its_libraries_are_surplus_unless_the_wheel_is_used(
    purged: Purge,
) -> None:
    idle = surplus(purged.idle)

    assert idle.keys() > surplus(purged.document).keys()
    assert idle["libgl1"]["confidence"] == "possible"
    assert "which nothing reaches, links to it" in idle["libgl1"]["doubt"]
