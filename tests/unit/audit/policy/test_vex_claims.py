"""Waivers as statements for others: exactly what they say, for exactly what they are for."""

from datetime import timedelta
from typing import Any

import pytest

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Finding
from fleet_audit.audit.model.identity import Digest, ImageRef
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.vex import VexClaim, VexProduct
from fleet_audit.audit.model.waiver import Waiver
from fleet_audit.audit.policy.judging_again import scope_of
from fleet_audit.audit.policy.vex_claims import Claims, claims_alone, claims_of_audits
from fleet_audit.audit.policy.waivers import applied
from tests.support.waivers import TIFF, TODAY, tiff_finding, waiver

DIGEST = Digest("sha256:" + "a" * 64)
IMAGE = f"pkg:oci/family-vision@sha256:{'a' * 64}"
PLACE = "?repository_url=registry.example/acme/family-vision"
JUSTIFIED = "vulnerable_code_not_in_execute_path"
DAY = timedelta(days=1)


def audit(*findings: Finding, waivers: tuple[Waiver, ...], name: str = "family-vision") -> AuditReport:
    image = ImageIdentity(ImageRef("oci", f"images:{name}", DIGEST))
    bare = AuditReport(subject=name, image=image)
    told, use = applied(findings, waivers, scope_of(bare), TODAY)
    return AuditReport(subject=name, image=image, findings=told, waivers=use)


def of_audits(*waivers: Waiver, findings: tuple[Finding, ...] = (tiff_finding(),)) -> Claims:
    return claims_of_audits(waivers, [audit(*findings, waivers=waivers)], TODAY, "registry.example/acme")


def only(claims: Claims) -> VexClaim:
    (claim,) = claims.claims
    return claim


def test_a_justified_waiver_says_that_the_image_is_not_affected_through_its_packages() -> None:
    claim = only(of_audits(waiver(justification=JUSTIFIED, approved_by="security", ticket="SEC-1")))

    assert claim == VexClaim(
        vulnerability="CVE-1",
        waiver="W-1",
        status="not_affected",
        why="only an offline tool reads it",
        since=waiver().created,
        products=(VexProduct(f"{IMAGE}{PLACE}", (f"{TIFF}?arch=amd64",)),),
        aliases=("GHSA-1",),
        justification=JUSTIFIED,
        notes="W-1 by vision-team, approved by security, until 2026-12-19 (SEC-1)",
    )


def test_any_other_waiver_says_that_it_is_affected_and_what_is_done() -> None:
    claim = only(of_audits(waiver()))

    assert (claim.status, claim.justification) == ("affected", "")
    assert claim.why == "accepted until 2026-12-19: only an offline tool reads it"


def test_an_advisory_has_the_name_of_its_cve_whichever_name_the_waiver_uses() -> None:
    claim = only(of_audits(waiver(match=(("vuln", "GHSA-1"),))))

    assert (claim.vulnerability, claim.aliases) == ("CVE-1", ("GHSA-1",))


def test_of_two_waivers_on_one_finding_the_one_that_speaks_is_exported() -> None:
    claims = of_audits(waiver("W-1"), waiver("W-2", image="family-vision", justification=JUSTIFIED))

    assert only(claims).waiver == "W-2"
    assert claims.left_out == (("W-1", "names no finding of any stored audit"),)


def test_one_statement_holds_for_all_images_that_a_waiver_was_applied_to() -> None:
    waivers = (waiver(),)
    audits = [audit(tiff_finding(), waivers=waivers, name=name) for name in ("b", "a")]

    claim = only(claims_of_audits(waivers, audits, TODAY))

    assert [product.purl.partition("@")[0] for product in claim.products] == ["pkg:oci/a", "pkg:oci/b"]


def test_a_waiver_on_no_vulnerability_and_one_that_does_not_hold_are_left_out_and_told() -> None:
    waivers = (
        waiver("W-1", expires=TODAY - DAY),
        waiver("W-2", created=TODAY + DAY),
        waiver("W-3", match=(("package", "tiff"),)),
    )

    told = (
        ("W-1", "expired on 2026-11-19"),
        ("W-2", "begins on 2026-11-21"),
        ("W-3", "names no vulnerability (match.vuln)"),
    )
    assert (of_audits(*waivers).claims, of_audits(*waivers).left_out) == ((), told)
    assert claims_alone(waivers, TODAY) == Claims((), told)


def test_without_audits_an_exact_package_or_image_is_named_as_it_is() -> None:
    both = (("purl", TIFF), ("vuln", "CVE-1"))

    assert only(claims_alone([waiver(match=both)], TODAY)).products == (VexProduct(TIFF),)
    assert only(claims_alone([waiver(match=both, image="family-vision")], TODAY)).products == (
        VexProduct("pkg:oci/family-vision", (TIFF,)),
    )
    assert only(claims_alone([waiver(image="family-vision", digest=DIGEST)], TODAY)).products == (
        VexProduct(IMAGE),
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "it names neither a package nor an image"),
        ({"match": (("service", "face"), ("vuln", "CVE-1"))}, "no statement can say service"),
        ({"image": "family-*"}, "which images its scope means is known from audits alone"),
        ({"image": "a", "package_set": DIGEST}, "which images its scope means is known from audits alone"),
        ({"digest": DIGEST}, "its image has a digest and no name"),
    ],
)
def test_without_audits_nothing_is_said_that_would_hold_for_more_than_the_waiver(
    fields: dict[str, Any], why: str
) -> None:
    claims = claims_alone([waiver(**fields)], TODAY)

    assert (claims.claims, claims.left_out) == ((), (("W-1", f"{why}; give --audits DIR"),))
