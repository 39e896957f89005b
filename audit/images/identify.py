"""What an image says of itself, without reading any of its layers."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from fleet_audit.audit.images.blobs import ArchiveContainer, FolderContainer
from fleet_audit.audit.images.collector import Collector
from fleet_audit.audit.images.found import FoundImage, Question
from fleet_audit.audit.images.kept import KEEP_VERSION, keep_build_records, keep_facts
from fleet_audit.audit.images.layer import Reading
from fleet_audit.audit.images.limits import DEFAULT_LIMITS
from fleet_audit.audit.images.oci import find_variants
from fleet_audit.audit.images.pulled import Registry, find_pulled_image
from fleet_audit.audit.images.sources import FoundPulled, source_of
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.model.identity import Digest, Platform
from fleet_audit.audit.model.image import ImageConfig, Layer


class StoredImage(msgspec.Struct, frozen=True):
    """An image's configuration and layers, lowest first, and for which platforms it is stored.

    `attestations` counts what is stored with it (SBOM, provenance); -1 where its form holds none.
    """

    digest: Digest
    platform: Platform
    config: ImageConfig
    layers: tuple[Layer, ...] = ()
    platforms: tuple[Platform, ...] = ()
    attestations: int = -1

    @property
    def compressed_bytes(self) -> int | None:
        """Return what is pulled of it; None where a layer is stored without compression."""
        if not all(layer.media_type.endswith(("gzip", "zstd")) for layer in self.layers):
            return None
        return sum(layer.size for layer in self.layers)


def stored_image(ref: str, *, platform: Platform | None = None) -> StoredImage | None:
    """Return what an image's documents say.

    None for what has none to ask for: a folder, an engine's image, an archive that is compressed as a whole;
    and for an image in a registry, since the documents that lie here are meant.
    Raises ImageError where the reference leads to no image.
    """
    question, transport = _question(ref, platform)
    found = _found(ref, platform)
    if found is None:
        return None
    platforms: tuple[Platform, ...] = (found.platform,)
    attestations = -1
    if transport in ("oci", "oci-archive"):
        platforms, attestations = find_variants(_container(question), question)
    layers = tuple(layer.layer for layer in found.layers)
    return StoredImage(found.digest, found.platform, found.config, layers, platforms, attestations)


def stored_layers(
    ref: str, *, platform: Platform | None = None, registry: Registry | None = None
) -> tuple[Layer, ...]:
    """Return the layers that an image's manifest and configuration name, lowest first.

    Empty for what has no layers of its own to ask for: a folder, and an engine's image; and for an image in a
    registry without a `registry` to ask. Raises ImageError where the reference leads to no image.
    """
    found = _found(ref, platform, registry)
    return () if found is None else tuple(layer.layer for layer in found.layers)


def kept_unpacked_bytes(
    layers: Sequence[Layer], collectors: Sequence[Collector[Any]], store: LayerStore
) -> tuple[int | None, ...]:
    """Return how large each layer is, unpacked; None where it was not read with these collectors."""
    reading = Reading(tuple(collectors), keep_facts, keep_build_records, KEEP_VERSION, DEFAULT_LIMITS)
    return tuple(_kept_bytes(layer, reading, store) for layer in layers)


def _kept_bytes(layer: Layer, reading: Reading, store: LayerStore) -> int | None:
    for digest in (layer.digest, None):
        facts = store.load(reading.key(layer.diff_id, digest))
        if facts is not None:
            facts.close()
            return facts.measure.raw_bytes
    return None


def _question(ref: str, platform: Platform | None) -> tuple[Question, str]:
    source, place, choice = source_of(ref)
    return Question(ref, place, choice, platform, DEFAULT_LIMITS), source.transport


def _found(ref: str, platform: Platform | None, registry: Registry | None = None) -> FoundImage | None:
    question, _ = _question(ref, platform)
    found = source_of(ref)[0].find(question)
    if registry is not None and isinstance(found, FoundPulled):
        return find_pulled_image(registry(question), question)
    return found if isinstance(found, FoundImage) else None


def _container(question: Question) -> FolderContainer | ArchiveContainer:
    path = Path(question.place)
    kind = FolderContainer if os.path.isdir(path) else ArchiveContainer
    return kind(path, ref=question.ref, limits=question.limits)
