"""What services import, on their image where there is one: the answer of ``imports``."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.model.evidence import EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DiffID, ImagePath
from fleet_audit.audit.model.imports import ExtensionModule, ProviderKind, ServiceImports
from fleet_audit.audit.model.report import ImportsReport, Statistics
from fleet_audit.audit.pipeline.reached.fitting import declared_distributions, fits
from fleet_audit.audit.pipeline.reached.shipping import Shipping, shipping
from fleet_audit.audit.pipeline.run.examined import Examined, reached_distributions
from fleet_audit.audit.pipeline.run.origin import families_of_layers
from fleet_audit.audit.pipeline.run.own_code import absent_code, merged_unparsed
from fleet_audit.audit.pipeline.run.scene import (
    Scene,
    compiled_names,
    gaps_besides,
    missing_image,
    open_scene,
)
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.pipeline.run.waiving import pragmas_of
from fleet_audit.audit.policy.facts import OF_SERVICES, SubjectKind, module_subjects, source_subjects
from fleet_audit.audit.policy.facts import Subject as PolicySubject
from fleet_audit.audit.policy.import_subjects import (
    distribution_subjects,
    dynamic_subjects,
    fit_subjects,
    overlap_subjects,
    own_module_subjects,
    requirement_subjects,
    shadow_subjects,
)
from fleet_audit.audit.policy.part import Part
from fleet_audit.audit.policy.pragmas import judge
from fleet_audit.audit.static_imports.examination import Examination
from fleet_audit.audit.static_imports.examine import examine
from fleet_audit.audit.static_imports.kept_examination import Keeping


class Imported(msgspec.Struct, frozen=True):
    """The report, what it was judged by, and what it cost."""

    report: ImportsReport
    part: Part
    statistics: Statistics = Statistics()


def imports_of(subject: Subject, shared: Shared) -> Imported:
    """Return what the subject's services import; without an image only their own code is looked at.

    That is a gap, a blocking one for a family: who provides what is then not known.
    """
    gap = missing_image(subject) if subject.family is not None else _unasked_image(subject)
    if subject.image is None or gap is not None:
        found = examined_services(subject, None, shared)
        return _judged(subject, found, None, shared, gaps=() if gap is None else (gap,))
    with open_scene(subject.image, shared.settings, python=subject.python) as scene:
        found = examined_services(subject, scene, shared)
        return _judged(subject, found, scene, shared, gaps=scene.gaps)


def _unasked_image(subject: Subject) -> Gap | None:
    if subject.image is not None:
        return None
    why = "no image was named, so who provides what it imports is not known; pass --image"
    return Gap("images", GapKind.NOT_EXAMINED, subject.name, why)


def examined_services(subject: Subject, scene: Scene | None, shared: Shared) -> Examination:
    """Return what the code of the subject's services says, on its image where there is one."""
    if subject.sources is None or not subject.services:
        return Examination(())
    return examine(
        subject.services,
        subject.sources,
        None if scene is None else scene.image.tree,
        None if scene is None else scene.interpreter,
        records=shared.records,
        keeping=Keeping(shared.answers, "" if scene is None else scene.digest),
        compiled=None if scene is None else compiled_names(scene),
        suggestions=shared.knowledge.module_distributions,
        computed_imports=shared.knowledge.computed_imports,
        watched=shared.knowledge.watched,
    )


