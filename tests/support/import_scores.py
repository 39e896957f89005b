"""How much of what programs really load is foreseen, and how much of what is foreseen is really loaded.

The prediction is the main job's own: it sees each program as a service, and the system it runs on as an
image, from outside.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.elf import Missing
from fleet_audit.audit.model.evidence import Edge, Node, NodeKind
from fleet_audit.audit.model.identity import ImagePath, Soname
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.need import NeedKind
from fleet_audit.audit.pipeline.deps.analysis import Analysis, analyse
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.static_imports.distributions.distributions import Distributions
from tests.support.debian import archive
from tests.support.folders import facts_of
from tests.support.program_roots import bare_root, full_root
from tests.support.programs import PROGRAMS, Loaded, Program, programs, run_inside
from tests.support.roots import Root

_TIME = "2026-11-20T00:00:00Z"


class Foreseen(NamedTuple):
    """What is said of one program: levels by the paths of extension modules and the names of modules.

    `missing` are the sonames that the program certainly needs and the system has not got.
    """

    extensions: Mapping[str, Level]
    modules: Mapping[str, Level]
    missing: frozenset[str]


class Trial(NamedTuple):
    """One program: what it has loaded where everything is there, and what was foreseen.

    Extension modules and modules are those of `distributions`. `refusal` is what ended it on the bare system,
    `lacking` are the sonames that it would have loaded there (none where it does without them), and
    `missing` those that were foreseen to be missing.
    """

    program: Program
    error: str
    extensions: frozenset[str]
    modules: frozenset[str]
    distributions: frozenset[str]
    foreseen_extensions: Mapping[str, Level]
    foreseen_modules: Mapping[str, Level]
    lacking: frozenset[str]
    refusal: str
    missing: frozenset[str]


class Score(NamedTuple):
    """Counts over programs: how often something was foreseen, loaded, and both."""

    foreseen: int = 0
    loaded: int = 0
    both: int = 0

    @property
    def precision(self) -> float:
        """Return how much of what was foreseen was loaded, in percent."""
        return 100.0 * self.both / self.foreseen if self.foreseen else 100.0

    @property
    def recall(self) -> float:
        """Return how much of what was loaded was foreseen, in percent."""
        return 100.0 * self.both / self.loaded if self.loaded else 100.0


def trials(cache_dir: Path) -> list[Trial]:
    """Foresee every program on the bare system, and run it; skips where there can be no such system.

    What a program loads shows where its libraries are, what it lacks where they are not. Both systems have
    the same Python code. `cache_dir` keeps what was read of it for as long as the caller likes.
    """
    every, bare, full = programs(), bare_root(), full_root()
    loaded, foreseen = run_inside(full, every), foresee(bare, every, cache_dir)
    absent = {program.name: _absent(loaded[program.name], bare, full) for program in every}
    doubtful = [program for program in every if absent[program.name] or foreseen[program.name].missing]
    refusals = {name: run.error for name, run in run_inside(bare, doubtful).items()}
    owners = Distributions(open_folder(full.place), [ImagePath(full.site)])
    tops = {path.name.partition(".")[0] for path in (full.place / full.site.lstrip("/")).iterdir()}
    return [
        Trial(
            program=program,
            error=loaded[program.name].error,
            extensions=frozenset(_extensions(loaded[program.name], full.site)),
            modules=frozenset(_modules(loaded[program.name], full.site)),
            distributions=frozenset(_owners(loaded[program.name], owners)),
            foreseen_extensions=_below(foreseen[program.name].extensions, full.site),
            foreseen_modules=_of_tops(foreseen[program.name].modules, tops),
            lacking=absent[program.name] if refusals.get(program.name) else frozenset(),
            refusal=refusals.get(program.name, ""),
            missing=foreseen[program.name].missing,
        )
        for program in every
    ]


def foresee(root: Root, wanted: Iterable[Program], cache_dir: Path) -> dict[str, Foreseen]:
    """Return what the main job says of each program as a service on the root."""
    services = tuple(program.code for program in wanted)
    sources = open_folder(PROGRAMS)
    subject = Subject(name="programs", image=f"dir:{root.place}", services=services, sources=sources)
    shared = Shared(Settings(cache_dir, _TIME))
    shared.archive = archive()
    analysis = analyse(subject, shared)
    missing, steps = _missing(analysis), steps_to_modules(analysis.graph.edges)
    return {
        imports.service: Foreseen(
            {module.path: module.level for module in imports.extension_modules},
            module_levels(imports.service, steps),
            frozenset(missing[imports.service]),
        )
        for imports in analysis.services
    }


def extension_score(found: Sequence[Trial], level: Level) -> Score:
    """Return the score of extension modules that are reached at `level` or more certainly."""
    return _score((_up_to(trial.foreseen_extensions, level), trial.extensions) for trial in found)


def module_score(found: Sequence[Trial], level: Level) -> Score:
    """Return the score of all modules that are reached at `level` or more certainly."""
    return _score((_up_to(trial.foreseen_modules, level), trial.modules) for trial in found)


def library_score(found: Sequence[Trial]) -> Score:
    """Return the score of missing libraries.

    A library that only another missing one wants is no miss: nobody can read what is not there.
    """
    return _score((trial.missing, trial.lacking) for trial in found)


def table(found: Sequence[Trial]) -> str:
    """Return every score as a Markdown table: precision and recall in percent, and the counts behind them."""
    groups = {
        "all programs": found,
        "guided": [trial for trial in found if not trial.program.is_held_out],
        "held out": [trial for trial in found if trial.program.is_held_out],
    }
    heads = [f"{name} ({len(group)})" for name, group in groups.items()]
    lines = [f"| what, up to which level | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for what, score in (("extension modules", extension_score), ("modules", module_score)):
        for level in Level:
            cells = [_cell(score(group, level)) for group in groups.values()]
            lines.append(f"| {what}, {_LEVELS[level]} | {' | '.join(cells)} |")
    cells = [_cell(library_score(group)) for group in groups.values()]
    lines.append(f"| missing libraries, {_LEVELS[Level.CERTAIN]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


_LEVELS = {Level.CERTAIN: "0", Level.PROBABLE: "0–1", Level.LAZY: "0–2", Level.STRING: "0–3"}


def _cell(score: Score) -> str:
    return f"{score.precision:.1f} / {score.recall:.1f} ({score.both} of {score.foreseen} / {score.loaded})"


def _score(pairs: Iterable[tuple[frozenset[str], frozenset[str]]]) -> Score:
    total = Score()
    for foreseen, loaded in pairs:
        counts = (len(foreseen), len(loaded), len(foreseen & loaded))
        total = Score(*(a + b for a, b in zip(total, counts, strict=True)))
    return total


def _up_to(levels: Mapping[str, Level], level: Level) -> frozenset[str]:
    return frozenset(name for name, own in levels.items() if own <= level)


def _below(levels: Mapping[str, Level], site: str) -> dict[str, Level]:
    return {path: level for path, level in levels.items() if path.startswith(f"{site}/")}


def _of_tops(levels: Mapping[str, Level], tops: set[str]) -> dict[str, Level]:
    # A ``.pth`` file runs at start, and is no module that anybody loads.
    named = {name: level for name, level in levels.items() if not name.endswith(".pth")}
    return {name: level for name, level in named.items() if name.partition(".")[0] in tops}


def _extensions(loaded: Loaded, site: str) -> Iterator[str]:
    named = {path for path in loaded.modules.values() if path.endswith(".so")}
    yield from (path for path in named | loaded.extensions if path.startswith(f"{site}/"))


def _modules(loaded: Loaded, site: str) -> Iterator[str]:
    yield from (name for name, path in loaded.modules.items() if path.startswith(f"{site}/"))


def _owners(loaded: Loaded, distributions: Distributions) -> Iterator[str]:
    for path in loaded.modules.values():
        if (owner := distributions.owner(ImagePath(path))) is not None:
            yield owner


def _absent(loaded: Loaded, bare: Root, full: Root) -> frozenset[str]:
    """Return the sonames that the bare system lacks and that something it has asks for."""
    objects = {path: facts_of(full.place / path.lstrip("/")) for path in loaded.mapped}
    others = {path for path in objects if not (bare.place / path.lstrip("/")).exists()}
    sonames = {found.soname or Soname("") for path in others if (found := objects[path]) is not None}
    hidden: set[Soname] = set()
    seen: set[Soname] = set()
    for path, found in objects.items():
        if found is not None:
            (hidden if path in others else seen).update(found.needed)
    # What no mapped object needs was opened by name.
    return frozenset(soname for soname in sonames if soname in seen or soname not in hidden)


def _missing(analysis: Analysis) -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for need in analysis.report.needs:
        if need.kind is NeedKind.SONAME and isinstance(need.resolution, Missing):
            for reached in need.reached_from:
                if reached.level is Level.CERTAIN:
                    found[reached.service].add(need.name)
    return found


def steps_to_modules(edges: Iterable[Edge]) -> Mapping[Node, list[Edge]]:
    """Return the edges that lead to modules, and to functions in them, by where they start."""
    found: defaultdict[Node, list[Edge]] = defaultdict(list)
    for edge in edges:
        if edge.target.kind in (NodeKind.MODULE, NodeKind.FUNCTION):
            found[edge.source].append(edge)
    return found


def module_levels(service: str, steps: Mapping[Node, Iterable[Edge]]) -> dict[str, Level]:
    """Return how certainly a service reaches each module: a chain is as certain as its weakest step."""
    found: dict[Node, Level] = {}
    queue = [(Level.CERTAIN, Node(NodeKind.SERVICE, service))]
    while queue:
        level, node = heapq.heappop(queue)
        if node in found:
            continue
        found[node] = level
        for edge in steps.get(node, ()):
            heapq.heappush(queue, (max(level, edge.level), edge.target))
    return {node.name: level for node, level in found.items() if node.kind is NodeKind.MODULE}
