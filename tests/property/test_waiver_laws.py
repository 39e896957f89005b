"""What holds of waivers and findings whatever they are."""

from datetime import date, timedelta
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_audit.audit.model.finding import Confidence, Finding, Mode, Severity, verdict
from fleet_audit.audit.model.identity import Digest
from fleet_audit.audit.model.waiver import Waiver, WaiverEffect, WaiverScope, WaiverUse
from fleet_audit.audit.policy.waiver_index import WaiverIndex
from fleet_audit.audit.policy.waivers import applied, is_active, is_for, names
from tests.support.waivers import TODAY

FEW = settings(max_examples=40, deadline=None)
KEYS = st.sampled_from(("vuln", "purl", "package", "service", "path"))
VALUES = st.sampled_from(("a", "b", "a?arch=amd64"))
MATTER = st.lists(st.tuples(KEYS, VALUES), max_size=3, unique=True).map(lambda pairs: tuple(sorted(pairs)))
RULES = st.sampled_from(("FA-A-001", "FA-B-001"))
DIGESTS = st.sampled_from((None, Digest("sha256:" + "a" * 64), Digest("sha256:" + "b" * 64)))
DAYS = st.integers(-40, 40).map(lambda days: TODAY + timedelta(days=days))

FINDINGS = st.builds(
    Finding,
    rule=RULES,
    severity=st.sampled_from(Severity),
    confidence=st.just(Confidence.CERTAIN),
    mode=st.sampled_from(Mode),
    subject=st.sampled_from(("s", "t")),
    message=st.just("m"),
    waiver=st.sampled_from((None, "a comment")),
    matter=MATTER,
)
SCOPES = st.builds(
    WaiverScope,
    names=st.sampled_from(((), ("face",), ("vision", "face"))),
    digest=DIGESTS,
    package_set=DIGESTS,
)


@st.composite
def waiver_lists(draw: st.DrawFn) -> list[Waiver]:
    """Draw waivers with different ids."""
    return [
        Waiver(
            id=f"W-{number}",
            rule=draw(RULES),
            owner="o",
            reason="r",
            created=draw(DAYS),
            expires=draw(DAYS),
            match=draw(MATTER),
            image=draw(st.sampled_from(("", "*", "face", "v*"))),
            package_set=draw(DIGESTS),
            digest=draw(DIGESTS),
            effect=draw(st.sampled_from(WaiverEffect)),
        )
        for number in range(draw(st.integers(0, 5)))
    ]


LISTS = st.lists(FINDINGS, max_size=6)


def as_rules_said(finding: Finding, before: Finding) -> Finding:
    """Return a finding without what a waiver may have written on it."""
    return msgspec.structs.replace(
        finding, waiver=before.waiver, waived_by=before.waived_by, is_downgraded=before.is_downgraded
    )


@FEW
@given(LISTS, waiver_lists(), SCOPES)
def test_a_waiver_hides_no_finding_and_changes_nothing_in_it_but_that_it_is_waived(
    findings: list[Finding], waivers: list[Waiver], scope: WaiverScope
) -> None:
    told, _ = applied(findings, waivers, scope, TODAY)

    assert [as_rules_said(*pair) for pair in zip(told, findings, strict=True)] == findings
    assert [f.fingerprint for f in told] == [f.fingerprint for f in findings]


@FEW
@given(LISTS, waiver_lists(), SCOPES)
def test_a_waiver_touches_what_it_names_and_nothing_else(
    findings: list[Finding], waivers: list[Waiver], scope: WaiverScope
) -> None:
    told, _ = applied(findings, waivers, scope, TODAY)

    holding = [each for each in waivers if is_active(each, TODAY) and is_for(each, scope)]
    for before, after in zip(findings, told, strict=True):
        assert (after != before) == any(names(each, before) for each in holding)
        assert not (after.blocks and after.waived_by)


@FEW
@given(FINDINGS, waiver_lists())
def test_every_waiver_that_names_a_finding_is_among_the_candidates(
    finding: Finding, waivers: list[Waiver]
) -> None:
    candidates = WaiverIndex(waivers).candidates(finding)

    assert [each for each in waivers if names(each, finding)] == [c for c in candidates if names(c, finding)]


@FEW
@given(LISTS, waiver_lists(), SCOPES, st.randoms(use_true_random=False))
def test_the_order_of_waivers_changes_nothing(
    findings: list[Finding], waivers: list[Waiver], scope: WaiverScope, chance: Random
) -> None:
    shuffled = list(waivers)
    chance.shuffle(shuffled)

    assert applied(findings, waivers, scope, TODAY) == applied(findings, shuffled, scope, TODAY)


@FEW
@given(LISTS, waiver_lists(), SCOPES)
def test_waiving_is_done_finding_by_finding(
    findings: list[Finding], waivers: list[Waiver], scope: WaiverScope
) -> None:
    whole, _ = applied(findings, waivers, scope, TODAY)

    assert list(whole) == [applied([each], waivers, scope, TODAY)[0][0] for each in findings]


@FEW
@given(LISTS, waiver_lists(), SCOPES)
def test_every_active_waiver_of_an_image_that_names_a_finding_is_told_as_applied(
    findings: list[Finding], waivers: list[Waiver], scope: WaiverScope
) -> None:
    _, use = applied(findings, waivers, scope, TODAY)

    holding = [each for each in waivers if is_active(each, TODAY) and is_for(each, scope)]
    used = [each.id for each in holding if any(names(each, finding) for finding in findings)]
    assert [account.waiver.id for account in use.applied] == used


@FEW
@given(LISTS, waiver_lists(), SCOPES)
def test_on_a_day_without_any_active_waiver_the_verdict_is_that_of_the_rules(
    findings: list[Finding], waivers: list[Waiver], scope: WaiverScope
) -> None:
    told, use = applied(findings, waivers, scope, date(2020, 1, 1))

    assert told == tuple(findings)
    assert verdict(told, ()) is verdict(tuple(findings), ())
    assert (use.applied, use.expired, use.unused, use.expiring) == ((), (), (), ())


@FEW
@given(LISTS, waiver_lists(), SCOPES)
def test_what_became_of_waivers_survives_a_document(
    findings: list[Finding], waivers: list[Waiver], scope: WaiverScope
) -> None:
    _, use = applied(findings, waivers, scope, TODAY)

    assert msgspec.json.decode(msgspec.json.encode(use), type=WaiverUse) == use
