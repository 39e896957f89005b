"""Which release of a distribution a stage stands on, as far as the tag of its image tells."""

import re

from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.language.reference import ReferenceInvalid, parse_reference
from fleet_audit.audit.dockerfiles.language.structure import Stage

_WORDS = re.compile(r"[a-z]+")


def words_of_tag(stage: Stage, values: Scopes) -> frozenset[str]:
    """Return the words in the tag of the image below a stage (``3.11-slim-trixie``: slim, trixie).

    Empty where the image is not known, or has no tag: its release is then not known either.
    """
    *_, lowest = values.lineage(stage)
    base = values.base(lowest)
    if not base.is_known:
        return frozenset()
    try:
        return frozenset(_WORDS.findall(parse_reference(base.value).tag))
    except ReferenceInvalid:
        return frozenset()
