"""What it means for this image that a name was not found."""

import msgspec

from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.model.elf import (
    Fatal,
    HostDriver,
    Missing,
    NotAvailable,
    Resolution,
    Unknown,
    WrongMachine,
    WrongVariant,
)
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import Soname
from fleet_audit.audit.pipeline.needs.variants import Variants, variants_of, why_only_torch
from fleet_audit.audit.pipeline.run.scene import Scene


class Judge(msgspec.Struct, frozen=True):
    """Knows what the host supplies, what a suite has lost, and whether the whole image was seen."""

    knowledge: Knowledge
    codename: str
    is_whole: bool
    variants: Variants = Variants()

    def judged(self, name: str, resolution: Resolution) -> Resolution:
        """Return the resolution of `name`, with `Missing` told apart by what is known of the name.

        Of an image that was not seen whole nothing bad is said: a layer that could not be read may bring
        what is not found, and may replace what does not load.
        """
        is_missing = isinstance(resolution, Missing)
        if is_missing and (row := self.knowledge.host_row(name)) is not None:
            return HostDriver(row.id, row.why)
        if not self.is_whole and isinstance(resolution, Missing | Fatal | WrongMachine):
            what = "not found" if is_missing else "found, but not to be loaded,"
            why = f"{what} in the layers that could be read, and some could not"
            return Unknown(why, GapKind.UNREADABLE_LAYER)
        return self._of_missing(name) or resolution if is_missing else resolution

    def _of_missing(self, name: str) -> Resolution | None:
        """Return what is known of a name that is missing; None where nothing is."""
        wheel = self._way_out(name)
        if (variant := self.variants.other(name)) is not None:
            return WrongVariant(f"{variant}; {wheel}" if wheel else variant)
        if (only := why_only_torch(name)) is not None:
            return NotAvailable(only)
        if wheel:
            return NotAvailable(f"no package is to bring it; {wheel}")
        if (gone := self.knowledge.gone(Soname(name), self.codename)) is not None:
            return NotAvailable(f"{gone.verdict}; {gone.fix}")
        return None

    def _way_out(self, name: str) -> str:
        """Return which wheel brings a library that no package should; empty where none is known."""
        row = self.knowledge.of_pypi(name)
        if row is None:
            return ""
        wheels = " or ".join(f"{distribution}{row.versions}" for distribution in row.distributions)
        return f"require {wheels}, which brings it ({row.why}) in a folder that the loader must be led to"


def judge_of(scene: Scene, knowledge: Knowledge) -> Judge:
    """Return the judge of one image."""
    codename = scene.image.identity.distro.codename
    return Judge(knowledge, codename, scene.is_whole, variants_of(scene.elf))
