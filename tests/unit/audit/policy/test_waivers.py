"""A waiver holds for its days, for its image and for what it names; what it names stays listed."""

from datetime import date, timedelta

import pytest

from fleet_audit.audit.model.finding import Finding, Severity, Verdict, verdict
from fleet_audit.audit.model.identity import Digest
from fleet_audit.audit.model.waiver import (
    Waiver,
    WaiverAccount,
    WaiverEffect,
    WaiverLimits,
    WaiverScope,
    WaiverUse,
)
from fleet_audit.audit.policy.waivers import applied, is_active, names
from tests.support.waivers import TIFF, TODAY, tiff_finding, waiver

DIGEST = Digest("sha256:" + "a" * 64)
PACKAGES = Digest("sha256:" + "b" * 64)
HERE = WaiverScope(("family-vision", "registry.example/acme/family-vision:1"), DIGEST, PACKAGES)
DAY = timedelta(days=1)


def one(finding: Finding, *waivers: Waiver, today: date = TODAY) -> Finding:
    (told,), _ = applied([finding], waivers, HERE, today)
    return told


def use(finding: Finding, *waivers: Waiver, today: date = TODAY) -> WaiverUse:
    return applied([finding], waivers, HERE, today)[1]


def ids(accounts: tuple[WaiverAccount, ...]) -> list[str]:
    return [account.waiver.id for account in accounts]


def test_a_waiver_holds_on_its_first_and_on_its_last_day_and_on_no_other() -> None:
    each = waiver(created=TODAY, expires=TODAY + 2 * DAY)

    days = [TODAY + n * DAY for n in range(-1, 4)]

    assert [is_active(each, day) for day in days] == [False, True, True, True, False]


def test_what_is_waived_does_not_block_and_says_by_whom_until_when_and_why() -> None:
    told = one(tiff_finding(), waiver(ticket="SEC-12"))

    assert verdict((tiff_finding(),), ()) is Verdict.FAIL
    assert verdict((told,), ()) is Verdict.PASS
    assert told.waiver == "W-1 until 2026-12-19, vision-team: only an offline tool reads it (SEC-12)"
    assert (told.waived_by, told.severity, told.is_downgraded) == ("W-1", Severity.ERROR, True)


def test_what_is_suppressed_does_not_count_either() -> None:
    assert not one(tiff_finding(), waiver(effect=WaiverEffect.SUPPRESS)).is_downgraded


@pytest.mark.parametrize(
    "match",
    [
        (("vuln", "CVE-1"),),
        (("vuln", "GHSA-1"),),
        (("vuln", "CVE-0"), ("vuln", "CVE-1")),
        (("purl", TIFF), ("vuln", "CVE-1")),
        (("purl", f"{TIFF}?arch=amd64"),),
        (("purl", TIFF),),
        (("package", "tiff"), ("service", "face")),
        (("service", "face"), ("service", "ocr")),
        (("subject", "advisory:CVE-1:deb/tiff"),),
        (("fingerprint", tiff_finding().fingerprint),),
        (),
    ],
)
def test_a_finding_is_named_by_what_it_is_about(match: tuple[tuple[str, str], ...]) -> None:
    assert one(tiff_finding(), waiver(match=match)).waived_by == "W-1"


@pytest.mark.parametrize(
    "match",
    [
        (("vuln", "CVE-2"),),
        (("vuln", "CVE-1"), ("purl", "pkg:deb/debian/libtiff6@4.5.0-6")),
        (("purl", f"{TIFF}?arch=arm64"),),
        (("purl", TIFF.removesuffix("u2")),),
        (("package", "tiff"), ("service", "ocr")),
        (("need", "so:libtiff.so.6"),),
        (("need", "so:libtiff.so.6"), ("vuln", "CVE-1")),
        (("fingerprint", "0" * 32),),
    ],
)
def test_a_finding_that_is_about_something_else_is_left_alone(match: tuple[tuple[str, str], ...]) -> None:
    assert one(tiff_finding(), waiver(match=match)) == tiff_finding()


def test_a_waiver_for_one_service_or_package_waives_nothing_of_another_one() -> None:
    both = tiff_finding(
        matter=(("purl", TIFF), ("purl", "pkg:deb/debian/libtiff-dev@1"), ("service", "a"), ("service", "b"))
    )

    assert not one(both, waiver(match=(("service", "a"),))).waived_by
    assert not one(both, waiver(match=(("purl", TIFF),))).waived_by
    assert one(both, waiver(match=(("service", "a"), ("service", "b")))).waived_by


