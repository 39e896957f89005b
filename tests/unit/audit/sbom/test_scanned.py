"""What syft found, in our terms: by a recorded answer of the real program."""

from pathlib import Path

import msgspec

from fleet_audit.audit.model.identity import DiffID, ImagePath
from fleet_audit.audit.model.inventory import Component, Link
from fleet_audit.audit.sbom.scanned import Scanned, scanned
from fleet_audit.audit.tools.syft import SyftRelationship, parse

RECORDED = Path(__file__).parents[3] / "fixtures" / "scanners" / "syft-1.18.1-vulnerable-image.json"
LAYER = DiffID("sha256:" + "1" * 64)


def found() -> Scanned:
    return scanned(parse(RECORDED.read_bytes()), lambda _path: LAYER)


def component(name: str) -> Component:
    (one,) = (each for each in found().components if each.name == name)
    return one


def test_a_debian_package_has_its_canonical_url_its_source_and_where_it_is_listed() -> None:
    login = component("login")

    assert login.ref == login.purl == "pkg:deb/debian/login@1:4.13%2Bdfsg1-1%2Bb1?arch=amd64"
    assert (login.source_name, login.source_version) == ("shadow", "1:4.13+dfsg1-1")
    assert login.supplier == "Somebody <somebody@packages.example>"
    (sighting,) = login.sightings
    assert (sighting.path, sighting.technique, sighting.layer) == (
        "/var/lib/dpkg/status",
        "package-database",
        LAYER,
    )


def test_a_distribution_is_shown_by_its_metadata_alone() -> None:
    (sighting,) = component("torch").sightings

    assert sighting.path.endswith("torch-2.4.1.dist-info/METADATA")
    assert sighting.technique == "metadata"


def test_what_depends_on_what_is_told_the_way_round_that_links_are() -> None:
    document = parse(RECORDED.read_bytes())
    first, second = document.artifacts[:2]
    told = (SyftRelationship(first.id, second.id, "dependency-of"),)

    links = scanned(msgspec.structs.replace(document, artifact_relationships=told), lambda _path: None).links

    assert links == (
        Link("pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64", "pkg:pypi/jinja2@3.1.6", "depends"),
    )


def test_what_has_no_url_and_no_version_is_known_by_where_it_lies() -> None:
    document = parse(RECORDED.read_bytes())
    odd = msgspec.structs.replace(document.artifacts[0], purl="", version="UNKNOWN")

    (one,) = scanned(
        msgspec.structs.replace(document, artifacts=(odd,), artifact_relationships=()), lambda _path: None
    ).components

    assert (one.purl, one.version) == (None, "")
    assert one.ref.endswith(f"#{one.sightings[0].path}")
    assert one.sightings[0].path == ImagePath(odd.locations[0].path)
