"""What services bring along themselves is not missing for them, and may stand in the family's image."""

from typing import Any

import pytest

from tests.support.archives import stanza
from tests.support.worlds import FAMILY, World, library, opencv

GL = opencv("libGL.so.1")
DISPATCH = opencv("libGLdispatch.so.0")
USES_GL = "import cv2\n"


def own(world: World, name: str, *packages: str, app: str = USES_GL, **fields: Any) -> World:
    """Add a service whose own Dockerfile installs packages in its third line."""
    path = f"services/{name}/Dockerfile"
    world.file(path, f"FROM vision:1\nCOPY . .\nRUN apt-get install -y {' '.join(packages)}\n")
    return world.service(name, app, dockerfiles=[path], **fields)


@pytest.fixture
def fleet(world: World) -> World:
    """Give a family that misses a library which one of two services brings along."""
    world.family(FAMILY, GL).service("plain", USES_GL)
    return own(world, "face", "libgl1")


def outcomes(document: dict[str, Any], name: str = "libGL.so.1") -> dict[str, list[str]]:
    """Return, by the status of a need, the services that it has this status for."""
    return {
        need["status"]: [reached["service"] for reached in need["reached_from"]]
        for need in document["needs"]
        if need["name"] == name
    }


def test_a_service_that_installs_the_package_itself_does_not_miss_it(fleet: World) -> None:
    answer = fleet.run("deps", "face")

    assert (answer.code, answer.roots) == (0, [])
    need = answer.needs["libGL.so.1"]
    assert (need["status"], need["resolution"]) == ("declared", {"by": "services/face/Dockerfile:3"})


def test_text_counts_what_services_bring_along_apart(fleet: World) -> None:
    _, out, _ = fleet.say("deps", "face")

    assert "2 found · 1 brought along by services themselves" in out


def test_another_service_of_the_family_misses_it_all_the_same(fleet: World) -> None:
    answer = fleet.run("deps", FAMILY)

    assert (answer.code, answer.roots) == (1, ["libgl1"])
    assert outcomes(answer.document) == {"missing": ["plain"], "declared": ["face"]}


def test_what_a_package_brings_with_it_is_declared_as_well(world: World) -> None:
    own(world.family(FAMILY, DISPATCH), "face", "libgl1")

    assert outcomes(world.run("deps", FAMILY).document, "libGLdispatch.so.0") == {"declared": ["face"]}


def test_a_program_is_declared_like_a_library(world: World) -> None:
    own(world.family(FAMILY), "film", "ffmpeg", app="import subprocess\nsubprocess.run(['ffmpeg'])\n")

    assert world.run("deps", FAMILY).needs["ffmpeg"]["status"] == "declared"


@pytest.mark.parametrize("packages", [["libpulse0"], ["libglvnd0"], ["no-such-package"], ["$MORE"]])
def test_packages_that_do_not_ship_it_declare_nothing(world: World, packages: list[str]) -> None:
    own(world.family(FAMILY, GL), "face", *packages)

    assert outcomes(world.run("deps", FAMILY).document) == {"missing": ["face"]}


def test_of_several_dockerfiles_each_has_to_install_it(world: World) -> None:
    world.family(FAMILY, GL).file("a", "FROM x\nRUN apt-get install libgl1\n").file("b", "FROM x\n")
    world.service("one", USES_GL, dockerfiles=["a", "a"]).service("two", USES_GL, dockerfiles=["a", "b"])

    assert outcomes(world.run("deps", FAMILY).document) == {"declared": ["one"], "missing": ["two"]}


def test_without_an_archive_it_is_not_known_what_a_package_brings_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", "file:///nowhere")
    own(world.family(FAMILY, DISPATCH).service("plain", USES_GL), "face", "libgl1")

    answer = world.run("deps", "face")

    assert answer.code == 3
    assert answer.needs["libGLdispatch.so.0"]["status"] == "unknown"
    assert "services/face/Dockerfile:3" in answer.needs["libGLdispatch.so.0"]["resolution"]["why"]
    found = outcomes(world.run("deps", FAMILY).document, "libGLdispatch.so.0")
    assert found == {"missing": ["plain"], "unknown": ["face"]}


