"""Which distributions are started where no import shows it, and what they may load while they run."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product

from fleet_audit.audit.images.tree import join
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.model.elf import EntryKind, EntryPoint
from fleet_audit.audit.model.evidence import Node
from fleet_audit.audit.model.identity import DistributionName, ImagePath
from fleet_audit.audit.pipeline.run.programs import find_program
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.pipeline.surplus.mentions import AS_MODULE, Mentions

_MODULE_FILES = (".py", "/__init__.py", "/__main__.py")


class Started:
    """The distributions of an image that commands name, by a program of theirs or as a module.

    Nobody follows what such a program imports, so whatever it requires, and the libraries that their files
    need, may be loaded.
    """

    def __init__(self, scene: Scene, mentions: Iterable[Mentions], programs: Iterable[Node]) -> None:
        """Take the image, what is named where it is started, and the programs that services start."""
        self._scene = scene
        self._mentions = tuple(mentions)
        self._programs = tuple(programs)

    def doubt_on(self, name: DistributionName) -> str:
        """Say what may load this distribution; empty for nothing."""
        return self._reasons.get(name, "")

    def doubt_on_files(self, files: Collection[ImagePath]) -> str:
        """Say which started distribution may load one of these libraries; empty for none."""
        return next((self._libraries[path] for path in files if path in self._libraries), "")

    @cached_property
    def _reasons(self) -> Mapping[DistributionName, str]:
        found: dict[DistributionName, str] = {}
        for name, why in self._named():
            found.setdefault(name, why)
        roots = sorted(found)
        installed = self._scene.distributions.installed
        for root in roots:
            pending = [root]
            while pending:
                known = installed.get(pending.pop())
                for need in () if known is None else known.requires:
                    if need not in found and need in installed:
                        found[need] = f"{root}, which is started as a program, requires it"
                        pending.append(need)
        return found

    def _named(self) -> Iterator[tuple[DistributionName, str]]:
        """Yield the distributions that are named, and where."""
        for node in self._programs:
            path = find_program(self._scene.image.tree, self._scene.image.identity.config.env, node.name)
            owner = None if path is None else self._scene.distributions.owner(path)
            if owner is not None:
                yield owner, f"{node.name}, which a service starts, is a program of it"
        words = {word: place for each in reversed(self._mentions) for word, place in each.items()}
        for name in sorted(self._scene.distributions.installed):
            for command in sorted(self._scene.distributions.commands(name) & words.keys()):
                yield name, f"{words[command]} names {command}"
        for word in sorted(words):
            module = word.removeprefix(AS_MODULE)
            parts = module.split(".")
            # Of ``uvicorn.workers.UvicornWorker`` the last part is no module; ``redis.conf`` is none at all.
            least = 1 if module != word else 2
            beginnings = (parts[:end] for end in range(len(parts), least - 1, -1))
            owners = (self._owner_of_module(each) for each in beginnings)
            if (owner := next(filter(None, owners), None)) is not None:
                yield owner, f"{words[word]} names {module}"

    def _owner_of_module(self, parts: Sequence[str]) -> DistributionName | None:
        interpreter, tree = self._scene.interpreter, self._scene.image.tree
        if interpreter is None or not all(part.isidentifier() for part in parts):
            return None
        for folder, file in product(interpreter.search_path, _MODULE_FILES):
            path = tree.realpath(join(folder, "/".join(parts) + file))
            if path is not None and (owner := self._scene.distributions.owner(path)) is not None:
                return owner
        return None

    @cached_property
    def _libraries(self) -> Mapping[ImagePath, str]:
        """Return the libraries that ELF files of these distributions need, and of which one."""
        files = (path for path in sorted(self._scene.elf) if self._reasons)
        owned = ((path, self._scene.distributions.owner(path)) for path in files)
        reasons = {
            path: self._reasons[name] for path, name in owned if name is not None and name in self._reasons
        }
        entries = [EntryPoint(path, EntryKind.EXTENSION_MODULE) for path in reasons]
        found: dict[ImagePath, str] = {}
        for closure in examine(self._scene.world, entries, self._scene.python):
            path = closure.entry.path
            for loaded in closure.loaded:
                found.setdefault(loaded, f"{path} needs it: {reasons[path]}")
        return found
