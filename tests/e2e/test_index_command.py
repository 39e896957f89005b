"""``index update`` reads ahead what ``deps`` plans with; ``index show`` says what is kept."""

import shutil

import pytest

from fleet_audit.audit.tools.gpgv import find_gpgv
from tests.support.archives import stanza
from tests.support.worlds import FAMILY, LIBRARIES, World, opencv, packages, write_archive


@pytest.fixture
def fleet(world: World) -> World:
    """Give a family whose service misses a library."""
    return world.family(FAMILY, opencv("libGL.so.1")).service("face", "import cv2\n")


def test_what_was_read_ahead_serves_a_plan_without_the_archive(fleet: World) -> None:
    updated = fleet.run("index", "update", FAMILY)
    shutil.rmtree(fleet.folder.parent / "archive")

    planned = fleet.run("deps", FAMILY, "--offline")

    assert updated.code == 0
    assert planned.roots == ["libgl1"]


def test_an_update_says_what_was_read_and_for_whom(fleet: World) -> None:
    (archive,) = fleet.run("index", "update").document["archives"]

    assert (archive["distribution"], archive["release"], archive["architecture"]) == (
        "debian",
        "bookworm",
        "amd64",
    )
    assert (archive["asked_for"], archive["new"]) == ([FAMILY], True)
    assert (archive["sonames"], archive["programs"], archive["packages"]) == (4, 1, 5)
    (suite,) = archive["suites"]
    assert (suite["suite"], suite["date"]) == ("bookworm", "2026-07-11T10:16:37Z")
    assert suite["doubt"] == "Release bears no signature"


def test_a_state_that_is_kept_is_not_read_again(fleet: World) -> None:
    first = fleet.run("index", "update")

    again = fleet.run("index", "update")

    assert [a["key"] for a in again.document["archives"]] == [a["key"] for a in first.document["archives"]]
    assert [a["new"] for a in again.document["archives"]] == [False]


def test_show_lists_every_state_and_asks_nobody(fleet: World) -> None:
    empty = fleet.run("index", "show")
    fleet.run("index", "update")
    write_archive(
        packages().suite(
            "bookworm",
            stanza("mesa"),
            contents={f"{LIBRARIES}/libGL.so.1": "libs/mesa"},
            date="Sun, 12 Jul 2026 00:00:00 UTC",
        ),
        fleet.folder.parent / "archive",
    )
    fleet.run("index", "update")
    shutil.rmtree(fleet.folder.parent / "archive")

    shown = fleet.run("index", "show")

    assert (empty.code, empty.document["archives"]) == (0, [])
    assert "nothing is kept yet" in empty.document["notes"][0]
    assert [archive["label"] for archive in shown.document["archives"]] == [
        "bookworm 2026-07-11T10:16:37Z",
        "bookworm 2026-07-12T00:00:00Z",
    ]


def test_show_tells_of_the_indexes_that_come_along(world: World) -> None:
    shipped = world.run("index", "show").document["shipped"]

    assert [(each["release"], each["architecture"]) for each in shipped] == [
        (release, architecture)
        for release in ("bullseye", "bookworm", "trixie")
        for architecture in ("amd64", "arm64")
    ]
    assert all(suite["signed_by"] and suite["digest"] for each in shipped for suite in each["suites"])
    assert {suite["archive"] for each in shipped for suite in each["suites"]} == {""}


def test_show_says_how_what_is_doubtful_can_be_checked(fleet: World) -> None:
    fleet.run("index", "update")

    (note,) = fleet.run("index", "show").document["notes"]

    assert "`fleet-audit index update` checks what is there now" in note


def test_a_plan_is_repeated_from_a_state_that_is_kept_although_the_archive_has_moved_on(
    fleet: World,
) -> None:
    (before,) = fleet.run("index", "update").document["archives"]
    planned = fleet.run("deps", FAMILY)
    newer = packages().suite(
        "bookworm",
        stanza("libgl1", "9"),
        contents={f"{LIBRARIES}/libGL.so.1": "libs/libgl1", "usr/bin/new": "x/libgl1"},
        date="Sun, 12 Jul 2026 00:00:00 UTC",
    )
    write_archive(newer, fleet.folder.parent / "archive")

    now = fleet.run("deps", FAMILY)
    again = fleet.run("deps", FAMILY, "--snapshot", before["key"][:12])

    assert now.document["proposal"]["roots"] == ["libgl1=9"]
    assert again.document["proposal"] == planned.document["proposal"]
    assert again.document["proposal"]["roots"] == ["libgl1=1.6.0-1"]