def test_who_ships_a_library_of_a_known_release_is_known_without_an_archive(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", "file:///nowhere")

    answer = fleet.run("deps", "face")

    assert (answer.code, answer.needs["libGL.so.1"]["status"]) == (0, "declared")
    assert "no-archive-index" not in answer.gaps


def test_a_service_is_judged_by_its_own_image_where_that_is_built(world: World) -> None:
    world.family(FAMILY, GL)
    has, has_not = world.image("images/has", GL, library("usr/lib/libGL.so.1")), world.image("images/not", GL)
    own(world, "face", "libpulse0", image=has)
    own(world, "look", "libgl1", image=has_not)

    found = world.run("deps", FAMILY).document

    assert outcomes(found) == {"declared": ["face"], "missing": ["look"]}
    (need,) = [need for need in found["needs"] if need["status"] == "declared"]
    assert need["resolution"] == {"by": "face's own image"}


def test_a_service_whose_image_is_not_built_is_judged_by_its_dockerfile(world: World) -> None:
    own(world.family(FAMILY, GL), "face", "libgl1", image="oci:images/none")

    assert outcomes(world.run("deps", FAMILY).document) == {"declared": ["face"]}


def test_in_a_services_own_image_its_dockerfile_has_had_its_say(world: World) -> None:
    own(world.family(FAMILY, GL), "face", "libgl1", image=world.image("images/own", GL))
    own(world, "look", "libgl1")
    other = world.image("images/look", GL)

    assert world.run("deps", "face").needs["libGL.so.1"]["status"] == "missing"
    assert world.run("deps", "look", "--image", other).needs["libGL.so.1"]["status"] == "missing"


def test_an_image_in_the_place_of_the_familys_is_one_to_add_to(fleet: World) -> None:
    other = fleet.image("images/other", GL)

    assert "declared" in outcomes(fleet.run("deps", FAMILY, "--image", other).document)


def options(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [share for share in document["proposal"]["shares"] if share["option"]]


def test_what_most_services_install_could_stand_in_the_family(world: World) -> None:
    world.family(FAMILY, GL).service("plain", "import json\n")
    own(own(world, "face", "libgl1", "curl"), "look", "libgl1")

    (option,) = options(world.run("deps", FAMILY).document)

    assert (option["family"], option["roots"]) == (FAMILY, ["libgl1=1.6.0-1"])
    # libgl1 and libglvnd0, in two images.
    assert (option["installed_bytes"], option["separate_bytes"]) == (500 * 1024, 1000 * 1024)
    assert option["needs"] == {"so:libGL.so.1": ["libgl1=1.6.0-1"]}
    assert "services/face/Dockerfile:3, services/look/Dockerfile:3" in option["why"]


def test_what_one_service_installs_stays_there(fleet: World) -> None:
    assert options(fleet.run("deps", "face").document) == []


def test_what_is_proposed_for_the_family_is_no_option_beside_it(fleet: World) -> None:
    own(fleet, "look", "libgl1")

    found = fleet.run("deps", FAMILY).document

    assert (found["proposal"]["roots"], options(found)) == (["libgl1=1.6.0-1"], [])


def test_what_the_image_has_is_no_option(world: World) -> None:
    status = {"var/lib/dpkg/status": stanza("curl", Status="install ok installed")}
    own(own(world.family(FAMILY, status), "face", "curl", app=""), "look", "curl", app="")

    found = world.run("deps", FAMILY).document

    assert (found["notes"], options(found)) == ([], [])


def test_where_nothing_is_missing_a_note_says_so_without_asking_an_archive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", "file:///nowhere")
    own(own(world.family(FAMILY), "face", "curl", app=""), "look", "curl", app="")

    answer = world.run("deps", FAMILY)

    assert answer.code == 0
    assert "no-archive-index" not in answer.gaps
    (note,) = answer.document["notes"]
    assert note.startswith(
        "curl could stand in the family's image: 2 of 2 services install it themselves: services/face"
    )
