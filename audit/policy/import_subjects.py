"""The subjects of services' code: what is imported, required and shipped, and how that fits together."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fleet_audit.audit.model.identity import DistributionName
from fleet_audit.audit.model.imports import (
    FamilyFit,
    ImportContext,
    ImportedModule,
    Level,
    ProviderKind,
    RequiredDistribution,
    ServiceImports,
    Shadowing,
    SharedFiles,
    UnshippedModule,
)
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.facts import Subject, SubjectKind, placed_subject
from fleet_audit.audit.policy.service_facts import (
    DistributionFacts,
    DynamicFacts,
    FitFacts,
    OverlapFacts,
    OwnModuleFacts,
    RequirementFacts,
    ShadowFacts,
)

_GENERATED = ("_pb2", "_pb2_grpc", "_version")
"""How modules are called that protoc, its gRPC plugin and setuptools-scm write."""


class _Absence(msgspec.Struct, frozen=True, order=True):
    """One line that imports an own module which is not there; the least is the gravest."""

    level: Level
    is_guarded: bool
    locations: tuple[SourceLocation, ...]
    service: str
    context: str


def own_module_subjects(
    services: Iterable[ServiceImports],
    unshipped: Mapping[str, Iterable[UnshippedModule]],
    *,
    family: str = "",
) -> tuple[Subject, ...]:
    """Return one subject for each own module that is nowhere, or is not where a service runs.

    `unshipped` holds, by service, what its Dockerfile leaves out.
    """
    found: defaultdict[tuple[str, str, str], list[_Absence]] = defaultdict(list)
    dockerfiles: dict[tuple[str, str, str], SourceLocation] = {}
    for service in services:
        for missing in (missing for missing in service.missing if missing.is_first_party):
            is_guarded = missing.context is ImportContext.GUARDED
            found[missing.module, "", ""].append(
                _Absence(missing.level, is_guarded, missing.locations, service.service, missing.context)
            )
        for left in unshipped.get(service.service, ()):
            key = (left.module, left.path, left.dockerfile.path)
            dockerfiles[key] = left.dockerfile
            context = ImportContext.GUARDED if left.is_guarded else ImportContext.MODULE
            found[key].append(
                _Absence(left.level, left.is_guarded, (left.location,), service.service, context)
            )
    return tuple(_own_module_subject(key, found[key], dockerfiles.get(key), family) for key in sorted(found))


def _own_module_subject(
    key: tuple[str, str, str], absences: list[_Absence], dockerfile: SourceLocation | None, family: str
) -> Subject:
    name, path, dockerfile_path = key
    gravest = min(absences)
    facts = OwnModuleFacts(
        name=name,
        path=path,
        dockerfile=dockerfile_path,
        is_generated=not path and name.endswith(_GENERATED),
        context=gravest.context,
        level=gravest.level.name.lower(),
        services=tuple(sorted({absence.service for absence in absences})),
        family=family,
    )
    others = sorted({line for absence in absences for line in absence.locations} - set(gravest.locations))
    places = [*gravest.locations, *others, *([dockerfile] if dockerfile else [])]
    return placed_subject(SubjectKind.OWN_MODULE, facts, f"module:{name}", gravest.level, places)


def requirement_subjects(services: Iterable[ServiceImports], *, family: str = "") -> tuple[Subject, ...]:
    """Return one subject for each line of a requirement file, with all services that use the file.

    A constraint installs nothing, so it is judged only by the version that it allows.
    """
    lines: defaultdict[tuple[SourceLocation, DistributionName], list[tuple[str, RequiredDistribution, bool]]]
    lines = defaultdict(list)
    for service in services:
        for required in service.requirements:
            is_used = required.is_constraint or required.name not in service.unused_distributions
            lines[required.location, required.name].append((service.service, required, is_used))
    subjects = []
    for (location, name), users in sorted(lines.items()):
        required = users[0][1]
        facts = RequirementFacts(
            name=name,
            path=location.path,
            specifier=required.specifier,
            installed=required.installed,
            is_contradicted=required.is_satisfied is False,
            is_used=any(is_used for _, _, is_used in users),
            services=tuple(sorted({service for service, _, _ in users})),
            family=family,
        )
        subjects.append(
            placed_subject(SubjectKind.REQUIREMENT, facts, f"dist:{name}", Level.CERTAIN, [location])
        )
    return tuple(subjects)


class _Use(msgspec.Struct, frozen=True):
    """One service's import of something from a distribution."""

    service: str
    module: str
    locations: tuple[SourceLocation, ...]


