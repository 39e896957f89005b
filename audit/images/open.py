"""Opens an image by its reference: every layer read once, all of them as one tree."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar, assert_never

import msgspec

from fleet_audit.audit.images.blobs import Blob, OpenBlob
from fleet_audit.audit.images.bodies import LayerBodies, OpenLayer
from fleet_audit.audit.images.collecting import collect
from fleet_audit.audit.images.collector import Collector
from fleet_audit.audit.images.distribution import distro_of
from fleet_audit.audit.images.facts import Facts
from fleet_audit.audit.images.failure import ImageError, LayerUnreadable
from fleet_audit.audit.images.folder import FolderTree, open_folder
from fleet_audit.audit.images.found import FoundImage, FoundLayer, Question
from fleet_audit.audit.images.inflate import Read
from fleet_audit.audit.images.kept import KEEP_VERSION, keep_build_records, keep_facts
from fleet_audit.audit.images.layer import Keep, KeepContent, Reading, collector_key
from fleet_audit.audit.images.limits import DEFAULT_LIMITS, Limits
from fleet_audit.audit.images.machine import platform_of
from fleet_audit.audit.images.merge import MergedLayers
from fleet_audit.audit.images.progress import Progress, silent
from fleet_audit.audit.images.pulled import Registry, arriving, find_pulled_image, from_copy
from fleet_audit.audit.images.reading import LayerFailure, LayerRead, Outcome, read_layers
from fleet_audit.audit.images.sources import FoundCompressed, FoundPulled, FoundRoot, FoundStream, source_of
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.images.stream import SentArchive, read_sent
from fleet_audit.audit.images.tar import Header, TarStream
from fleet_audit.audit.images.tree import FileTree, MemoryTree
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath, ImageRef, Platform
from fleet_audit.audit.model.image import ImageIdentity, Layer

RecordT = TypeVar("RecordT", bound=msgspec.Struct)
EngineStream = Callable[[str], BinaryIO]
"""Starts an engine's ``save`` of the image with this name; the stream cannot be sought in."""


class ImageStatistics(msgspec.Struct, frozen=True):
    """What opening an image cost. `bodies_streamed` counts reads for which a layer was inflated again."""

    layers_read: int = 0
    layers_cached: int = 0
    bytes_inflated: int = 0
    bodies_streamed: int = 0
    seconds: float = 0.0


