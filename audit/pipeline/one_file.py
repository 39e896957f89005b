"""How one file of an image loads: the answer of ``ldd --tree``."""

import difflib
from collections.abc import Iterator, Mapping

import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.images.tree import basename, normalise
from fleet_audit.audit.ldd import evidence
from fleet_audit.audit.ldd.glibc import examine, trace
from fleet_audit.audit.ldd.layout import DF_1_PIE, ET_EXEC
from fleet_audit.audit.ldd.loader import abi_of
from fleet_audit.audit.model.elf import (
    Closure,
    EntryKind,
    EntryPoint,
    Missing,
    Request,
    Resolved,
    SharedObject,
    Step,
    Trace,
)
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath, Soname
from fleet_audit.audit.model.one_file import TreeReport
from fleet_audit.audit.model.report import EntryReport, Statistics
from fleet_audit.audit.pipeline.linking import judged
from fleet_audit.audit.pipeline.needs.judge import judge_of
from fleet_audit.audit.pipeline.reached.entry_points import PythonEntries
from fleet_audit.audit.pipeline.reached.order import ImportOrder, missing_names
from fleet_audit.audit.pipeline.run.machines import lowest_isa
from fleet_audit.audit.pipeline.run.scene import Scene, open_scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.static_imports.compiled.importable import importable_extensions

MAX_HINTS = 3


def tree_of(reference: str, path: str, shared: Shared) -> tuple[TreeReport, Statistics]:
    """Return how the file at `path` in an image is loaded, step by step, and what the answer cost.

    A program starts a process of its own; an extension module or a library is loaded by the image's Python,
    unless it is a library for another machine whose loader the image has.
    Raises ImageError where the reference leads to no image, UsageError where nothing is at `path`.
    """
    with open_scene(reference, shared.settings, isa=lowest_isa(shared.fleet, reference)) as scene:
        entry = _entry_point(scene, path_in_image(scene, path))
        found = trace(scene.world, entry, _host(scene, entry))
        judge = judge_of(scene, shared.knowledge)
        closure = judged(_settled(found.closure, scene, shared), judge)
        report = TreeReport(
            subject=reference,
            gaps=tuple(dict.fromkeys((*_layer_gaps(scene), *evidence.gaps(scene.world, [closure])))),
            image=scene.image.identity,
            elf_files=len(scene.elf),
            extension_modules=int(entry.kind is EntryKind.EXTENSION_MODULE),
            entries=(EntryReport(entry, evidence.problems(closure)),),
            tree=msgspec.structs.replace(found, closure=closure, steps=_judged_steps(found, closure)),
        )
        spent = scene.image.statistics
        return report, Statistics(spent.layers_read, spent.layers_cached, spent.seconds)


def _settled(closure: Closure, scene: Scene, shared: Shared) -> Closure:
    """Return the closure with what the imports before it bring, for a module that lacks something."""
    if not missing_names(closure):
        return closure
    others = [
        EntryPoint(m.path, EntryKind.EXTENSION_MODULE, m.module, m.distribution)
        for m in PythonEntries(scene).modules
        if m.path != closure.entry.path
    ]
    closures = examine(scene.world, others, scene.python)
    return ImportOrder(scene, shared).settled([closure, *closures])[0]


def _judged_steps(found: Trace, closure: Closure) -> tuple[Step, ...]:
    """Return the steps with what is known of their names; those that an earlier import answers say so."""
    known = {(r.soname, r.wanted_by): r for r in closure.requests}
    return tuple(_judged_step(step, known) for step in found.steps)


def _judged_step(step: Step, known: Mapping[tuple[Soname, ImagePath], Request]) -> Step:
    request = known.get((step.request.soname, step.request.wanted_by), step.request)
    is_helped = isinstance(request.resolution, Resolved) and isinstance(step.request.resolution, Missing)
    note = "not found here, but loaded before by what its package imports first" if is_helped else step.note
    return msgspec.structs.replace(step, request=request, note=note)


def path_in_image(scene: Scene, word: str) -> ImagePath:
    """Return the path that a word of the command line means; raise UsageError where nothing is there."""
    path = normalise(word.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
    if scene.image.tree.entry(path) is not None:
        return path
    hints = sorted(_hints(scene, basename(path)))[:MAX_HINTS]
    hint = f"; did you mean {' or '.join(hints)}?" if hints else ""
    raise UsageError(f"{path}: no such file in {scene.image.identity.ref}{hint}")


def _hints(scene: Scene, name: str) -> Iterator[str]:
    names = {basename(path) for path in scene.elf}
    near = {name} if name in names else set(difflib.get_close_matches(name, sorted(names), n=MAX_HINTS))
    return (path for path in scene.elf if basename(path) in near)


def _entry_point(scene: Scene, path: ImagePath) -> EntryPoint:
    canonical = scene.image.tree.realpath(path)
    facts = None if canonical is None else scene.elf.get(canonical)
    if facts is not None and is_program(facts):
        return EntryPoint(path, EntryKind.EXECUTABLE)
    if scene.interpreter is not None:
        for module in importable_extensions(scene.image.tree, scene.interpreter, scene.distributions):
            if module.path in (path, canonical):
                return EntryPoint(module.path, EntryKind.EXTENSION_MODULE, module.module, module.distribution)
    return EntryPoint(path, EntryKind.CTYPES_TARGET)


def is_program(facts: SharedObject) -> bool:
    """Say whether a file is meant to be started: libc.so.6 names an interpreter too, but has a DT_SONAME."""
    if facts.elf_type == ET_EXEC:
        return True
    return facts.interpreter is not None and (bool(facts.flags_1 & DF_1_PIE) or facts.soname is None)


def _host(scene: Scene, entry: EntryPoint) -> ImagePath | None:
    """Return the Python that would load a file; None for a library of another machine with its own loader."""
    tree, elf = scene.image.tree, scene.elf
    python, path = (None if p is None else tree.realpath(p) for p in (scene.python, entry.path))
    facts = None if path is None else elf.get(path)
    host = None if python is None else elf.get(python)
    if facts is None or host is None or entry.kind is not EntryKind.CTYPES_TARGET:
        return scene.python
    loader = tree.realpath(scene.world.likely_loader(abi_of(facts)).path)
    of_loader = None if loader is None else elf.get(loader)
    has_own = of_loader is not None and abi_of(of_loader) == abi_of(facts) != abi_of(host)
    return None if has_own else scene.python


def _layer_gaps(scene: Scene) -> tuple[Gap, ...]:
    return tuple(gap for gap in scene.image.gaps if gap.kind is GapKind.UNREADABLE_LAYER)