def distribution_subjects(
    services: Iterable[ServiceImports],
    *,
    declared: frozenset[DistributionName],
    providers: Mapping[str, str],
    family: str = "",
) -> tuple[Subject, ...]:
    """Return two subjects for each distribution that own code imports: for who requires it, and who does not.

    Services that name no requirement file take part in nothing of this: they leave it all to the family.
    `declared` is what the manifest says that the family contains.
    """
    uses: defaultdict[tuple[DistributionName, bool], list[_Use]] = defaultdict(list)
    for service in services:
        required = {requirement.name for requirement in service.requirements if not requirement.is_constraint}
        for imported in service.imports if required else ():
            name = imported.distribution
            if name is not None and _is_needed(imported):
                use = _Use(service.service, imported.module, imported.locations)
                uses[name, name in required].append(use)
    subjects = []
    for (name, is_required), found in sorted(uses.items()):
        facts = DistributionFacts(
            name=name,
            modules=tuple(sorted({use.module for use in found})),
            provided_by=providers.get(name, ""),
            is_required=is_required,
            is_declared=name in declared,
            services=tuple(sorted({use.service for use in found})),
            family=family,
        )
        places = sorted({line for use in found for line in use.locations})
        subjects.append(
            placed_subject(SubjectKind.DISTRIBUTION, facts, f"dist:{name}", Level.CERTAIN, places)
        )
    return tuple(subjects)


def _is_needed(imported: ImportedModule) -> bool:
    may_fail = imported.context in (ImportContext.TYPING, ImportContext.GUARDED)
    return imported.provided_by is ProviderKind.FAMILY and not may_fail


def shadow_subjects(services: Iterable[ServiceImports], *, family: str = "") -> tuple[Subject, ...]:
    """Return one subject for each own file that is imported in the place of something installed."""
    found: defaultdict[tuple[str, SourceLocation], list[tuple[str, Shadowing]]] = defaultdict(list)
    for service in services:
        for shadowing in service.shadowings:
            found[shadowing.module, shadowing.file].append((service.service, shadowing))
    subjects = []
    for (module, file), users in sorted(found.items()):
        gravest = min((shadowing for _, shadowing in users), key=lambda s: (s.level, s.locations))
        facts = ShadowFacts(
            module=module,
            path=file.path,
            shadowed=gravest.shadowed,
            distribution=gravest.distribution or "",
            level=gravest.level.name.lower(),
            wanted_by=tuple(sorted({name for _, shadowing in users for name in shadowing.wanted_by})),
            services=tuple(sorted({service for service, _ in users})),
            family=family,
        )
        lines = sorted({line for _, shadowing in users for line in shadowing.locations})
        subjects.append(
            placed_subject(SubjectKind.SHADOW, facts, f"module:{module}", gravest.level, [*lines, file])
        )
    return tuple(subjects)


def overlap_subjects(
    shared: Iterable[SharedFiles],
    reached: Mapping[str, frozenset[DistributionName]],
    *,
    family: str = "",
    location: SourceLocation | None = None,
) -> tuple[Subject, ...]:
    """Return one subject for each group of distributions that share files and of which one is reached.

    `reached` are the distributions that each service reaches; `location` is where the family is declared.
    """
    subjects = []
    for group in shared:
        services = tuple(
            sorted(name for name, reaches in reached.items() if not reaches.isdisjoint(group.distributions))
        )
        if services:
            facts = OverlapFacts(
                distributions=group.distributions,
                files=group.files,
                differing=group.differing,
                example=group.example,
                services=services,
                family=family,
            )
            name = f"dist:{'+'.join(group.distributions)}"
            places = [location] if location else []
            subjects.append(placed_subject(SubjectKind.OVERLAP, facts, name, Level.CERTAIN, places))
    return tuple(subjects)


def dynamic_subjects(services: Iterable[ServiceImports], *, family: str = "") -> tuple[Subject, ...]:
    """Return one subject for each import by a name that could not be evaluated, with all its services."""
    users: defaultdict[tuple[SourceLocation, str], list[tuple[Level, str]]] = defaultdict(list)
    for service in services:
        for call in service.dynamic_imports:
            users[call.location, call.expression].append((call.level, service.service))
    subjects = []
    for (location, expression), found in sorted(users.items()):
        level = min(level for level, _ in found)
        facts = DynamicFacts(
            expression=expression,
            level=level.name.lower(),
            services=tuple(sorted({service for _, service in found})),
            family=family,
        )
        subjects.append(placed_subject(SubjectKind.DYNAMIC, facts, f"import:{expression}", level, [location]))
    return tuple(subjects)


def fit_subjects(fits: Iterable[FamilyFit], *, family: str = "") -> Iterator[Subject]:
    """Yield one subject for each service: how it fits its family."""
    for fit in fits:
        facts = FitFacts(
            name=fit.service,
            payload=fit.payload,
            used=fit.used,
            cheaper=fit.cheaper,
            cheaper_bytes=fit.cheaper_bytes,
            own_bytes=fit.own_bytes,
            is_gpu_family=fit.is_gpu_family,
            gpu_distributions=tuple(name for name, _ in fit.gpu_distributions),
            services=(fit.service,),
            family=family,
        )
        lines = [line for _, line in fit.gpu_distributions if line is not None]
        places = [*([fit.location] if fit.location else []), *lines]
        yield placed_subject(SubjectKind.FIT, facts, f"service:{fit.service}", Level.CERTAIN, places)
