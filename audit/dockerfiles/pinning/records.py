"""How records are placed, and what of them is shown: no passwords that stand in addresses."""

import re

import msgspec

from fleet_audit.audit.model.installs import Practice, Practised
from fleet_audit.audit.model.location import SourceLocation


def practised(practice: Practice, name: str, *lines: int) -> Practised:
    """Return a record at the first of these lines of its file, related to the others."""
    first, *others = dict.fromkeys(lines)
    related = tuple(SourceLocation(practice.path, line) for line in others)
    return Practised(practice, name, SourceLocation(practice.path, first), related)


_USER = re.compile(r"(?<=://)(?!git@)[^/@\s]+@")


def without_passwords(each: Practised) -> Practised:
    """Return a record in whose addresses (``https://user:password@host``) nobody is named."""
    texts = {
        field: _USER.sub("…@", value)
        for field in each.practice.__struct_fields__
        if isinstance(value := getattr(each.practice, field), str) and "@" in value
    }
    if not texts:
        return each
    practice = msgspec.structs.replace(each.practice, **texts)
    return msgspec.structs.replace(each, practice=practice, name=_USER.sub("…@", each.name))
