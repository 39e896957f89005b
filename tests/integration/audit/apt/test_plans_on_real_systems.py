"""In clean Debian systems, a plan comes as apt-get says it would; then libraries load and programs start."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from fleet_audit.audit.apt.planning.plan import propose
from fleet_audit.audit.model.apt import AptPlan
from tests.support.debian import RELEASES, index, wanted
from tests.support.needs import needs_of
from tests.support.throwaway_systems import System, clean_state, system

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting and chroot need root"),
]

SETS = (
    "opencv-python",
    "pyside6-gui",
    "pyqt6-xcb",
    "sounddevice",
    "open3d",
    "mediapipe",
    "ffmpeg",
    "tesseract",
    "weasyprint",
    "python-magic",
    "pyzbar",
    "vision",
    "documents",
    "everything",
)
"""Sets of tests/fixtures/apt/needs.yaml; the last three are unions."""

CASES = [
    *(("bookworm", name) for name in SETS),
    *(("trixie", name) for name in ("opencv-python", "pyqt6-xcb", "sounddevice", "mediapipe", "weasyprint")),
    *(("trixie", name) for name in ("pyzbar", "vision")),
    *(
        ("bullseye", name)
        for name in ("opencv-python", "sounddevice", "weasyprint", "python-magic", "pyzbar", "documents")
    ),
]

VERSION_OPTION = {"ffmpeg": "-version", "ffprobe": "-version", "pdftoppm": "-v", "convert": "-version"}
"""How a program that has no ``--version`` is started to no purpose."""


class Trial(NamedTuple):
    """A plan, and what became of it in a system; `before` and `after` say why each need was not met."""

    plan: AptPlan
    simulated: set[str]
    came: set[str]
    before: dict[str, str]
    after: dict[str, str]
    inconsistent: str

    @property
    def pins(self) -> set[str]:
        """Return what was planned (``name=version``)."""
        return {f"{package.name}={package.version}" for package in self.plan.packages}


def planned(suite: str, name: str) -> AptPlan:
    return propose(wanted(*needs(suite, name)), clean_state(suite), index(RELEASES[suite]))


def needs(suite: str, name: str) -> Sequence[str]:
    return needs_of(RELEASES[suite])[name]


def names(plan: AptPlan) -> list[str]:
    return [package.name for package in plan.packages]


def complaints(it: System, asked: Sequence[str]) -> dict[str, str]:
    """Return why each need is not met in a system, empty where it is."""
    sonames = [need.removeprefix("so:") for need in asked if need.startswith("so:")]
    programs = [need.removeprefix("bin:") for need in asked if need.startswith("bin:")]
    loaded = {f"so:{name}": why for name, why in it.load(sonames).items()}
    options = {name: VERSION_OPTION.get(name, "--version") for name in programs}
    return loaded | {f"bin:{name}": it.complaint(name, option) for name, option in options.items()}


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def trial(request: pytest.FixtureRequest) -> Trial:
    suite, name = request.param
    plan = planned(suite, name)
    with system(suite, packages=names(plan)) as it:
        there = it.packages()
        before = complaints(it, needs(suite, name))
        simulated = it.simulated(plan.roots)
        it.install(plan.roots)
        return Trial(
            plan=plan,
            simulated=simulated,
            came=it.packages() - there,
            before=before,
            after=complaints(it, needs(suite, name)),
            inconsistent=it.run("dpkg", "--audit") + it.complaint("apt-get", "check"),
        )


def test_the_plan_leaves_nothing_of_the_set_without_an_answer(trial: Trial) -> None:
    assert trial.plan.unsatisfied == ()


def test_apt_get_in_the_system_would_install_exactly_the_plan(trial: Trial) -> None:
    assert trial.simulated == trial.pins


def test_exactly_the_plan_is_installed(trial: Trial) -> None:
    assert trial.came == trial.pins


def test_nothing_of_the_set_was_there_before(trial: Trial) -> None:
    assert [need for need, why in trial.before.items() if not why] == []


def test_every_library_loads_and_every_program_starts(trial: Trial) -> None:
    assert {need: why for need, why in trial.after.items() if why} == {}


def test_the_system_is_consistent_afterwards(trial: Trial) -> None:
    assert trial.inconsistent == ""


def test_without_one_of_the_packages_a_library_does_not_load() -> None:
    plan = planned("bookworm", "opencv-python")
    with system("bookworm", packages=names(plan)) as it:
        it.install(plan.roots)

        it.run("dpkg", "--force-depends", "--purge", "libglx0")

        assert "libGLX.so.0" in complaints(it, ["so:libGL.so.1"])["so:libGL.so.1"]


def test_what_is_written_in_a_system_is_not_in_the_next() -> None:
    with system("bookworm") as first:
        (first.root / "etc" / "trace").write_text("")
    with system("bookworm") as second:
        assert not (second.root / "etc" / "trace").exists()


_HOLDING = """
import sys
from tests.support.throwaway_systems import system

with system("bookworm") as it:
    print(it.root, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_run_leaves_mounted_is_gone_once_another_begins() -> None:
    argv = [sys.executable, "-c", _HOLDING]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed:  # noqa: S603  (this very Python)
        assert killed.stdout is not None
        root = Path(killed.stdout.readline().strip())
        killed.kill()
    was_mounted = root.is_mount()

    subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=True)  # noqa: S603  (the same)

    assert was_mounted
    assert not root.parent.exists()


def test_what_a_living_run_has_mounted_stays() -> None:
    with system("bookworm") as it:
        argv = [sys.executable, "-c", _HOLDING]
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=True)  # noqa: S603  (this very Python)

        assert it.root.is_mount()
        assert it.complaint("true") == ""
