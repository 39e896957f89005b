"""``explain CVE-…`` knows an advisory by its name in large and in small letters."""

from datetime import UTC, datetime

import pytest

from fleet_audit.audit.pipeline.explaining_advisories import names_advisory
from tests.support.dpkg_layers import Installed, dpkg_layer, library
from tests.support.scan_reports import scan_report, trivy_saying
from tests.support.trivy_database import write_trivy_database
from tests.support.worlds import FAMILY, SERVICE, World

RECENT = datetime(2026, 11, 15, tzinfo=UTC)
WEBP = "libwebp7"
FOUND = {WEBP: [{"VulnerabilityID": "CVE-2030-1", "VendorIDs": ["GHSA-abcd"], "Status": "affected"}]}


@pytest.mark.parametrize("name", ["CVE-2030-1", "cve-2030-1", "advisory:Cve-2030-1", "ghsa-ABCD"])
def test_letters_of_an_advisory_may_be_large_or_small(world: World, name: str) -> None:
    world.family(FAMILY, dpkg_layer(Installed(WEBP, files=library("libwebp.so.7")))).service(SERVICE, "")
    packages = {WEBP: ("1.0", "libwebp"), "libc6": ("1.0", "glibc")}
    trivy = trivy_saying(world.folder.parent / "bin", scan_report(packages, FOUND))
    caches = write_trivy_database(world.folder.parent / "trivy", made=RECENT)

    words = ("--family", FAMILY, "--trivy", str(trivy), "--db", str(caches))
    code, out, _ = world.say("explain", name, *words)

    assert code == 0
    assert "on           libwebp 1.0" in out
    assert "unreached" in out


@pytest.mark.parametrize("name", ["alpine-base", "go-md2man", "temp-file", "libwebp7"])
def test_a_package_that_begins_like_an_advisory_in_small_letters_is_a_package(name: str) -> None:
    assert not names_advisory(None, name)
