"""Beside a baseline only what is new blocks: rules' outcomes are compared, not what scanners list."""

import msgspec
import pytest

from fleet_audit.audit.model.advisories import Advisory
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Finding, Severity
from fleet_audit.audit.model.gating import Age, Comparison, gated
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.inventory import Component, Inventory, ToolUse
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.baseline import compared
from tests.support.gated import audit, blocking, use_of
from tests.support.waivers import TODAY, waiver

ZLIB = Purl("pkg:deb/debian/zlib1g@1.2.13?arch=amd64")
NEWER_ZLIB = Purl("pkg:deb/debian/zlib1g@1.3?arch=amd64")
CVE = "advisory:CVE-1:deb/zlib"


def beside(head: AuditReport, base: AuditReport) -> tuple[list[tuple[str, Age]], Comparison]:
    """Return what blocks in the head by subject, with since when, and the comparison."""
    told = compared(head, base, base)
    image = gated(head, comparison=told)
    return [(finding.subject, image.age(finding)) for finding in head.findings if finding.blocks], told


def scanned(
    *findings: Finding,
    purl: Purl = ZLIB,
    date: str = "2026-11-01",
    known: bool = False,
    names: tuple[str, ...] = ("CVE-1",),
) -> AuditReport:
    """Return an audit of an image with one package, scanned with a database of this date."""
    subject = Component(ref="image", name="vision")
    component = Component(ref=purl, name="zlib1g", purl=purl)
    advisory = Advisory(names[0], "zlib", "deb", (purl,), aliases=names[1:])
    return audit(
        "vision",
        *findings,
        inventory=Inventory(subject, (component,)),
        scanned_digest="sha256:" + "9b1e" * 16,
        tools=(ToolUse("trivy", "0.68.2", f"{date}T00:00:00Z"), ToolUse("KEV", "", "2020-01-01")),
        advisories=(advisory,) if known else (),
    )


def test_what_blocked_before_is_known_and_what_did_not_is_new() -> None:
    head = audit("vision", blocking("so:a"), blocking("so:b"))

    found, _ = beside(head, audit("vision", blocking("so:a")))

    assert found == [("so:a", Age.KNOWN), ("so:b", Age.NEW)]


def test_what_only_warned_before_and_blocks_now_is_new() -> None:
    found, _ = beside(audit("vision", blocking()), audit("vision", blocking(severity=Severity.WARN)))

    assert found == [("so:libGL.so.1", Age.NEW)]


def test_what_moved_to_another_line_is_known() -> None:
    moved = blocking(location=SourceLocation("docker/vision/Dockerfile", 99))

    assert beside(audit("vision", moved), audit("vision", blocking()))[0] == [("so:libGL.so.1", Age.KNOWN)]


def test_where_more_of_one_fingerprint_block_than_before_none_is_known() -> None:
    two = (blocking(message="one"), blocking(message="another"))

    found, _ = beside(audit("vision", *two), audit("vision", two[0]))

    assert [age for _, age in found] == [Age.NEW, Age.NEW]


def test_what_blocked_before_and_is_gone_is_fixed() -> None:
    _, told = beside(audit("vision"), audit("vision", blocking()))

    assert [finding.subject for finding in told.fixed] == ["so:libGL.so.1"]


def test_an_advisory_that_a_newer_database_knows_of_the_same_package_is_disclosed_since() -> None:
    head = scanned(blocking(CVE), date="2026-11-19", known=True)

    found, told = beside(head, scanned())

    assert found == [(CVE, Age.DISCLOSED)]
    assert (told.database_before[:10], told.database_now[:10]) == ("2026-11-01", "2026-11-19")


def test_an_advisory_on_a_package_that_changed_is_new() -> None:
    head = scanned(blocking(CVE), purl=NEWER_ZLIB, date="2026-11-19", known=True)

    assert beside(head, scanned())[0] == [(CVE, Age.NEW)]


def test_an_advisory_on_a_further_package_that_the_base_did_not_have_is_new() -> None:
    head = scanned(blocking(CVE), date="2026-11-19")
    both = Advisory("CVE-1", "zlib", "deb", (ZLIB, NEWER_ZLIB))

    found, _ = beside(msgspec.structs.replace(head, advisories=(both,)), scanned())

    assert found == [(CVE, Age.NEW)]


def test_an_advisory_that_the_base_knew_and_let_pass_is_new_once_it_blocks() -> None:
    head = scanned(blocking(CVE), date="2026-11-19", known=True)

    assert beside(head, scanned(known=True))[0] == [(CVE, Age.NEW)]


@pytest.mark.parametrize("names", [("GHSA-1",), ("GHSA-1", "CVE-1"), ("GHSA-2", "GHSA-1")])
def test_an_advisory_that_the_base_knew_by_another_name_is_not_disclosed_since(
    names: tuple[str, ...],
) -> None:
    head = scanned(blocking(CVE), date="2026-11-19", known=True, names=("CVE-1", "GHSA-1"))

    assert beside(head, scanned(known=True, names=names))[0] == [(CVE, Age.NEW)]


def test_an_advisory_found_with_the_same_database_is_new() -> None:
    head = scanned(blocking(CVE), known=True)

    assert beside(head, scanned())[0] == [(CVE, Age.NEW)]


def test_nothing_is_disclosed_since_a_base_that_was_never_scanned() -> None:
    head = scanned(blocking(CVE), date="2026-11-19", known=True)
    base = msgspec.structs.replace(scanned(), scanned_digest="")

    assert beside(head, base)[0] == [(CVE, Age.NEW)]
    assert beside(head, audit("vision", tools=()))[0] == [(CVE, Age.NEW)]


def test_a_waiver_that_the_base_did_not_have_is_named() -> None:
    head = audit("vision", waivers=use_of(waiver("W-1"), waiver("W-2")))
    base = audit("vision", waivers=use_of(waiver("W-1")))

    assert beside(head, base)[1].waived_since == ("W-2",)


def test_a_waiver_that_was_prolonged_is_named_and_one_that_moved_in_its_file_is_not() -> None:
    longer = waiver("W-1", expires=TODAY.replace(year=2027))
    moved = waiver("W-2", location=SourceLocation("waivers.yaml", 40))
    head = audit("vision", waivers=use_of(longer, moved))
    base = audit("vision", waivers=use_of(waiver("W-1"), waiver("W-2")))

    assert beside(head, base)[1].waived_since == ("W-1",)
