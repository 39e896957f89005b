"""What every image source promises, whichever transport it reads."""

from pathlib import Path
from typing import Any

import pytest

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.sources import IMAGE_SOURCES, ImageSource
from fleet_audit.audit.model.identity import ImagePath
from tests.support.images import docker_files, image, layer_tar, write_files
from tests.support.pulled import MemoryPulls
from tests.support.registries import stored_as_oci
from tests.support.trees import Link

FILES = {
    "etc/os-release": "ID=debian\n",
    "usr/lib/a.so": "a",
    "lib": Link("usr/lib"),
    "usr/bin/tool": Link("../lib/a.so"),
}
EXAMPLE = image(FILES)

Prepared = tuple[str, dict[str, Any]]


def prepared(source: ImageSource, folder: Path) -> Prepared:
    """Write the example as the source reads it; return its reference and how to reach what holds it."""
    match source.transport:
        case "oci" | "oci-archive" | "docker-archive" as form:
            return EXAMPLE.write(folder / "image", form), {}
        case "dir":
            write_files({name: body.encode() for name, body in FILES.items() if type(body) is str}, folder)
            (folder / "lib").symlink_to("usr/lib")
            (folder / "usr" / "bin").mkdir()
            (folder / "usr" / "bin" / "tool").symlink_to("../lib/a.so")
            return f"dir:{folder}", {}
        case "registry":
            pulls = MemoryPulls(stored_as_oci(EXAMPLE), folder)
            return "registry:registry.example/a:1", {"registry": pulls.registry()}
        case engine:
            archive = folder / "saved"
            archive.write_bytes(layer_tar(docker_files([EXAMPLE])))
            return f"{engine}:a", {"engines": {engine: lambda _name: archive.open("rb")}}


@pytest.fixture(params=IMAGE_SOURCES, ids=[source.transport for source in IMAGE_SOURCES])
def source(request: pytest.FixtureRequest) -> ImageSource:
    found: ImageSource = request.param
    return found


def test_the_same_image_has_the_same_files(source: ImageSource, tmp_path: Path) -> None:
    ref, connected = prepared(source, tmp_path)

    with open_image(ref, **connected) as opened:
        tree = opened.tree
        assert [path for path, _ in tree.files()] == ["/etc/os-release", "/usr/lib/a.so"]
        assert tree.realpath(ImagePath("/usr/bin/tool")) == "/usr/lib/a.so"
        assert tree.read(ImagePath("/lib/a.so")) == b"a"
        assert sorted(tree.listing(ImagePath("/"))) == ["etc", "lib", "usr"]
        assert opened.identity.distro.id == "debian"
        assert str(opened.identity.ref) == ref
        assert opened.gaps == ()


def test_opening_twice_gives_the_same(source: ImageSource, tmp_path: Path) -> None:
    ref, connected = prepared(source, tmp_path)

    with open_image(ref, **connected) as first, open_image(ref, **connected) as second:
        assert first.identity == second.identity
        assert list(first.tree.files()) == list(second.tree.files())


def test_nothing_is_written_beside_the_image(source: ImageSource, tmp_path: Path) -> None:
    ref, connected = prepared(source, tmp_path)
    before = sorted(tmp_path.rglob("*"))

    open_image(ref, **connected).close()

    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("place", ["", "/nowhere/at/all", "\0", "a\nb", ":", "@", "x" * 5000])
def test_a_place_that_holds_no_image_is_an_error_for_people(source: ImageSource, place: str) -> None:
    with pytest.raises(FleetAuditError) as raised:
        open_image(f"{source.transport}:{place}")

    assert str(raised.value)


def test_the_way_to_write_it_begins_with_the_transport(source: ImageSource) -> None:
    assert source.takes.startswith(f"{source.transport}:")
