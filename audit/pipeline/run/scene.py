"""One opened image, with what every stage starts from."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from fleet_audit.audit.images.folder import FolderTree
from fleet_audit.audit.images.identify import kept_unpacked_bytes
from fleet_audit.audit.images.limits import DEFAULT_LIMITS
from fleet_audit.audit.images.open import EngineStream, Image, open_image
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.images.tree import FileUnreadable
from fleet_audit.audit.ldd.collector import ElfCollector
from fleet_audit.audit.ldd.symbol_collector import SymbolCollector, symbols_of_file
from fleet_audit.audit.ldd.symbol_table import SymbolTable
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import SharedObject
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.image import Layer
from fleet_audit.audit.pipeline.run.pulling import registry_for
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.subject import PATH_TRANSPORTS, TRANSPORTS, Subject
from fleet_audit.audit.static_imports.compiled.compiled_collector import CompiledNamesCollector, names_of_file
from fleet_audit.audit.static_imports.compiled.compiled_names import CompiledNames
from fleet_audit.audit.static_imports.distributions.distributions import Distributions
from fleet_audit.audit.static_imports.resolution.interpreter import Interpreter, find_interpreter

LAYER_FACTS = "layers"
_FOLDER = "dir:"
_ENGINES = ("docker:", "podman:")


_COMPILED = CompiledNamesCollector()


class Scene(msgspec.Struct, frozen=True):
    """An image as the stages see it. `interpreter` is None where it has no Python that was asked for.

    `distributions` are those that the interpreter finds.
    """

    image: Image
    elf: Mapping[ImagePath, SharedObject]
    world: World
    interpreter: Interpreter | None
    distributions: Distributions
    asked_python: str = ""

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Return what of the image could not be read, or is not there to be examined."""
        if self.interpreter is not None:
            return self.image.gaps
        name = f"Python {self.asked_python}, which the manifest names," if self.asked_python else "Python"
        why = f"no {name} with a standard library was found, so no extension module can be examined"
        gap = Gap("images", GapKind.NO_INTERPRETER, str(self.image.identity.ref), why)
        return (*self.image.gaps, gap)

    @property
    def is_whole(self) -> bool:
        """Say whether every layer was read: only then is what is not found missing."""
        return all(gap.kind is not GapKind.UNREADABLE_LAYER for gap in self.image.gaps)

    @property
    def digest(self) -> str:
        """Return what the image, read without gaps, is known by; empty where nothing tells it from others."""
        ref = self.image.identity.ref
        return "" if ref.digest is None or self.image.gaps else f"{ref.digest} {ref.platform}"

    @property
    def python(self) -> ImagePath | None:
        """Return the interpreter's path."""
        return None if self.interpreter is None else self.interpreter.executable


