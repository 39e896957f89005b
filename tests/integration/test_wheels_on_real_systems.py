"""What `deps` says of real wheels in clean Debian systems is why their services fail, and mends it.

Of the sets that plans are tried with (tests/integration/audit/apt), no wheel of open3d is tried here: it has
400 MB. Nor is one of PyAudio: there is none for Linux.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fleet_audit.__main__ import run as run_command
from fleet_audit.audit.apt.planning.plan import propose
from tests.support.debian import RELEASES, index, wanted
from tests.support.roots import WHEELS, locked_wheels, wheel_files
from tests.support.throwaway_systems import System, clean_root, clean_state, system

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting and chroot need root"),
]

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}

NUMPY = "import numpy\nimport cv2\n\nprint(cv2.resize(numpy.zeros((4, 4, 3)), (2, 2)))\n"

CFFI = ("cffi", "pycparser")

Document = dict[str, Any]


class Sample(NamedTuple):
    """A service with the wheels that it runs with.

    Where it cannot run in a clean system, `complaint` is what Python says of it, and `needs` what it lacks.
    """

    source: str
    wheels: tuple[str, ...]
    complaint: str = ""
    needs: tuple[str, ...] = ()


SAMPLES = {
    "cv2": Sample(NUMPY, ("opencv-python", "numpy"), "libxcb.so.1: cannot open", ("so:libxcb.so.1",)),
    "sounddevice": Sample(
        "import sounddevice\n\nprint(sounddevice.query_devices())\n",
        ("sounddevice", *CFFI),
        "PortAudio library not found",
        ("so:libportaudio.so.2",),
    ),
    "qt": Sample(
        "import os\n\nfrom PySide6 import QtWidgets\n\nos.environ['QT_QPA_PLATFORM'] = 'offscreen'\n"
        "app = QtWidgets.QApplication([])\nprint(QtWidgets.QLabel('text').grab())\n",
        ("pyside6-essentials", "shiboken6"),
        "libGL.so.1: cannot open",
        ("so:libGL.so.1",),
    ),
    "magic": Sample(
        "import magic\n\nprint(magic.from_buffer(b'%PDF-1.7'))\n",
        ("python-magic",),
        "failed to find libmagic",
        ("so:libmagic.so.1",),
    ),
    "zbar": Sample(
        "from pyzbar.pyzbar import decode\n\nprint(decode((bytes(100), 10, 10)))\n",
        ("pyzbar",),
        "Unable to find zbar shared library",
        ("so:libzbar.so.0",),
    ),
    "weasyprint": Sample(
        "import weasyprint\n\nweasyprint.HTML(string='<p>text</p>').write_pdf('/tmp/page.pdf')\n",
        (
            *("weasyprint", "brotli", "cssselect2", "fonttools", "pillow", "pydyf", "pyphen"),
            *("tinycss2", "tinyhtml5", "webencodings", "zopfli", *CFFI),
        ),
        "cannot load library 'libgobject-2.0",
        ("so:libgobject-2.0.so.0",),
    ),
}
"""What fails while it is imported: the services cannot start."""

LATER = {
    "mediapipe": Sample(
        "import mediapipe\nimport numpy\n\npixels = numpy.zeros((4, 4, 3), numpy.uint8)\n"
        "print(mediapipe.Image(mediapipe.ImageFormat.SRGB, pixels).width)\n",
        (
            *("mediapipe", "absl-py", "certifi", "contourpy", "cycler", "flatbuffers", "fonttools"),
            *("kiwisolver", "matplotlib", "numpy", "opencv-python-headless", "packaging", "pillow"),
            *("pyparsing", "python-dateutil"),
        ),
        "libEGL.so.1: cannot open",
        ("so:libEGL.so.1", "so:libGLESv2.so.2"),
    ),
    "tesseract": Sample(
        "import pytesseract\n\nprint(pytesseract.get_tesseract_version())\n",
        ("pytesseract", "pillow", "packaging"),
        "tesseract is not installed",
        ("bin:tesseract",),
    ),
}
"""What is imported in peace, and fails in a call of the library."""

CONTENT = {
    "opencv-python-headless": Sample(NUMPY, ("opencv-python-headless", "numpy")),
    "soundfile": Sample(
        "import soundfile\n\nprint(soundfile.available_formats())\n",
        ("soundfile", "numpy", "typing-extensions", *CFFI),
    ),
    "imageio-ffmpeg": Sample(
        "import imageio_ffmpeg\n\nprint(imageio_ffmpeg.get_ffmpeg_version())\n", ("imageio-ffmpeg",)
    ),
}
"""What brings its libraries and programs along."""

CASES = [
    *(("bookworm", name) for name in SAMPLES),
    *(("trixie", name) for name in ("cv2", "sounddevice", "qt", "magic", "zbar")),
]


class Trial(NamedTuple):
    """What `deps` said (its document, and its exit code) and what the service did, before and after."""

    sample: Sample
    before: Document
    code_before: int
    complaint_before: str
    after: Document
    code_after: int
    complaint_after: str


@cache
def wheels(suite: str) -> dict[str, Path]:
    """Return the wheels for a release's Python by the names of their distributions."""
    lock = WHEELS / f"needs-{PYTHONS[suite]}.txt"
    files = wheel_files(lock, python=PYTHONS[suite])
    return {wheel.name: path for wheel, path in zip(locked_wheels(lock), files, strict=True)}


