"""A comment in source by which someone waives a rule at one line."""

import msgspec

from fleet_audit.audit.model.location import SourceLocation


class Pragma(msgspec.Struct, frozen=True, order=True):
    """One ``# fleet-audit: ignore[RULE] reason``, at `location`.

    It speaks of the lines `first` to `last` of the same file. `problem` says why it waives nothing; it is
    empty where the comment is as it must be, whatever rules there are.
    """

    location: SourceLocation
    first: int = 0
    last: int = 0
    rules: tuple[str, ...] = ()
    reason: str = ""
    problem: str = ""

    def covers(self, place: SourceLocation) -> bool:
        """Say whether `place` is a line that the comment speaks of."""
        return place.path == self.location.path and self.first <= place.line <= self.last
