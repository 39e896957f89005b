"""Laws of audits: what is stored is what is read, and nothing more to say never makes them better."""

import unicodedata
from contextlib import suppress
from xml.etree import ElementTree as ET

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Finding, Gap, GapKind, Verdict
from fleet_audit.audit.model.gating import Comparison, GatedImage, GateReport, gated
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.stored_audit import AuditUnreadable, audit_of, encoded
from fleet_audit.audit.policy.baseline import compared
from fleet_audit.reports.renderers import render
from tests.support.any_values import any_value
from tests.support.gated import audit, blocking, blocking_gap, use_of
from tests.support.laws import examples
from tests.support.reports import OPTIONS
from tests.support.waivers import waiver

AUDITS: st.SearchStrategy[AuditReport] = any_value(AuditReport)
FINDINGS: st.SearchStrategy[Finding] = any_value(Finding)
GAPS: st.SearchStrategy[Gap] = any_value(Gap)
HOSTILE = st.one_of(
    st.text(st.characters(codec=None, categories=None), max_size=40),
    st.sampled_from(["\x1b]0;title\x07", "\u202e", "|", "<&>]]>", "a\nb", "\udc80", "\x00", "\ufffe", ""]),
)
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


@settings(examples(30), suppress_health_check=WIDE)
@given(HOSTILE, st.integers(1, 300))
def test_no_format_of_the_gate_lets_a_hostile_name_through(text: str, width: int) -> None:
    found = blocking(text, message=text, remedy=text, location=SourceLocation(text, 3))
    waived = use_of(waiver("W-1", owner=text, reason=text, location=SourceLocation(text, 1)))
    told = Comparison(base=text, known=("k",), waived_since=(text,), fixed=(found,))
    gap = Gap(text, GapKind.NO_AUDIT, text, text, SourceLocation(text), text)
    image = gated(audit(text, found, gaps=(gap,), waivers=waived), file=text, comparison=told)
    report = GateReport(subject=text, images=(image, image), absent=(text,), gaps=(gap,))
    options = msgspec.structs.replace(OPTIONS, width=width)

    for name in ("text", "markdown", "junit"):
        assert is_harmless(render(GateReport, [report], name, options))
    for name in ("json", "sarif"):
        assert msgspec.json.decode(render(GateReport, [report], name, options))
    ET.fromstring(render(GateReport, [report], "junit", options))  # noqa: S314  (our own document)


def is_harmless(text: str) -> bool:
    return all(c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text)


def verdict_of(one: AuditReport) -> Verdict:
    image: GatedImage = gated(one)
    return GateReport(subject="gate", images=(image,)).verdict
