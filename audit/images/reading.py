"""Reads the layers of an image: from the store, here, or in a process each."""

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from fleet_audit.audit.images.blobs import Blob, OpenBlob
from fleet_audit.audit.images.facts import Facts, FactsDamaged, InMemory, LayerEntry
from fleet_audit.audit.images.failure import LayerUnreadable
from fleet_audit.audit.images.found import FoundLayer
from fleet_audit.audit.images.inflate import Read
from fleet_audit.audit.images.layer import Expected, Reading, collector_key, read_layer
from fleet_audit.audit.images.memory import give_back
from fleet_audit.audit.images.progress import Progress
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.model.identity import ImagePath

_WORTH_A_PROCESS = 16 << 20
"""Starting a process costs about as much as reading a stored layer of this size."""


class LayerFailure(msgspec.Struct, frozen=True):
    """A layer that could not be read, and why."""

    why: str


class LayerRead(msgspec.Struct, frozen=True):
    """A layer's facts, decoded except for bodies, and whether they were known before."""

    facts: Facts
    entries: list[LayerEntry]
    records: dict[str, dict[ImagePath, Any]]
    was_cached: bool


Outcome = LayerRead | LayerFailure
_Job = tuple[str, FoundLayer]
Arrive = Callable[[FoundLayer], tuple[Read, Callable[[], None]]]
"""Has a layer sent, to be read once; both this and reading it raise LayerUnreadable. It can be pickled."""


def read_layers(  # noqa: PLR0913  (called in two places, by keyword)
    layers: Sequence[FoundLayer],
    reading: Reading,
    store: LayerStore | None,
    *,
    jobs: int,
    progress: Progress,
    arrive: Arrive | None = None,
) -> list[Outcome]:
    """Return an outcome for each layer, in their order. A layer that occurs twice is read once.

    With `arrive`, layers are read as they come, instead of from where their blobs lie.
    """
    known: dict[str, Outcome] = {}
    keys = [reading.key(found.layer.diff_id, found.layer.digest) for found in layers]
    work: list[_Job] = []
    for key, found in zip(keys, layers, strict=True):
        if key in known:
            continue
        # What is wrong with this image is said whether or not another image had the same layer.
        if found.refusal or found.blob is None:
            known[key] = LayerFailure(found.refusal or "is missing")
            continue
        cached = load_layer(key, reading, store)
        if cached is None:
            work.append((key, found))
        known[key] = cached or LayerFailure("was not read")
    filed: dict[str, Facts] = {}
    for key, made in _read_all(work, reading, jobs, progress, arrive):
        if isinstance(made, LayerFailure):
            known[key] = made
        else:
            filed[key] = _filed(key, made, store)
    # Nothing of them is held here while other processes need memory to read layers.
    known |= {key: _decoded(facts, reading, was_cached=False) for key, facts in filed.items()}
    return [known[key] for key in keys]


def load_layer(key: str, reading: Reading, store: LayerStore | None) -> LayerRead | None:
    """Return what the store knows of a layer; None, and the store forgets it, where that is damaged."""
    facts = None if store is None else store.load(key)
    if store is None or facts is None:
        return None
    try:
        return _decoded(facts, reading, was_cached=True)
    except FactsDamaged:
        facts.close()
        store.discard(key)
        return None


def file_layer(key: str, data: bytes, reading: Reading, store: LayerStore | None) -> LayerRead:
    """File the facts of a layer that was just read, and return them."""
    return _decoded(_filed(key, data, store), reading, was_cached=False)


def _filed(key: str, data: bytes, store: LayerStore | None) -> Facts:
    return Facts(InMemory(data), key) if store is None else store.file_facts(key, data)


def _decoded(facts: Facts, reading: Reading, *, was_cached: bool) -> LayerRead:
    records = {
        collector_key(collector): facts.records(collector_key(collector), collector.record_type)
        for collector in reading.collectors
    }
    return LayerRead(facts, facts.entries(), records, was_cached)


