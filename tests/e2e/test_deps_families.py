"""A family's addition is planned with those of the families that it is built on."""

from typing import Any

import pytest

from tests.support.archives import stanza
from tests.support.elf import elf
from tests.support.pythons import SITE
from tests.support.worlds import FAMILY, Files, World, extension, installed, library, opencv

BASE = "base"
GL = opencv("libGL.so.1")
PULSE = installed(
    "pulse", {"pulse/__init__.py": "", "pulse/native.abi3.so": extension("native", "libpulse.so.0")}
)
USES_PULSE = "import pulse.native\n"
USES_GL = "import cv2\n"
DOCKERFILE = "FROM below:1\nRUN apt-get update && apt-get install -y zlib1g\n"


def family(world: World, name: str, *layers: Files, **fields: Any) -> World:
    """Add a family with a Dockerfile and an image of these layers."""
    world.file(f"docker/{name}/Dockerfile", DOCKERFILE)
    return world.family(name, *layers, dockerfiles=[f"docker/{name}/Dockerfile"], **fields)


@pytest.fixture
def fleet(world: World) -> World:
    """Give a family that misses a library, and one on it that misses that one and another."""
    family(world, BASE, GL).service("look", USES_GL, family=BASE)
    family(world, FAMILY, GL, PULSE, parent=BASE)
    return world.service("face", USES_GL + USES_PULSE)


