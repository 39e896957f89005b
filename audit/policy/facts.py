"""What rules may speak of: one flat, typed record for each kind of subject.

The names of the fields here are the words of the rules' language; a rule that uses another word does not
load. Every field has a default, so that an inline test names only what it is about.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from fleet_audit.audit.model.apt import AptPlan
from fleet_audit.audit.model.elf import (
    Declared,
    Fatal,
    HostDriver,
    Missing,
    NotAvailable,
    OrderDependent,
    Resolution,
    Resolved,
    Unknown,
    WrongMachine,
    WrongVariant,
)
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.imports import (
    Level,
    MissingModule,
    ServiceImports,
    UnparsedFile,
    name_of_absent,
    provided_tops,
)
from fleet_audit.audit.model.installs import BaseImage, BuildCommand, HashClaim, Install, Practice
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import Need
from fleet_audit.audit.model.standards import (
    ExposedPort,
    FirstProcess,
    Health,
    ImageLabels,
    ImageSize,
    Leftover,
    MachineProfile,
    Platforms,
    PrivilegedStep,
    RunAs,
    Secret,
    Standing,
    StartFile,
    Trigger,
)
from fleet_audit.audit.policy.advisory_facts import AdvisoryFacts, SystemFacts
from fleet_audit.audit.policy.context_facts import AbsentFacts, ContextsFacts, CopyFacts, IgnoreFileFacts
from fleet_audit.audit.policy.dockerfile_facts import OpinionFacts, RefusalFacts
from fleet_audit.audit.policy.gate_facts import GateFacts
from fleet_audit.audit.policy.manifest_facts import ClaimFacts
from fleet_audit.audit.policy.promise_facts import PromiseFacts
from fleet_audit.audit.policy.reference_facts import ArgumentFacts, PublicationFacts, ReferenceFacts
from fleet_audit.audit.policy.release_facts import BurdenFacts, EvidenceFacts, WaiverFacts
from fleet_audit.audit.policy.service_facts import (
    DistributionFacts,
    DynamicFacts,
    FitFacts,
    OverlapFacts,
    OwnModuleFacts,
    PragmaFacts,
    RequirementFacts,
    ShadowFacts,
)
from fleet_audit.audit.policy.surplus_facts import SurplusFacts


class SubjectKind(StrEnum):
    """What a rule judges; the value is the name of the record in the rule's conditions."""

    NEED = "need"
    SOURCE = "source"
    MODULE = "module"
    OWN_MODULE = "own_module"
    REQUIREMENT = "requirement"
    DISTRIBUTION = "distribution"
    SHADOW = "shadow"
    OVERLAP = "overlap"
    DYNAMIC = "dynamic"
    FIT = "fit"
    PRAGMA = "pragma"
    BINARY = "binary"
    SURPLUS = "surplus"
    ADVISORY = "advisory"
    SYSTEM = "system"
    EVIDENCE = "evidence"
    PROMISE = "promise"
    WAIVER = "waiver"
    BURDEN = "burden"
    REFUSAL = "refusal"
    OPINION = "opinion"
    RUN_AS = "run_as"
    PRIVILEGED_STEP = "privileged_step"
    FIRST_PROCESS = "first_process"
    HEALTH = "health"
    LEFTOVER = "leftover"
    IMAGE_SIZE = "image_size"
    PLATFORMS = "platforms"
    IMAGE_LABELS = "image_labels"
    EXPOSED_PORT = "exposed_port"
    START_FILE = "start_file"
    SECRET = "secret"  # noqa: S105  (the name of a record, not a secret)
    TRIGGER = "trigger"
    MACHINE_PROFILE = "machine_profile"
    CLAIM = "claim"
    GATE = "gate"
    INSTALL = "install"
    HASH = "hash"
    COMMAND = "command"
    BASE = "base"
    REFERENCE = "reference"
    ARGUMENT = "argument"
    PUBLICATION = "publication"
    COPY = "copy"
    ABSENT = "absent"
    CONTEXTS = "contexts"
    IGNORE_FILE = "ignore_file"


OF_SERVICES = frozenset(
    {
        SubjectKind.SOURCE,
        SubjectKind.MODULE,
        SubjectKind.OWN_MODULE,
        SubjectKind.REQUIREMENT,
        SubjectKind.DISTRIBUTION,
        SubjectKind.SHADOW,
        SubjectKind.OVERLAP,
        SubjectKind.DYNAMIC,
        SubjectKind.FIT,
        SubjectKind.PRAGMA,
    }
)
"""What is said of services' code."""

