"""Wheels that beat installing, libraries that no package should bring, packages that only the host may."""

import pytest

from tests.support.archives import SmallArchive, stanza
from tests.support.elf import elf
from tests.support.worlds import (
    FAMILY,
    LIBRARIES,
    SERVICE,
    Answer,
    Files,
    World,
    extension,
    installed,
    opencv,
    write_archive,
)

MISSING_GL = opencv("libGL.so.1")
TOLD = "cv2.imshow is used at services/{}/app.py:{}"


def deps(world: World, app: str, *layers: Files, words: tuple[str, ...] = ()) -> Answer:
    """Audit one service with this entry on a family image with these layers."""
    world.family(FAMILY, *layers).service(SERVICE, app)
    return world.run("deps", FAMILY, *words)


def said(answer: Answer) -> str:
    """Return everything that the document says in words."""
    return str(answer.document)


def remedies(answer: Answer) -> dict[str, str]:
    """Return the confidence of each remedy, by its id."""
    return {each["id"]: each["confidence"] for each in answer.document["proposal"]["remedies"]}


def test_the_build_without_windows_beats_packages_where_nobody_opens_one(world: World) -> None:
    world.file("services/face/requirements.txt", "opencv-python==4.10.0.84\n")
    world.family(FAMILY, MISSING_GL)
    world.service(SERVICE, "import cv2\ncv2.imread('a')\n", requirements=["services/face/requirements.txt"])

    answer = world.run("deps", FAMILY)

    (remedy,) = answer.document["proposal"]["remedies"]
    assert (remedy["id"], remedy["confidence"]) == ("opencv-headless", "certain")
    assert remedy["needs"] == ["so:libGL.so.1"]
    assert remedy["change"] == "opencv-python==4.10.0.84 -> opencv-python-headless==4.10.0.84"
    assert remedy["locations"] == [{"path": "services/face/requirements.txt", "line": 1}]
    assert answer.roots == ["libgl1"]


def test_a_call_that_opens_a_window_is_named_and_nothing_is_told_in_its_place(world: World) -> None:
    answer = deps(world, "import cv2\n\ndef show(image):\n    cv2.imshow('a', image)\n", MISSING_GL)

    assert remedies(answer) == {}
    assert TOLD.format("face", 4) in said(answer)


def test_a_call_in_another_service_of_the_family_counts_too(world: World) -> None:
    world.family(FAMILY, MISSING_GL).service(SERVICE, "import cv2\n")
    world.service("viewer", "import cv2\ncv2.imshow('a', b)\n")

    answer = world.run("deps", SERVICE)

    assert remedies(answer) == {}
    assert TOLD.format("viewer", 2) in said(answer)


def test_a_call_in_a_family_that_is_built_on_this_one_counts_too(world: World) -> None:
    world.family(FAMILY, MISSING_GL).service(SERVICE, "import cv2\n")
    world.family("above", MISSING_GL, parent=FAMILY).service(
        "viewer", "import cv2\ncv2.imshow('a', b)\n", family="above"
    )

    answer = world.run("deps", FAMILY)

    assert remedies(answer) == {}
    assert TOLD.format("viewer", 2) in said(answer)


def test_a_family_beside_this_one_does_not_count(world: World) -> None:
    world.family(FAMILY, MISSING_GL).service(SERVICE, "import cv2\n")
    world.family("beside", MISSING_GL).service("viewer", "import cv2\ncv2.imshow('a', b)\n", family="beside")

    assert remedies(world.run("deps", FAMILY)) == {"opencv-headless": "certain"}


def test_a_wheel_of_the_parent_concerns_every_family_that_has_it_from_there(world: World) -> None:
    world.family("base", MISSING_GL)
    world.family(FAMILY, MISSING_GL, {"opt/own": "1"}, parent="base").service(SERVICE, "import cv2\n")
    world.family("beside", MISSING_GL, {"opt/other": "1"}, parent="base")

    alone = world.run("deps", FAMILY)
    world.service("viewer", "import cv2\ncv2.imshow('a', b)\n", family="beside")

    assert remedies(alone) == {"opencv-headless": "likely"}
    assert "it comes with base" in said(alone)
    assert remedies(world.run("deps", FAMILY)) == {}


