"""The whole audit of one image: every stage is asked, and what one of them cannot say is a gap."""

from collections.abc import Iterable, Iterator

import msgspec

from fleet_audit.audit.dockerfiles.running.masking import masked_text, secret_values
from fleet_audit.audit.dockerfiles.running.stored import of_image
from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.audit import AuditReport, LayerOrigin
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.image import ImageConfig, ImageIdentity
from fleet_audit.audit.model.report import Judged
from fleet_audit.audit.pipeline.advisories.advising import advise_on
from fleet_audit.audit.pipeline.advisories.annotating import NOTHING, Known
from fleet_audit.audit.pipeline.audits.claims import Claims
from fleet_audit.audit.pipeline.deps.analysis import Analysis
from fleet_audit.audit.pipeline.deps.planning_together import Together
from fleet_audit.audit.pipeline.deps.several import analyse_each
from fleet_audit.audit.pipeline.inventories.inventory import inventory_of
from fleet_audit.audit.pipeline.reached.importing import imports_of
from fleet_audit.audit.pipeline.run.origin import families_of_layers
from fleet_audit.audit.pipeline.run.scene import missing_image, unpacked_bytes
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject, anchored
from fleet_audit.audit.pipeline.run.unexamined import left_to_gate
from fleet_audit.audit.pipeline.scanners.syft_answers import SyftOptions
from fleet_audit.audit.pipeline.scanners.trivy_answers import TrivyOptions
from fleet_audit.audit.policy.part import Part, kept
from fleet_audit.audit.policy.promise_facts import PromiseFacts
from fleet_audit.audit.policy.promise_subjects import Contents, promise_subjects

REVISION = "org.opencontainers.image.revision"
"""The label by which an image says of which commit it was built (OCI image specification, annotations)."""


class Scanners(msgspec.Struct, frozen=True):
    """What the user decided on scanners, and what is known of vulnerabilities besides."""

    syft: SyftOptions = SyftOptions()
    trivy: TrivyOptions = TrivyOptions()
    known: Known = NOTHING


class Auditing:
    """The audits of one run: what images and stages share is worked out once."""

    def __init__(self, shared: Shared, scanners: Scanners, claims: Claims | None = None) -> None:
        """Take what the run shares, and what the repository claims where there is a manifest."""
        self._shared = shared
        self._scanners = scanners
        self._claims = claims
        self._together = Together(shared)

    def audit(self, subject: Subject) -> AuditReport:
        """Return the audit of one image, not judged yet.

        Raises ImageError, or what else keeps a named image from being opened.
        """
        return _Audit(subject, self._shared, self._scanners, self._claims, self._together).made()

    def in_any_case(self, subject: Subject) -> AuditReport:
        """Return the audit; an image that cannot be opened is a blocking gap of its audit."""
        try:
            return self.audit(subject)
        except FleetAuditError as error:
            gap = Gap("images", GapKind.NO_IMAGE, subject.name, str(error), subject.location)
            return _Audit(subject, self._shared, self._scanners, self._claims, self._together).bare((gap,))


