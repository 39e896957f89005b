import pytest

from fleet_audit.audit.model.identity import ImageRef
from fleet_audit.audit.pipeline.inventories.inventory import short_name


@pytest.mark.parametrize(
    ("transport", "name", "expected"),
    [
        ("oci", "build/images:vision", "vision"),
        ("oci", "build/images", "images"),
        ("docker-archive", "saved/vision.tar", "vision.tar"),
        ("dir", "/srv/root", "root"),
        ("docker", "vision", "vision"),
        ("docker", "vision:1", "vision"),
        ("podman", "localhost/team/vision:1.4", "vision"),
        ("registry", "registry.example/team/vision:1.4", "vision"),
        ("registry", "registry.example:5000/vision", "vision"),
        ("registry", "registry.example/vision:1@sha256:" + "a" * 64, "vision"),
    ],
)
def test_the_same_image_has_the_same_name_wherever_it_lies(transport: str, name: str, expected: str) -> None:
    assert short_name(ImageRef(transport, name)) == expected
