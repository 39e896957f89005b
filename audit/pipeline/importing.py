"""What services import, on their image where there is one: the answer of ``imports``."""

import msgspec

from fleet_audit.audit.images.open import Image
from fleet_audit.audit.model.evidence import EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DiffID, ImagePath
from fleet_audit.audit.model.imports import ExtensionModule, ServiceImports
from fleet_audit.audit.model.report import ImportsReport, Statistics
from fleet_audit.audit.pipeline.analysis import absent_code, merged_unparsed
from fleet_audit.audit.pipeline.origin import families_of_layers
from fleet_audit.audit.pipeline.scene import Scene, gaps_besides, missing_image, open_scene
from fleet_audit.audit.pipeline.shared import Shared
from fleet_audit.audit.pipeline.subject import Subject
from fleet_audit.audit.policy.evaluation import evaluate
from fleet_audit.audit.policy.facts import module_subjects, source_subjects
from fleet_audit.audit.static_imports.examine import Examination, examine


class Imported(msgspec.Struct, frozen=True):
    """The report, and what it cost."""

    report: ImportsReport
    statistics: Statistics = Statistics()


def imports_of(subject: Subject, shared: Shared) -> Imported:
    """Return what the subject's services import; without an image only their own code is looked at.

    That is a gap, a blocking one for a family: who provides what is then not known.
    """
    gap = missing_image(subject) if subject.family is not None else _unasked_image(subject)
    if subject.image is None or gap is not None:
        found = _examine(subject, None, shared)
        return _judged(subject, found, None, shared, gaps=() if gap is None else (gap,))
    with open_scene(subject.image, shared.settings, python=subject.python) as scene:
        return _judged(subject, _examine(subject, scene, shared), scene, shared, gaps=scene.gaps)


def _unasked_image(subject: Subject) -> Gap | None:
    if subject.image is not None:
        return None
    why = "no image was named, so who provides what it imports is not known; pass --image"
    return Gap("images", GapKind.NOT_EXAMINED, subject.name, why)


def _examine(subject: Subject, scene: Scene | None, shared: Shared) -> Examination:
    if subject.sources is None or not subject.services:
        return Examination(())
    return examine(
        subject.services,
        subject.sources,
        None if scene is None else scene.image.tree,
        None if scene is None else scene.interpreter,
        records=shared.records,
        suggestions=shared.knowledge.module_distributions,
    )


def _judged(
    subject: Subject, found: Examination, scene: Scene | None, shared: Shared, *, gaps: tuple[Gap, ...]
) -> Imported:
    family = subject.family or ""
    is_known = scene is None or scene.is_whole
    judgement = evaluate(
        shared.rules,
        [
            *source_subjects(merged_unparsed(found.services), family=family),
            *module_subjects(found.services if is_known else (), family=family),
        ],
        exemptions=shared.exemptions,
    )
    of_services = [gap for service in found.services for gap in service.gaps]
    of_services += absent_code(found.services)
    report = ImportsReport(
        subject=subject.name,
        findings=judgement.findings,
        gaps=tuple(dict.fromkeys((*gaps, *gaps_besides(scene, found.gaps), *of_services, *judgement.gaps))),
        policy=shared.rules.summary(),
        image=None if scene is None else scene.image.identity,
        services=_with_chains(found if is_known else _without_missing(found)),
        providers={} if scene is None else _providers(subject, found, scene.image, shared),
    )
    return Imported(report, _statistics(found, scene))


def _without_missing(found: Examination) -> Examination:
    # What was not found may be in a layer that could not be read.
    services = (msgspec.structs.replace(service, missing=()) for service in found.services)
    return msgspec.structs.replace(found, services=tuple(services))


def _with_chains(found: Examination) -> tuple[ServiceImports, ...]:
    graph = EvidenceGraph(found.edges)
    return tuple(_chained(service, graph) for service in found.services)


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


def _providers(subject: Subject, found: Examination, image: Image, shared: Shared) -> dict[str, str]:
    """Return which family of the chain brings each distribution, by the layer of one of its files."""
    families = families_of_layers(subject, shared)
    files: dict[str, ImagePath] = {}
    for imported in (imported for service in found.services for imported in service.imports):
        if imported.distribution is not None and imported.file is not None:
            files.setdefault(imported.distribution, imported.file)
    return {name: _family(image, path, families, subject) for name, path in sorted(files.items())}


def _family(image: Image, path: ImagePath, families: dict[DiffID, str], subject: Subject) -> str:
    layer = image.layer_of(path)
    own = subject.family or subject.name
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
