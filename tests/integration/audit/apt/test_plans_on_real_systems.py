"""In clean Debian systems, a plan comes as apt-get says it would; then libraries load and programs start."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from fleet_audit.audit.apt.planning.plan import propose
from fleet_audit.audit.model.apt import AptPlan
from tests.support.debian import RELEASES, index, wanted
from tests.support.throwaway_systems import System, clean_state, system

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting and chroot need root"),
]

CV2 = ("so:libGL.so.1", "so:libgthread-2.0.so.0", "so:libglib-2.0.so.0")

QT = (*CV2, "so:libEGL.so.1", "so:libdbus-1.so.3", "so:libfontconfig.so.1", "so:libxkbcommon.so.0")

XCB = (
    "so:libX11-xcb.so.1",
    "so:libxcb-cursor.so.0",
    "so:libxcb-icccm.so.4",
    "so:libxcb-image.so.0",
    "so:libxcb-keysyms.so.1",
    "so:libxcb-render-util.so.0",
    "so:libxcb-util.so.1",
    "so:libxcb-xkb.so.1",
    "so:libxkbcommon-x11.so.0",
)
"""What Qt's plugin for X11 links against beside Qt itself."""

SETS: dict[str, Sequence[str]] = {
    "cv2": CV2,
    "qt-windows": (*QT, *XCB),
    "sounddevice": ("so:libportaudio.so.2",),
    "open3d": ("so:libGL.so.1", "so:libEGL.so.1", "so:libgomp.so.1", "so:libX11.so.6", "so:libusb-1.0.so.0"),
    "mediapipe": ("so:libEGL.so.1", "so:libGLESv2.so.2"),
    "ffmpeg": ("bin:ffmpeg", "bin:ffprobe"),
    "tesseract": ("bin:tesseract",),
    "weasyprint": (
        "so:libpango-1.0.so.0",
        "so:libpangoft2-1.0.so.0",
        "so:libharfbuzz.so.0",
        "so:libfontconfig.so.1",
        "so:libgobject-2.0.so.0",
    ),
    "libmagic": ("so:libmagic.so.1",),
    "zbar": ("so:libzbar.so.0",),
}

SETS["union"] = tuple(dict.fromkeys(need for needs in SETS.values() for need in needs))

CASES = [
    *(("bookworm", name) for name in SETS),
    *(("trixie", name) for name in ("cv2", "qt-windows", "sounddevice", "mediapipe", "weasyprint", "zbar")),
    *(("bullseye", name) for name in ("cv2", "sounddevice", "weasyprint", "libmagic", "zbar")),
]

VERSION_OPTION = {"ffmpeg": "-version", "ffprobe": "-version"}
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
    return propose(wanted(*SETS[name]), clean_state(suite), index(RELEASES[suite]))


def names(plan: AptPlan) -> list[str]:
    return [package.name for package in plan.packages]


def complaints(it: System, needs: Sequence[str]) -> dict[str, str]:
    """Return why each need is not met in a system, empty where it is."""
    sonames = [need.removeprefix("so:") for need in needs if need.startswith("so:")]
    programs = [need.removeprefix("bin:") for need in needs if need.startswith("bin:")]
    loaded = {f"so:{name}": why for name, why in it.load(sonames).items()}
    options = {name: VERSION_OPTION.get(name, "--version") for name in programs}
    return loaded | {f"bin:{name}": it.complaint(name, option) for name, option in options.items()}


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def trial(request: pytest.FixtureRequest) -> Trial:
    suite, name = request.param
    plan = planned(suite, name)
    with system(suite, packages=names(plan)) as it:
        there = it.packages()
        before = complaints(it, SETS[name])
        simulated = it.simulated(plan.roots)
        it.install(plan.roots)
        return Trial(
            plan=plan,
            simulated=simulated,
            came=it.packages() - there,
            before=before,
            after=complaints(it, SETS[name]),
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
    plan = planned("bookworm", "cv2")
    with system("bookworm", packages=names(plan)) as it:
        it.install(plan.roots)

        it.run("dpkg", "--force-depends", "--purge", "libglx0")

        assert "libGLX.so.0" in complaints(it, SETS["cv2"])["so:libGL.so.1"]


def test_what_is_written_in_a_system_is_not_in_the_next() -> None:
    with system("bookworm") as first:
        (first.root / "etc" / "trace").write_text("")
    with system("bookworm") as second:
        assert not (second.root / "etc" / "trace").exists()
