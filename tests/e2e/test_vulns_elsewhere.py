"""A distribution that lies beside the services' Python is not taken for the one that they import."""

import pytest

from tests.support.scan_reports import scan_report, trivy_saying
from tests.support.trivy_database import MADE, write_trivy_database
from tests.support.worlds import FAMILY, SERVICE, Document, World, installed

USES_IT = "import packaging\n"


def _packaging(world: World, code: str, *, affected: str, has_one: bool) -> Document:
    """Return what is said of an advisory on this version, where the services' Python has 24.0 or none."""
    own = installed("packaging", {"packaging/__init__.py": ""}, version="24.0") if has_one else {}
    world.family(FAMILY, own).service(SERVICE, code)
    found = {"packaging": [{"VulnerabilityID": "CVE-2030-1", "Status": "affected"}]}
    place = world.folder.parent
    report = scan_report({"packaging": (affected, ""), "libc6": ("1.0", "glibc")}, found)
    words = ("--db", str(write_trivy_database(place / "trivy", made=MADE)), "-o", "text")
    (advisory,) = world.run(
        "vulns", FAMILY, "--trivy", str(trivy_saying(place / "bin", report)), *words
    ).document["advisories"]
    return dict(advisory)


@pytest.mark.parametrize("has_one", [True, False])
def test_a_copy_inside_another_distribution_is_neither_reached_nor_unreached(
    world: World, *, has_one: bool
) -> None:
    advisory = _packaging(world, USES_IT if has_one else "", affected="22.0", has_one=has_one)

    assert (advisory["reach"], advisory["reached_by"]) == ("unknown", [])
    assert "packaging 22.0 lies where the services' Python does not look" in advisory["why_unknown"]


@pytest.mark.parametrize(("code", "reach"), [(USES_IT, "reached"), ("", "unreached")])
def test_the_one_that_is_imported_is_reached_however_its_version_is_written(
    world: World, code: str, reach: str
) -> None:
    assert _packaging(world, code, affected="24", has_one=True)["reach"] == reach