def gaps_besides(scene: Scene | None, gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Return a stage's gaps without that of an absent Python, which the scene has for all stages."""
    has_told = scene is not None and scene.interpreter is None
    return tuple(gap for gap in gaps if not (has_told and gap.kind is GapKind.NO_INTERPRETER))


def unpacked_bytes(layers: Sequence[Layer], settings: Settings) -> tuple[int | None, ...]:
    """Return how large each layer is once it is unpacked; None where no scene was opened that has it."""
    collectors = (ElfCollector(), SymbolCollector(), _COMPILED)
    return kept_unpacked_bytes(layers, collectors, LayerStore(settings.cache_dir / LAYER_FACTS))


@contextmanager
def open_scene(reference: str, settings: Settings, *, python: str = "", isa: str = "") -> Iterator[Scene]:
    """Open an image once for all stages; raises ImageError where the reference leads to none.

    `isa` is the lowest x86-64 level of the machines that it runs on.
    """
    collector, symbols = ElfCollector(), SymbolCollector()
    with open_image(
        reference,
        collectors=(collector,) if reference.startswith(_FOLDER) else (collector, symbols, _COMPILED),
        store=LayerStore(settings.cache_dir / LAYER_FACTS),
        platform=settings.platform,
        jobs=settings.jobs,
        engines=_engines(reference),
        registry=registry_for(reference, settings),
        progress=settings.progress,
    ) as image:
        elf = image.records(collector)
        config = image.identity.config
        interpreter = find_interpreter(image.tree, config, python)
        site_folders = () if interpreter is None else interpreter.site_folders
        yield Scene(
            image=image,
            elf=elf,
            world=World(
                image.tree,
                elf,
                config.env,
                working_dir=config.working_dir,
                unreadable=_unreadable(image.gaps),
                symbols=_symbols(image, symbols),
                isa=isa,
            ),
            interpreter=interpreter,
            distributions=Distributions(image.tree, site_folders),
            asked_python=python,
        )


def _engines(reference: str) -> Mapping[str, EngineStream]:
    """Return what asks engines for images, where the reference names one."""
    if not reference.startswith(_ENGINES):
        return {}
    from fleet_audit.audit.tools.engine import engine_streams  # noqa: PLC0415  (an HTTP client takes 15 ms to load)

    return engine_streams(os.environ)


def _symbols(image: Image, collector: SymbolCollector) -> Callable[[ImagePath], SymbolTable | None]:
    """Return what gives the symbols of a file; those of a folder are read when they are asked for."""
    tree = image.tree
    if not isinstance(tree, FolderTree):
        return image.records(collector).get

    def read(path: ImagePath) -> SymbolTable | None:
        try:
            return symbols_of_file(tree.open(path))
        except FileUnreadable:
            return None

    return read


def compiled_names(scene: Scene) -> Callable[[ImagePath], CompiledNames | None]:
    """Return what gives the names in an extension module; those of a folder are read when asked for."""
    tree = scene.image.tree
    if not isinstance(tree, FolderTree):
        return scene.image.records(_COMPILED).get

    def read(path: ImagePath) -> CompiledNames | None:
        try:
            return names_of_file(tree.open(path), path)
        except FileUnreadable as e:
            return CompiledNames(why_unknown=e.why)

    return read


def opened_names(scene: Scene) -> Callable[[ImagePath], Sequence[str]]:
    """Return what gives the names of libraries among a file's strings, where it loads libraries by name."""
    tree, symbols = scene.image.tree, scene.world.symbols

    def names(path: ImagePath) -> Sequence[str]:
        try:
            if isinstance(tree, FolderTree):
                table = symbols_of_file(tree.open(path), with_names=True)
            else:
                table = symbols(path) if symbols else None
        except FileUnreadable:
            return ()
        return table.opens if table else ()

    return names


def _unreadable(gaps: Iterable[Gap]) -> list[ImagePath]:
    return [ImagePath(gap.what) for gap in gaps if gap.kind is GapKind.UNREADABLE_FILE]


def missing_image(subject: Subject) -> Gap | None:
    """Return the gap of a family whose image is not built or not named; None where there is something.

    An image that the user names is looked for when it is opened: where it is not there, that is an error.
    """
    if subject.image is None:
        why = "the manifest names no image for it; add `image:` or pass --image"
        return Gap("images", GapKind.NO_IMAGE, subject.name, why, subject.location)
    transport, separator, place = subject.image.partition(":")
    if not separator or transport not in TRANSPORTS:
        transport, place = "", subject.image
    is_for_manifest = subject.family is not None and not subject.is_image_given
    is_path = transport in ("", *PATH_TRANSPORTS)
    if not is_path or not is_for_manifest or _exists(transport, place):
        return None
    why = f"there is nothing at {subject.image}; build it or pass --image"
    return Gap("images", GapKind.NO_IMAGE, subject.name, why, subject.location)


def _exists(transport: str, place: str) -> bool:
    """Say whether a place is there; the tag behind an OCI folder is looked for in its index."""
    is_there = os.path.exists(place)
    if is_there or transport == "dir":
        return is_there
    folder, separator, tag = place.rpartition(":")
    if not separator or not os.path.exists(folder):
        return False
    index = Path(folder) / "index.json"
    if not index.is_file():
        return True
    try:
        with index.open("rb") as file:
            listed = file.read(DEFAULT_LIMITS.document_bytes)
    except OSError:
        # Whoever opens the image says what is wrong with it.
        return True
    return f'"{tag}"'.encode(errors="surrogateescape") in listed
