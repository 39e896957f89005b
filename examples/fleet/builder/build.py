"""Builds images: plans what goes into each layer, then writes the layers and tags the images."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import assert_never

import msgspec
from packaging.utils import canonicalize_name

from examples.fleet.builder import alternatives, dpkg, ld_so_cache, maintainer_scripts, wheel_install
from examples.fleet.builder.archive import Archive, sources_file
from examples.fleet.builder.deb import Deb
from examples.fleet.builder.failure import BuildError
from examples.fleet.builder.filesystem import FileSystem, LayerWriter
from examples.fleet.builder.layers import Blob, BlobSink, Compression, blob_file, keep_blob
from examples.fleet.builder.oci import Instruction, Layout
from examples.fleet.builder.recipes import (
    AddUser,
    Apt,
    Bootstrap,
    Recipe,
    Slim,
    Step,
    Wheels,
    chain,
    configuration,
)
from examples.fleet.builder.states import States
from examples.fleet.builder.wheel_downloads import fetch
from examples.fleet.builder.wheel_locks import LockedWheel, anywhere_locked, locked
from fleet_audit.audit.apt.debian.packages import ArchivePackage

_SOURCES = "etc/apt/sources.list.d/debian.sources"

Say = Callable[[str], None]


class Additions(msgspec.Struct, frozen=True):
    """What one build adds to or changes in an image: Debian packages (``name=version``), other wheels."""

    apt: tuple[str, ...] = ()
    wheels: dict[str, str] = {}


class PlannedLayer(msgspec.Struct, frozen=True):
    """One step with everything that it will write, known before anything is downloaded."""

    step: Step
    packages: tuple[ArchivePackage, ...] = ()
    automatic: frozenset[str] = frozenset()
    wheels: tuple[LockedWheel, ...] = ()

    @property
    def created_by(self) -> str:
        """Return the line of the image's history: the Dockerfile instruction."""
        return _instruction(self)


class Plan(msgspec.Struct, frozen=True):
    """One image before it is built. `layers` holds those of its parents, lowest first."""

    tag: str
    recipes: tuple[Recipe, ...]
    layers: tuple[PlannedLayer, ...]

    @property
    def inputs(self) -> str:
        """Return a digest of everything that the image is made from."""
        return state_after(self.layers)


def plan(tag: str, name: str, archive: Archive, additions: Additions) -> Plan:
    """Return what the image `name` will hold, with additions as one more layer."""
    recipes = chain(name)
    steps: list[Step] = [step for recipe in recipes for step in recipe.steps]
    if additions.apt:
        steps.append(Apt(additions.apt))
    layers: list[PlannedLayer] = []
    for step in steps:
        layers.append(_plan_step(step, layers, archive, additions))
    return Plan(tag, tuple(recipes), tuple(layers))


def state_after(layers: Sequence[PlannedLayer]) -> str:
    """Return a digest of what stands in an image after these layers: equal inputs make equal images."""
    facts = [[_own_digest()]]
    for layer in layers:
        digests = [package.sha256 for package in layer.packages]
        digests += [digest for wheel in layer.wheels for digest in wheel.sha256]
        facts.append([layer.created_by, *digests])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@cache
def _own_digest() -> str:
    # Another builder may write other bytes from the same packages.
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Builder:
    """Writes planned images into one layout; a layer that several images share is written once."""

    def __init__(
        self, layout: Layout, archive: Archive, cache: Path, compression: Compression, *, say: Say
    ) -> None:
        """Take packages from `archive`, keep wheels and states in `cache`, report progress to `say`."""
        self._layout = layout
        self._archive = archive
        self._wheel_cache = cache / "wheels"
        self._states = States(cache / "states")
        self._compression = compression
        self._say = say

    def build(self, planned: Plan, revision: str, *, anew: bool = False) -> None:
        """Write the layers that are not there yet (`anew`: all), and the image. Raises FleetAuditError."""
        files = FileSystem()
        instructions: list[Instruction] = []
        for number, layer in enumerate(planned.layers, 1):
            key = f"{self._compression}-{state_after(planned.layers[:number])}"
            kept = None if anew else self._kept(key)
            if kept is None:
                self._say(f"{planned.tag}: {layer.created_by[:90]}")
                kept = self._write(layer, files)
                self._states.keep(key, *kept)
            blob, files = kept
            instructions.append(Instruction(layer.created_by, blob))
        instructions += [Instruction(line) for line in _settings(planned.recipes[-1])]
        config = configuration(list(planned.recipes), revision)
        self._layout.add(planned.tag, config, instructions, inputs=self._inputs(planned, revision))

    def _kept(self, key: str) -> tuple[Blob, FileSystem] | None:
        kept = self._states.load(key)
        return kept if kept is not None and self._layout.holds(kept[0].digest, kept[0].size) else None

    def is_built(self, planned: Plan, revision: str) -> bool:
        """Say whether the layout has this very image already."""
        return self._layout.has(planned.tag, self._inputs(planned, revision))

    def _inputs(self, planned: Plan, revision: str) -> str:
        return f"{self._compression}-{planned.inputs}-{revision}"

    def _write(self, planned: PlannedLayer, files: FileSystem) -> tuple[Blob, FileSystem]:
        debs = self._archive.download(planned.packages)
        wheel_files = fetch(planned.wheels, self._wheel_cache)
        with blob_file(self._layout.blobs) as file:
            sink = BlobSink(file, self._compression)
            layer = LayerWriter(files, sink)
            self._fill(layer, planned, debs, wheel_files)
            layer.close()
            blob = sink.finish()
            keep_blob(file, self._layout.blobs, blob.digest)
        return blob, files

    def _fill(
        self, layer: LayerWriter, planned: PlannedLayer, debs: Sequence[Path], wheel_files: Sequence[Path]
    ) -> None:
        match planned.step:
            case Bootstrap():
                maintainer_scripts.link_folders(layer)
                dpkg.prepare(layer)
                layer.file(_SOURCES, sources_file(self._archive.sources))
                _install_debs(layer, debs, planned.automatic)
            case Apt():
                _install_debs(layer, debs, planned.automatic)
            case Wheels():
                for path in wheel_files:
                    with wheel_install.Wheel(path) as wheel:
                        wheel_install.install(layer, wheel)
            case Slim(remove, empty):
                _slim(layer, remove, empty)
            case AddUser(name, number):
                maintainer_scripts.add_user(layer, name, number)
            case _:
                assert_never(planned.step)


