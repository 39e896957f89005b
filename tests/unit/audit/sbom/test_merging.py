"""Documents of several images become one, and what each of them says stays."""

from typing import Any

import msgspec
import pytest

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.inventory import Component, Inventory
from fleet_audit.audit.pipeline.inventories.documents import told_by
from fleet_audit.audit.sbom.cyclonedx import cyclonedx
from fleet_audit.audit.sbom.merging import merged, part_of
from fleet_audit.audit.sbom.patching import ForeignUnreadable
from fleet_audit.audit.sbom.spdx import spdx
from fleet_audit.audit.sbom.validation import check_cyclonedx, check_spdx
from tests.support.inventories import LIBC, PILLOW, ZLIB, inventory

WHEN = "2026-11-14T00:00:00Z"
CURL = "pkg:deb/debian/curl@8.0-1?arch=amd64"
Fields = dict[str, Any]


def bom(image: str, *found: Fields, **fields: Any) -> Fields:
    top = {"type": "container", "bom-ref": "top", "name": image}
    head = {"bomFormat": "CycloneDX", "specVersion": "1.5", "metadata": {"component": top}}
    return {**head, "components": list(found), **fields}


def library(ref: str, **fields: Any) -> Fields:
    return {"type": "library", "bom-ref": ref, "name": ref, **fields}


def package(name: str, *references: str, **fields: Any) -> Fields:
    told = [
        {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": each}
        for each in references
    ]
    return {"SPDXID": f"SPDXRef-{name}", "name": name, "externalRefs": told, **fields}


def spdx_of(*packages: Fields, **fields: Any) -> Fields:
    created = {"created": WHEN, "creators": ["Tool: other-1.0"]}
    return {
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "x",
        "creationInfo": created,
        "packages": list(packages),
        **fields,
    }


def merge(*documents: Fields | bytes) -> Inventory:
    bodies = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in documents]
    found = merged([part_of(told_by("x.json", body)) for body in bodies], "fleet")
    check_cyclonedx(cyclonedx(found, created=WHEN, version="1.0"))
    check_spdx(spdx(found, created=WHEN, version="1.0"))
    return found


def one(found: Inventory, name: str) -> Component:
    (component,) = (each for each in found.components if each.name == name)
    return component


def facts(component: Component, name: str) -> list[str]:
    return [value for key, value in component.properties if key == name]


def inside(found: Inventory, image: str) -> set[str]:
    ref = one(found, image).ref
    return {link.target for link in found.links if link.source == ref and link.how == "contains"}


def test_each_image_contains_what_its_own_document_lists() -> None:
    zlib, curl = library("zlib1g", purl=ZLIB), library("curl", purl=CURL)

    found = merge(bom("first", zlib), bom("second", zlib, curl))

    assert inside(found, "first") == {ZLIB}
    assert inside(found, "second") == {ZLIB, CURL}


def test_a_package_that_is_written_in_two_ways_is_one_and_both_ways_are_told() -> None:
    other = "pkg:deb/debian/zlib1g@1.2.13.dfsg-1?arch=amd64&distro=debian-12&epoch=1&upstream=zlib"

    found = merge(bom("a", library("zlib1g", purl=ZLIB)), bom("b", library("zlib1g", purl=other)))

    zlib = one(found, "zlib1g")
    assert (zlib.ref, zlib.source_name) == (ZLIB, "zlib")
    assert facts(zlib, "purl-as-given") == [other]


def test_packages_that_differ_in_version_stay_two() -> None:
    found = merge(
        bom("a", library("curl", purl=CURL)), bom("b", library("curl", purl=CURL.replace("8.0", "8.1")))
    )

    assert [each.version or each.ref for each in found.components if each.name == "curl"] == [
        CURL,
        CURL.replace("8.0", "8.1"),
    ]


def test_the_same_reference_in_two_documents_may_be_two_things() -> None:
    first, second = library("1", name="libfoo"), library("1", name="libbar")

    found = merge(
        bom("a", first, library("2", name="user"), dependencies=[{"ref": "2", "dependsOn": ["1"]}]),
        bom("b", second),
    )

    assert {"libfoo", "libbar"} <= {each.name for each in found.components}
    (link,) = (each for each in found.links if each.how == "depends")
    assert (link.source, link.target) == (one(found, "user").ref, one(found, "libfoo").ref)


def test_things_without_a_url_are_one_where_all_is_the_same_and_two_where_their_bytes_differ() -> None:
    def libfoo(digest: str) -> Fields:
        return library("libfoo", hashes=[{"alg": "SHA-256", "content": digest * 32}])

    same = merge(bom("a", libfoo("ab")), bom("b", libfoo("ab")))
    differing = merge(bom("a", libfoo("ab")), bom("b", libfoo("cd")))

    assert [each.name for each in same.components].count("libfoo") == 1
    assert [each.name for each in differing.components].count("libfoo") == 2


