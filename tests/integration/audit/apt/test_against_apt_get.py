"""What we plan is exactly what apt-get does with our command line."""

import random
import shutil

import pytest

from fleet_audit.audit.apt.planning.plan import propose
from fleet_audit.audit.model.apt import AptPlan
from tests.support.debian import Simulation, index, minimal, older, state_of, wanted

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt-get is not installed"),
]

CV2 = ("so:libGL.so.1", "so:libgthread-2.0.so.0", "so:libglib-2.0.so.0")

MISSING_SETS = {
    "cv2": CV2,
    "pulseaudio": ("so:libpulse.so.0",),
    "ffmpeg": ("bin:ffmpeg",),
    "tesseract": ("bin:tesseract",),
    "sounddevice": ("so:libportaudio.so.2",),
    "open3d": ("so:libGL.so.1", "so:libEGL.so.1", "so:libgomp.so.1", "so:libX11.so.6", "so:libusb-1.0.so.0"),
    "mediapipe": ("so:libEGL.so.1", "so:libGLESv2.so.2"),
    "weasyprint": (
        "so:libpango-1.0.so.0",
        "so:libpangoft2-1.0.so.0",
        "so:libharfbuzz.so.0",
        "so:libfontconfig.so.1",
        "so:libgobject-2.0.so.0",
    ),
    "magic": ("so:libmagic.so.1",),
    "zbar": ("so:libzbar.so.0",),
    "blas": ("so:libblas.so.3", "so:liblapack.so.3"),
    "jack": ("so:libjack.so.0",),
    "qt": ("so:libQt5Widgets.so.5",),
    "several": (*CV2, "so:libpulse.so.0", "bin:ffmpeg", "bin:tesseract", "so:libportaudio.so.2"),
}

OUTDATED = {
    "an old libc": ("glibc", "2.36-9", ("so:libGL.so.1", "bin:ffmpeg")),
    "an old libc that is wanted itself": ("glibc", "2.36-9", ("so:libnss_hesiod.so.2",)),
    "an old gcc": ("gcc-12", "12.2.0-13", ("so:libgomp.so.1", "bin:gcc")),
    "an old util-linux": ("util-linux", "2.38.1-4", ("so:libfdisk.so.1",)),
    "an old util-linux below a dependency": ("util-linux", "2.38.1-4", ("so:libglib-2.0.so",)),
}


@pytest.fixture(scope="module")
def apt_get(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    index()
    return Simulation(tmp_path_factory.mktemp("apt"))


def pins(plan: AptPlan) -> set[str]:
    return {f"{package.name}={package.version}" for package in plan.packages}


@pytest.mark.parametrize("name", MISSING_SETS)
def test_apt_get_installs_exactly_what_was_planned(name: str, apt_get: Simulation) -> None:
    installed = minimal()

    plan = propose(wanted(*MISSING_SETS[name]), state_of(installed), index())

    assert plan.unsatisfied == ()
    assert apt_get.install(plan.roots, installed) == pins(plan)


@pytest.mark.parametrize("name", OUTDATED)
def test_apt_get_upgrades_exactly_what_was_planned(name: str, apt_get: Simulation) -> None:
    source, version, needs = OUTDATED[name]
    installed = older(minimal(), source, version)

    plan = propose(wanted(*needs), state_of(installed), index())

    assert plan.unsatisfied == ()
    assert apt_get.install(plan.roots, installed) == pins(plan)


@pytest.mark.parametrize("seed", range(5))
def test_apt_get_agrees_on_sets_drawn_by_lot(seed: int, apt_get: Simulation) -> None:
    choose = random.Random(seed)  # noqa: S311  (the same sets each time, not secrets)
    needs = [f"so:{name}" for name in choose.sample(sorted(index().sonames), 6)]
    needs += [f"bin:{name}" for name in choose.sample(sorted(index().programs), 2)]
    installed = minimal()

    plan = propose(wanted(*needs), state_of(installed), index())

    assert apt_get.install(plan.roots, installed) == pins(plan)


def test_the_cost_of_opencv_is_known() -> None:
    plan = propose(wanted(*CV2), state_of(minimal()), index())

    assert {"libgl1", "libglib2.0-0"} == {root.partition("=")[0] for root in plan.roots}
    assert 40 <= len(plan.packages) <= 44
    assert 200 < plan.installed_bytes / 2**20 < 220
