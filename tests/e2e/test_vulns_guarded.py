"""What a service can do without, or what only text names, is not said to be reached by ``vulns``."""

import pytest

from tests.support.dpkg_layers import Installed, dpkg_layer, library
from tests.support.images import Content
from tests.support.scan_reports import scan_report, trivy_saying
from tests.support.trivy_database import MADE, write_trivy_database
from tests.support.worlds import FAMILY, SERVICE, World, opencv

WEBP = "libwebp7"
GUARDED = "try:\n    import cv2\nexcept ImportError:\n    cv2 = None\n"


@pytest.mark.parametrize(
    ("code", "reach"),
    [("import cv2\n", "reached"), (GUARDED, "unknown"), ("NAME = 'libwebp.so.7'\n", "unreached")],
)
def test_a_library_behind_an_import_that_may_fail_is_not_known_to_be_reached(
    world: World, code: str, reach: str
) -> None:
    packages: dict[str, Content] = dpkg_layer(Installed(WEBP, files=library("libwebp.so.7")))
    world.family(FAMILY, packages, opencv("libwebp.so.7")).service(SERVICE, code)
    found = {WEBP: [{"VulnerabilityID": "CVE-2030-1", "Status": "affected"}]}
    place = world.folder.parent
    report = scan_report({WEBP: ("1.0", "libwebp"), "libc6": ("1.0", "glibc")}, found)
    words = ("--db", str(write_trivy_database(place / "trivy", made=MADE)), "-o", "text")

    answer = world.run("vulns", FAMILY, "--trivy", str(trivy_saying(place / "bin", report)), *words)

    (advisory,) = answer.document["advisories"]
    assert advisory["reach"] == reach
