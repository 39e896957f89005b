"""What `fleet-audit deps` proposes makes the imports work that failed before, in the image itself."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from fleet_audit.audit.tools.process import ToolFailed, run
from tests.support.example_images import FLEET, LAYOUT, build, example_layout

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
]

VISION, AUDIO = "family-vision-cu121", "family-torch-cu121"
SECONDS = 300

WANTED: dict[str, list[tuple[tuple[str, ...], str]]] = {
    VISION: [(("python3", "-c", "import cv2"), "cannot open shared object file")],
    AUDIO: [
        (("python3", "-c", "import pulsectl"), "libpulse"),
        (("python3", "-c", "import sounddevice"), "PortAudio library not found"),
        (("ffmpeg", "-version"), "No such file"),
    ],
}
"""What must fail before, and with which words, and must succeed after."""


class Family(NamedTuple):
    name: str
    root: Path


def unpacked(tag: str, root: Path) -> Path:
    """Unpack an image, with the device that ctypes opens when it asks ldconfig."""
    command = [sys.executable, "-m", "examples.fleet.builder", "export", tag, str(root)]
    command += ["--format", "dir", "--layout", str(LAYOUT)]
    run(command, timeout=SECONDS, env=os.environ, cwd=FLEET.parents[1])
    os.mknod(root / "dev" / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    return root


@pytest.fixture(scope="module", params=[VISION, AUDIO])
def before(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    example_layout(VISION, AUDIO)
    root = unpacked(request.param, tmp_path_factory.mktemp("image") / "root")
    yield Family(request.param, root)
    shutil.rmtree(root)


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
    build(family, "--tag", f"{family}-amended", "--add-plan", str(plan))
    return unpacked(f"{family}-amended", folder / "after")


def test_what_is_proposed_makes_work_what_failed_before(before: Family, tmp_path: Path) -> None:
    for command, why in WANTED[before.name]:
        assert why in complaint(before.root, *command)

    after = with_proposal(before.name, tmp_path)
    try:
        for command, _ in WANTED[before.name]:
            assert complaint(after, *command) == ""
        assert complaint(after, "dpkg", "--audit") == ""
        assert complaint(after, "apt-get", "-s", "check") == ""
    finally:
        shutil.rmtree(after)
