"""Which entry points of an image cannot load, and why: the answer of ``ldd``."""

from collections.abc import Mapping, Sequence

import msgspec

from fleet_audit.audit.ldd import evidence
from fleet_audit.audit.ldd.programs import executables, unstartable
from fleet_audit.audit.model.apt import AptPlan, Placement
from fleet_audit.audit.model.elf import Closure, EntryPoint, Fatal
from fleet_audit.audit.model.evidence import EvidenceGraph
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.need import Tier
from fleet_audit.audit.model.report import EntryReport, LddReport, Statistics
from fleet_audit.audit.pipeline.needs.asks import closure_asks, start_asks
from fleet_audit.audit.pipeline.needs.judge import Judge, judge_of
from fleet_audit.audit.pipeline.needs.needs import join
from fleet_audit.audit.pipeline.planning.placing import placed
from fleet_audit.audit.pipeline.reached.loads import loads_of
from fleet_audit.audit.pipeline.run.attribution import Attribution
from fleet_audit.audit.pipeline.run.machines import lowest_isa
from fleet_audit.audit.pipeline.run.programs import find_program
from fleet_audit.audit.pipeline.run.scene import Scene, open_scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.policy import facts as rules
from fleet_audit.audit.policy.binary_subjects import binary_subjects
from fleet_audit.audit.policy.evaluation import evaluate
from fleet_audit.audit.policy.facts import need_subjects


class Linked(msgspec.Struct, frozen=True):
    """The report, and what it cost."""

    report: LddReport
    statistics: Statistics = Statistics()


def entry_points_of(subject: Subject, reference: str, shared: Shared) -> Linked:
    """Return every entry point of the subject's image, at `reference`, with what keeps it from loading.

    Entry points are the extension modules that its Python can import, the programs that its configuration
    starts, and as plugins the libraries of its distributions that none of these loads. Raises ImageError
    where the reference leads to no image.
    """
    with open_scene(reference, shared.settings, isa=lowest_isa(shared.fleet, reference)) as scene:
        return _Audit(subject, reference, scene, shared).run()


def unopened(subject: Subject, gaps: tuple[Gap, ...], shared: Shared) -> Linked:
    """Return the answer for an image that is not there to be opened; `gaps` says why."""
    report = LddReport(subject=subject.name, gaps=shared.rules.settled(gaps), policy=shared.rules.summary())
    return Linked(report)


class _Audit:
    def __init__(self, subject: Subject, reference: str, scene: Scene, shared: Shared) -> None:
        self._subject = subject
        self._reference = reference
        self._scene = scene
        self._shared = shared
        self._judge = judge_of(scene, shared.knowledge)

    def run(self) -> Linked:
        loads = loads_of(self._scene, self._shared, self._programs())
        closures = loads.closures
        refused = self._unstartable()
        place, place_gaps = placed(self._subject)
        judgement = evaluate(self._shared.rules, self._subjects(closures, refused, place))
        gaps = (*self._scene.gaps, *loads.gaps, *place_gaps, *judgement.gaps)
        spent = self._scene.image.statistics
        report = LddReport(
            subject=self._reference,
            findings=judgement.findings,
            gaps=self._shared.rules.settled(gaps),
            policy=self._shared.rules.summary(),
            image=self._scene.image.identity,
            elf_files=len(self._scene.elf),
            extension_modules=loads.modules,
            entries=self._entries([*closures, *loads.plugins], refused),
        )
        cost = Statistics(spent.layers_read, spent.layers_cached, spent.seconds)
        return Linked(report, cost)

    def _subjects(
        self, closures: Sequence[Closure], refused: Mapping[EntryPoint, Fatal], place: Placement
    ) -> list[rules.Subject]:
        asks = [
            *closure_asks(closures, self._judge, tier=Tier.REQUIRED),
            *start_asks(refused, self._judge, tier=Tier.REQUIRED),
        ]
        needs = join(asks, EvidenceGraph(()), ())
        family, line = self._subject.family or "", self._subject.location
        places = [found for found in (place.dockerfile, line) if found is not None]
        return [
            *need_subjects(needs, family=family, plan=AptPlan(placement=place), fallback=line),
            *binary_subjects(closures, family=family, places=places[:1]),
        ]

    def _programs(self) -> Sequence[EntryPoint]:
        image = self._scene.image
        return executables(image.tree, self._scene.elf, image.identity.config, self._find)

    def _unstartable(self) -> Mapping[EntryPoint, Fatal]:
        image = self._scene.image
        return unstartable(image.tree, self._scene.elf, image.identity.config, self._find)

    def _find(self, name: str) -> ImagePath | None:
        image = self._scene.image
        return find_program(image.tree, image.identity.config.env, name)

    def _entries(
        self, closures: Sequence[Closure], refused: Mapping[EntryPoint, Fatal]
    ) -> tuple[EntryReport, ...]:
        found = (judged(closure, self._judge) for closure in closures)
        entries = [EntryReport(closure.entry, evidence.problems(closure)) for closure in found]
        entries += [EntryReport(entry, evidence.start_problems(fatal)) for entry, fatal in refused.items()]
        whose = Attribution(self._subject, self._scene, self._shared)
        in_order = sorted(entries, key=lambda report: (report.entry.path, report.entry.kind))
        return tuple(whose.attributed(report) for report in in_order)


def judged(closure: Closure, judge: Judge) -> Closure:
    """Return a closure with what `judge` knows of each name that was not found."""
    requests = tuple(
        msgspec.structs.replace(r, resolution=judge.judged(r.soname, r.resolution)) for r in closure.requests
    )
    if judge.is_whole:
        return msgspec.structs.replace(closure, requests=requests)
    return msgspec.structs.replace(closure, requests=requests, version_problems=(), symbol_problems=())
