"""Remedies that were carried out: what the wheel brings answers the need, where it is used as it must be."""

import pytest

from tests.support.elf import LOADER, elf
from tests.support.images import Content
from tests.support.pythons import SITE
from tests.support.trees import Link
from tests.support.worlds import FAMILY, SERVICE, Answer, Files, World, extension, installed, opencv

MAGIC = installed(
    "python-magic",
    {"magic/__init__.py": "from ctypes import CDLL\n\nlibmagic = CDLL('libmagic.so.1')\n"},
)
USED = "import pylibmagic\nimport magic\n"
PSYCOPG = installed("psycopg", {"psycopg/__init__.py": "import ctypes\n\nctypes.CDLL('libpq.so.5')\n"})
MOVIEPY = installed(
    "moviepy",
    {"moviepy/__init__.py": "import subprocess\n\nsubprocess.run(['ffmpeg'])\n"},
)
OWN_FFMPEG = "import subprocess\nsubprocess.run(['ffmpeg'])\n"


def library(name: str, *needed: str) -> bytes:
    return elf(soname=name, needed=[*needed, "libc.so.6"])


def pylibmagic(body: bytes | None = None) -> dict[str, Content]:
    return installed(
        "pylibmagic",
        {"pylibmagic/__init__.py": "", "pylibmagic/libmagic.so.1": body or library("libmagic.so.1")},
    )


def psycopg_binary(name: str = "libpq-e9b5c9ac.so.5.18") -> dict[str, Content]:
    return installed("psycopg-binary", {f"psycopg_binary.libs/{name}": library(name)})


def imageio_ffmpeg() -> dict[str, Content]:
    program = elf(interpreter=LOADER, needed=["libc.so.6"])
    return installed(
        "imageio-ffmpeg",
        {
            "imageio_ffmpeg/__init__.py": "",
            "imageio_ffmpeg/binaries/README.md": "",
            "imageio_ffmpeg/binaries/ffmpeg-linux-x86_64-v9.0.2": program,
        },
    )


LINK: Files = {
    "usr/local/bin/ffmpeg": Link(f"{SITE}/imageio_ffmpeg/binaries/ffmpeg-linux-x86_64-v9.0.2"),
}


def deps(world: World, app: str, *layers: Files) -> Answer:
    world.family(FAMILY, *layers).service(SERVICE, app)
    return world.run("deps", FAMILY, "--tier", "lazy")


def lacking(answer: Answer) -> set[str]:
    return {need["name"] for need in answer.document["needs"] if need["status"] != "resolved"}


@pytest.mark.parametrize(
    ("app", "layers", "need", "path"),
    [
        (USED, (MAGIC, pylibmagic()), "libmagic.so.1", "pylibmagic/libmagic.so.1"),
        (
            "import psycopg\n",
            (PSYCOPG, psycopg_binary()),
            "libpq.so.5",
            "psycopg_binary.libs/libpq-e9b5c9ac.so.5.18",
        ),
        (
            "import moviepy\n",
            (MOVIEPY, imageio_ffmpeg()),
            "ffmpeg",
            "imageio_ffmpeg/binaries/ffmpeg-linux-x86_64-v9.0.2",
        ),
        (
            OWN_FFMPEG,
            (imageio_ffmpeg(), LINK),
            "ffmpeg",
            "imageio_ffmpeg/binaries/ffmpeg-linux-x86_64-v9.0.2",
        ),
    ],
    ids=["pylibmagic", "psycopg-binary", "imageio-ffmpeg", "imageio-ffmpeg by a link"],
)
def test_what_a_wheel_brings_answers_the_need_with_its_own_file(
    world: World, app: str, layers: tuple[Files, ...], need: str, path: str
) -> None:
    answer = deps(world, app, *layers)

    assert answer.needs[need]["status"] == "resolved"
    assert answer.needs[need]["resolution"] == {"path": f"{SITE}/{path}"}
    assert (answer.code, answer.roots) == (0, [])
    assert answer.document["proposal"]["remedies"] == []


