"""What VEX documents say, and for which advisories it holds."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.model.advisories import Advisory
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.vulns.scores import InputUnreadable
from fleet_audit.audit.vulns.vex import STATUSES, parse_vex, statements_on

ZLIB = Advisory(
    id="CVE-2023-45853",
    package="zlib",
    ecosystem="deb",
    affected=(Purl("pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64"),),
    aliases=("DSA-1",),
)
WEBP = Advisory(
    id="CVE-2023-4863",
    package="libwebp",
    ecosystem="deb",
    affected=(
        Purl("pkg:deb/debian/libwebp7@1.2.4?arch=amd64"),
        Purl("pkg:deb/debian/libwebpmux3@1.2.4?arch=amd64"),
    ),
)
JUSTIFIED = {"justification": "vulnerable_code_not_present"}


def openvex(*statements: dict[str, Any]) -> bytes:
    body = {"@context": "https://openvex.dev/ns/v0.2.0", "timestamp": "2026-11-01T00:00:00Z"}
    return msgspec.json.encode({**body, "statements": list(statements)})


def said(*products: str, name: str = ZLIB.id, status: str = "not_affected", **more: Any) -> dict[str, Any]:
    reason = JUSTIFIED if status == "not_affected" else {}
    of = [{"@id": product} for product in products]
    return {"vulnerability": {"name": name}, "products": of, "status": status, **reason, **more}


def cyclonedx(state: str, ref: str, *components: dict[str, str], version: str = "1.6") -> bytes:
    analysis = {"state": state, "justification": "code_not_present", "detail": "no minizip"}
    vulnerability = {"id": ZLIB.id, "analysis": analysis, "affects": [{"ref": ref}]}
    return msgspec.json.encode(
        {
            "bomFormat": "CycloneDX",
            "specVersion": version,
            "components": list(components),
            "vulnerabilities": [vulnerability],
        }
    )


def holding(body: bytes, advisory: Advisory = ZLIB, subject: tuple[str, ...] = ()) -> list[str]:
    statements = parse_vex("vex.json", body)
    return [each.said.status for each in statements_on(advisory, statements, canonical_purl, subject)]


@pytest.mark.parametrize(
    "product",
    [
        "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64",
        "pkg:deb/debian/zlib1g@1.2.13.dfsg-1?arch=amd64&epoch=1&distro=debian-12",
        "pkg:deb/debian/zlib1g?arch=amd64",
        "pkg:deb/debian/zlib1g",
        "pkg:deb/debian/zlib",
        "pkg:deb/debian/zlib?arch=source",
    ],
)
def test_a_statement_holds_for_the_package_that_its_url_means(product: str) -> None:
    assert holding(openvex(said(product))) == ["not_affected"]


@pytest.mark.parametrize(
    "product",
    [
        "pkg:deb/debian/zlib1g@1:1.2.14?arch=amd64",
        "pkg:deb/debian/zlib1g?arch=arm64",
        "pkg:deb/ubuntu/zlib1g",
        "pkg:deb/debian/zlib1g-dev",
        "pkg:deb/debian/zlib?arch=amd64",
        "pkg:pypi/zlib",
        "zlib1g",
    ],
)
def test_it_holds_for_no_other(product: str) -> None:
    assert holding(openvex(said(product))) == []


def test_an_alias_names_the_advisory_as_well() -> None:
    assert holding(openvex(said("pkg:deb/debian/zlib", name="DSA-1"))) == ["not_affected"]
    assert holding(openvex(said("pkg:deb/debian/zlib", name="DSA-2"))) == []


def test_what_closes_the_matter_has_to_cover_every_package() -> None:
    one = said("pkg:deb/debian/libwebp7", name=WEBP.id)
    source = said("pkg:deb/debian/libwebp", name=WEBP.id)
    suspected = said("pkg:deb/debian/libwebp7", name=WEBP.id, status="affected")

    assert holding(openvex(one), WEBP) == []
    assert holding(openvex(source), WEBP) == ["not_affected"]
    assert holding(openvex(suspected), WEBP) == ["affected"]


def test_the_newest_statement_of_a_document_holds() -> None:
    old = said("pkg:deb/debian/zlib", status="under_investigation", timestamp="2026-10-01T00:00:00Z")
    new = said("pkg:deb/debian/zlib", timestamp="2026-11-02T00:00:00Z")

    assert holding(openvex(new, old)) == ["not_affected"]


@pytest.mark.parametrize(
    ("image", "statuses"),
    [("pkg:oci/family-vision", ["not_affected"]), ("family-vision", ["not_affected"]), ("pkg:oci/other", [])],
)
def test_what_is_said_within_an_image_holds_for_that_image(image: str, statuses: list[str]) -> None:
    inside = said()
    inside["products"] = [{"@id": image, "subcomponents": [{"@id": "pkg:deb/debian/zlib1g"}]}]

    assert holding(openvex(inside), subject=("family-vision", "sha256:00")) == statuses


def test_what_is_said_of_no_package_holds_for_none() -> None:
    document = msgspec.json.decode(cyclonedx("not_affected", "pkg:deb/debian/zlib1g"))
    document["vulnerabilities"][0]["affects"] = [{"ref": ""}]

    assert holding(msgspec.json.encode(document)) == []


@pytest.mark.parametrize(
    ("image", "statuses"), [("pkg:oci/family-vision", ["not_affected"]), ("pkg:oci/other", [])]
)
def test_what_is_said_of_a_whole_image_holds_for_whatever_package_is_in_it(
    image: str, statuses: list[str]
) -> None:
    whole = said()
    whole["products"] = [{"@id": image}]

    assert holding(openvex(whole), subject=("family-vision", "sha256:00")) == statuses


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("resolved", "fixed"),
        ("exploitable", "affected"),
        ("in_triage", "under_investigation"),
        ("false_positive", "not_affected"),
        ("not_affected", "not_affected"),
    ],
)
def test_states_of_cyclonedx_are_told_in_the_same_words(state: str, status: str) -> None:
    assert holding(cyclonedx(state, "pkg:deb/debian/zlib1g")) == [status]


@pytest.mark.parametrize(
    "ref",
    [
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg:deb/debian/zlib1g",
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg%3Adeb%2Fdebian%2Fzlib1g",
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#part",
        "part",
    ],
)
def test_a_ref_may_be_a_link_to_another_document_or_a_component(ref: str) -> None:
    component = {"bom-ref": "part", "purl": "pkg:deb/debian/zlib1g"}

    assert holding(cyclonedx("not_affected", ref, component)) == ["not_affected"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no VEX"),
        (b"[]", "no VEX"),
        (b"{}", "neither"),
        (cyclonedx("not_affected", "x", version="1.3"), "neither"),
        (cyclonedx("guessed", "x"), "guessed"),
        (openvex(said("x", status="maybe")), "maybe"),
        (openvex({**said("x"), "justification": ""}), "without a justification"),
        (openvex({"status": "affected"}), "vulnerability"),
    ],
)
def test_what_cannot_be_understood_is_refused_whole(body: bytes, words: str) -> None:
    with pytest.raises(InputUnreadable, match=words):
        parse_vex("vex.json", body)


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_statements_or_a_sentence(body: bytes) -> None:
    with suppress(InputUnreadable):
        assert all(each.said.status in STATUSES for each in parse_vex("file", body))