def test_a_date_is_asked_of_the_snapshot_service_whatever_archive_is_named_elsewhere(fleet: World) -> None:
    answer = fleet.run("deps", FAMILY, "--snapshot", "20261101T000000Z", "--offline")

    assert "/20261101T000000Z/dists/bookworm" in answer.gaps["no-archive-index"]["why"]
    assert "--snapshot 20261101T000000Z" in answer.gaps["no-archive-index"]["why"]


def test_a_state_that_is_not_kept_is_a_gap(fleet: World) -> None:
    answer = fleet.run("deps", FAMILY, "--snapshot", "0123456789ab")

    why = answer.gaps["no-archive-index"]["why"]
    assert "no state of an archive has a key that begins with 0123456789ab" in why
    assert "index show" in why


def test_text_names_the_suites_and_the_doubts(fleet: World) -> None:
    code, out, err = fleet.say("index", "update", FAMILY)

    assert code == 0
    assert "debian bookworm amd64  4 sonames · 1 programs · 5 packages" in out
    assert f"read now, for {FAMILY}" in out
    assert "bookworm: Release bears no signature" in out
    assert "asked and read in" in err


def test_an_archive_that_ends_half_way_keeps_the_old_state(fleet: World) -> None:
    before = fleet.run("index", "update").document["archives"]
    folder = fleet.folder.parent / "archive"
    changed = packages().suite("bookworm", stanza("mesa"), contents={"usr/bin/x": "x/mesa"})
    write_archive(changed, folder)
    for contents in folder.rglob("Contents-amd64.gz"):
        contents.unlink()

    after = fleet.run("index", "update")

    assert after.code == 3
    assert "the state of bookworm 2026-07-11T10:16:37Z is kept" in after.gaps["no-archive-index"]["why"]
    assert [a["key"] for a in fleet.run("index", "show").document["archives"]] == [a["key"] for a in before]


def test_a_release_needs_no_image_and_no_manifest(world: World) -> None:
    answer = world.run("index", "update", "--suite", "bookworm")

    assert answer.code == 0
    assert [archive["asked_for"] for archive in answer.document["archives"]] == [["bookworm"]]


def test_one_archive_for_several_is_told_of_once(fleet: World) -> None:
    fleet.family("other", opencv("libGL.so.1")).service("voice", "import cv2\n", family="other")

    (archive,) = fleet.run("index", "update").document["archives"]

    assert archive["asked_for"] == [FAMILY, "other"]


def test_offline_no_archive_of_the_network_is_asked(fleet: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", "http://archive.example/debian")

    answer = fleet.run("index", "update", "--offline")

    assert answer.code == 3
    assert "--offline forbids the network" in answer.gaps["no-archive-index"]["why"]


def test_an_image_that_is_not_built_is_a_gap(world: World) -> None:
    world.family(FAMILY, image="oci:nowhere").service("face", "import json\n")

    answer = world.run("index", "update")

    assert (answer.code, "no-image" in answer.gaps) == (3, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["update", "--suite", "bookwurm"],
            "--suite bookwurm: no release of Debian or Ubuntu; known are buster",
        ),
        (
            ["update", "--snapshot", "yesterday"],
            "--snapshot 'yesterday' is neither a date like 20261120T120000Z",
        ),
        (
            ["update", "--snapshot", "0123456789ab"],
            "--snapshot 0123456789ab: a state that is kept needs no update",
        ),
        (["update", "nobody"], "nobody: no family or service"),
        (["update", FAMILY, "face", "--image", "oci:x"], "--image replaces the image of one family"),
        (["nonsense"], "nonsense"),
        ([], "Usage: fleet-audit index"),
    ],
)
def test_wrong_words_are_errors_of_usage(fleet: World, words: list[str], message: str) -> None:
    code, out, err = fleet.say("index", *words)

    assert (code, out) == (2, "")
    assert message in err


def test_doctor_says_whether_signatures_can_be_checked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(world.folder))

    parts = {part["name"]: part for part in world.run("doctor").document["engines"]}

    assert find_gpgv({"PATH": str(world.folder)}) is None
    assert parts["gpgv"]["present"] is False
    assert "install gpgv" in parts["gpgv"]["advice"]
