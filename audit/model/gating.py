"""The answer of ``gate``: which images may be released, and what keeps the others from it."""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Finding, Gap, Verdict, combined, verdict
from fleet_audit.audit.model.report import Judged
from fleet_audit.audit.model.waiver import WaiverAccount


class Age(StrEnum):
    """Since when a finding is there, as a baseline tells.

    ``known`` blocked in the base already; ``disclosed`` is an advisory that nobody could know then, on a
    package that is the same; what blocks otherwise is ``new``.
    """

    NEW = "new"
    KNOWN = "known"
    DISCLOSED = "disclosed"


class Comparison(msgspec.Struct, frozen=True):
    """One image's audit beside an earlier one, both judged by the same rules and waivers.

    `known` and `disclosed` are the fingerprints of findings that do not block for that reason, `fixed` are
    findings that blocked in the base alone. `waived_since` are the ids of waivers that name findings of this
    image and that the base did not have. The dates are those of the scanners' databases, empty where there is
    none.
    """

    base: str
    base_digest: str = ""
    database_before: str = ""
    database_now: str = ""
    known: tuple[str, ...] = ()
    disclosed: tuple[str, ...] = ()
    fixed: tuple[Finding, ...] = ()
    waived_since: tuple[str, ...] = ()

    def age(self, finding: Finding) -> Age:
        """Return since when a finding that blocks is there."""
        if finding.fingerprint in self.known:
            return Age.KNOWN
        return Age.DISCLOSED if finding.fingerprint in self.disclosed else Age.NEW


class GatedImage(Judged, frozen=True, kw_only=True):
    """One image before the gate: its whole audit, and where that is kept (empty where it is not).

    With a `comparison`, only what is new blocks.
    """

    audit: AuditReport
    file: str = ""
    comparison: Comparison | None = None

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """Return the findings that make the verdict ``fail``."""
        excused = self._excused
        return tuple(f for f in self.findings if f.blocks and f.fingerprint not in excused)

    @property
    def excused(self) -> tuple[Finding, ...]:
        """Return the findings that would block without a baseline."""
        excused = self._excused
        return tuple(f for f in self.findings if f.blocks and f.fingerprint in excused)

    @property
    def _excused(self) -> frozenset[str]:
        told = self.comparison
        return frozenset() if told is None else frozenset((*told.known, *told.disclosed))

    def age(self, finding: Finding) -> Age:
        """Return since when a finding is there; without a baseline all are new."""
        return Age.NEW if self.comparison is None else self.comparison.age(finding)

    @property
    def verdict(self) -> Verdict:
        """Judge what is new, and the gaps."""
        return verdict(self.blocking, self.gaps)


class GateReport(Judged, frozen=True, kw_only=True):
    """All images of one gate. `gaps` are those that belong to none of them.

    `absent` are the images that were left out because they are not built, by the names of their families and
    services. Of a whole fleet, `idle` are the waivers that hold and name nothing of any image.
    """

    images: tuple[GatedImage, ...] = ()
    absent: tuple[str, ...] = ()
    idle: tuple[WaiverAccount, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Judge all images together; a gate over nothing is no pass."""
        if not self.images:
            return Verdict.INCOMPLETE
        return combined((*(image.verdict for image in self.images), verdict((), self.gaps)))


def gated(audit: AuditReport, *, file: str = "", comparison: Comparison | None = None) -> GatedImage:
    """Return a judged audit as the gate sees it."""
    return GatedImage(
        subject=audit.subject,
        findings=audit.findings,
        gaps=audit.gaps,
        notes=audit.notes,
        policy=audit.policy,
        folder=audit.folder,
        audit=audit,
        file=file,
        comparison=comparison,
    )


def with_gaps(audit: AuditReport, *gaps: Gap) -> AuditReport:
    """Return an audit with further gaps."""
    return msgspec.structs.replace(audit, gaps=(*audit.gaps, *gaps))
