"""Statements of waivers are valid OpenVEX, the same bytes for the same statements, and are read back."""

import hashlib
from datetime import date
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from fleet_audit.audit.model.advisories import Advisory, VexStatement
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.vex import VexClaim, VexProduct, VexReport
from fleet_audit.audit.policy.openvex import VexInvalid, check_openvex, openvex
from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.vulns.vex import parse_vex, statements_on

DIGEST = "sha256:" + "a" * 64
IMAGE = f"pkg:oci/family-vision@sha256:{'a' * 64}"
TIFF = Purl("pkg:deb/debian/libtiff6@4.5.0-6%2Bdeb12u2?arch=amd64")
OFFICIAL = "9373597734ed1d3ea5161a8b46d3866c4a8cfe76fd632fdd16aef01fb34b3238"


def claim(status: str = "not_affected", *products: VexProduct, **fields: Any) -> VexClaim:
    usual: dict[str, Any] = {
        "vulnerability": "CVE-1",
        "waiver": "W-1",
        "why": "nobody reads TIFF",
        "since": date(2026, 11, 1),
        "justification": "component_not_present" if status == "not_affected" else "",
        "notes": "W-1 by vision-team, until 2026-12-19",
    }
    return VexClaim(status=status, products=products or (VexProduct(IMAGE, (TIFF,)),), **{**usual, **fields})


def report(*claims: VexClaim) -> VexReport:
    return VexReport(subject="house", author="house", issued="2026-11-20T12:00:00Z", claims=claims)


def document(*claims: VexClaim) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(openvex(report(*claims), "1.0"))
    return decoded


def advisory(name: str = "CVE-1", *affected: Purl) -> Advisory:
    return Advisory(name, "tiff", "deb", affected or (TIFF,))


def said(body: bytes, about: Advisory, *subject: str) -> list[VexStatement]:
    statements = statements_on(about, parse_vex("ours.json", body), canonical_purl, subject)
    return [each.said for each in statements]


def test_the_schema_is_the_official_one_byte_for_byte() -> None:
    body = (files("fleet_audit") / "rules/schema/vex/openvex-0.2.0.schema.json").read_bytes()

    assert hashlib.sha256(body).hexdigest() == OFFICIAL


def test_a_statement_has_what_the_specification_asks_for() -> None:
    told = document(claim(aliases=("GHSA-1",)))

    assert told["@context"] == "https://openvex.dev/ns/v0.2.0"
    assert (told["author"], told["timestamp"], told["version"]) == ("house", "2026-11-20T12:00:00Z", 1)
    assert told["statements"] == [
        {
            "vulnerability": {"name": "CVE-1", "aliases": ["GHSA-1"]},
            "timestamp": "2026-11-01T00:00:00Z",
            "products": [
                {
                    "@id": IMAGE,
                    "identifiers": {"purl": IMAGE},
                    "subcomponents": [{"@id": TIFF, "identifiers": {"purl": TIFF}}],
                }
            ],
            "status": "not_affected",
            "status_notes": "W-1 by vision-team, until 2026-12-19",
            "justification": "component_not_present",
            "impact_statement": "nobody reads TIFF",
        }
    ]


def test_what_is_affected_has_an_action_statement() -> None:
    (statement,) = document(claim("affected"))["statements"]

    assert statement["action_statement"] == "nobody reads TIFF"
    assert not {"justification", "impact_statement"} & set(statement)


def test_the_same_statements_have_the_same_id_and_others_another_one() -> None:
    assert openvex(report(claim()), "1.0") == openvex(report(claim()), "1.0")
    assert document(claim())["@id"] != document(claim("affected"))["@id"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"not_affected"', b'"unaffected"', "statements/0/status"),
        (b'"component_not_present"', b'"trust_me"', "statements/0/justification"),
        (b'"author":', b'"writer":', '"author" is a required property'),
        (b"2026-11-20T12:00:00Z", b"yesterday", "timestamp"),
        (b'"@id": "pkg:deb', b'"@id": "no iri pkg:deb', "statements/0/products/0/subcomponents/0/@id"),
    ],
)
def test_what_is_not_valid_is_refused_with_its_place(old: bytes, new: bytes, why: str) -> None:
    body = openvex(report(claim()), "1.0").replace(old, new)

    with pytest.raises(VexInvalid) as caught:
        check_openvex(body)

    assert why in str(caught.value)


def test_affected_without_an_action_statement_is_refused() -> None:
    body = openvex(report(claim("affected")), "1.0").replace(b'"action_statement"', b'"status_notes"')

    with pytest.raises(VexInvalid):
        check_openvex(body)


def test_a_document_without_statements_is_never_written() -> None:
    with pytest.raises(VexInvalid):
        openvex(report(), "1.0")


def test_what_is_written_is_read_back_and_holds_in_its_image_alone() -> None:
    body = openvex(report(claim()), "1.0")

    (told,) = said(body, advisory(), "family-vision", DIGEST)
    assert told == VexStatement("not_affected", "component_not_present", "nobody reads TIFF", "ours.json")
    assert said(body, advisory(), "family-vision", "sha256:" + "b" * 64) == []
    assert said(body, advisory("CVE-2"), "family-vision", DIGEST) == []


def test_what_closes_the_matter_for_one_package_does_not_for_another_one() -> None:
    body = openvex(report(claim()), "1.0")
    both = advisory("CVE-1", TIFF, Purl("pkg:deb/debian/libtiff-dev@1?arch=amd64"))

    assert said(body, both, "family-vision", DIGEST) == []


def test_what_is_said_of_a_whole_image_holds_for_every_package_in_it() -> None:
    body = openvex(report(claim("not_affected", VexProduct(IMAGE))), "1.0")
    both = advisory("CVE-1", TIFF, Purl("pkg:deb/debian/libtiff-dev@1?arch=amd64"))

    assert len(said(body, both, "family-vision", DIGEST)) == 1
    assert said(body, both, "family-torch", "sha256:" + "b" * 64) == []


def test_what_is_said_of_a_package_holds_in_every_image() -> None:
    body = openvex(report(claim("affected", VexProduct(TIFF))), "1.0")

    assert [each.status for each in said(body, advisory(), "elsewhere")] == ["affected"]
