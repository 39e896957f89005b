"""What each entry point of an image loads: worked out once for an image and this code."""

from collections.abc import Sequence

import msgspec

from fleet_audit import __version__
from fleet_audit.audit.configuration.kept import kept_or_read
from fleet_audit.audit.configuration.located import File
from fleet_audit.audit.configuration.own_code import own_code
from fleet_audit.audit.ldd import evidence
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.pipeline.reached.entry_points import PythonEntries
from fleet_audit.audit.pipeline.reached.order import ImportOrder
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.pipeline.run.shared import Shared


class Loads(msgspec.Struct, frozen=True):
    """The closures of an image's extension modules and programs, and those of its plugins.

    `gaps` is what could not be examined on the way; `modules` how many of the closures are of modules.
    """

    modules: int
    closures: tuple[Closure, ...]
    plugins: tuple[Closure, ...]
    gaps: tuple[Gap, ...]


def loads_of(scene: Scene, shared: Shared, programs: Sequence[EntryPoint]) -> Loads:
    """Return what the image's extension modules, its plugins and these programs load.

    The answer depends on the image, on its machines and on what is known of hosts, so that of an image which
    is known by its digest, and of which every layer was read, is kept between runs.
    """
    if not scene.digest:
        return _worked_out(scene, shared, programs)
    # Of all knowledge, `ImportOrder` asks for this alone.
    known = shared.knowledge.never_apt
    asked = msgspec.msgpack.encode(
        (scene.digest, scene.world.isa, scene.asked_python, known, tuple(programs))
    )
    return kept_or_read(
        shared.answers,
        f"loads/{__version__} {own_code()}",
        [File("image", asked)],
        Loads,
        lambda: _worked_out(scene, shared, programs),
    )


def _worked_out(scene: Scene, shared: Shared, programs: Sequence[EntryPoint]) -> Loads:
    python = PythonEntries(scene)
    modules = [
        EntryPoint(m.path, EntryKind.EXTENSION_MODULE, m.module, m.distribution) for m in python.modules
    ]
    alone = examine(scene.world, [*modules, *programs], scene.python)
    closures = ImportOrder(scene, shared).settled(alone)
    # Nobody can say that plugins are ever loaded: they are shown, and nothing is judged by them.
    plugins = python.plugins(closures)
    return Loads(len(modules), closures, plugins, tuple(evidence.gaps(scene.world, closures)))
