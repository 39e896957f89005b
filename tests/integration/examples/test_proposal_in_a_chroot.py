"""What `fleet-audit deps` proposes makes the imports work that failed before, in the image itself."""

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from fleet_audit.audit.tools.process import ToolFailed, run
from tests.support.example_images import FLEET, LAYOUT, build, example_layout

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
]

VISION, AUDIO = "family-vision-cu121", "family-torch-cu121"
SECONDS = 300


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    example_layout(VISION, AUDIO)


def unpacked(tag: str, root: Path, layout: Path = LAYOUT) -> Path:
    """Unpack an image, with the device that ctypes opens when it asks ldconfig."""
    command = [sys.executable, "-m", "examples.fleet.builder", "export", tag, str(root)]
    command += ["--format", "dir", "--layout", str(layout)]
    run(command, timeout=SECONDS, env=os.environ, cwd=FLEET.parents[1])
    os.mknod(root / "dev" / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    return root


def complaint(root: Path, *command: str) -> str:
    """Return what a command in the image says when it fails; empty where it succeeds."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    try:
        run(["chroot", str(root), *command], timeout=SECONDS, env={"PATH": path})
    except ToolFailed as e:
        return e.stderr or str(e)
    return ""


def with_proposal(family: str, folder: Path) -> Path:
    """Return the image with the packages that `deps` proposes for `family`, unpacked."""
    plan = folder / "deps.json"
    deps = [sys.executable, "-m", "fleet_audit", "deps", family]
    deps += ["-f", str(FLEET / "fleet.yaml"), "-o", f"json={plan}"]
    with pytest.raises(ToolFailed) as failed:
        run(deps, timeout=SECONDS, env=os.environ)
    assert failed.value.status == 1, failed.value.stderr
    layout = folder / "layout"
    build(
        family, "--tag", "amended", "--add-plan", str(plan), "--output", str(layout), "--compression", "none"
    )
    return unpacked("amended", folder / "after", layout)


@pytest.mark.parametrize(
    ("family", "module", "error"),
    [
        (VISION, "cv2", "cannot open shared object file"),
        (AUDIO, "pulsectl", "libpulse"),
        (AUDIO, "sounddevice", "PortAudio library not found"),
    ],
)
def test_imports_fail_before(tmp_path: Path, family: str, module: str, error: str) -> None:
    root = unpacked(family, tmp_path / "before")
    try:
        assert error in complaint(root, "python3", "-c", f"import {module}")
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize(
    ("family", "commands"),
    [
        (VISION, [["python3", "-c", "import cv2; cv2.GaussianBlur"]]),
        (
            AUDIO,
            [
                ["python3", "-c", "import pulsectl, sounddevice, soundfile, pydub"],
                ["ffmpeg", "-version"],
            ],
        ),
    ],
)
def test_what_is_proposed_makes_it_work(tmp_path: Path, family: str, commands: list[list[str]]) -> None:
    root = with_proposal(family, tmp_path)
    try:
        for command in commands:
            assert complaint(root, *command) == ""
        assert complaint(root, "dpkg", "--audit") == ""
        assert complaint(root, "apt-get", "-s", "check") == ""
    finally:
        shutil.rmtree(root)
