"""How a command ends and where its documents go: codes, several formats, files whole or not at all."""

import contextlib
import io
import json
import os
import sys
from pathlib import Path

import pytest

from fleet_audit.__main__ import run
from fleet_audit.audit.pipeline.run.settings import CONFIGURATION
from tests.support.images import layer_tar
from tests.support.worlds import FAMILY, World, opencv

FORMATS = ("text", "json", "sarif")


@pytest.fixture
def fleet(world: World) -> World:
    """Give one family for each way to end."""
    broken = layer_tar({"x": b"0" * 5000})[:3000]
    world.family("passes", opencv()).service("good", "import cv2\n", family="passes")
    world.family("fails", opencv("libGL.so.1")).service("bad", "import cv2\n", family="fails")
    return world.family("unknown", broken).service("dim", "import json\n", family="unknown")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("family", "code"), [("passes", 0), ("fails", 1), ("nowhere", 2), ("unknown", 3)])
def test_the_exit_code_is_the_same_in_every_format(fleet: World, family: str, code: int, name: str) -> None:
    assert fleet.say("deps", family, "-o", name)[0] == code


@pytest.mark.parametrize(
    ("families", "code"),
    [(("passes", "passes"), 0), (("passes", "unknown"), 3), (("unknown", "fails"), 1), (("--all",), 1)],
)
def test_of_several_subjects_the_worst_decides_and_failing_outranks_not_knowing(
    fleet: World, families: tuple[str, ...], code: int
) -> None:
    assert fleet.say("deps", *families, "-q")[0] == code


def test_one_analysis_gives_many_documents(fleet: World) -> None:
    code, out, _ = fleet.say("deps", "fails", "-o", "text", "-o", "json=a.json", "-o", "sarif=b.sarif")

    assert code == 1
    assert "libGL.so.1" in out
    assert json.loads((fleet.folder / "a.json").read_bytes())["verdict"] == "fail"
    assert json.loads((fleet.folder / "b.sarif").read_bytes())["version"] == "2.1.0"


def test_documents_in_files_leave_standard_output_empty(fleet: World) -> None:
    assert fleet.say("deps", "fails", "-o", "json=a.json") == (1, "", "")


def test_a_text_file_has_no_colour(fleet: World) -> None:
    fleet.say("deps", "fails", "-o", "text=a.txt")

    assert "\x1b" not in (fleet.folder / "a.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("nowhere/a.json", "there is no folder nowhere"),
        ("services", "it is a folder"),
        ("fleet.yaml/a.json", "fleet.yaml"),
    ],
)
@pytest.mark.parametrize("command", [["deps", FAMILY], ["imports"], ["ldd", FAMILY], ["explain", "x"]])
def test_an_output_that_cannot_be_written_is_said_before_any_work(
    fleet: World, command: list[str], target: str, why: str
) -> None:
    code, out, err = fleet.say(*command, "-o", f"json={target}")

    assert (code, out) == (2, "")
    assert why in err
    assert err.count("\n") == 1
    assert [folder.name for folder in fleet.cache.iterdir()] == [CONFIGURATION]


@pytest.mark.parametrize(
    "words", [["deps", "nowhere"], ["deps", "oci:none"], ["imports", "x"], ["explain", "a:b"]]
)
def test_a_command_that_cannot_be_carried_out_leaves_no_file_and_keeps_the_old(
    fleet: World, words: list[str]
) -> None:
    before = sorted(fleet.folder.iterdir())

    assert fleet.say(*words, "-o", "json=a.json")[0] == 2
    assert sorted(fleet.folder.iterdir()) == before
    fleet.file("a.json", "old")
    assert fleet.say(*words, "-o", "json=a.json")[0] == 2
    assert (fleet.folder / "a.json").read_text(encoding="utf-8") == "old"


def test_one_place_takes_one_document_however_it_is_written(fleet: World) -> None:
    code, _, err = fleet.say("deps", "passes", "-o", "json=a", "-o", "sarif=./a")

    assert code == 2
    assert "two documents would go to" in err


def test_v_says_what_was_read_on_stderr_and_never_in_the_document(fleet: World) -> None:
    quiet = fleet.say("deps", "passes", "-o", "json")
    code, out, err = fleet.say("deps", "passes", "-o", "json", "-v")

    assert (code, out) == quiet[:2]
    assert "layers: 0 read, 2 from the cache" in err


def test_a_link_keeps_leading_to_the_document(fleet: World, tmp_path: Path) -> None:
    (fleet.folder / "link.json").symlink_to(tmp_path / "real.json")

    assert fleet.say("deps", "passes", "-o", "json=link.json")[0] == 0
    assert (fleet.folder / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_bytes())["verdict"] == "pass"


def test_a_pipe_is_written_into_and_not_replaced(fleet: World) -> None:
    pipe = fleet.folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    assert fleet.say("doctor", "-o", f"json={pipe}")[0] == 0
    assert pipe.is_fifo()
    assert json.loads(os.read(reader, 1 << 16))["schema"] == "fleet-audit.doctor/1"
    os.close(reader)


@pytest.mark.usefixtures("fleet")
def test_a_full_disk_is_one_sentence_and_no_internal_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code = run(["deps", "passes"])
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()

    assert code == 2
    assert capsys.readouterr().err == "fleet-audit: cannot write standard output: No space left on device\n"


@pytest.mark.usefixtures("fleet")
def test_a_terminal_that_lacks_characters_gets_their_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", narrow)

    assert run(["deps", "fails"]) == 1
    narrow.seek(0)
    assert "\\u2717" in narrow.read()