def _judged(
    subject: Subject, found: Examination, scene: Scene | None, shared: Shared, *, gaps: tuple[Gap, ...]
) -> Imported:
    is_known = scene is None or scene.is_whole
    graph = EvidenceGraph(found.edges)
    services = found.services if is_known else _without_missing(found)
    examined = None if scene is None else Examined(subject, services, scene, graph)
    providers = {} if examined is None else _providers(examined, shared)
    shipped = Shipping() if examined is None else shipping(examined, shared.fleet)
    of_services = [gap for service in found.services for gap in service.gaps]
    of_services += absent_code(found.services)
    every = (*gaps, *gaps_besides(scene, found.gaps), *of_services, *shipped.gaps)
    judged = OF_SERVICES if examined is not None else frozenset({SubjectKind.SOURCE, SubjectKind.DYNAMIC})
    part = Part(
        "imports",
        (
            *_of_code(subject, services, shipped),
            *(() if examined is None else _of_image(examined, providers, shared)),
        ),
        pragmas_of(subject, shared.fleet, services, every, judged),
    )
    judgement = judge(
        shared.rules,
        part.subjects,
        exemptions=shared.exemptions,
        pragmas=part.pragmas,
        family=subject.family or "",
    )
    report = ImportsReport(
        subject=subject.name,
        findings=judgement.findings,
        gaps=shared.rules.settled((*every, *judgement.gaps)),
        policy=shared.rules.summary(),
        image=None if scene is None else scene.image.identity,
        services=tuple(_chained(service, graph) for service in services),
        providers=providers,
    )
    return Imported(report, part, _statistics(found, scene))


def _of_code(
    subject: Subject, services: Sequence[ServiceImports], shipped: Shipping
) -> Iterator[PolicySubject]:
    """Yield what can be said of services' code wherever it runs."""
    family = subject.family or ""
    yield from source_subjects(merged_unparsed(services), family=family)
    yield from module_subjects(services, family=family)
    yield from own_module_subjects(services, shipped.unshipped, family=family)
    yield from dynamic_subjects(services, family=family)


def _of_image(examined: Examined, providers: Mapping[str, str], shared: Shared) -> Iterator[PolicySubject]:
    """Yield how services' code and requirements agree with what the image has."""
    if not examined.scene.is_whole:
        return
    fleet, family = shared.fleet, examined.subject.family or ""
    declared = declared_distributions(fleet, family) if fleet is not None and family else frozenset()
    reached = {
        service.service: reached_distributions(service.service, examined.graph)
        for service in examined.services
    }
    yield from requirement_subjects(examined.services, family=family)
    yield from distribution_subjects(examined.services, declared=declared, providers=providers, family=family)
    yield from shadow_subjects(examined.services, family=family)
    yield from overlap_subjects(
        examined.scene.distributions.shared_files(),
        reached,
        family=family,
        location=examined.subject.location,
    )
    yield from fit_subjects(fits(examined, shared), family=family)


def _without_missing(found: Examination) -> tuple[ServiceImports, ...]:
    # What was not found may be in a layer that could not be read.
    return tuple(msgspec.structs.replace(service, missing=()) for service in found.services)


def _chained(service: ServiceImports, graph: EvidenceGraph) -> ServiceImports:
    start = Node(NodeKind.SERVICE, service.service)
    modules = tuple(
        msgspec.structs.replace(module, chain=_steps(start, module, graph))
        for module in service.extension_modules
    )
    return msgspec.structs.replace(service, extension_modules=modules)


def _steps(start: Node, module: ExtensionModule, graph: EvidenceGraph) -> tuple[str, ...]:
    chain = graph.chain(start, Node(NodeKind.FILE, module.path))
    return () if chain is None else chain.steps()


def _providers(examined: Examined, shared: Shared) -> dict[str, str]:
    """Return which family of the chain brings each distribution, by the layer of one of its files."""
    families = families_of_layers(examined.subject, shared)
    files: dict[str, ImagePath] = {}
    for imported in (imported for service in examined.services for imported in service.imports):
        if imported.file is not None and imported.provided_by is ProviderKind.FAMILY:
            files.setdefault(imported.distribution or imported.file, imported.file)
    return {name: _family(examined, path, families) for name, path in sorted(files.items())}


def _family(examined: Examined, path: ImagePath, families: dict[DiffID, str]) -> str:
    image = examined.scene.image
    layer = image.layer_of(path)
    own = examined.subject.family or str(image.identity.ref)
    return own if layer is None else families.get(layer.diff_id, own)


def _statistics(found: Examination, scene: Scene | None) -> Statistics:
    spent = None if scene is None else scene.image.statistics
    return Statistics(
        layers_read=spent.layers_read if spent else 0,
        layers_cached=spent.layers_cached if spent else 0,
        layer_seconds=spent.seconds if spent else 0.0,
        sources_parsed=found.parsed,
        sources_cached=found.cached,
    )
