"""Whatever waivers say: their document is valid, the same each time, and read back whole."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Finding
from fleet_audit.audit.model.identity import Digest, ImageRef
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.vex import VexReport
from fleet_audit.audit.model.waiver import Waiver
from fleet_audit.audit.policy.judging_again import scope_of
from fleet_audit.audit.policy.openvex import openvex
from fleet_audit.audit.policy.vex_claims import Claims, claims_alone, claims_of_audits
from fleet_audit.audit.policy.waivers import applied
from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.vulns.vex import parse_vex
from tests.support.waivers import TIFF, TODAY, tiff_finding, waiver

FEW = settings(max_examples=50, deadline=None)
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
PURLS = st.builds("pkg:generic/{}@{}".format, TEXT, TEXT).map(canonical_purl).filter(bool)
JUSTIFICATIONS = st.sampled_from(("", "component_not_present"))
DIGEST = Digest("sha256:" + "a" * 64)


@st.composite
def waivers(draw: st.DrawFn) -> list[Waiver]:
    """Draw waivers on vulnerabilities, with names that anybody may have given."""
    return [
        waiver(
            f"W-{number}",
            match=tuple(
                sorted(
                    [
                        ("vuln", draw(TEXT)),
                        *(("purl", str(purl)) for purl in draw(st.lists(PURLS, max_size=2, unique=True))),
                    ]
                )
            ),
            image=draw(TEXT | st.sampled_from(("", "a/b:c", "registry.example/x/y@z", "/"))),
            reason=draw(TEXT),
            owner=draw(TEXT),
            justification=draw(JUSTIFICATIONS),
            created=TODAY - timedelta(days=draw(st.integers(0, 9))),
        )
        for number in range(draw(st.integers(1, 4)))
    ]


def document(claims: Claims, author: str = "house") -> bytes:
    issued = "2026-11-20T12:00:00Z"
    return openvex(VexReport(subject=author, author=author, issued=issued, claims=claims.claims), "1.0")


@FEW
@given(waivers(), TEXT, st.sampled_from(("", "registry.example/acme", "a b/ü")))
def test_what_waivers_say_by_themselves_is_valid_and_read_back(
    said: list[Waiver], author: str, registry: str
) -> None:
    claims = claims_alone(said, TODAY, registry)
    if not claims.claims:
        return

    body = document(claims, author)

    assert body == document(claims_alone(list(reversed(said)), TODAY, registry), author)
    read = parse_vex("ours.json", body)
    assert [each.said.status for each in read] == [
        claim.status for claim in claims.claims for _ in claim.products
    ]


@FEW
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3, unique=True), JUSTIFICATIONS, TEXT)
def test_every_finding_that_a_waiver_speaks_for_is_in_the_document_once(
    named: list[tuple[str, str]], justification: str, subject: str
) -> None:
    said = [waiver(match=(("package", "tiff"), ("vuln", "CVE-1")), justification=justification)]
    findings: list[Finding] = [
        tiff_finding(subject=f"advisory:{package}", message=text) for package, text in named
    ]
    bare = AuditReport(subject=subject, image=ImageIdentity(ImageRef("oci", "x", DIGEST)))
    told, use = applied(findings, said, scope_of(bare), TODAY)
    audit = AuditReport(subject=subject, image=bare.image, findings=told, waivers=use)

    claims = claims_of_audits(said, [audit], TODAY)
    (read,) = parse_vex("ours.json", document(claims))

    assert read.names[0] == "CVE-1"
    assert read.products == (f"{TIFF}?arch=amd64",)
    assert read.within[0].endswith(f"@{DIGEST}")
