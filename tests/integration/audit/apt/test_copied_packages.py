"""What a proposal says for an image without apt-get is done by hand, and its libraries load there."""

import os
import shutil
from pathlib import Path

import pytest

from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.closure import closure
from fleet_audit.audit.apt.planning.plan import propose
from fleet_audit.audit.dockerfiles.addition.foreign_stage import ForeignStage, patch_with_stage
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.identity import ImagePath, PackageName
from fleet_audit.audit.tools.process import run
from tests.support.chroots import Inside, dlopened
from tests.support.debian import BOOKWORM, fetcher, index, wanted
from tests.support.status import status_of
from tests.support.throwaway_systems import system

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting and chroot need root"),
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed"),
]

PYTHON = "/usr/bin/python3.11"
ROOTS = ("python3.11", "coreutils")
"""What the image has: an interpreter, and `env`, by which it is started."""

SONAMES = ["libGL.so.1", "libblas.so.3", "libportaudio.so.2"]
"""The second is an alternative, which no package ships under that name."""


@pytest.fixture(params=["a folder", "a link"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give an image of unpacked packages, as builders of images without a package manager make them."""
    archive = index(BOOKWORM)
    packages = [c.package for c in closure(archive.packages, [PackageName(root) for root in ROOTS]).chosen]
    for package in packages:
        file = fetcher().get_file(
            archive.address(package), size_limit=1 << 30, deadline=300, sha256=package.sha256
        )
        run(
            ["dpkg-deb", "--extract", str(file), str(tmp_path)], timeout=300, env={"PATH": os.environ["PATH"]}
        )
        status = tmp_path / "var/lib/dpkg/status.d" / package.name
        status.parent.mkdir(parents=True, exist_ok=True)
        status.write_text(status_of([package]))
    (tmp_path / "tmp").mkdir(exist_ok=True)
    if request.param == "a link":
        for name in ("lib", "bin", "sbin", "lib64"):
            _merge(tmp_path, name)
    return tmp_path


def _merge(root: Path, name: str) -> None:
    """Make a folder a link to the one of the same name below /usr, as installed systems have it."""
    if (root / name).is_dir():
        shutil.copytree(root / name, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(root / name)
        (root / name).symlink_to(f"usr/{name}")


def state(root: Path) -> InstalledState:
    found = InstalledState.read(open_folder(root))
    assert found is not None
    return found


def test_what_the_stage_keeps_makes_every_library_load(image: Path) -> None:
    archive, needs = index(BOOKWORM), wanted(*(f"so:{name}" for name in SONAMES))
    before = state(image)
    plan = propose(needs, before, archive)
    names = tuple(package.name for package in plan.packages)
    stage = ForeignStage("debian:bookworm-slim", plan.roots, names)
    dockerfile = parse(patch_with_stage("FROM small:1\n", stage).after)
    (install,) = dockerfile.stages[0].instructions[1:]
    (copy,) = dockerfile.stages[1].instructions[1:]
    lacking = {name for name, why in dlopened(Inside(image), PYTHON, SONAMES).items() if why}

    with system("bookworm", packages=names) as it:
        # The system has the lists of packages, and no network to update them over.
        it.run("/bin/sh", "-c", install.body.replace("apt-get update", "true"))
        source, target = copy.body.split()
        shutil.copytree(
            it.root / source.lstrip("/"), image / target.lstrip("/"), symlinks=True, dirs_exist_ok=True
        )

    assert (before.has_apt, lacking, plan.unsatisfied) == (False, set(SONAMES), ())
    assert dlopened(Inside(image), PYTHON, SONAMES) == dict.fromkeys(SONAMES, "")
    after = state(image)
    assert {record.name for record in after.records} == {*names, *(r.name for r in before.records)}
    # Sums of files are kept, and links have none.
    assert after.owner(ImagePath("/usr/lib/x86_64-linux-gnu/libGL.so.1.7.0")) == "libgl1"
    assert (image / "lib").is_symlink() == (image / "bin").is_symlink()
