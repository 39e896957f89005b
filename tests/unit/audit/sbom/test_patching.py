"""Documents of others are added to, and nothing of them is lost."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_audit.audit.pipeline.inventories.converted import converted
from fleet_audit.audit.pipeline.inventories.foreign import foreign
from fleet_audit.audit.sbom.cyclonedx import cyclonedx
from fleet_audit.audit.sbom.joining import package_set_of
from fleet_audit.audit.sbom.patching import ForeignUnreadable, Patched, patched, read_document
from fleet_audit.audit.sbom.spdx import spdx
from tests.support.inventories import components, inventory

WHEN = "2026-11-14T00:00:00Z"
ZLIB = "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12&upstream=zlib"


def add_to(document: dict[str, Any]) -> Patched:
    return patched("x.json", read_document("x.json", msgspec.json.encode(document)), "1.0")


def bom(*found: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": list(found), **fields}


def test_everything_that_is_not_known_here_stays() -> None:
    document = bom(
        {"name": "a", "type": "library", "x-own": [1, 2.5, None]},
        annotations=[{"text": "kept"}],
        formulation=[{"workflows": []}],
        invented={"deep": [{"er": True}]},
    )

    assert msgspec.json.decode(add_to(document).body) == document


def test_the_set_of_packages_is_added_once() -> None:
    once = add_to(bom({"name": "zlib1g", "purl": ZLIB}))
    twice = add_to(msgspec.json.decode(once.body))

    assert twice.body == once.body
    (told,) = msgspec.json.decode(once.body)["metadata"]["properties"]
    assert told == {"name": "fleet-audit:package-set", "value": once.package_set}


def test_the_source_that_a_url_names_is_told_as_trivy_asks_for_it() -> None:
    (zlib,) = msgspec.json.decode(add_to(bom({"name": "zlib1g", "purl": ZLIB})).body)["components"]

    told = {each["name"].rpartition(":")[2]: each["value"] for each in zlib["properties"]}
    assert told == {
        "PkgType": "debian",
        "SrcEpoch": "1",
        "SrcName": "zlib",
        "SrcVersion": "1.2.13.dfsg",
        "SrcRelease": "1",
    }
    assert zlib["purl"] == ZLIB


def test_our_own_documents_have_the_digest_that_they_have() -> None:
    for write in (cyclonedx, spdx):
        document = msgspec.json.decode(write(inventory(), created=WHEN, version="1.0"))
        assert add_to(document).package_set == package_set_of(components())


def test_spdx_is_annotated_and_stays_what_it_is() -> None:
    document = msgspec.json.decode(spdx(inventory(), created=WHEN, version="1.0"))
    once = add_to(document)

    told = msgspec.json.decode(once.body)
    (note,) = told.pop("annotations")
    assert note["comment"] == f"fleet-audit:package-set: {once.package_set}"
    assert told == document
    assert add_to(msgspec.json.decode(once.body)).body == once.body


def test_the_image_itself_is_no_package_of_it() -> None:
    zlib, image = {"name": "zlib1g", "purl": ZLIB}, {"name": "x", "purl": "pkg:oci/x@sha256:ab"}

    assert add_to(bom(zlib, image)).package_set == add_to(bom(zlib)).package_set


def test_components_within_components_count() -> None:
    inner = {"name": "zlib1g", "purl": ZLIB}

    assert add_to(bom({"name": "a", "components": [inner]})).package_set == add_to(bom(inner)).package_set


def test_a_signature_that_would_not_hold_is_left_out_and_that_is_told() -> None:
    found = add_to(bom(signature={"algorithm": "ES256"}))

    assert "signature" not in msgspec.json.decode(found.body)
    assert "signature" in found.notes[0]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<bom/>", "is XML"),
        (b"{", "no JSON document"),
        (b"[]", "no JSON object"),
        (b"\xff", "no JSON document"),
        (b'{"a":' * 5000, "no JSON document"),
        (b"{}", "says nothing of its form"),
        (b'{"bomFormat": "Other"}', "says Other"),
        (b'{"spdxVersion": "SPDX-3.0"}', "says SPDX-3.0"),
        (b'{"bomFormat": "CycloneDX", "components": 3}', "not as its specification says"),
        (b'{"bomFormat": "CycloneDX", "components": ["x"]}', "not as its specification says"),
        (b'{"bomFormat": "CycloneDX", "components": [{"purl": 7}]}', "not as its specification says"),
        (b'{"bomFormat": "CycloneDX", "components": [{"purl": "pkg:a/b@1"}], "metadata": 1}', "not as"),
        (b'{"spdxVersion": "SPDX-2.3", "packages": [1]}', "not as its specification says"),
    ],
)
def test_what_cannot_be_added_to_says_why(body: bytes, why: str) -> None:
    with pytest.raises(ForeignUnreadable, match=why):
        patched("x.json", read_document("x.json", body), "1.0")


def test_a_recorded_document_of_syft_has_every_package(tmp_path: Path) -> None:
    fixtures = Path(__file__).parents[3] / "fixtures" / "scanners"
    found = foreign(fixtures / "syft-1.18.1-vulnerable-image.json")

    assert found.patched is None
    listed = converted(found.name, found.body).inventory.components
    assert len(listed) == 12  # eleven packages, and the system that they are of
    with pytest.raises(ForeignUnreadable, match="cannot be read"):
        foreign(tmp_path / "nowhere.json")
