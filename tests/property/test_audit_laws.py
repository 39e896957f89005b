"""Laws of audits: what is stored is what is read, and nothing more to say never makes them better."""

from contextlib import suppress

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Finding, Gap, Verdict
from fleet_audit.audit.model.gating import Comparison, GatedImage, GateReport, gated
from fleet_audit.audit.model.stored_audit import AuditUnreadable, audit_of, encoded
from fleet_audit.audit.policy.baseline import compared
from tests.support.any_values import any_value
from tests.support.gated import audit, blocking, blocking_gap
from tests.support.laws import examples

AUDITS: st.SearchStrategy[AuditReport] = any_value(AuditReport)
FINDINGS: st.SearchStrategy[Finding] = any_value(Finding)
GAPS: st.SearchStrategy[Gap] = any_value(Gap)
WIDE = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


@settings(examples(40), suppress_health_check=WIDE)
@given(AUDITS)
def test_an_audit_that_was_stored_is_read_as_it_was(one: AuditReport) -> None:
    assert audit_of(encoded(one), "a.json") == one


@settings(examples(100))
@given(st.data())
def test_what_is_cut_short_or_changed_is_read_as_an_audit_or_refused_in_words(data: st.DataObject) -> None:
    body = encoded(audit("vision", blocking()))
    start = data.draw(st.integers(0, len(body)))
    damaged = body[:start] + data.draw(st.binary(max_size=4)) + body[start + data.draw(st.integers(0, 9)) :]

    # Any other error than this one fails.
    with suppress(AuditUnreadable):
        assert isinstance(audit_of(damaged, "a.json"), AuditReport)


@given(st.lists(FINDINGS, max_size=3), st.lists(GAPS, max_size=3), FINDINGS, GAPS)
def test_a_further_finding_or_gap_never_turns_a_gate_to_pass(
    findings: list[Finding], gaps: list[Gap], finding: Finding, gap: Gap
) -> None:
    before = audit("vision", *findings, gaps=tuple(gaps))
    worse = (
        msgspec.structs.replace(before, findings=(*findings, finding)),
        msgspec.structs.replace(before, gaps=(*gaps, gap)),
    )

    for after in worse:
        assert verdict_of(after) is verdict_of(before) or verdict_of(after) is not Verdict.PASS


@given(st.lists(FINDINGS, max_size=4), st.lists(FINDINGS, max_size=4))
def test_a_baseline_excuses_only_what_blocked_in_it(now: list[Finding], then: list[Finding]) -> None:
    head, base = audit("vision", *now), audit("vision", *then)

    image = gated(head, comparison=compared(head, base, base))

    before = {finding.fingerprint for finding in then if finding.blocks}
    assert {finding.fingerprint for finding in image.excused} <= before
    assert {*image.blocking, *image.excused} == {finding for finding in now if finding.blocks}


@given(st.lists(FINDINGS, max_size=4))
def test_beside_itself_nothing_is_new_and_nothing_is_fixed(findings: list[Finding]) -> None:
    one = audit("vision", *findings)

    told = compared(one, one, one)

    assert gated(one, comparison=told).blocking == ()
    assert (told.fixed, told.disclosed, told.waived_since) == ((), (), ())


@given(any_value(Comparison), st.lists(FINDINGS, max_size=3))
def test_no_baseline_makes_a_gap_harmless(comparison: Comparison, findings: list[Finding]) -> None:
    image = gated(audit("vision", *findings, gaps=(blocking_gap(),)), comparison=comparison)

    assert image.verdict is not Verdict.PASS


def verdict_of(one: AuditReport) -> Verdict:
    image: GatedImage = gated(one)
    return GateReport(subject="gate", images=(image,)).verdict
