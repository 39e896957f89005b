"""What of an audit's report its history keeps."""

from collections.abc import Iterable

import msgspec

from fleet_audit.audit.model.finding import Finding, Mode
from fleet_audit.audit.model.lifecycle import AuditRecord, Sighting
from fleet_audit.audit.model.report import Judged

_SILENT = frozenset({Mode.OFF, Mode.DRY_RUN})
_BEST_KNOWN = "CVE-"


def record_of(report: Judged, image: str, at: str, digest: str = "") -> AuditRecord:
    """Return what a history records of a report on an image that was judged at a time.

    Findings in dry run are left out: they hold nothing against an image yet. The audit is complete only where
    no gap of it blocks, by the policy or by its kind: a policy may let pass what nobody could look at, and
    still nobody has looked at it.
    """
    return AuditRecord(
        image=image,
        at=at,
        sightings=sightings(report.findings),
        is_complete=not any(gap.blocking or gap.kind.is_blocking for gap in report.gaps),
        digest=digest,
    )


def sightings(findings: Iterable[Finding]) -> tuple[Sighting, ...]:
    """Return each finding that counts once, by fingerprint.

    Of several with one fingerprint, as on several lines of a file, the gravest decides; they are waived where
    all of them are.
    """
    found: dict[str, Sighting] = {}
    for finding in findings:
        if finding.mode in _SILENT:
            continue
        sighting = _sighting(finding)
        known = found.get(sighting.fingerprint, sighting)
        found[sighting.fingerprint] = msgspec.structs.replace(
            max(known, sighting, key=lambda each: each.severity.rank),
            is_waived=known.is_waived and sighting.is_waived,
        )
    return tuple(found[fingerprint] for fingerprint in sorted(found))


def _sighting(finding: Finding) -> Sighting:
    vulns = [value for key, value in finding.matter if key == "vuln"]
    # Databases name one thing differently; people look for its CVE.
    advisory = min(vulns, key=lambda name: (not name.startswith(_BEST_KNOWN), name), default="")
    packages = dict(reversed(finding.matter))
    return Sighting(
        fingerprint=finding.fingerprint,
        rule=finding.rule,
        severity=finding.severity,
        subject=finding.subject,
        advisory=advisory,
        package=packages.get("purl", packages.get("package", "")),
        is_waived=finding.waiver is not None,
    )
