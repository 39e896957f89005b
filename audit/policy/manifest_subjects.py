"""The subjects of the manifest."""

from collections.abc import Iterable

from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.manifest_claims import ManifestMismatch
from fleet_audit.audit.policy.facts import Subject, SubjectKind, placed_subject
from fleet_audit.audit.policy.manifest_facts import ClaimFacts


def claim_subjects(mismatches: Iterable[ManifestMismatch]) -> tuple[Subject, ...]:
    """Return one subject for each disagreement of the manifest with the repository, in their order."""
    found = []
    for each in mismatches:
        facts = ClaimFacts(
            kind=each.kind,
            about=each.about,
            said=each.said,
            found=each.found,
            machine=each.machine,
            services=each.services,
            families=each.families,
        )
        name = ":".join(part for part in ("claim", each.kind, each.about, each.said) if part)
        places = [each.location, *each.related]
        found.append(placed_subject(SubjectKind.CLAIM, facts, name, Level.CERTAIN, places))
    return tuple(found)
