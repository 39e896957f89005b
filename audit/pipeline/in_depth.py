"""One file of an image in depth, and what protects its programs: ``ldd --deep`` and ``ldd --hardening``."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.images.tree import FileUnreadable
from fleet_audit.audit.ldd.depth import MAX_SIZE, NotExamined, examine_depth, examine_hardening
from fleet_audit.audit.ldd.evidence import STAGE
from fleet_audit.audit.model.elf import EntryKind, EntryPoint
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.imports import ExtensionModule
from fleet_audit.audit.model.one_file import Depth, DepthReport, Hardened, Hardening, HardeningReport
from fleet_audit.audit.model.report import Statistics
from fleet_audit.audit.pipeline.one_file import is_program, path_in_image
from fleet_audit.audit.pipeline.run.scene import Scene, open_scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.static_imports.compiled.importable import importable_extensions


def depth_of(reference: str, word: str, shared: Shared) -> tuple[DepthReport, Statistics]:
    """Return the file at a path of an image in depth; raises as `tree_of` does."""
    with open_scene(reference, shared.settings) as scene:
        path = path_in_image(scene, word)
        found = _depth(scene, path)
        entry = scene.image.tree.entry(scene.image.tree.realpath(path) or path)
        report = DepthReport(
            subject=reference,
            gaps=(found,) if isinstance(found, Gap) else (),
            image=scene.image.identity,
            elf_files=len(scene.elf),
            path=path,
            size=0 if entry is None else entry.size,
            depth=None if isinstance(found, Gap) else found,
        )
        return report, _cost(scene)


def _depth(scene: Scene, path: ImagePath) -> Depth | Gap:
    body = _body(scene, path)
    if isinstance(body, Gap):
        return body
    found = examine_depth(body)
    return _gap(path, found) if isinstance(found, NotExamined) else found


def hardening_of(reference: str, shared: Shared) -> tuple[HardeningReport, Statistics]:
    """Return what protects every program and every importable extension module of an image.

    Raises ImageError where the reference leads to no image.
    """
    with open_scene(reference, shared.settings) as scene:
        entries = _entries(scene)
        gaps: list[Gap] = [gap for gap in scene.image.gaps if gap.kind is GapKind.UNREADABLE_LAYER]
        read: list[EntryPoint] = []
        found = list(examine_hardening(_bodies(scene, entries, read, gaps)))
        hardened = [Hardened(e, h) for e, h in zip(read, found, strict=True) if isinstance(h, Hardening)]
        gaps += [_gap(e.path, h) for e, h in zip(read, found, strict=True) if isinstance(h, NotExamined)]
        report = HardeningReport(
            subject=reference,
            gaps=tuple(sorted(gaps, key=lambda gap: (gap.kind, gap.what, gap.why))),
            image=scene.image.identity,
            elf_files=len(scene.elf),
            extension_modules=sum(entry.kind is EntryKind.EXTENSION_MODULE for entry in entries),
            hardened=tuple(sorted(hardened, key=lambda each: each.entry.path)),
        )
        return report, _cost(scene)


def _entries(scene: Scene) -> list[EntryPoint]:
    """Return programs and extension modules in the order of the layers, so that each is read in one pass."""
    modules: dict[ImagePath | None, ExtensionModule] = {}
    if scene.interpreter is not None:
        for each in importable_extensions(scene.image.tree, scene.interpreter, scene.distributions):
            modules[scene.image.tree.realpath(each.path)] = each
    found: list[EntryPoint] = []
    for path, facts in scene.elf.items():
        if (module := modules.get(path)) is not None:
            entry = EntryPoint(path, EntryKind.EXTENSION_MODULE, module.module, module.distribution)
            found.append(entry)
        elif is_program(facts):
            found.append(EntryPoint(path, EntryKind.EXECUTABLE))
    return found


def _bodies(
    scene: Scene, entries: Sequence[EntryPoint], read: list[EntryPoint], gaps: list[Gap]
) -> Iterator[bytes]:
    """Yield the bodies that can be read, noting in `read` whose they are."""
    for entry in entries:
        body = _body(scene, entry.path)
        if isinstance(body, Gap):
            gaps.append(body)
        else:
            read.append(entry)
            yield body


def _body(scene: Scene, path: ImagePath) -> bytes | Gap:
    try:
        return scene.image.tree.read(path, limit=MAX_SIZE)
    except FileUnreadable as error:
        return Gap(STAGE, GapKind.UNREADABLE_FILE, path, error.why)


def _gap(path: ImagePath, found: NotExamined) -> Gap:
    return Gap(STAGE, GapKind.UNREADABLE_ELF, path, found.why)


def _cost(scene: Scene) -> Statistics:
    spent = scene.image.statistics
    return Statistics(spent.layers_read, spent.layers_cached, spent.seconds)
