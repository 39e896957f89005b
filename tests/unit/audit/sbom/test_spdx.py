"""SPDX documents: valid, the same for the same inventory, and with what SPDX has a field for."""

from typing import Any

import msgspec

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.inventory import Component, Inventory
from fleet_audit.audit.sbom.spdx import spdx
from fleet_audit.audit.sbom.validation import check_spdx
from tests.support.inventories import WEBP, ZLIB, inventory

WHEN = "2026-11-14T00:00:00Z"


def document(found: Inventory) -> dict[str, Any]:
    body = spdx(found, created=WHEN, version="1.0")
    check_spdx(body)
    value = msgspec.json.decode(body)
    assert isinstance(value, dict)
    return value


def package(found: Inventory, name: str) -> dict[str, Any]:
    (one,) = (each for each in document(found)["packages"] if each["name"] == name)
    assert isinstance(one, dict)
    return one


def test_the_same_inventory_gives_the_same_bytes() -> None:
    assert spdx(inventory(), created=WHEN, version="1") == spdx(inventory(), created=WHEN, version="1")


def test_a_package_has_its_url_and_its_platform_name() -> None:
    references = package(inventory(), "zlib1g")["externalRefs"]

    assert [(each["referenceType"], each["referenceLocator"]) for each in references] == [
        ("cpe23Type", "cpe:2.3:a:zlib:zlib:1.2.13:*:*:*:*:*:*:*"),
        ("purl", ZLIB),
    ]


def test_several_licences_hold_together_and_unknown_ones_are_written_out() -> None:
    assert package(inventory(), "zlib1g")["licenseDeclared"] == "Zlib AND (MIT OR Apache-2.0)"
    reference = package(inventory(), "pillow")["licenseDeclared"]
    assert reference.startswith("LicenseRef-The-licence-of-Pillow-")
    (extracted,) = document(inventory())["hasExtractedLicensingInfos"]
    assert extracted["licenseId"] == reference
    assert extracted["extractedText"].endswith("using, and/or copying")


def test_links_are_relationships_with_their_evidence() -> None:
    told = document(inventory())
    names = {each["SPDXID"]: each["name"] for each in told["packages"]}
    rows = {
        (names[row["spdxElementId"]], row["relationshipType"], names[row["relatedSpdxElement"]]): row[
            "comment"
        ]
        for row in told["relationships"]
        if "comment" in row
    }

    assert set(rows) == {
        ("pillow", "CONTAINS", "libwebp"),
        ("pillow", "DYNAMIC_LINK", "zlib1g"),
        ("zlib1g", "DEPENDS_ON", "libc6"),
        ("Faces", "DEPENDS_ON", "pillow"),
    }
    assert "services/faces/app.py:7" in rows["Faces", "DEPENDS_ON", "pillow"]


def test_what_spdx_has_no_field_for_is_annotated() -> None:
    comments = [each["comment"] for each in package(inventory(), "libwebp")["annotations"]]

    assert "fleet-audit:origin: family-vision" in comments


def test_gaps_are_told_in_the_document() -> None:
    gap = Gap("sbom", GapKind.SCANNER_ABSENT, "syft", "it was not found")

    assert (
        "incomplete: sbom: syft: it was not found"
        in document(inventory(gaps=(gap,)))["creationInfo"]["comment"]
    )


def test_a_gap_that_does_not_block_makes_no_document_incomplete() -> None:
    gap = Gap("sbom", GapKind.NOT_EXAMINED, "own.json", "it cannot be read")

    comment = document(inventory(gaps=(gap,)))["creationInfo"]["comment"]

    assert comment.startswith("note: sbom: own.json: it cannot be read\n")


def test_components_of_one_name_have_ids_of_their_own() -> None:
    alike = tuple(Component(ref=f"libXau#{number}", name="libXau") for number in range(3))
    ids = [
        each["SPDXID"]
        for each in document(msgspec.structs.replace(inventory(), components=alike, links=()))["packages"]
    ]

    assert len(set(ids)) == len(ids) == 4
    assert WEBP not in ids
