"""How two images, SBOMs or audits differ: what came, went, and moved up or down.

One side is A, what was named first, the other B; what is told of both tells it in this order. Compared in
the other order, every difference is the mirror image.
"""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.identity import Digest
from fleet_audit.audit.model.inventory import ToolUse
from fleet_audit.audit.model.report import Judged


class Change(StrEnum):
    """What became of a thing on the way from A to B.

    Versions go `up` or `down` in the order of their own ecosystem; where that gives none, they `changed`.
    """

    ADDED = "added"
    REMOVED = "removed"
    UP = "up"
    DOWN = "down"
    CHANGED = "changed"


class Aspect(StrEnum):
    """What can be compared, where both sides tell it."""

    PACKAGES = "packages"
    OTHER_KINDS = "packages of other kinds"
    PROGRAMS = "programs outside of packages"
    BUNDLED = "libraries inside packages"
    LICENCES = "licences"
    SONAMES = "sonames"
    NEEDS = "needs"
    FINDINGS = "findings"
    ADVISORIES = "advisories"
    CONFIGURATION = "configuration"
    PACKAGE_SIZES = "sizes of packages"
    LAYERS = "layers"


class Held(msgspec.Struct, frozen=True, order=True):
    """One version of a package that a side has; empty strings where it does not say."""

    version: str
    architecture: str = ""


class PackageChange(msgspec.Struct, frozen=True):
    """One package that is not in the same versions on both sides.

    `key` is its canonical purl without version and architecture, of a bundled library that of the package
    around it and its name. `before` is what only A has, `after` what only B has, `kept` what both have.
    `origins_before` and `origins_after` are the families, services or ``base`` that brought it.
    """

    key: str
    name: str
    ecosystem: str
    change: Change
    before: tuple[Held, ...] = ()
    after: tuple[Held, ...] = ()
    kept: tuple[Held, ...] = ()
    within: str = ""
    origins_before: tuple[str, ...] = ()
    origins_after: tuple[str, ...] = ()


class LicenceChange(msgspec.Struct, frozen=True):
    """A package that both sides have, under other licences."""

    key: str
    name: str
    ecosystem: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class SonameChange(msgspec.Struct, frozen=True):
    """A soname that only one side provides, or that both provide with other symbol versions.

    `before` and `after` are the files that provide it. `versions_before` are the versions (DT_VERDEF) that
    only A's files define, `versions_after` those that only B's define. `asked_by` are files of the side
    without it that ask for it (DT_NEEDED).
    """

    soname: str
    change: Change
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    versions_before: tuple[str, ...] = ()
    versions_after: tuple[str, ...] = ()
    asked_by: tuple[str, ...] = ()


class SettingChange(msgspec.Struct, frozen=True):
    """Something that an image is configured to be or to run; None where it is not set.

    Of a secret the mask is told, also where only its value is another.
    """

    group: str
    name: str
    before: str | None = None
    after: str | None = None


class NeedState(msgspec.Struct, frozen=True):
    """What a side says of one need: how badly, whether it is there (CONTRACT ``deps/1``), and for whom."""

    kind: str
    name: str
    tier: str
    status: str
    services: tuple[str, ...] = ()

    @property
    def is_missing(self) -> bool:
        """Say whether something has to be done about it: what the host supplies is not missing."""
        return self.status not in ("resolved", "declared", "host-driver")


class NeedChange(msgspec.Struct, frozen=True):
    """A need that only one side has, or that is met otherwise; None for the side that has no such need."""

    kind: str
    name: str
    before: NeedState | None = None
    after: NeedState | None = None

    @property
    def subject(self) -> str:
        """Return the kind and the name."""
        return f"{self.kind} {self.name}"


class FindingState(msgspec.Struct, frozen=True):
    """A finding as one side has it; `place` is the line that a person can change."""

    fingerprint: str
    rule: str
    severity: str
    subject: str
    message: str
    place: str = ""
    waived: bool = False