def test_another_rule_on_the_same_matter_is_left_alone() -> None:
    assert one(tiff_finding(rule="FA-VULN-002"), waiver()).waiver is None
    assert not names(waiver(), tiff_finding(rule="FA-VULN-002"))


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ({"image": "family-vision"}, True),
        ({"image": "family-*"}, True),
        ({"image": "registry.example/acme/*"}, True),
        ({"image": "family-torch"}, False),
        ({"image": "Family-*"}, False),
        ({"digest": DIGEST, "package_set": PACKAGES}, True),
        ({"digest": PACKAGES}, False),
        ({"package_set": DIGEST}, False),
        ({"image": "family-vision", "package_set": DIGEST}, False),
    ],
)
def test_a_waiver_holds_for_the_images_of_its_scope_alone(fields: dict[str, str], holds: bool) -> None:
    assert bool(one(tiff_finding(), waiver(**fields)).waived_by) is holds


def test_of_an_image_whose_packages_nobody_knows_nothing_is_waived_by_its_packages() -> None:
    known_by = waiver(package_set=PACKAGES, image="x")

    (told,), use_of_it = applied([tiff_finding()], [known_by], WaiverScope(("x",)), TODAY)

    assert told.waiver is None
    assert [account.remark for account in use_of_it.unused] == [
        f"it is for the packages {PACKAGES}, and which are here is not known"
    ]


def test_of_an_image_without_a_digest_nothing_is_waived_by_its_digest() -> None:
    (told,), _ = applied([tiff_finding()], [waiver(digest=DIGEST)], WaiverScope(("x",)), TODAY)

    assert told.waiver is None


def test_the_narrowest_of_several_speaks_and_all_are_used() -> None:
    waivers = [
        waiver("W-1"),
        waiver("W-2", image="*"),
        waiver("W-3", image="family-vision"),
        waiver("W-4", package_set=PACKAGES),
        waiver("W-5", digest=DIGEST),
    ]

    for last in range(1, 6):
        assert one(tiff_finding(), *reversed(waivers[:last])).waived_by == f"W-{last}"
    assert ids(use(tiff_finding(), *waivers).applied) == ["W-1", "W-2", "W-3", "W-4", "W-5"]


def test_of_two_that_are_as_narrow_the_first_id_speaks_and_one_that_has_expired_never() -> None:
    old = waiver("W-0", expires=TODAY - DAY, digest=DIGEST)

    assert one(tiff_finding(), waiver("W-2"), waiver("W-1"), old).waived_by == "W-1"


def test_a_finding_that_the_source_waives_too_tells_both_reasons() -> None:
    told = one(tiff_finding(waiver="app.py:3: a reason", is_waived_in_source=True), waiver())

    assert told.waiver is not None
    assert told.waiver.startswith("app.py:3: a reason; W-1 until")
    assert told.is_waived_in_source
    assert not told.is_downgraded


def test_an_expired_waiver_is_told_with_what_blocks_again() -> None:
    finding = tiff_finding()

    accounts = use(finding, waiver(expires=TODAY - 3 * DAY)).expired

    assert [(a.days_left, a.findings) for a in accounts] == [(-3, (finding.fingerprint,))]


def test_one_that_is_not_begun_is_pending_and_waives_nothing() -> None:
    future = waiver(created=TODAY + DAY)

    assert one(tiff_finding(), future).waiver is None
    assert ids(use(tiff_finding(), future).pending) == ["W-1"]


def test_one_that_ends_within_the_policys_days_is_expiring_and_one_that_ends_later_is_not() -> None:
    soon, later = waiver("W-1", expires=TODAY + 3 * DAY), waiver("W-2", expires=TODAY + 4 * DAY)

    _, told = applied([], [soon, later], HERE, TODAY, WaiverLimits(warn_days=3))

    assert ids(told.expiring) == ["W-1"]


def test_one_for_this_image_that_names_nothing_of_it_is_unused_and_a_fleet_wide_one_may_not_be() -> None:
    waivers = [
        waiver("W-1", match=(("vuln", "CVE-9"),), image="family-vision"),
        waiver("W-2", match=(("vuln", "CVE-9"),), digest=DIGEST),
        waiver("W-3", match=(("vuln", "CVE-9"),), image="family-*"),
        waiver("W-4", match=(("vuln", "CVE-9"),)),
        waiver("W-5", image="family-torch"),
    ]

    assert ids(use(tiff_finding(), *waivers).unused) == ["W-1", "W-2"]


def test_on_a_services_image_one_for_its_family_may_be_needed_elsewhere() -> None:
    for_family = waiver(match=(("vuln", "CVE-9"),), image="family-vision")

    _, told = applied([tiff_finding()], [for_family], WaiverScope(("face", "family-vision")), TODAY)

    assert told.unused == ()


def test_one_for_packages_that_have_changed_says_so() -> None:
    told = use(tiff_finding(), waiver(image="family-vision", package_set=DIGEST))

    assert [account.remark for account in told.unused] == [
        f"it is for the packages {DIGEST}, which have changed"
    ]
    assert told.applied == ()


def test_one_for_the_packages_of_some_other_image_is_none_of_this_ones() -> None:
    assert use(tiff_finding(), waiver(package_set=DIGEST)) == WaiverUse()
