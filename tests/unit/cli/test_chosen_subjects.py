"""No word of a command line is passed over in silence."""

import json
from pathlib import Path

import pytest

from fleet_audit.__main__ import run
from tests.support.packaged import with_known_rules
from tests.support.worlds import FAMILY, Files, World, opencv

MANIFEST = "version: 1\nfleet: small\nfamilies: {web: {}}\nservices: []\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a manifest, in which commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(tmp_path / "cache")))
    (tmp_path / "fleet.yaml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


def test_two_folders_of_one_name_are_two_services(here: Path) -> None:
    for folder, module in (("old", "json"), ("new", "shutil")):
        (here / folder / "app").mkdir(parents=True)
        (here / folder / "app" / "main.py").write_text(f"import {module}\n", encoding="utf-8")

    assert run(["imports", "old/app", "new/app", "-o", "json=out.json"]) == 0

    subjects = json.loads((here / "out.json").read_bytes())["subjects"]
    imported = [[row["module"] for s in each["services"] for row in s["imports"]] for each in subjects]
    assert imported == [["json"], ["shutil"]]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dir:/one", "--image", "dir:/other"], "--image replaces the image of one family"),
        (["--all", "--entry", "app.py"], "leave out names, --image and --entry"),
        (["--gpu", "--entry", "app.py"], "leave out names, --image and --entry"),
        (["--image", "dir:/one", "--entry", "app.py"], "--entry needs --source"),
        (["web", "--entry", "app.py"], "--entry needs --source"),
    ],
)
@pytest.mark.usefixtures("here")
def test_words_that_would_mean_nothing_are_refused(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["deps", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_an_explanation_says_which_families_it_could_not_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    world.family(FAMILY, opencv()).service("face", "import cv2\n")
    world.family("unbuilt", image="oci:images/unbuilt").service("dim", family="unbuilt")
    monkeypatch.chdir(world.folder)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(world.cache)))
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", world.archive)

    assert "unbuilt" in " ".join(world.run("explain", "dist:opencv-python").document["notes"])
    assert world.run("explain", "dist:opencv-python", "--family", FAMILY).document["notes"] == []


def test_a_dockerfile_that_is_not_there_is_a_gap_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    world.family(FAMILY, opencv("libGL.so.1"), dockerfiles=["none"]).service("face", "import cv2\n")
    monkeypatch.chdir(world.folder)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(world.cache)))
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", world.archive)

    answer = world.run("deps", FAMILY)

    assert answer.document["proposal"]["dockerfile"] is None
    assert answer.gaps["unreadable-file"]["what"] == "none"


def test_an_image_without_apt_is_told_from_one_that_can_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    gone: Files = {"usr/bin/.wh.apt-get": ""}
    world.family(FAMILY, opencv("libGL.so.1"), gone).service("face", "import cv2\n")
    world.family("able", opencv("libGL.so.1")).service("other", "import cv2\n", family="able")
    monkeypatch.chdir(world.folder)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(world.cache)))
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", world.archive)

    lacking, able = (world.run("deps", name).document["proposal"] for name in (FAMILY, "able"))

    assert lacking["roots"] == able["roots"] != []
    assert lacking["instructions"].startswith("FROM debian:bookworm-slim AS ")
    assert able["instructions"] is None


def test_a_python_that_the_image_does_not_have_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    world.family(FAMILY, python="3.9").service("face", "import json\n")
    monkeypatch.chdir(world.folder)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(world.cache)))

    answer = world.run("deps", FAMILY)

    assert answer.code == 3
    assert "no Python 3.9, which the manifest names," in answer.gaps["no-interpreter"]["why"]


def test_a_folder_of_source_is_named_from_the_root_of_its_repository(here: Path) -> None:
    (here / ".git").mkdir()
    (here / "tools" / "face").mkdir(parents=True)
    (here / "tools" / "face" / "app.py").write_text("def (\n", encoding="utf-8")

    assert run(["imports", "tools/face", "-o", "sarif=out.sarif"]) == 1

    assert '"uri": "tools/face/app.py"' in (here / "out.sarif").read_text(encoding="utf-8")
