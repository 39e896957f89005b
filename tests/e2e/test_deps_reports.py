"""What ``deps`` says for people: the text as its page shows it, the patch in it, and Markdown."""

import re
import subprocess
from html import unescape
from pathlib import Path
from shutil import which

import pytest

from tests.support.archives import SmallArchive, stanza
from tests.support.rendering import rendered
from tests.support.snapshots import assert_sample
from tests.support.worlds import (
    FAMILY,
    LIBRARIES,
    Files,
    World,
    extension,
    installed,
    opencv,
    write_archive,
)

ROOT = Path(__file__).resolve().parents[2]
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
def test_the_documents_patch_does_what_write_does_and_is_the_one_that_is_shown(fleet: World) -> None:
    answer = fleet.run("deps", FAMILY, "-o", "text")
    patch = answer.document["proposal"]["dockerfile"]["patch"]

    subprocess.run(["patch", "-p1"], cwd=fleet.folder, input=patch.encode(), check=True)  # noqa: S607  (whichever patch there is)

    assert patch in answer.out

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


def audio_archive() -> SmallArchive:
    """Return an archive in which the first alternative of a dependency brings more than the second."""
    return SmallArchive("file:///").suite(
        "bookworm",
        stanza("libc6", "2.36-9", kib=12000),
        stanza("libasound2", "1.2.8-1+b1", kib=1465, Depends="libc6"),
        stanza("libdb5.3", "5.3.28+dfsg2-1", kib=1700, Depends="libc6"),
        stanza("libjack-jackd2-0", "1.9.21~dfsg-2", kib=900, Depends="libdb5.3", Provides="libjack-0.125"),
        stanza("libjack0", "1:0.126.0-2", kib=300, Depends="libc6", Provides="libjack-0.125"),
        stanza(
            "libportaudio2", "19.6.0-1.2", kib=214, Depends="libasound2, libjack-jackd2-0 | libjack-0.125"
        ),
        contents={f"{LIBRARIES}/libportaudio.so.2": "libs/libportaudio2"},
    )


def installed_packages(*stanzas: str) -> Files:
    """Return the files of dpkg and apt with these packages, each with a program of its name."""
    names = [each.split()[1] for each in stanzas]
    return {
        "var/lib/dpkg/status": "\n".join(stanzas),
        "var/lib/apt/extended_states": "Package: cmake-data\nArchitecture: amd64\nAuto-Installed: 1\n",
        **{f"var/lib/dpkg/info/{name}.list": f"/.\n/usr/bin/{name}\n" for name in names},
        **{f"usr/bin/{name}": "" for name in (*names, "apt-get")},
    }


def on_system(name: str, version: str, *, kib: int = 100, **fields: str) -> str:
    return stanza(name, version, kib=kib, Status="install ok installed", **fields)


@pytest.fixture
def audio(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Give a family that misses PortAudio and has a tool for building, on a family that is a bare system."""
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", write_archive(audio_archive(), tmp_path / "audio"))
    system = [
        on_system("libc6", "2.36-9", Priority="required"),
        on_system("dpkg", "1.21.22", Essential="yes"),
        on_system("apt", "2.6.1"),
    ]
    cmake = [
        on_system("cmake", "3.25.1-1", Depends="cmake-data", Section="devel", kib=39000),
        on_system("cmake-data", "3.25.1-1", Section="devel", kib=9000),
    ]
    pyaudio: Files = {
        "pyaudio/__init__.py": "from . import _portaudio\n",
        "pyaudio/_portaudio.abi3.so": extension("_portaudio", "libportaudio.so.2"),
    }
    below = installed_packages(*system)
    above = {**installed_packages(*system, *cmake), **installed("PyAudio", pyaudio, version="0.2.14")}
    world.file("docker/base/Dockerfile", "FROM debian:12\nUSER root\n")
    world.file("docker/family-audio/Dockerfile", TEXT.replace("zlib1g", "cmake").replace("\t", "    "))
    world.family("base", below, dockerfiles=["docker/base/Dockerfile"])
    world.family("family-audio", below, above, parent="base", dockerfiles=["docker/family-audio/Dockerfile"])
    return world.service(
        "SpeechAgent", "import json\n\nimport pyaudio\n", family="family-audio", folder="speech"
    )


def as_on_the_page(world: World, out: str) -> str:
    """Return what a command says without what another machine or policy would say differently."""
    kept = (line for line in out.splitlines(keepends=True) if not line.startswith(("policy ", "sha256:")))
    # How long the fleet's own folder is called decides whether the image stands in the first line.
    return re.sub(rf"(?:   |\n)oci:{re.escape(str(world.folder))}/", "   oci:", "".join(kept), count=1)


@pytest.mark.parametrize("words", ["deps family-audio", "explain package:libjack0 --family family-audio"])
def test_the_page_shows_what_the_command_says(audio: World, words: str) -> None:
    _, out, _ = audio.say(*words.split())

    page = ROOT / "docs" / "commands" / f"{words.partition(' ')[0]}.md"
    assert_sample(page, f"fleet-audit {words}", as_on_the_page(audio, out))


@pytest.mark.parametrize(
    ("package", "label", "text"),
    [
        ("cmake", "surplus", "certain: a tool for building, which no service runs"),
        ("cmake", "lets go", "cmake-data"),
        ("cmake-data", "goes with", "cmake"),
        ("libc6", "installed", "libc6=2.36-9"),
        ("libc6", "inherited from", "base"),
        ("libportaudio2", "forced", "libportaudio2, by so:libportaudio.so.2"),
    ],
)
def test_an_installed_or_planned_package_is_explained(
    audio: World, package: str, label: str, text: str
) -> None:
    answer = audio.run("explain", f"package:{package}", "--family", "family-audio")

    assert answer.code == 0
    assert {"label": label, "text": text} in answer.document["facts"]


def test_a_bare_name_of_an_installed_package_is_known(audio: World) -> None:
    answer = audio.run("explain", "cmake-data", "--family", "family-audio")

    assert answer.document["node"] == {"kind": "package", "name": "cmake-data"}


def test_a_package_that_is_nowhere_is_not_known_and_one_alike_is_named(audio: World) -> None:
    answer = audio.run("explain", "package:cmake-dat", "--family", "family-audio")

    assert answer.code == 2
    assert "did you mean package:cmake-data" in answer.err
