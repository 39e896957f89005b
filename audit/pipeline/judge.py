"""What it means for this image that a name was not found."""

import msgspec

from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.model.elf import HostDriver, Missing, NotAvailable, Resolution, Unknown
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import Soname


class Judge(msgspec.Struct, frozen=True):
    """Knows what the host supplies, what a suite has lost, and whether the whole image was seen."""

    knowledge: Knowledge
    codename: str
    is_whole: bool

    def judged(self, name: str, resolution: Resolution) -> Resolution:
        """Return the resolution of `name`, with `Missing` told apart by what is known of the name."""
        if not isinstance(resolution, Missing):
            return resolution
        if (row := self.knowledge.host_row(name)) is not None:
            return HostDriver(row.id, row.why)
        if not self.is_whole:
            why = "not found in the layers that could be read, and some could not"
            return Unknown(why, GapKind.UNREADABLE_LAYER)
        if (gone := self.knowledge.gone(Soname(name), self.codename)) is not None:
            return NotAvailable(f"{gone.verdict}; {gone.fix}")
        return resolution
