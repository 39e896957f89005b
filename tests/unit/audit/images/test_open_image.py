"""Opening images: every form gives the same tree, and bad ones give a sentence."""

from pathlib import Path

import pytest

from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.model.identity import ImagePath, Platform
from tests.support.elf import elf
from tests.support.images import COMPRESSIONS, FORMS, OS_RELEASE, Compression, Form, Hard, image
from tests.support.trees import Link

EXAMPLE = image(
    {
        "etc/os-release": OS_RELEASE,
        "lib": Link("usr/lib"),
        "usr/lib/a.so": b"a" * 100,
        "old/x": "x",
    },
    {
        "lib/b.so": Hard("usr/lib/a.so"),
        "old/.wh..wh..opq": "",
        "old/y": "y",
        "app/main.py": "import cv2\n",
        "x" * 200 + "/é": "long",
    },
    config={"Env": ["A=b"], "User": "10001", "Healthcheck": {"Test": ["NONE"]}},
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_form_and_compression_gives_the_same_files(
    tmp_path: Path, form: Form, compression: Compression
) -> None:
    ref = EXAMPLE.write(tmp_path / "image", form, compression)

    with open_image(ref) as opened:
        assert [path for path, _ in opened.tree.files()] == [
            "/app/main.py",
            "/etc/os-release",
            "/old/y",
            "/usr/lib/a.so",
            "/usr/lib/b.so",
            "/" + "x" * 200 + "/é",
        ]
        assert opened.tree.read(ImagePath("/lib/b.so")) == b"a" * 100
        assert opened.identity.distro.codename == "bookworm"
        assert opened.gaps == ()


@pytest.mark.parametrize("asked", [None, Platform("linux", "s390x")])
def test_a_root_is_for_the_machine_of_its_programs_whatever_is_asked_for(
    tmp_path: Path, asked: Platform | None
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").write_bytes(elf(machine=183))

    with open_image(f"dir:{tmp_path}", platform=asked) as opened:
        assert str(opened.identity.ref.platform) == "linux/arm64"


def test_a_root_without_programs_is_for_the_platform_that_is_asked_for(tmp_path: Path) -> None:
    with open_image(f"dir:{tmp_path}", platform=Platform("linux", "s390x")) as opened:
        assert str(opened.identity.ref.platform) == "linux/s390x"