def deps(it: System, sample: Sample, folder: Path) -> tuple[int, Document]:
    """Return the exit code and the document of the command for one service in a system."""
    (folder / "service").mkdir(exist_ok=True)
    (folder / "service" / "app.py").write_text(sample.source)
    file = folder / "deps.json"
    source = str(folder / "service")
    code = run_command(["deps", f"dir:{it.root}", "--source", source, "-o", f"json={file}", "-q"])
    document: Document = json.loads(file.read_bytes())
    return code, document


def started(it: System, sample: Sample) -> str:
    """Return what the service complains of when it is started; empty where it runs to its end."""
    return it.complaint("python3", "-c", sample.source)


def missing(document: Document, tier: str) -> set[str]:
    prefixes = {"soname": "so", "program": "bin", "distribution": "dist"}
    return {
        f"{prefixes[need['kind']]}:{need['name']}"
        for need in document["needs"]
        if need["status"] == "missing" and need["tier"] == tier
    }


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def trial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    suite, name = request.param
    sample, folder = SAMPLES[name], tmp_path_factory.mktemp(name)
    files = [wheels(suite)[distribution] for distribution in sample.wheels]
    with system(suite, wheels=files) as it:
        code_before, before = deps(it, sample, folder)
        complaint_before = started(it, sample)
    proposal = before["proposal"]
    packages = [package["name"] for package in proposal["packages"]]
    with system(suite, packages=packages, wheels=files) as it:
        it.install(proposal["roots"])
        code_after, after = deps(it, sample, folder)
        complaint_after = started(it, sample)
    return Trial(sample, before, code_before, complaint_before, after, code_after, complaint_after)


def test_a_service_fails_for_a_reason_that_deps_names(trial: Trial) -> None:
    assert trial.code_before == 1
    assert trial.sample.complaint in trial.complaint_before
    assert set(trial.sample.needs) <= missing(trial.before, "required")


def test_a_service_runs_with_what_deps_proposes(trial: Trial) -> None:
    assert trial.complaint_after == ""


def test_with_what_deps_proposes_nothing_more_is_proposed(trial: Trial) -> None:
    assert missing(trial.after, "required") == set()
    assert trial.after["proposal"]["roots"] == []
    assert trial.code_after == 0


@pytest.mark.parametrize("name", CONTENT)
def test_a_wheel_that_brings_its_libraries_gets_none_proposed(name: str, tmp_path: Path) -> None:
    sample = CONTENT[name]
    with system("bookworm", wheels=[wheels("bookworm")[each] for each in sample.wheels]) as it:
        code, document = deps(it, sample, tmp_path)

        assert started(it, sample) == ""
    assert (code, document["proposal"]["roots"]) == (0, [])


@pytest.mark.parametrize("name", LATER)
def test_what_fails_in_a_call_is_listed_as_needed_then(name: str, tmp_path: Path) -> None:
    sample = LATER[name]
    files = [wheels("bookworm")[each] for each in sample.wheels]
    plan = propose(wanted(*sample.needs), clean_state("bookworm"), index(RELEASES["bookworm"]))
    with system("bookworm", packages=[package.name for package in plan.packages], wheels=files) as it:
        _, document = deps(it, sample, tmp_path)
        complaint = started(it, sample)
        it.install(plan.roots)

        assert started(it, sample) == ""
    assert sample.complaint in complaint
    assert set(sample.needs) <= missing(document, "required") | missing(document, "lazy")


def test_qts_plugin_for_windows_loads_with_what_is_listed_as_optional(tmp_path: Path) -> None:
    plugin = "PySide6/Qt/plugins/platforms/libqxcb.so"
    files = [wheels("bookworm")[each] for each in SAMPLES["qt"].wheels]
    with system("bookworm", wheels=files) as it:
        _, document = deps(it, SAMPLES["qt"], tmp_path)
    needs = missing(document, "required") | missing(document, "optional")
    plan = propose(wanted(*sorted(needs)), clean_state("bookworm"), index(RELEASES["bookworm"]))

    proposed = [package["name"] for package in document["proposal"]["packages"]]
    further = [package.name for package in plan.packages]

    with system("bookworm", packages={*proposed, *further}, wheels=files) as it:
        it.install(document["proposal"]["roots"])
        path = f"{clean_root('bookworm').site}/{plugin}"
        without = it.load([path])[path]
        it.install(plan.roots)

        assert it.load([path]) == {path: ""}
    assert f"so:{without.partition(':')[0]}" in missing(document, "optional")