def _read_all(
    work: Sequence[_Job], reading: Reading, jobs: int, progress: Progress, arrive: Arrive | None
) -> Iterator[tuple[str, bytes | LayerFailure]]:
    """Yield each layer's key with the bytes of its facts file; whoever takes them need hold one at a time."""
    big = [job for job in work if job[1].layer.size >= _WORTH_A_PROCESS]
    if jobs > 1 and len(big) > 1:
        # Where the system grants no semaphores or processes, one process does all the work.
        with contextlib.suppress(OSError, ImportError):
            yield from _in_processes(work, reading, jobs, progress, arrive)
            return
    for key, found in work:
        label = layer_label(found)
        progress.start(label, found.layer.size)
        made = read_stored(found, reading, key, _advancing(progress, label), arrive)
        progress.finish(label)
        yield key, made


def _advancing(progress: Progress, label: str) -> Callable[[int], None]:
    def advance(amount: int) -> None:
        progress.advance(label, amount)

    return advance


def layer_label(found: FoundLayer) -> str:
    """Return what people call a layer: the beginning of its diffID."""
    return f"layer {found.layer.diff_id[7:19]}"


def read_stored(
    found: FoundLayer,
    reading: Reading,
    key: str,
    advance: Callable[[int], None] | None = None,
    arrive: Arrive | None = None,
) -> bytes | LayerFailure:
    """Read one layer from its blob; return the bytes of its facts file, or why there are none."""
    out = io.BytesIO()
    try:
        with _opened(found, arrive) as opened:
            read = opened if advance is None else _counting(opened, advance)
            expected = Expected(found.layer.diff_id, found.layer.digest)
            read_layer(read, expected, reading, out, key=key)
    except LayerUnreadable as e:
        return LayerFailure(e.why)
    return out.getvalue()


@contextlib.contextmanager
def _opened(found: FoundLayer, arrive: Arrive | None) -> Iterator[Read]:
    if arrive is None:
        with OpenBlob(found.blob or Blob("", 0, 0)) as blob:
            yield blob.read
    else:
        read, close = arrive(found)
        try:
            yield read
        finally:
            close()


def _counting(read: Callable[[int], bytes], advance: Callable[[int], None]) -> Callable[[int], bytes]:
    def counted(size: int) -> bytes:
        chunk = read(size)
        advance(len(chunk))
        return chunk

    return counted


def _read_in_process(
    found: FoundLayer,
    reading: Reading,
    key: str,
    advance: Callable[[int], None] | None,
    arrive: Arrive | None,
) -> bytes | LayerFailure:
    try:
        return read_stored(found, reading, key, advance, arrive)
    finally:
        # Bodies as large as the largest file were held, and other processes hold theirs.
        give_back()


def _in_processes(
    work: Sequence[_Job], reading: Reading, jobs: int, progress: Progress, arrive: Arrive | None
) -> Iterator[tuple[str, bytes | LayerFailure]]:
    from fleet_audit.audit.images.processes import made_in_processes  # noqa: PLC0415  (10 ms; not for a second run)

    # The largest first, so that the last process to finish is not the one that started last.
    ordered = sorted(work, key=lambda job: (-job[1].layer.size, job[0]))
    for _, found in ordered:
        progress.start(layer_label(found), found.layer.size)
    calls = [(found, reading, key, None, arrive) for key, found in ordered]
    answers = made_in_processes(_read_in_process, calls, min(jobs, len(ordered)))
    for job, call, answer in zip(ordered, calls, answers, strict=True):
        # One death breaks the whole pool, whoever's fault it was: alone, the others get through.
        alone = answer or next(made_in_processes(_read_in_process, [call], 1))
        progress.advance(layer_label(job[1]), job[1].layer.size)
        progress.finish(layer_label(job[1]))
        why = "killed the process that read it, for want of memory perhaps"
        yield job[0], alone or LayerFailure(why)
