"""A manifest drafted from a repository."""

from fleet_audit.audit.dockerfiles.drafting.drafting import draft
from fleet_audit.audit.dockerfiles.drafting.writing import manifest_text
from fleet_audit.audit.model.draft import Draft
from fleet_audit.audit.pipeline.repository.grounds import Grounds


def drafted(name: str, grounds: Grounds) -> tuple[Draft, str]:
    """Return the draft of a manifest, and its text."""
    made = draft(name, grounds.repository, grounds.builds)
    return made, manifest_text(made)
