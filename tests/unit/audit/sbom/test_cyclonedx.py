"""CycloneDX documents: valid, the same for the same inventory, and true."""

from typing import Any

import msgspec
import pytest

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.inventory import Component, Inventory, Link, ToolUse
from fleet_audit.audit.sbom.cyclonedx import cyclonedx, dependencies
from fleet_audit.audit.sbom.validation import check_cyclonedx
from tests.support.inventories import LIBC, PILLOW, SERVICE, WEBP, ZLIB, inventory

WHEN = "2026-11-14T00:00:00Z"


def document(found: Inventory) -> dict[str, Any]:
    body = cyclonedx(found, created=WHEN, version="1.0")
    check_cyclonedx(body)
    value = msgspec.json.decode(body)
    assert isinstance(value, dict)
    return value


def component(ref: str) -> dict[str, Any]:
    (one,) = (each for each in document(inventory())["components"] if each["bom-ref"] == ref)
    assert isinstance(one, dict)
    return one


def properties(value: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in value.get("properties", ())}


def test_the_same_inventory_gives_the_same_bytes() -> None:
    assert cyclonedx(inventory(), created=WHEN, version="1.0") == cyclonedx(
        inventory(), created=WHEN, version="1.0"
    )


def test_another_content_has_another_serial_number() -> None:
    other = msgspec.structs.replace(inventory(), tools=(ToolUse("syft", "1.19.0"),))

    assert document(inventory())["serialNumber"] != document(other)["serialNumber"]


def test_layer_and_origin_are_properties() -> None:
    told = properties(component(PILLOW))

    assert told["fleet-audit:origin"] == "family-vision"
    assert told["fleet-audit:layer"].startswith("sha256:2")


def test_a_bundled_library_says_in_which_wheel_and_the_wheel_depends_on_it() -> None:
    assert properties(component(WEBP))["fleet-audit:bundled-in"] == PILLOW
    rows = {row["ref"]: row.get("dependsOn", []) for row in document(inventory())["dependencies"]}
    assert WEBP in rows[PILLOW]


def test_the_line_that_imports_a_distribution_is_evidence() -> None:
    occurrences = component(PILLOW)["evidence"]["occurrences"]

    assert {
        "location": "services/faces/app.py",
        "line": 7,
        "additionalContext": "imported by Faces",
    } in occurrences


def test_trivy_is_told_the_source_package() -> None:
    told = properties(component(ZLIB))

    assert told["aquasecurity:trivy:SrcName"] == "zlib"
    assert (
        told["aquasecurity:trivy:SrcEpoch"],
        told["aquasecurity:trivy:SrcVersion"],
        told["aquasecurity:trivy:SrcRelease"],
    ) == ("1", "1.2.13.dfsg", "1")
    assert not [name for name in properties(component(PILLOW)) if name.startswith("aquasecurity")]


@pytest.mark.parametrize(
    ("licenses", "written"),
    [
        (("MIT",), [{"license": {"id": "MIT"}}]),
        (("MIT AND Zlib",), [{"expression": "MIT AND Zlib"}]),
        (("GPL-2",), [{"license": {"name": "GPL-2"}}]),
        (("MIT", "MIT AND Zlib"), [{"license": {"id": "MIT"}}, {"license": {"name": "MIT AND Zlib"}}]),
        (("Mine\nall of it",), [{"license": {"name": "Mine", "text": {"content": "Mine\nall of it"}}}]),
    ],
)
def test_licences_are_written_as_the_schema_wants_them(
    licenses: tuple[str, ...], written: list[dict[str, Any]]
) -> None:
    one = Component(ref="a", name="a", licenses=licenses)
    (found,) = document(msgspec.structs.replace(inventory(), components=(one,), links=(), imported=()))[
        "components"
    ]

    assert found["licenses"] == written


def test_the_image_hangs_on_what_nothing_else_does() -> None:
    root = dependencies(inventory())[0]

    assert root["dependsOn"] == ["os:debian@12", SERVICE]


def test_what_only_hangs_on_one_another_is_reached_too() -> None:
    refs = ("a", "b", "c")
    found = Inventory(
        Component(ref="image", name="image"),
        tuple(Component(ref=ref, name=ref) for ref in refs),
        (Link("a", "b", "depends"), Link("b", "a", "depends"), Link("b", "c", "depends")),
    )

    assert dependencies(found)[0] == {"ref": "image", "dependsOn": ["a"]}


def test_an_inventory_with_gaps_says_that_it_is_incomplete_and_why() -> None:
    gap = Gap("sbom", GapKind.SCANNER_ABSENT, "syft", "it was not found")

    told = document(inventory(gaps=(gap,)))

    assert told["compositions"] == [{"aggregate": "incomplete", "assemblies": [inventory().subject.ref]}]
    assert "it was not found" in properties(told["metadata"])["fleet-audit:gap"]


def test_one_without_gaps_claims_nothing() -> None:
    assert "compositions" not in document(inventory())


def test_without_a_time_none_is_written() -> None:
    body = cyclonedx(inventory(), created="", version="1.0")

    check_cyclonedx(body)
    assert b'"timestamp"' not in body


def test_libraries_needed_by_elf_files_are_dependencies() -> None:
    rows = {row["ref"]: row.get("dependsOn", []) for row in document(inventory())["dependencies"]}

    assert ZLIB in rows[PILLOW]
    assert rows[ZLIB] == [LIBC]
    assert properties(component(PILLOW))["fleet-audit:needs"].endswith(
        "PIL/_imaging.so needs libz.so.1: /usr/lib/libz.so.1"
    )