@pytest.mark.parametrize(
    ("app", "layers", "need"),
    [
        ("import magic\n", (MAGIC, pylibmagic()), "libmagic.so.1"),
        ("import magic\nimport pylibmagic\n", (MAGIC, pylibmagic()), "libmagic.so.1"),
        ("import magic, pylibmagic\n", (MAGIC, pylibmagic()), "libmagic.so.1"),
        ("def late():\n    import pylibmagic\n\nimport magic\n", (MAGIC, pylibmagic()), "libmagic.so.1"),
        (f"{USED}import ctypes\nctypes.CDLL('libmagic.so.1')\n", (MAGIC, pylibmagic()), "libmagic.so.1"),
        (
            USED,
            (MAGIC, pylibmagic(library("libmagic.so.1", "libabsent.so.1"))),
            "libmagic.so.1",
        ),
        ("import psycopg\n", (PSYCOPG, psycopg_binary("libssl-6a9b88ec.so.3")), "libpq.so.5"),
        (OWN_FFMPEG, (imageio_ffmpeg(),), "ffmpeg"),
        ("import moviepy\n", (MOVIEPY,), "ffmpeg"),
    ],
    ids=[
        "not imported",
        "imported too late",
        "imported in one line with it",
        "imported by a call",
        "asked for by own code, too",
        "does not load itself",
        "brings something else",
        "not linked",
        "not installed",
    ],
)
def test_a_wheel_that_is_not_there_or_not_used_answers_nothing(
    world: World, app: str, layers: tuple[Files, ...], need: str
) -> None:
    answer = deps(world, app, *layers)

    assert need in lacking(answer)
    assert answer.code == 1


def test_each_service_has_to_use_the_wheel_itself(world: World) -> None:
    world.family(FAMILY, MAGIC, pylibmagic()).service(SERVICE, USED).service("other", "import magic\n")

    document = world.run("deps", FAMILY).document

    found = {
        need["status"]: [each["service"] for each in need["reached_from"]]
        for need in document["needs"]
        if need["name"] == "libmagic.so.1"
    }
    assert found == {"resolved": [SERVICE], "missing": ["other"]}


def test_the_wheel_may_be_imported_by_another_file_that_comes_first(world: World) -> None:
    world.file("services/face/prepared.py", "import pylibmagic\n")

    assert deps(world, "import prepared\nimport magic\n", MAGIC, pylibmagic()).code == 0


def test_a_build_in_place_of_another_needs_what_it_is_linked_against_and_no_more(world: World) -> None:
    headless = installed("opencv-python-headless", {"cv2/cv2.abi3.so": extension("cv2")})
    postgres = installed("psycopg2-binary", {"psycopg2/_psycopg.abi3.so": extension("_psycopg")})
    pandoc = installed(
        "pypandoc-binary",
        {"pypandoc/__init__.py": "", "pypandoc/files/pandoc": elf(interpreter=LOADER, needed=["libc.so.6"])},
    )

    answer = deps(
        world, "import cv2.cv2\nimport psycopg2._psycopg\nimport pypandoc\n", headless, postgres, pandoc
    )

    assert (answer.code, lacking(answer)) == (0, set())


def test_what_they_are_to_replace_needs_more(world: World) -> None:
    postgres = installed("psycopg2", {"psycopg2/_psycopg.abi3.so": extension("_psycopg", "libpq.so.5")})
    pandoc = installed("pypandoc", {"pypandoc/__init__.py": ""})

    answer = deps(
        world,
        "import cv2\nimport psycopg2._psycopg\nimport pypandoc\n",
        opencv("libGL.so.1"),
        postgres,
        pandoc,
    )

    assert {"libGL.so.1", "libpq.so.5", "pandoc"} <= lacking(answer)
