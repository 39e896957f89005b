"""What ``deps`` says for people: the text as its page shows it, the patch in it, and Markdown."""

import subprocess
from html import unescape
from pathlib import Path
from shutil import which

import pytest

from tests.support.rendering import rendered
from tests.support.worlds import FAMILY, World, opencv

DOCKERFILE = "docker/vision/Dockerfile"
TEXT = """\
FROM base:1
USER root
RUN apt-get update \\
\t&& apt-get install -y \\
\t\tzlib1g
USER 10001:10001
"""


@pytest.fixture
def fleet(world: World) -> World:
    """Give a family that misses a library, with a Dockerfile that is indented by tabs."""
    world.file(DOCKERFILE, TEXT)
    world.family(FAMILY, opencv("libGL.so.1"), dockerfiles=[DOCKERFILE])
    return world.service("face", "import cv2\n")


def dockerfile(world: World) -> Path:
    return world.folder / DOCKERFILE


@pytest.mark.skipif(which("patch") is None, reason="patch is not installed")
def test_the_report_piped_into_patch_does_what_write_does(fleet: World) -> None:
    _, report, _ = fleet.say("deps", FAMILY)

    subprocess.run(["patch", "-p1"], cwd=fleet.folder, input=report.encode(), check=True)  # noqa: S607  (whichever patch there is)

    patched = dockerfile(fleet).read_text()
    assert "\t\tlibgl1=1.6.0-1 \\\n" in patched
    fleet.file(DOCKERFILE, TEXT).say("deps", FAMILY, "--write")
    assert dockerfile(fleet).read_text() == patched


def test_markdown_has_the_patch_whole_and_the_same_exit_code(fleet: World) -> None:
    answer = fleet.run("deps", FAMILY, "-o", "markdown")

    assert answer.code == 1
    assert answer.out.startswith(f"## FAIL `{FAMILY}`\n")
    assert answer.document["proposal"]["dockerfile"]["patch"] in unescape(rendered(answer.out))


def test_markdown_goes_to_a_file_beside_the_text(fleet: World, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"

    code, out, _ = fleet.say("deps", FAMILY, "-o", "text", "-o", f"markdown={summary}")

    assert code == 1
    assert out.startswith(f"{FAMILY} ")
    assert summary.read_text().startswith(f"## FAIL `{FAMILY}`\n")
