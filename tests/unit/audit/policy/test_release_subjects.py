"""A whole audit is judged for what it rests on, for its exceptions, and for what is too much in the image."""

from datetime import date

import msgspec
import pytest

from fleet_audit.audit.model.advisories import Advisory
from fleet_audit.audit.model.apt import Surplus
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Finding, Gap, GapKind, Verdict
from fleet_audit.audit.model.identity import Digest, ImageRef, PackageName, Purl
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.inventory import Component, Inventory, ToolUse
from fleet_audit.audit.model.waiver import Waiver
from fleet_audit.audit.policy.advisory_facts import AdvisoryFacts
from fleet_audit.audit.policy.advisory_subjects import advisory_subjects, age_in_days, dated
from fleet_audit.audit.policy.judging_again import judged
from fleet_audit.audit.policy.part import Part, kept
from tests.support import packaged

TODAY = date(2026, 11, 20)
DIGEST, OTHER = Digest("sha256:" + "a" * 64), Digest("sha256:" + "b" * 64)
IMAGE = ImageIdentity(ref=ImageRef("oci", "vision", digest=DIGEST))
WHOLE = AuditReport(
    subject="vision",
    family="vision",
    services=("face",),
    created="2026-11-20T08:00:00Z",
    image=IMAGE,
    inventory=Inventory(Component("i", "vision"), components=(Component("a", "a"),)),
    listed_digest=DIGEST,
    scanned_digest=DIGEST,
    examined=1,
    tools=(ToolUse("syft", "1.18.1"), ToolUse("trivy", "0.68.2", "2026-11-19T00:00:00Z")),
)
GRAVE = Advisory(
    id="CVE-2026-1",
    package="a",
    ecosystem="deb",
    affected=(Purl("pkg:deb/debian/a@1"),),
    published="2026-10-01T00:00:00Z",
    severity="high",
    fixed_in=("2",),
)


def found(audit: AuditReport, *waivers: Waiver, today: date = TODAY) -> list[Finding]:
    return list(judged(audit, packaged.rules(), waivers, today).findings)


def rules_of(audit: AuditReport, *waivers: Waiver, today: date = TODAY) -> list[str]:
    return sorted({finding.rule for finding in found(audit, *waivers, today=today)})


def changed(**fields: object) -> AuditReport:
    return msgspec.structs.replace(WHOLE, **fields)


def test_an_audit_with_inventory_and_scan_of_its_image_has_nothing_against_it() -> None:
    assert found(WHOLE) == []


@pytest.mark.parametrize(
    ("audit", "rule"),
    [
        (changed(inventory=None, listed_digest=""), "FA-EVID-001"),
        (changed(inventory=Inventory(Component("i", "vision"))), "FA-EVID-001"),
        (changed(scanned_digest="", examined=0), "FA-EVID-002"),
        (changed(scanned_digest=OTHER), "FA-EVID-003"),
        (changed(listed_digest=OTHER), "FA-EVID-003"),
        (changed(tools=(ToolUse("trivy", "0.68.2", "2026-11-05T00:00:00Z"),)), "FA-EVID-004"),
    ],
)
def test_evidence_that_is_missing_old_or_of_another_image_is_held_against_it(
    audit: AuditReport, rule: str
) -> None:
    assert rules_of(audit) == [rule]


def test_missing_evidence_fails_a_gate() -> None:
    assert judged(changed(scanned_digest="", examined=0), packaged.rules(), (), TODAY).verdict is Verdict.FAIL


def test_a_gap_that_blocks_says_it_already() -> None:
    gap = Gap("vulns", GapKind.SCANNER_ABSENT, "vision", "trivy is not installed")
    audit = changed(scanned_digest="", examined=0, gaps=(gap,))

    assert rules_of(audit) == []
    assert judged(audit, packaged.rules(), (), TODAY).verdict is Verdict.INCOMPLETE