class FindingChange(msgspec.Struct, frozen=True):
    """A finding that only one side has, or that is waived or graver on one of them."""

    before: FindingState | None = None
    after: FindingState | None = None


class AdvisoryState(msgspec.Struct, frozen=True):
    """An advisory on a package as one side has it; fields as those of ``vulns/1``."""

    id: str
    ecosystem: str
    package: str
    severity: str
    installed: tuple[str, ...] = ()
    fixed_in: tuple[str, ...] = ()
    reach: str = ""
    exploited: bool | None = None


class AdvisoryChange(msgspec.Struct, frozen=True):
    """An advisory that only one side has, or that is graver, mended or reached on one of them alone."""

    before: AdvisoryState | None = None
    after: AdvisoryState | None = None


class SizeChange(msgspec.Struct, frozen=True):
    """How many bytes something has on each side; None where it is not there."""

    what: str
    before: int | None = None
    after: int | None = None

    @property
    def growth(self) -> int:
        """Return by how much B has more."""
        return (self.after or 0) - (self.before or 0)


class LayerChange(msgspec.Struct, frozen=True):
    """A layer that only one side has. `unpacked_bytes` is None where it is not known."""

    diff_id: str
    is_added: bool
    stored_bytes: int
    unpacked_bytes: int | None = None
    created_by: str = ""


class NotCompared(msgspec.Struct, frozen=True):
    """What was not compared, and why: by A, by B, or empty for a side that does tell it."""

    aspect: str
    why_before: str = ""
    why_after: str = ""


class ComparedSide(msgspec.Struct, frozen=True):
    """One of the two: its name as it was given, what kind of thing it is, and what it could not tell.

    `package_set` is the digest of the packages that were compared.
    """

    name: str
    kind: str
    reference: str = ""
    digest: str = ""
    platform: str = ""
    package_set: Digest | None = None
    packages: int = 0
    tools: tuple[ToolUse, ...] = ()
    gaps: tuple[Gap, ...] = ()


class DiffReport(Judged, frozen=True, kw_only=True):
    """The answer of ``diff``. Every tuple is sorted; `same_packages` counts those without a change.

    `totals` are sizes of the whole that both sides tell, whether or not they differ; `package_sizes` are of
    packages that both tell (`key`), those that differ, the greatest difference first.
    """

    before: ComparedSide
    after: ComparedSide
    compared: tuple[Aspect, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    same_packages: int = 0
    shared_layers: int = 0
    packages: tuple[PackageChange, ...] = ()
    bundled: tuple[PackageChange, ...] = ()
    licences: tuple[LicenceChange, ...] = ()
    sonames: tuple[SonameChange, ...] = ()
    needs: tuple[NeedChange, ...] = ()
    findings_changed: tuple[FindingChange, ...] = ()
    advisories: tuple[AdvisoryChange, ...] = ()
    settings: tuple[SettingChange, ...] = ()
    totals: tuple[SizeChange, ...] = ()
    package_sizes: tuple[SizeChange, ...] = ()
    layers: tuple[LayerChange, ...] = ()

    @property
    def is_same_package_set(self) -> bool:
        """Say whether both sides have the very same packages, and have any."""
        return self.before.package_set is not None and self.before.package_set == self.after.package_set

    @property
    def gaps_by_side(self) -> tuple[tuple[str, Gap], ...]:
        """Return the gaps, each with the letter of the side that has it."""
        return (
            *(("A", gap) for gap in self.before.gaps),
            *(("B", gap) for gap in self.after.gaps),
        )

    @property
    def is_same(self) -> bool:
        """Say whether nothing that was compared differs."""
        changed = (
            *(self.packages, self.bundled, self.licences, self.sonames, self.needs, self.findings_changed),
            *(self.advisories, self.settings, self.package_sizes, self.layers),
        )
        return not any(changed) and all(total.growth == 0 for total in self.totals)