def test_where_documents_disagree_both_values_are_told() -> None:
    first = library("curl", purl=CURL, supplier={"name": "Debian"}, properties=[])
    second = library("curl", purl=CURL, supplier={"name": "Acme"})

    for order in ((first, second), (second, first)):
        curl = one(merge(bom("a", order[0]), bom("b", order[1])), "curl")
        assert (curl.supplier, facts(curl, "supplier")) == ("Acme", ["Debian"])


def test_what_our_form_has_no_place_for_is_kept_as_it_was() -> None:
    web = [{"type": "website", "url": "https://curl.example"}]
    own = {"name": "syft:location:0:path", "value": "/usr/bin/curl"}
    curl = library("curl", purl=CURL, externalReferences=web, properties=[own])

    found = merge(bom("a", curl, annotations=[{"text": "checked"}]))

    (kept,) = facts(one(found, "curl"), "kept:externalReferences")
    assert msgspec.json.decode(kept) == web
    assert one(found, "curl").foreign_properties == (("syft:location:0:path", "/usr/bin/curl"),)
    assert msgspec.json.decode(facts(one(found, "a"), "kept:annotations")[0]) == [{"text": "checked"}]


def test_how_sure_another_tool_was_is_kept() -> None:
    identity = {
        "field": "purl",
        "confidence": 0.3,
        "methods": [{"technique": "filename", "confidence": 0.3}],
    }
    evidence = {"identity": [identity], "occurrences": [{"location": "/usr/bin/curl", "line": 3}]}

    curl = one(merge(bom("a", library("curl", purl=CURL, evidence=evidence))), "curl")

    assert msgspec.json.decode(facts(curl, "kept:identity")[0]) == identity
    assert msgspec.json.decode(facts(curl, "kept:occurrence")[0]) == {"location": "/usr/bin/curl", "line": 3}


def test_places_that_two_techniques_found_stand_in_one_order_however_often_they_are_read() -> None:
    def found_by(technique: str, sure: float, **layer: str) -> Fields:
        method = {"technique": technique, "confidence": sure}
        told = [{"field": "purl", "confidence": sure, "methods": [method]}]
        return {"identity": told, "occurrences": [{"location": "/usr/bin/curl", **layer}]}

    first = library("curl", purl=CURL, evidence=found_by("manifest-analysis", 1.0))
    second = library(
        "curl",
        purl=CURL,
        evidence=found_by("binary-analysis", 0.8, additionalContext="layer sha256:11"),
    )

    once = cyclonedx(merge(bom("a", first), bom("b", second)), created=WHEN, version="1.0")

    assert cyclonedx(merge(once), created=WHEN, version="1.0") == once


def test_one_image_told_in_two_forms_is_one_image() -> None:
    bodies = [write(inventory(), created=WHEN, version="1.0") for write in (cyclonedx, spdx)]

    found = merge(*bodies)

    packages = [each.ref for each in found.components if each.purl]
    assert packages == sorted([LIBC, ZLIB, PILLOW])
    assert facts(one(found, "family-vision"), "document-form") == ["CycloneDX 1.6", "SPDX 2.3"]
    assert {link.how for link in found.links} >= {"bundles", "needs", "imports", "depends"}


@pytest.mark.parametrize("write", [cyclonedx, spdx])
def test_a_part_that_is_not_complete_makes_the_whole_incomplete(write: Any) -> None:
    gap = Gap("sbom", GapKind.SCANNER_ABSENT, "syft", "it was not found")
    body = write(inventory(gaps=(gap,)), created=WHEN, version="1.0")

    whole = merge(bom("other"), body)

    assert [(each.what, each.kind) for each in whole.gaps] == [("family-vision", "incomplete-document")]
    assert "it was not found" in facts(one(whole, "family-vision"), "gap")[0]
    assert merge(write(whole, created=WHEN, version="1.0")).gaps == whole.gaps
    assert merge(write(inventory(), created=WHEN, version="1.0")).gaps == ()


@pytest.mark.parametrize("write", [cyclonedx, spdx])
def test_a_gap_of_a_part_that_does_not_block_is_told_and_makes_nothing_incomplete(write: Any) -> None:
    gap = Gap("sbom", GapKind.NOT_EXAMINED, "own.json", "it cannot be read")

    whole = merge(bom("other"), write(inventory(gaps=(gap,)), created=WHEN, version="1.0"))

    assert facts(one(whole, "family-vision"), "gap") == ["sbom: own.json: it cannot be read"]
    assert whole.gaps == ()


