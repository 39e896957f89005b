"""The main job for one image: every stage in its order, and their answers as one report."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise

import msgspec

from fleet_audit.audit.ldd import evidence as ldd_evidence
from fleet_audit.audit.ldd.glibc import dlopen, examine
from fleet_audit.audit.ldd.scripts import why_not_started
from fleet_audit.audit.model.apt import AptPlan
from fleet_audit.audit.model.elf import (
    Closure,
    Declared,
    EntryKind,
    EntryPoint,
    Fatal,
    Missing,
    Resolution,
    Resolved,
)
from fleet_audit.audit.model.evidence import Edge, EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.identity import DistributionName, ImagePath, Soname
from fleet_audit.audit.model.imports import ExtensionModule, ServiceImports
from fleet_audit.audit.model.need import Need, NeedKind, Tier
from fleet_audit.audit.model.report import DepsReport, Statistics
from fleet_audit.audit.pipeline.needs.asks import closure_asks, distribution_asks
from fleet_audit.audit.pipeline.needs.judge import judge_of
from fleet_audit.audit.pipeline.needs.needs import Ask, join
from fleet_audit.audit.pipeline.needs.taken import as_taken
from fleet_audit.audit.pipeline.needs.wishes import (
    Wish,
    declared_wishes,
    grant,
    hidden_wishes,
    library_wishes,
    load_wishes,
    program_wishes,
)
from fleet_audit.audit.pipeline.planning.others import ALONE, Others
from fleet_audit.audit.pipeline.planning.remedied import Remedied
from fleet_audit.audit.pipeline.planning.remedies import advise
from fleet_audit.audit.pipeline.planning.remedy_grounds import RemedyGrounds
from fleet_audit.audit.pipeline.planning.supply import Supply
from fleet_audit.audit.pipeline.reached.entry_points import PythonEntries
from fleet_audit.audit.pipeline.reached.order import ImportOrder
from fleet_audit.audit.pipeline.reached.shipping import shipping
from fleet_audit.audit.pipeline.run.examined import Examined
from fleet_audit.audit.pipeline.run.machines import lowest_isa
from fleet_audit.audit.pipeline.run.own_code import absent_code, merged_unparsed
from fleet_audit.audit.pipeline.run.packages import installed_distributions, package_set
from fleet_audit.audit.pipeline.run.programs import find_program
from fleet_audit.audit.pipeline.run.scene import (
    Scene,
    compiled_names,
    gaps_besides,
    missing_image,
    open_scene,
    opened_names,
)
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.pipeline.run.unexamined import unexamined
from fleet_audit.audit.pipeline.run.waiving import pragmas_of
from fleet_audit.audit.pipeline.surplus.in_use import Evidence, PackageUse, package_use
from fleet_audit.audit.policy.binary_subjects import binary_subjects
from fleet_audit.audit.policy.facts import (
    SubjectKind,
    module_subjects,
    need_subjects,
    source_subjects,
)
from fleet_audit.audit.policy.import_subjects import own_module_subjects
from fleet_audit.audit.policy.part import Part
from fleet_audit.audit.policy.pragmas import judge
from fleet_audit.audit.static_imports.distributions.requirements import required_names
from fleet_audit.audit.static_imports.examination import Examination
from fleet_audit.audit.static_imports.examine import examine as examine_imports
from fleet_audit.audit.static_imports.kept_examination import Keeping

_JUDGED = (SubjectKind.NEED, SubjectKind.SOURCE, SubjectKind.MODULE, SubjectKind.OWN_MODULE)
"""What can keep a service from starting; `imports` judges the rest of its code."""


class Analysis(msgspec.Struct, frozen=True):
    """The report on one image, the evidence behind it, and what that says of the image's packages.

    Without services `use` is None: who knows what is needed then? `parts` is all that rules can judge: what
    the report was judged by, and what only a whole audit asks of the same evidence.
    """

    report: DepsReport
    graph: EvidenceGraph
    services: tuple[ServiceImports, ...] = ()
    statistics: Statistics = Statistics()
    use: PackageUse | None = None
    parts: tuple[Part, ...] = ()


def analyse(subject: Subject, shared: Shared, others: Others = ALONE) -> Analysis:
    """Return what the subject's services need from its image, and what of that is missing.

    `others` answers for further images of the fleet. A family without services, or without an image, is
    answered without looking further. Raises ImageError where an image that is named cannot be opened.
    """
    if subject.family is not None and not subject.services:
        note = f"{subject.name} has no services, so nothing is needed from its image"
        return _bare(subject, shared, notes=(note,))
    gap = missing_image(subject)
    if gap is not None or subject.image is None:
        return _bare(subject, shared, gaps=() if gap is None else (gap,))
    isa = lowest_isa(shared.fleet, subject.image)
    with open_scene(subject.image, shared.settings, python=subject.python, isa=isa) as scene:
        return analyse_opened(subject, scene, shared, others)


def analyse_opened(subject: Subject, scene: Scene, shared: Shared, others: Others = ALONE) -> Analysis:
    """Return the same of an image that is open already."""
    return _Audit(subject, scene, shared, others).run()


def _bare(
    subject: Subject, shared: Shared, *, gaps: tuple[Gap, ...] = (), notes: tuple[str, ...] = ()
) -> Analysis:
    report = DepsReport(
        subject=subject.name,
        family=subject.family,
        services=tuple(service.name for service in subject.services),
        gaps=shared.rules.settled(gaps),
        notes=notes,
        policy=shared.rules.summary(),
    )
    return Analysis(report, EvidenceGraph(()))


class _Audit:
    """One image's audit: holds what the stages have found so far."""

    def __init__(self, subject: Subject, scene: Scene, shared: Shared, others: Others) -> None:
        self._subject = subject
        self._scene = scene
        self._shared = shared
        self._supply = Supply(subject, scene, shared, others)
        self._judge = judge_of(scene, shared.knowledge)
        self._asks: list[Ask] = []
        self._edges: list[Edge] = []
        self._closures: list[Closure] = []
        self._opened: dict[str, Closure] = {}

    def run(self) -> Analysis:
        imports = self._examine_services()
        self._load_extensions(self._extensions(imports.services))
        self._edges = list(as_taken(self._edges, self._closures))
        self._grant_wishes(imports)
        graph = EvidenceGraph([*self._edges, *ldd_evidence.edges(self._closures)])
        services = [Node(NodeKind.SERVICE, service.name) for service in self._subject.services]
        remedied = Remedied(self._scene, self._shared.knowledge.remedies, graph, self._opens)
        needs = join(self._asks, graph, services, remedied.before(self._supply.own_outcome))
        plan = self._advised(self._supply.plan(needs), needs, imports.services)
        report, part = self._report(imports, needs, plan, graph)
        told = EvidenceGraph([*self._edges, *ldd_evidence.edges(self._closures), *plan_edges(plan)])
        use = self._use(imports, graph, report.gaps)
        parts = (part, self._of_files())
        return Analysis(report, told, imports.services, self._statistics(imports), use, parts)

    def _of_files(self) -> Part:
        """Return what can be held against the files that are loaded, other than that they do not load."""
        places = [self._subject.location] if self._subject.location else []
        family = self._subject.family or ""
        return Part("ldd", tuple(binary_subjects(self._closures, family=family, places=places)))

    def _advised(self, plan: AptPlan, needs: Sequence[Need], services: Sequence[ServiceImports]) -> AptPlan:
        """Return a plan with what would do in place of its packages; notes say what will not."""
        if not self._supply.gaining.planned:
            return plan
        grounds = RemedyGrounds(self._subject, self._scene, self._shared, services)
        rows = self._shared.knowledge.remedies
        advice = advise(rows, needs, self._supply.gaining, grounds.wheels(), grounds.code)
        self._supply.notes.extend(advice.refused)
        return msgspec.structs.replace(plan, remedies=advice.remedies)

    def _use(self, imports: Examination, graph: EvidenceGraph, gaps: Sequence[Gap]) -> PackageUse | None:
        if not self._subject.services:
            return None
        evidence = Evidence(imports.services, tuple(self._closures), tuple(self._asks), graph, gaps)
        return package_use(self._subject, self._scene, self._shared, self._supply.installed, evidence)

    def _examine_services(self) -> Examination:
        if not self._subject.services or self._subject.sources is None:
            return Examination(())
        found = examine_imports(
            self._subject.services,
            self._subject.sources,
            self._scene.image.tree,
            self._scene.interpreter,
            records=self._shared.records,
            keeping=Keeping(self._shared.answers, self._scene.digest),
            compiled=compiled_names(self._scene),
            suggestions=self._shared.knowledge.module_distributions,
            computed_imports=self._shared.knowledge.computed_imports,
            watched=self._shared.knowledge.watched,
        )
        asked = distribution_asks(found.services, self._judge)
        self._asks.extend(asked.asks)
        self._edges.extend((*found.edges, *asked.edges))
        return found

    def _extensions(self, services: Iterable[ServiceImports]) -> list[ExtensionModule]:
        if self._subject.services:
            return [module for service in services for module in service.extension_modules]
        return list(PythonEntries(self._scene).modules)

    def _load_extensions(self, modules: Sequence[ExtensionModule]) -> None:
        entries = {
            module.path: EntryPoint(
                module.path, EntryKind.EXTENSION_MODULE, module.module, module.distribution
            )
            for module in modules
        }
        tier = None if self._subject.services else Tier.REQUIRED
        alone = examine(self._scene.world, [entries[path] for path in sorted(entries)], self._scene.python)
        self._add(ImportOrder(self._scene, self._shared).settled(alone), tier=tier)

    def _grant_wishes(self, imports: Examination) -> None:
        reached = {edge.target for edge in imports.edges if edge.target.kind is NodeKind.DISTRIBUTION}
        distributions = [DistributionName(node.name) for node in sorted(reached)]
        wishes = [
            *load_wishes(imports.services, self._supply.sonames_of_stem),
            *program_wishes(imports.services),
            *library_wishes(self._closures, self._scene.elf, opened_names(self._scene)),
            *hidden_wishes(distributions, self._shared.knowledge),
            *declared_wishes(self._subject.declared),
        ]
        granted = grant(filter(self._is_for_this_system, wishes), self._resolve)
        self._asks.extend(granted.asks)
        self._edges.extend(granted.edges)
        self._follow(granted.asks)

    def _is_for_this_system(self, wish: Wish) -> bool:
        return not all(self._shared.knowledge.other_system(name) for name in wish.names)

    def _resolve(self, kind: NeedKind, name: str) -> Resolution:
        if kind is NeedKind.PROGRAM:
            return self._judge.judged(name, self._program(name))
        if kind is NeedKind.DISTRIBUTION:
            return self._judge.judged(name, self._distribution(DistributionName(name)))
        first = next(iter(self._dlopen(name).requests), None)
        return self._judge.judged(name, Missing() if first is None else first.resolution)

    def _program(self, name: str) -> Resolution:
        path = self._find(name)
        if path is None:
            return Missing()
        why = why_not_started(self._scene.image.tree, self._scene.elf, path, self._find)
        return Resolved(path) if why is None else Fatal(path, why)

    def _distribution(self, name: DistributionName) -> Resolution:
        found = installed_distributions(self._scene).get(name)
        if found is not None:
            return Resolved(found.info)
        files = (file for service in self._subject.services for file in service.requirements)
        is_declared = (
            self._subject.sources is not None and name in required_names(self._subject.sources, files)[0]
        )
        return Declared("the service's requirements") if is_declared else Missing()

    def _opens(self, kind: NeedKind, path: ImagePath) -> bool:
        """Say whether a file can be opened as a library, or started, with all that it needs."""
        if kind is NeedKind.PROGRAM:
            return isinstance(self._program(path), Resolved)
        return all(isinstance(request.resolution, Resolved) for request in self._dlopen(path).requests)

    def _dlopen(self, name: str) -> Closure:
        if name not in self._opened:
            (self._opened[name],) = dlopen(
                self._scene.world, [Soname(name)], self._scene.python, self._opener
            )
        return self._opened[name]

    @cached_property
    def _opener(self) -> EntryPoint | None:
        """Return the module on whose behalf ctypes opens libraries; None where it is built in."""
        modules = PythonEntries(self._scene).modules
        path = next((m.path for m in modules if m.module == "_ctypes"), None)
        return None if path is None else EntryPoint(path, EntryKind.EXTENSION_MODULE)

    def _follow(self, asks: Iterable[Ask]) -> None:
        """Examine what programs and libraries that were asked for by name load in their turn."""
        programs: dict[ImagePath, EntryPoint] = {}
        libraries: dict[str, Closure] = {}
        for ask in asks:
            if not isinstance(ask.resolution, Resolved):
                continue
            path = ask.resolution.path
            if ask.kind is NeedKind.PROGRAM and path in self._scene.elf:
                programs[path] = EntryPoint(path, EntryKind.EXECUTABLE)
                self._edges.append(Edge(ask.route[-1], Node(NodeKind.FILE, path), "is"))
            elif ask.kind is NeedKind.SONAME:
                opened = self._dlopen(ask.name)
                libraries[ask.name] = msgspec.structs.replace(opened, requests=opened.requests[1:])
                self._edges.append(Edge(ask.route[-1], Node(NodeKind.FILE, opened.entry.path), "answered by"))
        self._examine([programs[path] for path in sorted(programs)], tier=None)
        self._add([libraries[name] for name in sorted(libraries)], tier=None)

    def _examine(self, entries: Sequence[EntryPoint], *, tier: Tier | None) -> None:
        self._add(examine(self._scene.world, entries, self._scene.python), tier=tier)

    def _add(self, closures: Sequence[Closure], *, tier: Tier | None) -> None:
        self._closures.extend(closures)
        self._asks.extend(closure_asks(closures, self._judge, tier=tier))

    def _find(self, name: str) -> ImagePath | None:
        image = self._scene.image
        return find_program(image.tree, image.identity.config.env, name)

    def _report(
        self, imports: Examination, needs: tuple[Need, ...], plan: AptPlan, graph: EvidenceGraph
    ) -> tuple[DepsReport, Part]:
        unparsed = merged_unparsed(imports.services)
        family = self._subject.family or ""
        services = imports.services if self._scene.is_whole else ()
        shipped = shipping(Examined(self._subject, services, self._scene, graph), self._shared.fleet)
        gaps = (*self._gaps(imports), *shipped.gaps)
        part = Part(
            "deps",
            (
                *need_subjects(needs, family=family, plan=plan, fallback=self._subject.location),
                *source_subjects(unparsed, family=family),
                *module_subjects(services, family=family),
                *own_module_subjects(services, shipped.unshipped, family=family),
            ),
            pragmas_of(self._subject, self._shared.fleet, imports.services, gaps, _JUDGED),
        )
        judgement = judge(
            self._shared.rules,
            part.subjects,
            exemptions=self._shared.exemptions,
            pragmas=part.pragmas,
            family=family,
        )
        report = DepsReport(
            subject=self._subject.name,
            findings=judgement.findings,
            gaps=self._shared.rules.settled((*gaps, *judgement.gaps)),
            notes=self._notes(),
            policy=self._shared.rules.summary(),
            family=self._subject.family,
            image=self._scene.image.identity,
            services=tuple(service.name for service in self._subject.services),
            needs=needs,
            proposal=plan,
            unparsed=unparsed,
            package_set=package_set(self._scene, self._supply.installed),
        )
        return report, part

    def _gaps(self, imports: Examination) -> list[Gap]:
        return [
            *self._scene.gaps,
            *gaps_besides(self._scene, imports.gaps),
            *(gap for service in imports.services for gap in service.gaps),
            *absent_code(imports.services),
            *ldd_evidence.gaps(self._scene.world, self._closures),
            *self._supply.gaps,
            *unexamined(self._subject, self._shared.fleet),
        ]

    def _notes(self) -> tuple[str, ...]:
        if self._subject.services:
            return tuple(self._supply.notes)
        return ("no services given: every extension module that can be imported counts as needed",)

    def _statistics(self, imports: Examination) -> Statistics:
        spent = self._scene.image.statistics
        return Statistics(
            layers_read=spent.layers_read,
            layers_cached=spent.layers_cached,
            layer_seconds=spent.seconds,
            sources_parsed=imports.parsed,
            sources_cached=imports.cached,
        )


def plan_edges(plan: AptPlan) -> Iterator[Edge]:
    """Yield which package would supply which need, and which package brings which other."""
    for package in plan.packages:
        needs = package.supplies or package.because[:1]
        nodes = [Node(NodeKind.PACKAGE, name) for name in package.because[1:]]
        yield from (Edge(a, b, "would bring") for a, b in pairwise(nodes))
        if package.is_root:
            own = Node(NodeKind.PACKAGE, package.name)
            yield from (Edge(_need_node(need), own, "would be supplied by") for need in needs)
    for need, share in plan.inherited().items():
        for pin in share.needs[need]:
            beneath = Node(NodeKind.PACKAGE, pin.partition("=")[0])
            yield Edge(_need_node(need), beneath, f"comes with the addition to {share.family}, by")


def _need_node(subject: str) -> Node:
    kind, _, name = subject.partition(":")
    return Node(NodeKind(kind), name)