class Image:
    """An opened image; a context manager that closes what it holds open.

    `gaps` names each layer and file that could not be examined; the tree is made of the others.
    """

    def __init__(  # noqa: PLR0913  (made in one place, by keyword)
        self,
        *,
        identity: ImageIdentity,
        tree: FileTree,
        gaps: Sequence[Gap],
        records: "_Records",
        bodies: Mapping[int, LayerBodies],
        statistics: ImageStatistics,
    ) -> None:
        """Take the parts that `open_image` made."""
        self.identity = identity
        self.tree = tree
        self._gaps = tuple(gaps)
        self._records = records
        self._bodies = bodies
        self._statistics = statistics

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Return what could not be examined until now; a folder's parts are only listed when asked for."""
        if not isinstance(self.tree, FolderTree):
            return self._gaps
        return self._gaps + tuple(
            _file_gap(folder, why) for folder, why in sorted(self.tree.unlisted.items())
        )

    @property
    def statistics(self) -> ImageStatistics:
        """Return what was read until now."""
        bodies = self._bodies.values()
        return msgspec.structs.replace(
            self._statistics,
            bytes_inflated=self._statistics.bytes_inflated + sum(b.inflated for b in bodies),
            bodies_streamed=sum(b.streamed for b in bodies),
        )

    def records(self, collector: Collector[RecordT]) -> Mapping[ImagePath, RecordT]:
        """Return a collector's records for the files of the merged tree, by canonical path, in order.

        Hard links give their target's record. The collector must be one that the image was opened with.
        """
        return self._records.of(collector)

    def layer_of(self, path: ImagePath) -> Layer | None:
        """Return the layer whose entry is seen at `path` (links followed); None where nothing is."""
        canonical = self.tree.realpath(path)
        entry = None if canonical is None else self.tree.entry(canonical)
        layers = self.identity.layers
        return layers[entry.layer] if entry is not None and layers else None

    def first_layers(self, under: ImagePath) -> dict[ImagePath, Layer]:
        """Return, for every path below a folder, the lowest layer that had it and from which on it stayed.

        Paths are as the layers write them, no links followed; later layers may have written them again. Empty
        for a folder, which has no layers.
        """
        first: dict[ImagePath, int] = {}
        for index, bodies in sorted(self._bodies.items()):
            bodies.note_entries(index, f"{under}/", first)
        return {path: self.identity.layers[index] for path, index in sorted(first.items())}

    def members(self) -> Iterator[tuple[int, Header, TarStream]]:
        """Yield every member of every layer, the lowest first: the layer's index, header, and the stream.

        The stream stands at the member's body. A layer that could not be read is passed over, and a folder
        has none. Raises LayerUnreadable where a layer has changed since it was read.
        """
        for index, bodies in sorted(self._bodies.items()):
            for header, stream in bodies.members():
                yield index, header, stream

    @property
    def bodies(self) -> Mapping[int, LayerBodies]:
        """Return the layers that could be read, by index; none of a folder."""
        return self._bodies

    def close(self) -> None:
        """Close every file."""
        self._records.close()
        for bodies in self._bodies.values():
            bodies.close()

    def __enter__(self) -> "Image":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every file."""
        self.close()


def open_image(  # noqa: PLR0913  (every option has a default and a keyword)
    ref: str,
    *,
    collectors: Sequence[Collector[Any]] = (),
    store: LayerStore | None = None,
    platform: Platform | None = None,
    jobs: int = 1,
    engines: Mapping[str, EngineStream] = {},
    registry: Registry | None = None,
    progress: Progress = silent,
    keep: Keep = keep_facts,
    keep_content: KeepContent = keep_build_records,
    keep_version: int = KEEP_VERSION,
    limits: Limits = DEFAULT_LIMITS,
) -> Image:
    """Open the image that `ref` names (see `IMAGE_SOURCES`).

    Every layer is read at most once, and not at all where `store` has its facts for the same collectors
    and `keep`. A layer that cannot be read is a gap. Raises ImageError where there is no such image, and
    UsageError for a transport that is not known.
    """
    begin = time.perf_counter()
    source, place, choice = source_of(ref)
    question = Question(ref, place, choice, platform, limits)
    found = source.find(question)
    reading = Reading(tuple(collectors), keep, keep_content, keep_version, limits)
    name = ref.removeprefix(f"{source.transport}:")
    opening = _Opening(ImageRef(source.transport, name), reading, begin)
    match found:
        case FoundRoot(folder):
            return opening.root(folder, platform, jobs=jobs)
        case FoundImage():
            outcomes = read_layers(found.layers, reading, store, jobs=jobs, progress=progress)
            return opening.layered(
                found, outcomes, [_from_blob(layer) for layer in found.layers], is_sent=False
            )
        case FoundPulled():
            return opening.pulled(registry, question, store, jobs=jobs, progress=progress)
        case FoundStream(engine) if engine not in engines:
            raise ImageError(ref, f"there is no connection to {engine}", "save the image to a file")
        case FoundStream(engine, wanted):
            sent = SentArchive(lambda: engines[engine](wanted), ref=ref, limits=limits)
        case FoundCompressed(file):
            sent = SentArchive(lambda: file.open("rb", buffering=0), ref=ref, limits=limits)
        case _:
            assert_never(found)
    streamed = read_sent(sent, question, reading, store, progress)
    # What is asked for a second time may be another image of the same name.
    return opening.layered(streamed.found, streamed.outcomes, streamed.reopen, is_sent=True)


def _from_blob(found: FoundLayer) -> OpenLayer:
    def reopen() -> tuple[Read, Callable[[], None]]:
        blob = OpenBlob(found.blob or Blob("", 0, 0))
        return blob.read, blob.close

    return reopen


class _Opening:
    def __init__(self, ref: ImageRef, reading: Reading, begin: float) -> None:
        self._ref = ref
        self._reading = reading
        self._begin = begin

    def layered(
        self,
        found: FoundImage,
        outcomes: Sequence[Outcome],
        reopen: Sequence[OpenLayer],
        *,
        is_sent: bool,
    ) -> Image:
        merged = MergedLayers()
        gaps: list[Gap] = []
        read: dict[int, LayerRead] = {}
        bodies: dict[int, LayerBodies] = {}
        for index, outcome in enumerate(outcomes):
            layer = found.layers[index].layer
            if isinstance(outcome, LayerFailure):
                gaps.append(_layer_gap(layer, outcome.why))
                continue
            read[index] = outcome
            bodies[index] = LayerBodies(
                outcome.facts,
                outcome.entries,
                reopen[index],
                self._reading.limits,
                is_verified=not (outcome.was_cached or is_sent),
            )
            try:
                merged.lay(index, outcome.entries)
            except LayerUnreadable as e:
                gaps.append(_layer_gap(layer, e.why))
            gaps += _oddities(index, outcome.facts, merged)
        gaps += [_file_gap(path, "is a hard link to nothing") for path in sorted(merged.dangling)]
        tree = MemoryTree(merged.folders, lambda entry: bodies[entry.layer].read(entry))
        ref = msgspec.structs.replace(self._ref, digest=found.digest, platform=found.platform)
        return Image(
            identity=ImageIdentity(
                ref=ref,
                distro=distro_of(tree),
                layers=tuple(layer.layer for layer in found.layers),
                config=found.config,
            ),
            tree=tree,
            gaps=gaps,
            records=_LayerRecords(read, merged),
            bodies=bodies,
            statistics=self._cost(outcomes),
        )

    def pulled(
        self,
        registry: Registry | None,
        question: Question,
        store: LayerStore | None,
        *,
        jobs: int,
        progress: Progress,
    ) -> Image:
        if registry is None:
            raise ImageError(question.ref, "there is no connection to registries", "save the image to a file")
        pulls = registry(question)
        found = find_pulled_image(pulls, question)
        outcomes = read_layers(
            found.layers, self._reading, store, jobs=jobs, progress=progress, arrive=partial(arriving, pulls)
        )
        reopen = [from_copy(pulls, layer) for layer in found.layers]
        return self.layered(found, outcomes, reopen, is_sent=False)

    def _cost(self, outcomes: Iterable[Outcome]) -> ImageStatistics:
        distinct = {id(o): o for o in outcomes if isinstance(o, LayerRead)}.values()
        fresh = [o for o in distinct if not o.was_cached]
        return ImageStatistics(
            layers_read=len(fresh),
            layers_cached=len(distinct) - len(fresh),
            bytes_inflated=sum(o.facts.measure.raw_bytes for o in fresh),
            seconds=time.perf_counter() - self._begin,
        )

    def root(self, folder: Path, platform: Platform | None, *, jobs: int) -> Image:
        tree = open_folder(folder)
        found = collect(tree, self._reading, jobs=jobs)
        ref = msgspec.structs.replace(self._ref, platform=platform_of(tree) or platform or Platform())
        return Image(
            identity=ImageIdentity(ref=ref, distro=distro_of(tree)),
            tree=tree,
            gaps=found.gaps,
            records=_FolderRecords(found.records),
            bodies={},
            statistics=ImageStatistics(seconds=time.perf_counter() - self._begin),
        )


def _layer_gap(layer: Layer, why: str) -> Gap:
    return Gap("images", GapKind.UNREADABLE_LAYER, layer.diff_id, why)


def _file_gap(path: ImagePath, why: str) -> Gap:
    return Gap("images", GapKind.UNREADABLE_FILE, path, why)


def _oddities(index: int, facts: Facts, merged: MergedLayers) -> list[Gap]:
    return [_file_gap(path, why) for path, why in facts.measure.oddities if merged.is_from(path, index)]


class _Records(Protocol):
    """Records by collector."""

    def of(self, collector: Collector[RecordT]) -> Mapping[ImagePath, RecordT]: ...

    def close(self) -> None: ...


class _LayerRecords:
    def __init__(self, layers: Mapping[int, LayerRead], merged: MergedLayers) -> None:
        self._layers = layers
        self._merged = merged

    def of(self, collector: Collector[RecordT]) -> Mapping[ImagePath, RecordT]:
        key = collector_key(collector)
        by_layer: dict[int, dict[ImagePath, RecordT]] = {
            index: layer.records[key] for index, layer in self._layers.items()
        }
        live: dict[ImagePath, RecordT] = {}
        for index, found in by_layer.items():
            live |= {p: record for p, record in found.items() if self._merged.is_from(p, index)}
        for path in self._merged.aliases:
            entry = self._merged.standing_at(path)
            aliased = None if entry is None else by_layer.get(entry.layer, {}).get(entry.origin)
            if aliased is not None:
                live[path] = aliased
        return dict(sorted(live.items()))

    def close(self) -> None:
        for facts in {id(layer.facts): layer.facts for layer in self._layers.values()}.values():
            facts.close()


class _FolderRecords:
    def __init__(self, records: Mapping[str, Mapping[ImagePath, msgspec.Struct]]) -> None:
        self._records = records

    def of(self, collector: Collector[RecordT]) -> Mapping[ImagePath, RecordT]:
        found = self._records[collector_key(collector)]
        return {path: record for path, record in found.items() if isinstance(record, collector.record_type)}

    def close(self) -> None:
        """Close nothing: no file is open."""
