"""The main job on real images: what is missing, who asks for it, what supplies it, and what then passes."""

import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.__main__ import run as run_command
from fleet_audit.audit.tools.process import run
from tests.support.engine import saving_engine
from tests.support.example_images import FLEET, example_layout

pytestmark = pytest.mark.integration

VISION, AUDIO = "family-vision-cu121", "family-torch-cu121"
MANIFEST = FLEET / "fleet.yaml"

Document = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def layout() -> Path:
    return example_layout(VISION, AUDIO)


def deps(folder: Path, *words: str, expect: int) -> Document:
    """Run the command, check its exit code, and return its document."""
    file = folder / "deps.json"
    assert run_command(["deps", *words, "-o", f"json={file}", "-q"]) == expect
    document: Document = json.loads(file.read_bytes())
    return document


def missing(document: Document) -> dict[str, Document]:
    wanted = [n for n in document["needs"] if n["status"] == "missing" and n["tier"] == "required"]
    return {need["name"]: need for need in wanted}


def lines(need: Document) -> set[str]:
    return {f"{reached['path']}:{reached['line']}" for reached in need["reached_from"]}


def imports_at(place: str, word: str) -> bool:
    path, _, line = place.rpartition(":")
    return word in (FLEET / path).read_text().splitlines()[int(line) - 1]


def test_the_vision_image_misses_what_opencv_needs_and_names_the_lines(tmp_path: Path) -> None:
    document = deps(tmp_path, VISION, "-f", str(MANIFEST), expect=1)

    absent = missing(document)
    assert {"libGL.so.1", "libgthread-2.0.so.0", "libglib-2.0.so.0"} <= absent.keys()
    assert {n["kind"] for n in absent.values()} == {"soname"}
    assert all(imports_at(place, "cv2") for place in lines(absent["libGL.so.1"]))
    assert {reached["service"] for reached in absent["libGL.so.1"]["reached_from"]} == set(
        document["services"]
    )


def test_the_audio_image_misses_pulse_portaudio_and_ffmpeg_at_their_lines(tmp_path: Path) -> None:
    document = deps(tmp_path, AUDIO, "-f", str(MANIFEST), expect=1)

    absent = missing(document)
    assert absent.keys() == {"libpulse.so.0", "libportaudio.so.2", "ffmpeg"}
    assert all(imports_at(place, "pulsectl") for place in lines(absent["libpulse.so.0"]))
    assert all(imports_at(place, "sounddevice") for place in lines(absent["libportaudio.so.2"]))
    assert any(re.search(r"stt", place) for place in lines(absent["ffmpeg"]))


@pytest.mark.parametrize("family", [VISION, AUDIO])
def test_the_proposal_is_pinned_sized_and_has_its_place(tmp_path: Path, family: str) -> None:
    document = deps(tmp_path, family, "-f", str(MANIFEST), expect=1)

    proposal = document["proposal"]
    assert proposal["roots"]
    assert all(re.fullmatch(r"[a-z0-9.+-]+=\S+", root) for root in proposal["roots"])
    assert proposal["installed_bytes"] == sum(p["installed_bytes"] for p in proposal["packages"])
    assert proposal["unsatisfied"] == []
    place = proposal["dockerfile"]
    assert (FLEET / place["path"]).read_text().splitlines()[place["line"] - 1].strip()


def saved(layout: Path, archive: Path) -> None:
    """Write what ``docker save`` would."""
    command = [sys.executable, "-m", "examples.fleet.builder", "export", VISION, str(archive)]
    command += ["--layout", str(layout), "--format", "docker-archive", "--compression", "none"]
    run(command, timeout=600, env=os.environ, cwd=FLEET.parents[1])


def test_an_image_that_an_engine_sends_gives_the_same_answer(
    layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "image.tar"
    saved(layout, archive)
    from_layout = deps(tmp_path, VISION, "-f", str(MANIFEST), expect=1)

    # A unix socket's path has room for 108 bytes (unix(7)), fewer than a test's own folder may need.
    with tempfile.TemporaryDirectory() as short, saving_engine(Path(short), archive) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        document = deps(tmp_path, VISION, "-f", str(MANIFEST), "--image", "docker:vision", expect=1)

    archive.unlink()
    assert document["needs"] == from_layout["needs"]
    assert document["proposal"] == from_layout["proposal"]


def test_the_second_run_reads_no_layer_again(
    layout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["ldd", f"oci:{layout}:{VISION}", "--cache-dir", str(tmp_path / "cache"), "-v", "-o"]
    costs = []
    for number in (1, 2):
        run_command([*command, f"json={tmp_path / f'{number}.json'}"])
        costs.append(re.findall(r"layers: (\d+) read, (\d+) from the cache", capsys.readouterr().err))

    (first, second) = costs
    assert [int(read) > 0 for read, _ in first] == [True]
    assert second == [("0", first[0][0])]