def proposal(world: World, name: str = FAMILY, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = world.run("deps", name, *words).document["proposal"]
    return found


def names(pins: list[str]) -> list[str]:
    return [pin.partition("=")[0] for pin in pins]


def added(world: World, name: str) -> list[str]:
    """Return the packages that the Dockerfile of a family has got."""
    text = (world.folder / f"docker/{name}/Dockerfile").read_text()
    return names([word for word in text.split() if "=" in word])


def shares(found: dict[str, Any]) -> list[tuple[str, list[str], list[str]]]:
    return [(s["family"], names(s["roots"]), s["for_families"]) for s in found["shares"] if not s["option"]]


def test_what_parent_and_child_need_is_proposed_once_for_the_parent(fleet: World) -> None:
    found = proposal(fleet)

    assert names(found["roots"]) == ["libpulse0"]
    assert shares(found) == [(BASE, ["libgl1"], [BASE, FAMILY]), (FAMILY, ["libpulse0"], [FAMILY])]
    assert names(proposal(fleet, BASE)["roots"]) == ["libgl1"]


def test_each_place_says_what_it_takes(fleet: World) -> None:
    below, own = proposal(fleet)["shares"]

    # libgl1 and libglvnd0; libpulse0.
    assert (below["installed_bytes"], own["installed_bytes"]) == (500 * 1024, 400 * 1024)


def test_the_child_fails_all_the_same_and_says_where_the_library_comes_from(fleet: World) -> None:
    answer = fleet.run("deps", FAMILY)

    assert (answer.code, answer.needs["libGL.so.1"]["status"]) == (1, "missing")
    assert f"with the addition to {BASE}" in fleet.say("deps", FAMILY)[1]
    (finding,) = [f for f in answer.document["findings"] if f["subject"] == "so:libGL.so.1"]
    assert (
        finding["remedy"] == f"install libgl1=1.6.0-1 in the Dockerfile of {BASE}, and build this image anew"
    )


def test_explain_leads_to_the_package_that_comes_from_beneath(fleet: World) -> None:
    _, out, _ = fleet.say("explain", "package:libgl1", "--family", FAMILY)

    assert f"comes with the addition to {BASE}, by package:libgl1" in " ".join(out.split())


def test_what_no_service_of_the_parent_needs_is_proposed_for_the_child(world: World) -> None:
    family(world, BASE, GL).service("look", "import json\n", family=BASE)
    family(world, FAMILY, GL, parent=BASE).service("face", USES_GL)

    found = proposal(world)

    assert (names(found["roots"]), found["shares"]) == (["libgl1"], [])


def test_a_parent_without_services_needs_nothing(world: World) -> None:
    family(world, BASE, GL)
    family(world, FAMILY, GL, parent=BASE).service("face", USES_GL)

    found = world.run("deps", FAMILY).document

    assert (names(found["proposal"]["roots"]), found["notes"]) == (["libgl1"], [])


def test_of_three_generations_that_need_it_the_lowest_gets_it(world: World) -> None:
    family(world, BASE, GL).service("look", USES_GL, family=BASE)
    family(world, "middle", GL, PULSE, parent=BASE).service("hear", USES_GL + USES_PULSE, family="middle")
    family(world, FAMILY, GL, PULSE, parent="middle").service("face", USES_GL + USES_PULSE)

    found = proposal(world)

    assert found["roots"] == []
    assert shares(found)[:2] == [
        (BASE, ["libgl1"], [BASE, FAMILY]),
        ("middle", ["libpulse0"], ["middle", FAMILY]),
    ]


def test_a_generation_that_does_not_need_it_is_passed_over(world: World) -> None:
    family(world, BASE, GL).service("look", USES_GL, family=BASE)
    family(world, "middle", GL, parent=BASE).service("hear", "import json\n", family="middle")
    family(world, FAMILY, GL, parent="middle").service("face", USES_GL)

    assert shares(proposal(world))[0] == (BASE, ["libgl1"], [BASE, FAMILY])


def test_what_the_parents_addition_brings_along_is_not_proposed_again(world: World) -> None:
    dispatch = opencv("libGLdispatch.so.0")
    family(world, BASE, GL).service("look", USES_GL, family=BASE)
    family(world, FAMILY, dispatch, parent=BASE).service("face", USES_GL)

    found = proposal(world)

    assert found["roots"] == []
    assert found["shares"][0]["needs"] == {"so:libGLdispatch.so.0": ["libglvnd0=1.6.0-1"]}


def test_a_parent_whose_image_is_not_built_is_told_and_the_child_gets_it(world: World) -> None:
    family(world, BASE, image=None).service("look", USES_GL, family=BASE)
    family(world, FAMILY, GL, parent=BASE).service("face", USES_GL)

    found = world.run("deps", FAMILY).document

    assert names(found["proposal"]["roots"]) == ["libgl1"]
    (note,) = found["notes"]
    assert BASE in note
    assert "its image is not there to be looked at" in note


def test_a_parent_whose_image_is_damaged_is_told_as_well(fleet: World) -> None:
    (fleet.folder / "images" / BASE / "index.json").write_text("{")

    found = fleet.run("deps", FAMILY).document

    assert names(found["proposal"]["roots"]) == ["libgl1", "libpulse0"]
    assert "its image is not there" in found["notes"][0]


def test_an_image_that_the_user_names_stands_on_no_family(fleet: World) -> None:
    other = fleet.image("images/other", GL, PULSE)

    found = proposal(fleet, FAMILY, "--image", other)

    assert (names(found["roots"]), found["shares"]) == (["libgl1", "libpulse0"], [])


def test_a_service_alone_stands_on_the_families_beneath_its_own(fleet: World) -> None:
    assert shares(proposal(fleet, "face"))[0] == (BASE, ["libgl1"], [BASE, FAMILY])


def test_a_child_that_is_older_than_its_parent_is_to_be_built_anew(world: World) -> None:
    family(world, BASE, GL, library("usr/lib/libGL.so.1")).service("look", USES_GL, family=BASE)
    family(world, FAMILY, GL, parent=BASE).service("face", USES_GL)

    found = proposal(world)

    assert found["roots"] == []
    assert "build this one anew" in found["shares"][0]["why"]
    (finding,) = world.run("deps", FAMILY).document["findings"]
    assert finding["remedy"] == f"build this image anew: {BASE}, which it is built on, has libGL.so.1 by now"


def test_what_the_parent_has_for_one_wheel_alone_is_nothing_for_the_child(world: World) -> None:
    libs = f"{SITE[1:]}/cv2/libs"
    bundled = {f"{SITE[1:]}/cv2/cv2.abi3.so": elf(needed=["libGL.so.1", "libc.so.6"], runpath="$ORIGIN/libs")}
    family(world, BASE, GL, bundled, library(f"{libs}/libGL.so.1")).service("look", USES_GL, family=BASE)
    family(world, FAMILY, GL, parent=BASE).service("face", USES_GL)

    assert world.run("deps", BASE).code == 0
    assert names(proposal(world)["roots"]) == ["libgl1"]


def test_a_child_that_took_a_library_of_its_parent_away_gets_it_itself(world: World) -> None:
    gone: Files = {"usr/lib/.wh.libGL.so.1": ""}
    family(world, BASE, GL, library("usr/lib/libGL.so.1")).service("look", USES_GL, family=BASE)
    family(world, FAMILY, GL, library("usr/lib/libGL.so.1"), gone, parent=BASE).service("face", USES_GL)

    assert names(proposal(world)["roots"]) == ["libgl1"]


def test_a_need_that_is_not_planned_for_the_parent_is_no_reason_to_give_it_there(world: World) -> None:
    lazily = "def look():\n    import cv2\n    return cv2\n"
    family(world, BASE, GL).service("look", lazily, family=BASE)
    family(world, FAMILY, GL, parent=BASE).service("face", USES_GL)

    assert shares(proposal(world)) == []
    assert shares(proposal(world, FAMILY, "--tier", "lazy"))[0] == (BASE, ["libgl1"], [BASE, FAMILY])


def test_all_families_agree_on_who_gets_what(fleet: World) -> None:
    found = fleet.run("deps", "--all").document["subjects"]

    assert [names(each["proposal"]["roots"]) for each in found] == [["libgl1"], ["libpulse0"]]


def options(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [share for share in found["shares"] if share["option"]]


@pytest.fixture
def siblings(world: World) -> World:
    """Give two families that miss the same, on one that does not need it, which has a third child."""
    family(world, BASE, GL).service("look", "import json\n", family=BASE)
    for name in ("left", "right"):
        family(world, name, GL, parent=BASE).service(f"in-{name}", USES_GL, family=name)
    return family(world, "third", GL, parent=BASE).service("other", "import json\n", family="third")


def test_siblings_that_miss_the_same_each_get_it_and_are_told_what_it_takes_below(siblings: World) -> None:
    found = {each["subject"]: each["proposal"] for each in siblings.run("deps", "--all").document["subjects"]}

    assert [names(found[each]["roots"]) for each in (BASE, "left", "right")] == [[], ["libgl1"], ["libgl1"]]
    (option,) = options(found["left"])
    assert options(found["right"]) == [option]
    assert options(found["third"]) == options(found[BASE]) == []
    assert (option["family"], option["for_families"], option["carried_by"]) == (
        BASE,
        ["left", "right"],
        ["third"],
    )
    # libgl1 and libglvnd0: once below, or once in each.
    assert (option["installed_bytes"], option["separate_bytes"]) == (500 * 1024, 1000 * 1024)
    assert option["needs"] == {"so:libGL.so.1": ["libgl1=1.6.0-1"]}


def test_text_tells_of_the_other_place(siblings: World) -> None:
    _, out, _ = siblings.say("deps", "left", "right")

    assert "could stand in base: libgl1" in " ".join(out.split())


def test_a_sibling_alone_is_told_nothing_of_the_other(siblings: World) -> None:
    assert options(proposal(siblings, "left")) == []


def test_where_the_shared_family_needs_it_there_is_no_option(siblings: World) -> None:
    siblings.service("also", USES_GL, family=BASE)

    found = siblings.run("deps", "--all").document["subjects"]

    assert [options(each["proposal"]) for each in found] == [[], [], [], []]
    assert shares(found[0]["proposal"]) == [(BASE, ["libgl1"], [BASE, "left", "right"])]


def test_families_that_share_none_below_are_told_of_no_other_place(world: World) -> None:
    for name in ("left", "right"):
        family(world, name, GL).service(f"in-{name}", USES_GL, family=name)

    found = world.run("deps", "--all").document["subjects"]

    assert [options(each["proposal"]) for each in found] == [[], []]


def test_what_stands_in_a_nearer_family_is_told_there(world: World) -> None:
    family(world, BASE, GL)
    family(world, "middle", GL, parent=BASE)
    for name, parent in (("left", "middle"), ("right", "middle"), ("far", BASE)):
        family(world, name, GL, parent=parent).service(f"in-{name}", USES_GL, family=name)

    found = {each["subject"]: each["proposal"] for each in world.run("deps", "--all").document["subjects"]}

    places = {name: [(o["family"], o["for_families"]) for o in options(each)] for name, each in found.items()}
    near, wide = ("middle", ["left", "right"]), (BASE, ["left", "right", "far"])
    assert places == {"left": [wide, near], "right": [wide, near], "far": [wide]}


def test_writing_the_childs_proposal_writes_both_dockerfiles_and_names_them(fleet: World) -> None:
    code, out, _ = fleet.say("deps", FAMILY, "--write")

    assert code == 1
    assert (added(fleet, BASE), added(fleet, FAMILY)) == (["libgl1"], ["libpulse0"])
    assert "written to docker/base/Dockerfile" in out
    assert "written to docker/vision/Dockerfile" in out


def test_the_parents_proposal_leaves_the_childs_dockerfile_alone(fleet: World) -> None:
    fleet.say("deps", BASE, "--write")

    assert (added(fleet, BASE), added(fleet, FAMILY)) == (["libgl1"], [])


def test_with_all_families_each_dockerfile_is_written_once(fleet: World) -> None:
    found = fleet.run("deps", FAMILY, BASE, "--write").document["subjects"]

    assert [each["proposal"]["written"] for each in found] == [True, True]
    assert (added(fleet, BASE), added(fleet, FAMILY)) == (["libgl1"], ["libpulse0"])


def test_a_dockerfile_has_one_patch_in_all_reports_of_a_run(world: World) -> None:
    leftover = {"var/lib/dpkg/status": stanza("gcc-12", Section="devel", Status="install ok installed")}
    world.file("docker/base/Dockerfile", "FROM below:1\nRUN apt-get install -y gcc-12 zlib1g\n")
    world.family(BASE, GL, leftover, dockerfiles=["docker/base/Dockerfile"]).service(
        "look", USES_GL, family=BASE
    )
    family(world, FAMILY, GL, parent=BASE).service("face", USES_GL)

    above, below = (
        each["proposal"] for each in world.run("deps", FAMILY, BASE, "--write").document["subjects"]
    )

    (place,) = above["also"]
    assert place["dockerfile"] == below["dockerfile"]
    assert (place["written"], below["written"]) == (True, True)


def test_a_long_chain_of_families_is_audited_from_its_lowest_end(world: World) -> None:
    parent = None
    for number in range(16):
        name = f"generation-{number}"
        image = world.image("images/one", GL) if number == 0 else "oci:images/one"
        world.family(name, image=image, parent=parent).service(f"s{number}", USES_GL, family=name)
        parent = name

    found = world.run("deps", str(parent)).document["proposal"]

    assert (found["roots"], [share["family"] for share in found["shares"]]) == ([], ["generation-0"])


def test_once_all_is_written_and_built_nothing_is_proposed(fleet: World) -> None:
    fleet.say("deps", FAMILY, "--write")
    both = (library("usr/lib/libGL.so.1"), library("usr/lib/libpulse.so.0"))
    fleet.family(BASE, GL, both[0], dockerfiles=["docker/base/Dockerfile"])
    fleet.family(FAMILY, GL, both[0], PULSE, both[1], parent=BASE, dockerfiles=["docker/vision/Dockerfile"])

    answer = fleet.run("deps", "--all")

    assert answer.code == 0
    assert [each["proposal"]["roots"] for each in answer.document["subjects"]] == [[], []]