OF_IMAGES = frozenset(
    {
        SubjectKind.NEED,
        SubjectKind.BINARY,
        SubjectKind.SURPLUS,
        SubjectKind.ADVISORY,
        SubjectKind.SYSTEM,
        SubjectKind.EVIDENCE,
        SubjectKind.PROMISE,
        SubjectKind.WAIVER,
        SubjectKind.BURDEN,
    }
)
"""What is said of what images have, lack and load."""

OF_REPOSITORY = frozenset(SubjectKind) - OF_SERVICES - OF_IMAGES
"""What is said of Dockerfiles, and of what builds and names images."""


class NeedFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is needed from the image; `kind`, `tier`, `status` and `via` as in CONTRACT ``deps/1``.

    `subject` is the need as people type it (``so:libGL.so.1``). `path` is the file that was found and
    `detail` what is wrong with it. `supplied_by` holds the packages to install (``name=version``) as far as
    a plan was made, without versions where no archive could be asked, and `unsatisfied` what the archive says
    where it has no answer. `supplied_in` is the family beneath to which they belong, empty where that is the
    family itself; without packages, that family's image has it already.
    """

    kind: str = ""
    name: str = ""
    subject: str = ""
    tier: str = ""
    status: str = ""
    via: str = ""
    wanted_by: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    family: str = ""
    path: str = ""
    detail: str = ""
    searched: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    supplied_by: tuple[str, ...] = ()
    supplied_in: str = ""
    unsatisfied: str = ""


class SourceFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source file that is no valid Python; `recovered` counts the imports found in it all the same.

    `is_reached` where a service may import it; `is_fatal` where one certainly does, and ends there.
    """

    path: str = ""
    line: int = 0
    error: str = ""
    recovered: int = 0
    services: tuple[str, ...] = ()
    family: str = ""
    is_reached: bool = False
    is_fatal: bool = False


class ModuleFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One module that services import and nobody provides.

    `context` is that of its strongest import (module, guarded, lazy, typing, dynamic), `level` how certainly
    that line is reached (certain, probable, lazy, string). `meant` are known modules of nearly the same
    spelling, where no distribution is known to hold this one.
    """

    name: str = ""
    context: str = ""
    level: str = ""
    services: tuple[str, ...] = ()
    family: str = ""
    suggestions: tuple[str, ...] = ()
    meant: tuple[str, ...] = ()


class BinaryFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ELF file that loads, and what is held against it all the same.

    `kind` is ``isa``, ``execstack`` or ``relative-rpath`` (CONTRACT ``ldd/1``); `entries` are what loads
    the file.
    """

    path: str = ""
    kind: str = ""
    detail: str = ""
    entries: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    family: str = ""


Facts = (
    NeedFacts
    | SourceFacts
    | ModuleFacts
    | OwnModuleFacts
    | RequirementFacts
    | DistributionFacts
    | ShadowFacts
    | OverlapFacts
    | DynamicFacts
    | FitFacts
    | PragmaFacts
    | BinaryFacts
    | SurplusFacts
    | AdvisoryFacts
    | SystemFacts
    | EvidenceFacts
    | PromiseFacts
    | WaiverFacts
    | BurdenFacts
    | RefusalFacts
    | OpinionFacts
    | Standing
    | ClaimFacts
    | GateFacts
    | Practice
    | ReferenceFacts
    | ArgumentFacts
    | PublicationFacts
    | CopyFacts
    | AbsentFacts
    | ContextsFacts
    | IgnoreFileFacts
)

