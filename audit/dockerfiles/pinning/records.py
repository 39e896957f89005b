"""How records are placed."""

from fleet_audit.audit.model.installs import Practice, Practised
from fleet_audit.audit.model.location import SourceLocation


def practised(practice: Practice, name: str, *lines: int) -> Practised:
    """Return a record at the first of these lines of its file, related to the others."""
    first, *others = dict.fromkeys(lines)
    related = tuple(SourceLocation(practice.path, line) for line in others)
    return Practised(practice, name, SourceLocation(practice.path, first), related)