class _Audit:
    """One image's audit on its way."""

    def __init__(
        self,
        subject: Subject,
        shared: Shared,
        scanners: Scanners,
        claims: Claims | None,
        together: Together,
    ) -> None:
        self._subject = subject
        self._shared = shared
        self._scanners = scanners
        self._together = together
        self._claimed = None if claims is None else claims.of(subject)
        self._gaps: list[Gap] = []

    def made(self) -> AuditReport:
        subject, shared = self._subject, self._shared
        gap = missing_image(subject)
        if gap is not None or subject.image is None:
            return self.bare(() if gap is None else (gap,))
        (analysis,) = analyse_each([subject], shared, self._together)
        found = advise_on(subject, self._together, shared, self._scanners.trivy, self._scanners.known)
        advised = found.report
        listed = inventory_of(subject, shared, self._scanners.syft).report
        imported = imports_of(subject, shared)
        image = advised.image
        digest = "" if image is None else image.ref.digest or ""
        parts = [*analysis.parts, imported.part, found.part]
        if image is not None:
            parts.append(
                _of_promises(subject, Contents(image.distro, listed.inventory.components), listed.gaps)
            )
        audit = self._with_deps(self.bare(()), analysis)
        return msgspec.structs.replace(
            audit,
            image=None if image is None else _without_secrets(image),
            revision="" if image is None else image.config.labels.get(REVISION, ""),
            origins=() if image is None else tuple(self._origins(image)),
            imports=imported.report.services,
            inventory=listed.inventory,
            listed_digest=listed.inventory.subject.version,
            advisories=advised.advisories,
            examined=advised.examined,
            is_end_of_life=advised.is_end_of_life,
            scanned_digest=digest if advised.tools else "",
            tools=tuple(dict.fromkeys((*listed.inventory.tools, *advised.tools))),
            evidence=(*map(kept, parts), *audit.evidence),
            gaps=_united((*audit.gaps, *self._told(analysis.report, imported.report, listed, advised))),
            notes=tuple(dict.fromkeys((*analysis.report.notes, *imported.report.notes, *advised.notes))),
        )

    def bare(self, gaps: Iterable[Gap]) -> AuditReport:
        """Return what can be said without an image: whose it is, and what the repository claims."""
        claimed = self._claimed
        return AuditReport(
            subject=self._subject.name,
            family=self._subject.family,
            names=tuple(_names(self._subject, self._shared.fleet)),
            services=tuple(service.name for service in self._subject.services),
            created=self._shared.settings.created,
            gaps=_united((*gaps, *(() if claimed is None else claimed.gaps))),
            evidence=() if claimed is None else (kept(claimed.part),),
            exemptions=tuple(self._shared.exemptions),
        )

    def _with_deps(self, audit: AuditReport, analysis: Analysis) -> AuditReport:
        report = analysis.report
        return msgspec.structs.replace(
            audit,
            needs=report.needs,
            proposal=report.proposal,
            surplus=report.surplus,
            is_surplus_known=report.is_surplus_known,
        )

    def _told(self, *reports: Judged) -> Iterator[Gap]:
        looked_at = frozenset(left_to_gate(self._subject, self._shared.fleet))
        for report in reports:
            yield from (gap for gap in report.gaps if gap not in looked_at)

    def _origins(self, image: ImageIdentity) -> Iterator[LayerOrigin]:
        families = families_of_layers(self._subject, self._shared)
        sizes = unpacked_bytes(image.layers, self._shared.settings)
        for layer, size in zip(image.layers, sizes, strict=True):
            yield LayerOrigin(layer.diff_id, families.get(layer.diff_id, ""), size)


def _without_secrets(image: ImageIdentity) -> ImageIdentity:
    """Return an image as it may be stored: its configuration is left out, and what its history gives away."""
    secrets = secret_values(of_image(image.config))
    layers = (
        msgspec.structs.replace(layer, created_by=masked_text(layer.created_by, secrets))
        for layer in image.layers
    )
    return msgspec.structs.replace(image, config=ImageConfig(), layers=tuple(layers))


def _of_promises(subject: Subject, contents: Contents, gaps: Iterable[Gap]) -> Part:
    """Return what the manifest promises; where a layer could not be read, what is not found may be there."""
    if any(gap.kind is GapKind.UNREADABLE_LAYER for gap in gaps):
        return Part("audits")
    image = PromiseFacts(
        image=subject.name,
        family=subject.family or "",
        services=tuple(service.name for service in subject.services),
    )
    promises = promise_subjects(subject.settings, contents, image, subject.location)
    return Part("audits", tuple(promises))


def _names(subject: Subject, fleet: Fleet | None) -> Iterator[str]:
    """Yield the names of the families whose image the subject's is."""
    if fleet is None:
        return
    for name, family in fleet.manifest.families.items():
        if family.image is not None and anchored(family.image, fleet.root) == subject.image:
            yield from (name, *family.aliases)


def _united(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Return gaps once each: several stages tell of the same layer or file."""
    return tuple({(gap.kind, gap.what, gap.why): gap for gap in reversed(list(gaps))}.values())[::-1]