FACTS: Mapping[SubjectKind, type[Facts]] = {
    SubjectKind.NEED: NeedFacts,
    SubjectKind.SOURCE: SourceFacts,
    SubjectKind.MODULE: ModuleFacts,
    SubjectKind.OWN_MODULE: OwnModuleFacts,
    SubjectKind.REQUIREMENT: RequirementFacts,
    SubjectKind.DISTRIBUTION: DistributionFacts,
    SubjectKind.SHADOW: ShadowFacts,
    SubjectKind.OVERLAP: OverlapFacts,
    SubjectKind.DYNAMIC: DynamicFacts,
    SubjectKind.FIT: FitFacts,
    SubjectKind.PRAGMA: PragmaFacts,
    SubjectKind.BINARY: BinaryFacts,
    SubjectKind.SURPLUS: SurplusFacts,
    SubjectKind.ADVISORY: AdvisoryFacts,
    SubjectKind.SYSTEM: SystemFacts,
    SubjectKind.EVIDENCE: EvidenceFacts,
    SubjectKind.PROMISE: PromiseFacts,
    SubjectKind.WAIVER: WaiverFacts,
    SubjectKind.BURDEN: BurdenFacts,
    SubjectKind.REFUSAL: RefusalFacts,
    SubjectKind.OPINION: OpinionFacts,
    SubjectKind.RUN_AS: RunAs,
    SubjectKind.PRIVILEGED_STEP: PrivilegedStep,
    SubjectKind.FIRST_PROCESS: FirstProcess,
    SubjectKind.HEALTH: Health,
    SubjectKind.LEFTOVER: Leftover,
    SubjectKind.IMAGE_SIZE: ImageSize,
    SubjectKind.PLATFORMS: Platforms,
    SubjectKind.IMAGE_LABELS: ImageLabels,
    SubjectKind.EXPOSED_PORT: ExposedPort,
    SubjectKind.START_FILE: StartFile,
    SubjectKind.SECRET: Secret,
    SubjectKind.TRIGGER: Trigger,
    SubjectKind.MACHINE_PROFILE: MachineProfile,
    SubjectKind.CLAIM: ClaimFacts,
    SubjectKind.GATE: GateFacts,
    SubjectKind.INSTALL: Install,
    SubjectKind.HASH: HashClaim,
    SubjectKind.COMMAND: BuildCommand,
    SubjectKind.BASE: BaseImage,
    SubjectKind.REFERENCE: ReferenceFacts,
    SubjectKind.ARGUMENT: ArgumentFacts,
    SubjectKind.PUBLICATION: PublicationFacts,
    SubjectKind.COPY: CopyFacts,
    SubjectKind.ABSENT: AbsentFacts,
    SubjectKind.CONTEXTS: ContextsFacts,
    SubjectKind.IGNORE_FILE: IgnoreFileFacts,
}


class Subject(msgspec.Struct, frozen=True):
    """One record to judge, what a finding on it is about, and the lines that a person can change."""

    kind: SubjectKind
    facts: Facts
    name: str
    confidence: Confidence = Confidence.CERTAIN
    location: SourceLocation | None = None
    related: tuple[SourceLocation, ...] = ()


def need_subjects(
    needs: Iterable[Need],
    *,
    family: str = "",
    plan: AptPlan | None = None,
    fallback: SourceLocation | None = None,
) -> tuple[Subject, ...]:
    """Return the subjects of needs, in their order.

    A need stands at the services' own line that leads to it most certainly; where there is none, at the
    Dockerfile line where the plan belongs, else at `fallback`.
    """
    plan = plan or AptPlan()
    inherited = plan.inherited()
    hints = {hint.need: (" or ".join(hint.packages),) for hint in plan.hints}
    suppliers = hints | plan.suppliers() | {need: share.needs[need] for need, share in inherited.items()}
    verdicts = {row.need: row.verdict for row in plan.unsatisfied}
    subjects = []
    for need in needs:
        supplied_by, verdict = suppliers.get(need.subject, ()), verdicts.get(need.subject, "")
        facts = _need_facts(need, family=family, supplied_by=supplied_by, unsatisfied=verdict)
        dockerfile = plan.placement.dockerfile
        if (share := inherited.get(need.subject)) is not None:
            facts = msgspec.structs.replace(facts, supplied_in=share.family)
            dockerfile = next((p.dockerfile for p in plan.placement.also if p.family == share.family), None)
        level = min((reached.level for reached in need.reached_from), default=Level.CERTAIN)
        places = _places(need, dockerfile, fallback)
        subjects.append(placed_subject(SubjectKind.NEED, facts, need.subject, level, places))
    return tuple(subjects)


def _need_facts(need: Need, *, family: str, supplied_by: tuple[str, ...], unsatisfied: str) -> NeedFacts:
    return NeedFacts(
        kind=need.kind,
        name=need.name,
        subject=need.subject,
        tier=need.tier,
        status=need.status,
        via=need.via,
        wanted_by=need.wanted_by,
        services=tuple(sorted({reached.service for reached in need.reached_from})),
        family=family,
        path=_path(need.resolution),
        detail=_detail(need.resolution),
        searched=need.resolution.searched if isinstance(need.resolution, Missing) else (),
        alternatives=need.alternatives,
        supplied_by=supplied_by,
        unsatisfied=unsatisfied,
    )


