"""The answers of whole commands: what every renderer reads."""

import msgspec

from fleet_audit.audit.model.apt import AptPlan, Surplus
from fleet_audit.audit.model.claims import DockerfileAccount
from fleet_audit.audit.model.copying import CopiedSource
from fleet_audit.audit.model.elf import EntryPoint
from fleet_audit.audit.model.evidence import Chain, Edge, Node
from fleet_audit.audit.model.finding import Finding, Gap, PolicySummary, Verdict, verdict
from fleet_audit.audit.model.identity import Digest, ImagePath
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.imports import ServiceImports, UnparsedFile
from fleet_audit.audit.model.need import Need
from fleet_audit.audit.model.references import ReferenceAccount


class Statistics(msgspec.Struct, frozen=True):
    """What the analysis cost; shown with ``-v`` and never part of a document. Times are wall seconds."""

    layers_read: int = 0
    layers_cached: int = 0
    layer_seconds: float = 0.0
    sources_parsed: int = 0
    sources_cached: int = 0


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What every report carries: its subject, what rules say, and what could not be examined.

    `folder` is the folder of the repository that its locations' paths begin in; None where that is the
    manifest's.
    """

    subject: str
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    policy: PolicySummary = PolicySummary()
    folder: str | None = None

    @property
    def verdict(self) -> Verdict:
        """Judge the findings and gaps."""
        return verdict(self.findings, self.gaps)


class DepsReport(Judged, frozen=True, kw_only=True):
    """The main job's answer for one image.

    `is_surplus_known` where packages that nothing needs were looked for: only then does an empty `surplus`
    say that there are none.
    """

    family: str | None = None
    image: ImageIdentity | None = None
    services: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    proposal: AptPlan = AptPlan()
    surplus: tuple[Surplus, ...] = ()
    is_surplus_known: bool = False
    unparsed: tuple[UnparsedFile, ...] = ()
    package_set: Digest | None = None


class ImportsReport(Judged, frozen=True, kw_only=True):
    """What services import, and from whom.

    `providers` says which family brings a distribution, or a file that belongs to none; without a manifest,
    the image takes the family's place.
    """

    image: ImageIdentity | None = None
    services: tuple[ServiceImports, ...] = ()
    providers: dict[str, str] = {}


class Problem(msgspec.Struct, frozen=True):
    """One reason why an entry point does not load, in the terms of CONTRACT ``ldd/1``."""

    kind: str
    soname: str
    wanted_by: ImagePath
    searched: tuple[str, ...] = ()
    detail: str = ""


class EntryReport(msgspec.Struct, frozen=True):
    """One entry point and what keeps it from loading; empty `problems` means that it loads.

    Where there are problems: the Debian `package` that brought the file, if it belongs to no distribution,
    the `layer` that it is seen in, and as `origin` the family whose image first has that layer.
    """

    entry: EntryPoint
    problems: tuple[Problem, ...] = ()
    package: str | None = None
    layer: str | None = None
    origin: str | None = None


class LddReport(Judged, frozen=True, kw_only=True):
    """Which entry points of an image cannot load."""

    image: ImageIdentity | None = None
    elf_files: int = 0
    extension_modules: int = 0
    entries: tuple[EntryReport, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """One way on which `start` leads to what was asked about."""

    start: Node
    chain: Chain


class ExplainReport(Judged, frozen=True, kw_only=True):
    """Why something is needed or there.

    `node` is what the question meant; where it could mean several things, it is None and `candidates` lists
    them; where nothing is known of it, `near` are things whose names are written alike. `facts` are pairs of
    a label and a text (``status``, ``missing``). `arriving` and `leaving` are the edges beside it; for most
    kinds, `arriving` only where no chain from a service leads to it. `unparsed` are the files on whose lines,
    which no parser reads, steps rest.
    """

    image: ImageIdentity | None = None
    family: str | None = None
    node: Node | None = None
    candidates: tuple[Node, ...] = ()
    near: tuple[Node, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    answers: tuple[Answer, ...] = ()
    arriving: tuple[Edge, ...] = ()
    leaving: tuple[Edge, ...] = ()
    unparsed: tuple[UnparsedFile, ...] = ()


class DockerfilesReport(Judged, frozen=True, kw_only=True):
    """What a repository's Dockerfiles, and the files that build and name images, claim."""

    files: tuple[DockerfileAccount, ...] = ()
    references: tuple[ReferenceAccount, ...] = ()
    copies: tuple[CopiedSource, ...] = ()