def test_a_distribution_that_requires_the_wheel_makes_it_no_more_than_possible(world: World) -> None:
    detector = installed("detector", {"detector.py": ""}, extra="Requires-Dist: opencv-python (>=4)")

    answer = deps(world, "import cv2, detector\n", MISSING_GL, detector)

    assert remedies(answer) == {"opencv-headless": "possible"}
    assert "detector requires opencv-python" in said(answer)


def test_what_the_host_supplies_is_never_proposed_not_even_as_a_dependency(world: World) -> None:
    archive = SmallArchive("file:///").suite(
        "bookworm",
        stanza("libc6", "2.36-9"),
        stanza("libacme1", "1", Depends="libc6, libcuda1"),
        stanza("libcuda1", "535"),
        contents={
            f"{LIBRARIES}/libacme.so.1": "libs/libacme1",
            f"{LIBRARIES}/libcuda.so.1": "non-free/libs/libcuda1",
        },
    )
    write_archive(archive, world.folder.parent / "archive")
    acme = installed("acme", {"acme.abi3.so": extension("acme", "libacme.so.1", "libcuda.so.1")})

    answer = deps(world, "import acme\n", acme)

    assert answer.roots == []
    assert answer.needs["libcuda.so.1"]["status"] == "host-driver"
    (unsatisfied,) = answer.document["proposal"]["unsatisfied"]
    assert unsatisfied["need"] == "so:libacme.so.1"


@pytest.mark.parametrize(
    ("soname", "way"),
    [
        ("libcudart.so.11.0", "require nvidia-cuda-runtime-cu11"),
        ("libcudnn.so.8", "require nvidia-cudnn-cu12>=8,<9 or nvidia-cudnn-cu11>=8,<9"),
        ("libssl.so.1.1", "upgrade the wheel"),
    ],
)
def test_what_no_package_can_bring_gets_a_verdict_and_a_way_out(world: World, soname: str, way: str) -> None:
    acme = installed("acme", {"acme.abi3.so": extension("acme", soname)})

    answer = deps(world, "import acme\n", acme)

    assert (answer.code, answer.roots) == (1, [])
    assert answer.needs[soname]["status"] == "not-available"
    assert way in said(answer)


def test_a_library_that_only_an_older_suite_ships_is_told_with_that_suite(world: World) -> None:
    acme = installed("acme", {"acme.abi3.so": extension("acme", "libicuuc.so.67")})

    answer = deps(world, "import acme\n", acme)

    (unsatisfied,) = answer.document["proposal"]["unsatisfied"]
    assert "bullseye has it in libicu67" in unsatisfied["verdict"]
    assert answer.roots == []


@pytest.mark.parametrize(
    ("plugin", "roots"),
    [("PySide6/Qt/plugins/sqldrivers/libqsqlpsql.so", []), ("shop/libshop.so", ["libpq5"])],
    ids=["a plugin for a database", "a library of another wheel"],
)
def test_nothing_is_installed_for_a_plugin_that_wants_a_databases_client(
    world: World, plugin: str, roots: list[str]
) -> None:
    archive = SmallArchive("file:///").suite(
        "bookworm",
        stanza("libc6", "2.36-9"),
        stanza("libpq5", "15"),
        contents={f"{LIBRARIES}/libpq.so.5": "x/libpq5"},
    )
    write_archive(archive, world.folder.parent / "archive")
    wheel = installed("pyside6-essentials", {plugin: elf(needed=["libpq.so.5"])})
    path = next(f"/{name}" for name in wheel if name.endswith(plugin))

    answer = deps(world, f"import ctypes\nctypes.CDLL('{path}')\n", wheel)

    assert answer.needs["libpq.so.5"]["status"] == "missing"
    assert answer.roots == roots