def _install_debs(layer: LayerWriter, debs: Iterable[Path], automatic: Iterable[str]) -> None:
    opened = [Deb(path) for path in debs]
    dpkg.register(layer, [dpkg.unpack(layer, deb) for deb in opened], automatic)
    alternatives.install(layer, [deb.info.get("postinst", b"").decode(errors="replace") for deb in opened])
    maintainer_scripts.configure(layer)
    layer.file(ld_so_cache.CACHE, ld_so_cache.cache_of(layer.files))


def _slim(layer: LayerWriter, remove: Iterable[str], empty: Iterable[str]) -> None:
    for path in remove:
        if layer.files.get(path) is None:
            raise BuildError(path, "is to be removed, and no lower layer has it")
        layer.remove(path)
    for path in empty:
        layer.empty(path)


def _plan_step(
    step: Step, below: Sequence[PlannedLayer], archive: Archive, additions: Additions
) -> PlannedLayer:
    match step:
        case Bootstrap():
            return _plan_apt(step, [*archive.required(), "apt"], below, archive)
        case Apt(packages):
            return _plan_apt(step, packages, below, archive)
        case Wheels(lock):
            return PlannedLayer(step, wheels=tuple(_new_wheels(lock, below, additions)))
        case Slim() | AddUser():
            return PlannedLayer(step)
        case _:
            assert_never(step)


def _plan_apt(
    step: Step, wanted: Sequence[str], below: Sequence[PlannedLayer], archive: Archive
) -> PlannedLayer:
    installed = [package for layer in below for package in layer.packages]
    packages, automatic = archive.closure(wanted, installed)
    return PlannedLayer(step, packages=tuple(packages), automatic=automatic)


def _new_wheels(lock: str, below: Sequence[PlannedLayer], additions: Additions) -> Iterable[LockedWheel]:
    present = {wheel.name: wheel.version for layer in below for wheel in layer.wheels}
    replaced: dict[str, str] = {canonicalize_name(old): new for old, new in additions.wheels.items()}
    for pinned in locked(lock):
        wheel = anywhere_locked(replaced[pinned.name]) if pinned.name in replaced else pinned
        if wheel.name not in present:
            yield wheel
        elif present[wheel.name] != wheel.version:
            versions = f"{present[wheel.name]} below and {wheel.version} here"
            raise BuildError(
                f"{lock}.txt: {wheel.name}", f"is locked twice, as {versions}: lock them together"
            )


def _instruction(layer: PlannedLayer) -> str:
    match layer.step:
        case Bootstrap():
            return "ADD rootfs.tar / # Debian 12, Essential and required packages"
        case Apt(packages):
            versions: dict[str, str] = {package.name: package.version for package in layer.packages}
            names = [re.split("=", name, maxsplit=1)[0] for name in packages]
            pins = " ".join(f"{name}={versions[name]}" for name in names if name in versions)
            return f"RUN apt-get update && apt-get install -y --no-install-recommends {pins}"
        case Wheels(lock):
            return f"RUN python3 -m pip install --no-deps --require-hashes --requirement {lock}.txt"
        case Slim(remove, empty):
            gone = [f"rm {' '.join(f'/{path}' for path in remove)}"]
            gone += [f"rm -rf /{path} && mkdir /{path}" for path in empty]
            return f"RUN {' && '.join(gone)}"
        case AddUser(name, number):
            return (
                f"RUN groupadd --gid {number} {name} && useradd --uid {number} --gid {number} "
                f"--create-home --shell /usr/sbin/nologin {name}"
            )
        case _:
            assert_never(layer.step)


def _settings(recipe: Recipe) -> list[str]:
    lines = [f"LABEL com.acme.family={recipe.variant_of or recipe.name}"]
    if recipe.has_healthcheck:
        lines.append("HEALTHCHECK --interval=30s --timeout=3s --retries=3 CMD python3 -c …")
    return [*lines, "USER 10001:10001", 'ENTRYPOINT ["/usr/bin/tini", "--"]']