def test_a_gap_that_a_policy_calls_harmless_does_not_make_up_for_a_scan() -> None:
    gap = Gap("vulns", GapKind.SCANNER_ABSENT, "vision", "trivy is not installed")
    lenient = msgspec.structs.replace(packaged.rules(), gaps={GapKind.SCANNER_ABSENT: False})

    told = judged(changed(scanned_digest="", examined=0, gaps=(gap,)), lenient, (), TODAY)

    assert [finding.rule for finding in told.findings] == ["FA-EVID-002"]


def test_what_is_said_of_no_image_needs_no_evidence() -> None:
    assert found(AuditReport(subject="fleet")) == []


def test_surplus_over_the_budget_names_the_largest() -> None:
    surplus = tuple(
        Surplus(
            PackageName(name),
            size * 1_000_000,
            origin,
            reason="",
            confidence=sure,
            is_inherited=origin == "base",
        )
        for name, size, origin, sure in (
            ("gcc", 150, "vision", "certain"),
            ("make", 60, "vision", "likely"),
            ("perl", 500, "vision", "possible"),
            ("gdb", 500, "base", "certain"),
        )
    )

    (finding,) = found(changed(surplus=surplus, is_surplus_known=True))

    assert finding.rule == "FA-SURPLUS-003"
    assert "take 210 MB" in finding.message
    assert finding.message.endswith("gcc (150 MB), make (60 MB)")
    assert found(changed(surplus=surplus[:1], is_surplus_known=True)) == []


def advised(audit: AuditReport = WHOLE) -> AuditReport:
    reached = msgspec.structs.replace(GRAVE, severity="critical", reach="unreached")
    return msgspec.structs.replace(
        audit, evidence=(kept(Part("vulns", advisory_subjects([reached], family="vision"))),)
    )


def waiver(**fields: object) -> Waiver:
    base = Waiver(
        id="W-1",
        rule="FA-VULN-003",
        owner="platform",
        reason="it is not loaded",
        created=date(2026, 11, 1),
        expires=date(2026, 12, 19),
        match=(("vuln", "CVE-2026-1"),),
        image="vision",
    )
    return msgspec.structs.replace(base, **fields)


@pytest.mark.parametrize(
    ("exception", "rule"),
    [
        (waiver(), ""),
        (waiver(expires=date(2026, 11, 19)), "FA-WAIVER-001"),
        (waiver(match=(("vuln", "CVE-2026-2"),)), "FA-WAIVER-002"),
        (waiver(expires=date(2026, 11, 24)), "FA-WAIVER-003"),
    ],
)
def test_waivers_are_judged_on_the_day(exception: Waiver, rule: str) -> None:
    told = {name for name in rules_of(advised(), exception) if name.startswith("FA-WAIVER")}

    assert told == ({rule} if rule else set())


def test_a_waiver_of_what_blocks_has_to_be_approved() -> None:
    unscanned = changed(scanned_digest="", examined=0)
    exception = waiver(rule="FA-EVID-002", match=())

    assert "FA-WAIVER-004" in rules_of(unscanned, exception)
    assert "FA-WAIVER-004" not in rules_of(
        unscanned, msgspec.structs.replace(exception, approved_by="security")
    )


def test_the_age_of_an_advisory_is_that_of_the_day_of_judging() -> None:
    def ages(today: date) -> list[int]:
        subjects = dated(advisory_subjects([GRAVE]), today)
        return [each.facts.published_age_days for each in subjects if isinstance(each.facts, AdvisoryFacts)]

    assert ages(TODAY) == [50]
    assert ages(date(2026, 12, 31)) == [91]
    assert "FA-VULN-007" not in rules_of(advised(), today=TODAY)
    assert "FA-VULN-007" in rules_of(advised(), today=date(2026, 12, 31))


@pytest.mark.parametrize("moment", ["", "soon", "2026-13-01T00:00:00Z", "2026-11-21"])
def test_an_age_that_is_not_known_is_no_age(moment: str) -> None:
    assert age_in_days(moment, TODAY) == -1