def _places(
    need: Need, dockerfile: SourceLocation | None, fallback: SourceLocation | None
) -> list[SourceLocation]:
    ways = sorted((way.level, way.location) for way in need.reached_from if way.location is not None)
    lines = list(dict.fromkeys(line for _, line in ways))
    if dockerfile is not None and need.status != "resolved":
        lines.append(dockerfile)
    return lines or ([fallback] if fallback else [])


def source_subjects(unparsed: Iterable[UnparsedFile], *, family: str = "") -> tuple[Subject, ...]:
    """Return the subjects of files that are no valid Python, in their order."""
    return tuple(
        Subject(
            SubjectKind.SOURCE,
            SourceFacts(
                path=file.path,
                line=file.line,
                error=file.error,
                recovered=file.recovered,
                services=file.services,
                family=family,
                is_reached=file.is_reached,
                is_fatal=file.is_fatal,
            ),
            name=f"file:{file.path}",
            location=SourceLocation(file.path, file.line),
        )
        for file in unparsed
    )


def module_subjects(services: Iterable[ServiceImports], *, family: str = "") -> tuple[Subject, ...]:
    """Return one subject for each top-level module that nobody provides, sorted by name, with all its lines.

    Where something below a top-level name is provided (a namespace package), each missing module in it is
    a subject of its own. Those that the repository would have to answer for are `own_module_subjects`.
    """
    services = tuple(services)
    provided = provided_tops(module for service in services for module in service.imports)
    importers: defaultdict[str, list[tuple[str, MissingModule]]] = defaultdict(list)
    for service in services:
        for missing in service.missing:
            if missing.is_first_party:
                continue
            name = name_of_absent(missing.module, provided)
            importers[name].append((service.service, missing))
    return tuple(_module_subject(name, imports, family) for name, imports in sorted(importers.items()))


def _module_subject(name: str, imports: list[tuple[str, MissingModule]], family: str) -> Subject:
    strongest = min((missing for _, missing in imports), key=_strength)
    facts = ModuleFacts(
        name=name,
        context=strongest.context,
        level=strongest.level.name.lower(),
        services=tuple(sorted({service for service, _ in imports})),
        family=family,
        suggestions=strongest.suggestions,
        meant=strongest.meant,
    )
    first = sorted(strongest.locations)
    others = sorted({line for _, missing in imports for line in missing.locations} - set(first))
    return placed_subject(SubjectKind.MODULE, facts, f"module:{name}", strongest.level, [*first, *others])


_CONTEXTS = ("module", "dynamic", "lazy", "guarded", "typing")


def _strength(missing: MissingModule) -> tuple[Level, int, tuple[SourceLocation, ...]]:
    return (missing.level, _CONTEXTS.index(missing.context), missing.locations)


_CONFIDENCE = {
    Level.CERTAIN: Confidence.CERTAIN,
    Level.PROBABLE: Confidence.LIKELY,
    Level.LAZY: Confidence.POSSIBLE,
    Level.STRING: Confidence.POSSIBLE,
}


def placed_subject(
    kind: SubjectKind, facts: Facts, name: str, level: Level, places: Sequence[SourceLocation]
) -> Subject:
    """Return a subject as sure as `level`, at the first of these places and related to the others."""
    location = places[0] if places else None
    return Subject(kind, facts, name, _CONFIDENCE[level], location, tuple(places[1:]))


def _path(resolution: Resolution) -> str:
    return resolution.path if isinstance(resolution, Resolved | Fatal | WrongMachine) else ""


def _detail(resolution: Resolution) -> str:
    match resolution:
        case Fatal(_, why) | WrongVariant(why) | NotAvailable(why) | Unknown(why) | HostDriver(_, why):
            return why
        case WrongMachine(path, machine):
            return f"{path} is built for {machine}"
        case OrderDependent(provider):
            how = "opened" if provider.startswith("/") else "imported"
            return f"found only once {provider} has been {how}"
        case Declared(by):
            return f"installed by {by}"
        case Resolved() | Missing():
            return ""
