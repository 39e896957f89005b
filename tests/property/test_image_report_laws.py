"""Laws of the report on one image, for any audit that can be stored."""

import csv
import io
import unicodedata

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.gating import GatedImage, gated
from fleet_audit.reports.audit_markdown import MAX_BYTES
from fleet_audit.reports.audit_summary import summary_of
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.renderers import render
from tests.support.any_values import any_value
from tests.support.audits import full_audit
from tests.support.gated import blocking
from tests.support.laws import examples
from tests.support.rendering import cells
from tests.support.reports import OPTIONS

AUDITS: st.SearchStrategy[AuditReport] = any_value(AuditReport)
HOSTILE = st.one_of(
    st.text(st.characters(codec=None, categories=None), min_size=1, max_size=30),
    st.sampled_from(
        ["\x1b]0;title\x07", "\u202e", "|", "[red]", "a\nb", "\udc80", "=1+1", "a\n| --- |", "```", "@team"]
    ),
)
WIDTHS = st.integers(60, 140)


def options(width: int, *, is_full: bool) -> RenderOptions:
    return msgspec.structs.replace(OPTIONS, width=width, is_full=is_full)


def is_harmless(text: str) -> bool:
    return all(c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text)


@settings(examples(40), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(one=AUDITS, width=WIDTHS, is_full=st.booleans())
def test_any_audit_is_reported_in_every_format_and_nothing_of_it_acts(
    one: AuditReport, width: int, is_full: bool
) -> None:
    image = gated(one)

    texts = {name: _said(image, name, width, is_full=is_full) for name in ("text", "markdown", "csv")}

    assert all(is_harmless(text) for text in texts.values())
    assert texts["text"].startswith(f"{image.verdict.upper()}  ")
    assert texts["markdown"].startswith(f"## {image.verdict.upper()}: ")
    assert len(texts["markdown"].encode()) <= MAX_BYTES
    rows = list(csv.DictReader(io.StringIO(texts["csv"]), strict=True))
    assert len(rows) == len(one.findings) + len(one.gaps)


@settings(examples(40), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(AUDITS)
def test_every_finding_and_every_byte_is_counted_once(one: AuditReport) -> None:
    image = gated(one)
    summary = summary_of(image)

    outcomes = [r.blocks + r.warns + r.excused + r.dry_run + r.waived for r in summary.rules]
    assert sum(outcomes) == len(one.findings)
    assert sum(row.findings for row in summary.origins) == len(one.findings)
    assert sum(row.blocking for row in summary.origins) == len(image.blocking)
    assert sum(row.advisories for row in summary.origins) == len(one.advisories)
    assert sum(row.stored_bytes or 0 for row in summary.origins) == sum(
        layer.stored_bytes for layer in summary.layers
    )
    assert sum(row.reached + row.unknown + row.unreached for row in summary.gravity) == len(one.advisories)
    needs = summary.needs
    assert len(one.needs) == sum(map(len, (needs.required, needs.possible, needs.host, needs.found)))


@settings(examples(40), suppress_health_check=[HealthCheck.too_slow])
@given(text=HOSTILE, width=WIDTHS)
def test_a_hostile_name_leaves_every_table_its_shape(text: str, width: int) -> None:
    finding = blocking(text, message=text, remedy=text, matter=(("service", text),))
    plain = gated(full_audit(services=("a", "b"), findings=(blocking("x", matter=(("service", "a"),)),)))
    hostile = gated(full_audit(services=(text, "b"), findings=(finding,), notes=(text,)))

    said = _said(hostile, "markdown", width, is_full=True)

    assert is_harmless(said)
    assert is_harmless(_said(hostile, "text", width, is_full=True))
    shape = [len(row) for row in cells(_said(plain, "markdown", width, is_full=True))]
    assert [len(row) for row in cells(said)] == shape


def _said(image: GatedImage, name: str, width: int, *, is_full: bool) -> str:
    return render(GatedImage, [image], name, options(width, is_full=is_full))