@pytest.mark.parametrize("write", [cyclonedx, spdx])
def test_what_somebody_adds_to_a_merged_document_stays(write: Any) -> None:
    once = write(merge(bom("a", library("curl", purl=CURL))), created=WHEN, version="1.0")
    document = msgspec.json.decode(once) | {"annotations": [{"text": "checked"}]}

    twice = write(merge(document, bom("b")), created=WHEN, version="1.0")

    assert "checked" in twice.decode()
    assert merge(twice).subject == merge(document).subject


def test_the_set_of_packages_is_that_of_all_images() -> None:
    zlib, curl = library("zlib1g", purl=ZLIB), library("curl", purl=CURL)

    apart, together = merge(bom("a", zlib), bom("b", curl)), merge(bom("a", zlib, curl))

    assert apart.package_set == together.package_set
    assert facts(one(apart, "a"), "package-set") != facts(one(apart, "b"), "package-set")


def test_components_within_components_hang_on_what_is_around_them() -> None:
    found = merge(bom("a", library("jar", components=[library("inner", purl=CURL)])))

    assert (one(found, "jar").ref, CURL, "contains") in {(e.source, e.target, e.how) for e in found.links}


def test_spdx_of_others_tells_of_what_and_from_whom() -> None:
    rows = [
        {
            "spdxElementId": "SPDXRef-DOCUMENT",
            "relatedSpdxElement": "SPDXRef-img",
            "relationshipType": "DESCRIBES",
        },
        {
            "spdxElementId": "SPDXRef-curl",
            "relatedSpdxElement": "SPDXRef-zlib",
            "relationshipType": "DEPENDENCY_OF",
        },
        {
            "spdxElementId": "SPDXRef-curl",
            "relatedSpdxElement": "SPDXRef-gone",
            "relationshipType": "PATCH_FOR",
        },
    ]
    licences = [{"licenseId": "LicenseRef-own", "extractedText": "Do what you like"}]
    document = spdx_of(
        package("img", versionInfo="sha256:ab"),
        package("curl", CURL, supplier="Person: Ann", licenseDeclared="MIT AND LicenseRef-own", homepage="h"),
        package("zlib", ZLIB, sourceInfo="found somewhere"),
        relationships=rows,
        hasExtractedLicensingInfos=licences,
    )

    found = merge(document)

    curl, image = one(found, "curl"), one(found, "img")
    assert image.ref == "image:sha256:ab"
    assert (curl.licenses, curl.supplier) == (("Do what you like", "MIT"), "Ann")
    assert facts(curl, "kept:supplier") == ['"Person: Ann"']
    assert facts(curl, "kept:homepage") == ['"h"']
    assert facts(one(found, "zlib"), "kept:sourceInfo") == ['"found somewhere"']
    assert (ZLIB, CURL, "depends") in {(e.source, e.target, e.how) for e in found.links}
    assert "PATCH_FOR" in facts(image, "kept:relationship")[0]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (bom("a", library("x"), library("x", version="2")), "bom-ref x to two components"),
        (spdx_of(package("x"), package("x")), "SPDXID SPDXRef-x to two packages"),
        (bom("a", library("x", name=7)), "'7' stands where a text belongs"),
        (bom("a", library("x", hashes=[{"alg": "MD5"}])), "not as its specification says"),
        (bom("a", dependencies=["x"]), "not as its specification says"),
        (bom("a", metadata={"tools": "syft"}), "not as its specification says"),
        (spdx_of(relationships=[{}]), "not as its specification says"),
        (spdx_of({"name": "x"}), "not as its specification says"),
        ({"bomFormat": "Other"}, "says Other"),
        ({"artifacts": [], "descriptor": 3}, "x.json: "),
    ],
)
def test_what_cannot_be_merged_says_why(document: Fields, why: str) -> None:
    with pytest.raises(ForeignUnreadable, match=why):
        merge(document)


def test_a_component_that_is_written_twice_word_by_word_is_one() -> None:
    found = merge(bom("a", library("x"), library("y"), library("x")))

    assert [each.name for each in found.components if each.kind == "library"] == ["x", "y"]


def test_components_that_contain_each_other_are_no_endless_way() -> None:
    rows = [{"ref": "a", "dependsOn": ["b"]}, {"ref": "b", "dependsOn": ["a"]}]

    found = merge(bom("x", library("a"), library("b"), dependencies=rows))

    assert {(each.source, each.target) for each in found.links if each.how == "depends"} == {
        ("library:a", "library:b"),
        ("library:b", "library:a"),
    }
