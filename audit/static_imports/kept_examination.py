"""An examination between runs: taken again as long as everything that it was worked out from is the same.

What services reach depends on the image, on their own code, and on this code. An image is known by its
digest, or else looked at again as the services' code is: every question that was put to a tree is put to it
again, and every answer must be the same. That takes a fraction of the time, and nothing is taken to be
unchanged for its age or its name.
"""

import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import msgspec

from fleet_audit import __version__
from fleet_audit.audit.configuration.kept import Store, keep, kept, key_of
from fleet_audit.audit.configuration.located import File
from fleet_audit.audit.configuration.own_code import code_below, own_code
from fleet_audit.audit.images.noted import NotedTree, Notes
from fleet_audit.audit.images.tree import FileTree
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.static_imports.compiled.compiled_names import CompiledNames
from fleet_audit.audit.static_imports.examination import Examination

_PARSERS = ("libcst", "packaging", "msgspec")
"""Other people's code that an answer may depend on."""

Compiled = Callable[[ImagePath], CompiledNames | None]


class Keeping(msgspec.Struct, frozen=True):
    """Where examinations are kept, and the digest that the image is known by; empty where there is none."""

    store: Store
    image_digest: str = ""


class World(msgspec.Struct, frozen=True):
    """What is looked at: the repository, the image, and the names in its extension modules."""

    sources: FileTree
    image: FileTree | None = None
    compiled: Compiled | None = None


class Found(msgspec.Struct, frozen=True):
    """An answer. It `is_sure` where the same world would give the same answer again."""

    answer: Examination
    is_sure: bool = True


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """An answer, and everything that it was worked out from besides what its key says."""

    sources: Notes
    image: Notes
    compiled: tuple[tuple[ImagePath, bytes], ...]
    answer: Examination

    def holds_for(self, world: World) -> bool:
        return (
            self.sources.hold_for(world.sources)
            and (world.image is None or self.image.hold_for(world.image))
            and all(
                world.compiled is not None and _digest(world.compiled(path)) == digest
                for path, digest in self.compiled
            )
        )


def kept_or_examined(
    keeping: Keeping, asked: Sequence[object], world: World, examine: Callable[[World], Found]
) -> Examination:
    """Return what is kept for `asked` and still holds for `world`, or what `examine` finds, which is kept.

    `asked` is all that the answer depends on besides `world` and this code.
    """
    try:
        key = _key(keeping, asked)
    except UnicodeEncodeError:
        # A path of the user's that is no UTF-8: what cannot be written is not kept.
        return examine(world).answer
    known = kept(keeping.store, key, _Kept)
    if known is not None and known.holds_for(world):
        return known.answer
    noted = _Noted(world, is_image_known=bool(keeping.image_digest))
    found = examine(noted.world)
    if found.is_sure and (worth := noted.kept(found.answer)) is not None:
        keep(keeping.store, key, worth)
    return found.answer


class _Noted:
    """A world whose answers are noted; those of an image that is known by its digest need not be."""

    def __init__(self, world: World, *, is_image_known: bool) -> None:
        self._sources = NotedTree(world.sources)
        self._image = None if world.image is None or is_image_known else NotedTree(world.image)
        self._compiled: dict[ImagePath, bytes] = {}
        self.world = world
        if not is_image_known:
            compiled = None if world.compiled is None else self._noting(world.compiled)
            self.world = World(self._sources, self._image, compiled)
        else:
            self.world = World(self._sources, world.image, world.compiled)

    def _noting(self, compiled: Compiled) -> Compiled:
        def names(path: ImagePath) -> CompiledNames | None:
            found = compiled(path)
            self._compiled[path] = _digest(found)
            return found

        return names

    def kept(self, answer: Examination) -> _Kept | None:
        """Return what is worth keeping; None where the world changed meanwhile."""
        sources = self._sources.notes()
        image = Notes() if self._image is None else self._image.notes()
        if sources is None or image is None:
            return None
        # Whoever takes this answer reads no file anew.
        answer = msgspec.structs.replace(answer, parsed=0, cached=answer.parsed + answer.cached)
        return _Kept(sources, image, tuple(sorted(self._compiled.items())), answer)


def _key(keeping: Keeping, asked: Sequence[object]) -> str:
    body = msgspec.msgpack.encode((keeping.image_digest, *asked), order="deterministic")
    return key_of(f"imports/{__version__} {own_code()} {_others_code()}", [File("asked", body)])


@cache
def _others_code() -> str:
    """Return what changes whenever the running Python does, or one of the libraries that read code."""
    found = (importlib.util.find_spec(name) for name in _PARSERS)
    folders = [os.path.dirname(spec.origin) for spec in found if spec is not None and spec.origin is not None]
    return " ".join((sys.version, *(code_below(Path(folder)) for folder in folders)))


def _digest(names: CompiledNames | None) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(names)).digest()
