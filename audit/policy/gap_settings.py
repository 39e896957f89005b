"""Which gaps block by a policy's word."""

from collections.abc import Iterable, Mapping

import msgspec

from fleet_audit.audit.model.finding import Gap, GapKind


def settled(gaps: Iterable[Gap], settings: Mapping[GapKind, bool]) -> tuple[Gap, ...]:
    """Return the gaps in their order, each with the policy's word on its kind, or with none."""
    return tuple(msgspec.structs.replace(gap, is_blocking=settings.get(gap.kind)) for gap in gaps)
