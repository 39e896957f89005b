"""Caches make runs fast and never change an answer: damaged, shared, unwritable, cold and offline."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from fleet_audit.audit.pipeline.reached import loads
from fleet_audit.audit.static_imports import examiner
from tests.support.worlds import FAMILY, World, library, opencv, packages, write_archive

WORDS = ("deps", FAMILY, "-o", "json")


@pytest.fixture
def fleet(world: World) -> World:
    """Give a service that misses a library and a program."""
    app = "import subprocess\nimport cv2\nimport common.eyes\nsubprocess.run(['ffmpeg'])\n"
    world.file("common/eyes.py", "import json\n")
    return world.family(FAMILY, opencv("libGL.so.1")).service("face", app)


def cached(world: World) -> list[Path]:
    """Return the files of the cache."""
    return sorted(path for path in world.cache.rglob("*") if path.is_file())


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    if data:
        data[at % len(data)] ^= 0x55
    path.write_bytes(data)


def _a_link(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "halved": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "one byte short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "flipped at its begin": lambda path: _flip(path, 5),
    "flipped within": lambda path: _flip(path, path.stat().st_size // 2),
    "flipped at its end": lambda path: _flip(path, -1),
    "overwritten": lambda path: path.write_bytes(b"\xff" * path.stat().st_size),
    "replaced by a link to nothing": lambda path: _a_link(path, "nowhere"),
    "replaced by a device": lambda path: _a_link(path, "/dev/null"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_gives_the_same_answer_and_is_mended(fleet: World, damage: str) -> None:
    before = cached(fleet)
    first = fleet.say(*WORDS)
    kept = [path for path in cached(fleet) if path not in before]
    assert kept

    for path in kept:
        DAMAGES[damage](path)

    assert fleet.say(*WORDS) == first
    assert fleet.say(*WORDS) == first


@pytest.mark.parametrize("damage", ["emptied", "flipped within"])
def test_a_cache_that_is_damaged_with_its_rules_gives_the_same_answer(fleet: World, damage: str) -> None:
    first = fleet.say(*WORDS)

    for path in cached(fleet):
        DAMAGES[damage](path)

    assert fleet.say(*WORDS) == first
    assert fleet.say(*WORDS) == first


@pytest.mark.parametrize("damage", ["halved", "flipped within"])
def test_each_file_of_the_cache_may_be_damaged_alone(fleet: World, damage: str) -> None:
    first = fleet.say(*WORDS)

    for path in cached(fleet):
        if path.is_file():
            DAMAGES[damage](path)
            assert fleet.say(*WORDS) == first, path


def test_entries_that_were_swapped_are_not_taken_for_one_another(fleet: World) -> None:
    first = fleet.say(*WORDS)

    for folder in {path.parent for path in cached(fleet)}:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        bodies = [path.read_bytes() for path in files]
        for path, body in zip(files, [*bodies[1:], *bodies[:1]], strict=True):
            path.write_bytes(body)

    assert fleet.say(*WORDS) == first


@pytest.mark.parametrize("kind", ["files within", "dangling link"])
def test_a_cache_that_cannot_be_made_ends_no_run(fleet: World, kind: str) -> None:
    first = fleet.say(*WORDS)
    shutil.rmtree(fleet.cache)
    match kind:
        case "files within":
            fleet.cache.mkdir()
            for name in ("layers", "sources", "archives", "downloads"):
                (fleet.cache / name).write_bytes(b"")
        case _:
            fleet.cache.symlink_to("/nowhere/at/all")

    code, _, err = fleet.say(*WORDS)

    assert (code, "internal error" in err) == (first[0], False), err


def test_a_changed_image_and_a_changed_source_are_seen(fleet: World) -> None:
    assert fleet.run("deps", FAMILY).roots == ["ffmpeg", "libgl1"]

    fleet.file("services/face/app.py", "import cv2\n")
    assert fleet.run("deps", FAMILY).roots == ["libgl1"]
    shutil.rmtree(fleet.folder / "images")
    fleet.image(f"images/{FAMILY}", opencv())
    assert fleet.run("deps", FAMILY).roots == []


def test_a_second_run_reads_no_layer_and_parses_no_source(fleet: World) -> None:
    _, _, cold = fleet.say("deps", FAMILY, "-v", "-o", "json=x.json")
    _, _, warm = fleet.say("deps", FAMILY, "-v", "-o", "json=x.json")

    assert "layers: 2 read, 0 from the cache" in cold
    assert "layers: 0 read, 2 from the cache" in warm
    assert "sources: 0 parsed" in warm


def test_runs_at_the_same_time_share_one_cold_cache(fleet: World) -> None:
    script = f"from fleet_audit.__main__ import main; main({[*WORDS, '-q']!r})"
    running = [
        subprocess.Popen(  # noqa: S603  (our own words)
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=fleet.folder
        )
        for _ in range(3)
    ]

    ended = [(*process.communicate(timeout=60), process.returncode) for process in running]

    assert {(err, code) for _, err, code in ended} == {(b"", 1)}
    assert len({out for out, _, _ in ended}) == 1
    assert [path for path in cached(fleet) if path.name.endswith(".new") or ".partial-" in path.name] == []


def _archives(world: World) -> Iterator[str]:
    yield "http://archive.example/debian"
    yield (world.folder.parent / "nowhere").as_uri()
    yield "ftp://archive.example/debian"
    yield "nonsense"


def test_without_an_archive_what_is_missing_stays_missing_and_a_gap_says_what_to_do(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in _archives(fleet):
        monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", address)

        answer = fleet.run("deps", FAMILY, "--offline")

        assert (answer.code, answer.roots) == (1, [])
        assert answer.needs["libGL.so.1"]["status"] == "missing"
        gap = answer.gaps["no-archive-index"]
        assert gap["blocking"] is True
        assert f"; run: fleet-audit index update {FAMILY}" in gap["why"]
        assert "Traceback" not in answer.err


def test_without_an_archive_the_index_that_comes_along_names_the_packages(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", "http://archive.example/debian")

    answer = fleet.run("deps", FAMILY, "--offline")
    _, text, _ = fleet.say("deps", FAMILY, "--offline")

    hints = {hint["need"]: hint for hint in answer.document["proposal"]["hints"]}
    assert hints["so:libGL.so.1"]["packages"] == ["libgl1"]
    assert hints["so:libGL.so.1"]["by"].startswith("Debian 12 as of 20")
    (finding,) = (f for f in answer.document["findings"] if f["subject"] == "so:libGL.so.1")
    assert finding["remedy"] == "install libgl1 in the family's Dockerfile"
    assert "libgl1 in Debian 12 as of" in text
    assert answer.document["proposal"]["packages"] == []


def test_a_release_of_which_no_index_comes_along_gives_no_hint(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", "http://archive.example/debian")
    release = {"etc/os-release": 'ID=debian\nVERSION_ID="14"\nVERSION_CODENAME=forky\n'}
    world.family(FAMILY, opencv("libGL.so.1"), release).service("face", "import cv2\n")

    answer = world.run("deps", FAMILY, "--offline")

    assert answer.document["proposal"]["hints"] == []
    assert answer.needs["libGL.so.1"]["status"] == "missing"


def test_what_find_library_could_mean_is_known_without_an_archive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", "http://archive.example/debian")
    app = "import ctypes, ctypes.util\n\nctypes.CDLL(ctypes.util.find_library('portaudio'))\n"
    world.family(FAMILY, {}).service("voice", app)

    answer = world.run("deps", FAMILY, "--offline")

    assert answer.needs["libportaudio.so.2"]["status"] == "missing"


def test_offline_with_a_warm_cache_plans_as_before(fleet: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fleet.run("deps", FAMILY)
    shutil.rmtree(fleet.folder.parent / "archive")
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", fleet.archive)

    after = fleet.run("deps", FAMILY, "--offline")

    assert after.roots == before.roots
    assert any("its state of" in gap["why"] for gap in after.document["gaps"])


def test_offline_nothing_missing_asks_no_archive(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", "http://archive.example/debian")
    world.family(FAMILY, opencv()).service("face", "import cv2\n")

    answer = world.run("deps", FAMILY, "--offline")

    assert (answer.code, "no-archive-index" in answer.gaps) == (0, False)


@pytest.mark.parametrize("damage", ["emptied", "halved", "flipped within", "overwritten"])
def test_a_damaged_archive_is_a_gap_and_never_a_wrong_plan(
    world: World, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    world.family(FAMILY, opencv("libGL.so.1")).service("face", "import cv2\n")
    for number, address in enumerate(sorted(packages().files)):
        folder = world.folder.parent / f"archive{number}"
        monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", write_archive(packages(), folder))
        name = address.removeprefix("file:///").lstrip("/")
        DAMAGES[damage](folder / name)

        answer = world.run("deps", FAMILY)

        assert answer.code == 1
        assert answer.roots in ([], ["libgl1"]), name
        assert answer.roots or "no-archive-index" in answer.gaps, name


def test_the_manifests_archive_is_planned_with_where_the_environment_names_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLEET_AUDIT_ARCHIVE")
    world.family(FAMILY, opencv("libGL.so.1"), apt={"sources": [world.archive]})
    world.service("face", "import cv2\n")

    assert world.run("deps", FAMILY, "--offline").roots == ["libgl1"]


def test_an_archive_of_the_image_is_not_read_from_this_machine(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLEET_AUDIT_ARCHIVE")
    sources = {"etc/apt/sources.list": f"deb {world.archive} bookworm main\n"}
    world.family(FAMILY, opencv("libGL.so.1"), sources).service("face", "import cv2\n")

    assert world.run("deps", FAMILY, "--offline").roots == []


def _not_again(*_words: object, **_options: object) -> NoReturn:
    raise AssertionError("what is known was worked out again")


def test_a_second_run_of_ldd_works_out_nothing_again(fleet: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fleet.say("ldd", FAMILY, "-o", "json")
    monkeypatch.setattr(loads, "examine", _not_again)

    assert fleet.say("ldd", FAMILY, "-o", "json") == first


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_ldd_keeps_may_be_damaged_too(fleet: World, damage: str) -> None:
    before = cached(fleet)
    first = fleet.say("ldd", FAMILY, "-o", "json")
    kept = [path for path in cached(fleet) if path not in before]
    assert kept

    for path in kept:
        DAMAGES[damage](path)

    assert fleet.say("ldd", FAMILY, "-o", "json") == first


def test_ldd_sees_a_changed_image_of_the_same_name(fleet: World) -> None:
    before = fleet.run("ldd", FAMILY)
    shutil.rmtree(fleet.folder / "images")
    fleet.image(f"images/{FAMILY}", opencv())

    after = fleet.run("ldd", FAMILY)

    assert (before.code, after.code) == (1, 0)


def test_ldd_sees_that_a_machine_of_the_manifest_is_another_one(world: World) -> None:
    fast = "usr/lib/glibc-hwcaps/x86-64-v3/libGL.so.1"
    world.family(FAMILY, {**opencv("libGL.so.1"), **library(fast)}, machines=["pc"])
    manifest = (world.folder / "fleet.yaml").read_text()

    def with_machine(isa: str) -> int:
        world.file("fleet.yaml", f"{manifest}machines: {{pc: {{isa: {isa}}}}}\n")
        return world.run("ldd", FAMILY).code

    assert [with_machine(isa) for isa in ("x86-64-v3", "x86-64-v2", "x86-64-v3")] == [0, 1, 0]


def test_an_image_that_was_not_read_whole_is_worked_out_each_time(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for blob in (fleet.folder / "images" / FAMILY / "blobs" / "sha256").iterdir():
        if not blob.read_bytes().startswith(b"{"):
            blob.write_bytes(b"")
    first = fleet.say("ldd", FAMILY, "-o", "json")
    monkeypatch.setattr(loads, "kept_or_read", _not_again)

    assert first[0] == 3
    assert fleet.say("ldd", FAMILY, "-o", "json") == first


def test_other_code_takes_no_answer_for_its_own(fleet: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.say("ldd", FAMILY, "-o", "json")
    monkeypatch.setattr(loads, "own_code", lambda: "other")
    monkeypatch.setattr(loads, "examine", _not_again)

    code, _, err = fleet.say("ldd", FAMILY, "-o", "json")

    assert (code, "worked out again" in err) == (70, True)


@pytest.mark.parametrize("command", ["imports", "deps"])
def test_a_second_run_over_the_same_code_follows_no_import_again(
    fleet: World, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fleet.say(command, FAMILY, "-o", "json")
    monkeypatch.setattr(examiner, "examined", _not_again)

    assert fleet.say(command, FAMILY, "-o", "json") == first

    fleet.file("common/eyes.py", "import os\n")
    code, _, err = fleet.say(command, FAMILY, "-o", "json")

    assert (code, "worked out again" in err) == (70, True)


def test_code_of_a_service_that_nothing_reaches_may_change(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.file("common/ears.py", "import json\n")
    first = fleet.say("imports", FAMILY, "-o", "json")
    monkeypatch.setattr(examiner, "examined", _not_again)

    fleet.file("common/ears.py", "import os\n")

    assert fleet.say("imports", FAMILY, "-o", "json") == first
