"""Reads the layers of an image: from the store, here, or in a process each."""

import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import msgspec

from fleet_audit.audit.images.blobs import Blob, OpenBlob
from fleet_audit.audit.images.facts import Facts, InMemory
from fleet_audit.audit.images.failure import LayerUnreadable
from fleet_audit.audit.images.found import FoundLayer
from fleet_audit.audit.images.layer import Expected, Reading, read_layer
from fleet_audit.audit.images.progress import Progress
from fleet_audit.audit.images.store import LayerStore

_WORTH_A_PROCESS = 16 << 20
"""Starting a process costs about as much as reading a stored layer of this size."""


class LayerFailure(msgspec.Struct, frozen=True):
    """A layer that could not be read, and why."""

    why: str


class LayerRead:
    """A layer's facts, and whether they were known before."""

    def __init__(self, facts: Facts, *, was_cached: bool) -> None:
        """Hold the facts."""
        self.facts = facts
        self.was_cached = was_cached


Outcome = LayerRead | LayerFailure
_Job = tuple[str, FoundLayer]


def read_layers(
    layers: Sequence[FoundLayer],
    reading: Reading,
    store: LayerStore | None,
    *,
    jobs: int,
    progress: Progress,
) -> list[Outcome]:
    """Return an outcome for each layer, in their order. A layer that occurs twice is read once."""
    known: dict[str, Outcome] = {}
    keys = [reading.key(found.layer.diff_id, found.layer.digest) for found in layers]
    work: list[_Job] = []
    for key, found in zip(keys, layers, strict=True):
        if key in known:
            continue
        cached = store.load(key) if store is not None else None
        if cached is not None:
            known[key] = LayerRead(cached, was_cached=True)
        elif found.refusal or found.blob is None:
            known[key] = LayerFailure(found.refusal or "is missing")
        else:
            known[key] = LayerFailure("was not read")
            work.append((key, found))
    for key, made in _read_all(work, reading, jobs, progress).items():
        known[key] = made if isinstance(made, LayerFailure) else _filed(key, made, store)
    return [known[key] for key in keys]


def _filed(key: str, data: bytes, store: LayerStore | None) -> LayerRead:
    facts = Facts(InMemory(data), key) if store is None else store.file_facts(key, data)
    return LayerRead(facts, was_cached=False)


def _read_all(
    work: Sequence[_Job], reading: Reading, jobs: int, progress: Progress
) -> Mapping[str, bytes | LayerFailure]:
    big = [job for job in work if job[1].layer.size >= _WORTH_A_PROCESS]
    if jobs > 1 and len(big) > 1:
        return _in_processes(work, reading, jobs, progress)
    made = {}
    for key, found in work:
        label = layer_label(found)
        progress.start(label, found.layer.size)
        made[key] = read_stored(found, reading, key, advance=_advancing(progress, label))
        progress.finish(label)
    return made


def _advancing(progress: Progress, label: str) -> Callable[[int], None]:
    def advance(amount: int) -> None:
        progress.advance(label, amount)

    return advance


def layer_label(found: FoundLayer) -> str:
    """Return what people call a layer: the beginning of its diffID."""
    return f"layer {found.layer.diff_id[7:19]}"


def read_stored(
    found: FoundLayer, reading: Reading, key: str, advance: Callable[[int], None] | None = None
) -> bytes | LayerFailure:
    """Read one layer from its blob; return the bytes of its facts file, or why there are none."""
    out = io.BytesIO()
    try:
        with OpenBlob(found.blob or Blob("", 0, 0)) as blob:
            read = blob.read if advance is None else _counting(blob.read, advance)
            expected = Expected(found.layer.diff_id, found.layer.digest)
            read_layer(read, expected, reading, out, key=key)
    except LayerUnreadable as e:
        return LayerFailure(e.why)
    return out.getvalue()


def _counting(read: Callable[[int], bytes], advance: Callable[[int], None]) -> Callable[[int], bytes]:
    def counted(size: int) -> bytes:
        chunk = read(size)
        advance(len(chunk))
        return chunk

    return counted


def _in_processes(
    work: Sequence[_Job], reading: Reading, jobs: int, progress: Progress
) -> Mapping[str, bytes | LayerFailure]:
    made: dict[str, bytes | LayerFailure] = {}
    # The largest first, so that the last process to finish is not the one that started last.
    ordered = sorted(work, key=lambda job: (-job[1].layer.size, job[0]))
    with ProcessPoolExecutor(min(jobs, len(ordered)), mp_context=get_context("spawn")) as pool:
        futures: list[tuple[_Job, Future[bytes | LayerFailure]]] = []
        for key, found in ordered:
            progress.start(layer_label(found), found.layer.size)
            futures.append(((key, found), pool.submit(read_stored, found, reading, key)))
        for (key, found), future in futures:
            try:
                made[key] = future.result()
            except BrokenProcessPool:
                made[key] = LayerFailure(
                    "was not read: a process that read layers died, out of memory perhaps"
                )
            progress.advance(layer_label(found), found.layer.size)
            progress.finish(layer_label(found))
    return made
