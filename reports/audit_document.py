"""Audits of images as documents: ``audit/1`` for programs, and findings and gaps as a table."""

from collections.abc import Iterator, Mapping, Sequence

from fleet_audit.audit.model.advisories import Advisory
from fleet_audit.audit.model.finding import Finding, Gap, combined
from fleet_audit.audit.model.gating import GatedImage
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.stored_audit import document_of
from fleet_audit.reports.audit_summary import by_subject
from fleet_audit.reports.csv_text import csv_text
from fleet_audit.reports.documents import encode, head_of
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import place_of

COLUMNS = (
    "subject",
    "image_digest",
    "row",
    "rule",
    "severity",
    "mode",
    "blocks",
    "about",
    "message",
    "file",
    "line",
    "remedy",
    "waiver",
    "fingerprint",
    "reach",
    "fix",
)
"""One row is a ``finding`` or a ``gap``, of which `rule` is the kind and `remedy` the command to run."""


def audit_document(images: Sequence[GatedImage], options: RenderOptions) -> str:
    """Return ``audit/1``, which is read as a stored audit is; of several subjects a list of these."""
    documents = [document_of(image.audit) for image in images]
    if len(documents) == 1:
        return encode(documents[0])
    verdict = combined(image.verdict for image in images)
    return encode(head_of("audit", options) | {"subjects": documents, "verdict": verdict})


def audit_csv(images: Sequence[GatedImage], options: RenderOptions) -> str:
    """Return one row for each finding and each gap, with a line of names; no cell is a formula."""
    return csv_text(COLUMNS, (row for image in images for row in _rows(image, options)))


def _rows(image: GatedImage, options: RenderOptions) -> Iterator[tuple[str | int, ...]]:
    audit = image.audit
    digest = "" if audit.image is None else audit.image.ref.digest or ""
    blocking = frozenset(image.blocking)
    advisories = by_subject(audit.advisories)
    for finding in image.findings:
        told = _finding(finding, advisories, options, blocks=finding in blocking)
        yield image.subject, digest, "finding", *told
    for gap in sorted(image.gaps, key=lambda gap: not gap.blocking):
        yield image.subject, digest, "gap", *_gap(gap)


def _finding(
    finding: Finding, advisories: Mapping[str, Advisory], options: RenderOptions, *, blocks: bool
) -> tuple[str | int, ...]:
    advisory = advisories.get(finding.subject)
    return (
        finding.rule,
        str(finding.severity),
        str(finding.mode),
        _yes(is_so=blocks),
        finding.subject,
        finding.message,
        *_place(place_of(finding, options.manifest)),
        finding.remedy,
        finding.waiver or "",
        finding.fingerprint,
        "" if advisory is None else str(advisory.reach),
        "" if advisory is None else " or ".join(advisory.fixed_in),
    )


def _gap(gap: Gap) -> tuple[str | int, ...]:
    blocks = _yes(is_so=gap.blocking)
    return (
        str(gap.kind),
        "",
        "",
        blocks,
        gap.what,
        gap.why,
        *_place(gap.location),
        gap.command,
        "",
        "",
        "",
        "",
    )


def _yes(*, is_so: bool) -> str:
    return "true" if is_so else "false"


def _place(place: SourceLocation | None) -> tuple[str, str | int]:
    return ("", "") if place is None else (place.path, place.line or "")
