"""Has scanners look at an image, once for the same image, program and data: skinny, or whole where asked."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
import zstandard
from packaging.version import InvalidVersion, Version

from fleet_audit.audit.images.failure import LayerUnreadable
from fleet_audit.audit.images.folder import FolderTree
from fleet_audit.audit.images.memory import give_back
from fleet_audit.audit.images.open import Image
from fleet_audit.audit.images.scanned import is_scanned, is_scanned_by_later_syft
from fleet_audit.audit.images.skinny import SKINNY_VERSION, LookedAt, Written, write_image
from fleet_audit.audit.images.squashed import write_squashed
from fleet_audit.audit.images.tree import normalise
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.tools import syft, trivy
from fleet_audit.audit.tools.folder_store import FolderStore
from fleet_audit.audit.tools.process import ToolError, ToolTimedOut
from fleet_audit.audit.tools.scanner import AnswerUnreadable, Scanner, unreadable
from fleet_audit.audit.tools.working_folder import working_folder

SCANS = "scans"
"""Where answers of scanners are kept, and the images that they look at meanwhile."""

_VERSION = 3
_KNOWN_SYFT = (1, 18)
_MAX_ANSWER = 1 << 30
_ARCHIVE = "image.tar"
_LAYER = "layerID"

DocumentT = TypeVar("DocumentT")


class Scanned(msgspec.Struct, Generic[DocumentT], frozen=True):
    """What a scanner said of an image, by the image's diffIDs; `gaps` are files that it was not shown."""

    document: DocumentT
    gaps: tuple[Gap, ...] = ()


class Target(msgspec.Struct, frozen=True):
    """An image that lies ready for a scanner: a docker-archive, and what its layers stand for."""

    archive: Path
    written: Written


@contextmanager
def scan_target(  # noqa: PLR0913  (what may be shown of an image)
    image: Image,
    settings: Settings,
    *,
    full: bool = False,
    is_looked_at: LookedAt = is_scanned,
    is_squashed: bool = False,
    above: Mapping[ImagePath, bytes] = {},
) -> Iterator[Target]:
    """Write an image for scanners and delete it afterwards; skinny unless `full` (see `write_image`).

    One that `is_squashed` has a single layer (see `write_squashed`), and nothing `above` it.

    Raises ToolError where it cannot be written, or a layer has changed since it was read.
    """
    folder = settings.cache_dir / SCANS
    try:
        with working_folder(folder, ".image-") as place:
            archive = place / _ARCHIVE
            with archive.open("w+b") as out:
                if is_squashed:
                    written = Written((), write_squashed(image, out, is_looked_at=is_looked_at))
                else:
                    written = write_image(image, out, full=full, is_looked_at=is_looked_at, above=above)
            # The scanner needs more than what is left here.
            give_back()
            yield Target(archive, written)
    except LayerUnreadable as e:
        raise ToolError(("scanners",), f"cannot be shown the image: a layer {e.why}") from e
    except OSError as e:
        raise ToolError(("scanners",), f"cannot be shown the image: {folder}: {e.strerror or e}") from e


def reason(error: ToolError) -> str:
    """Return why a scanner gave no answer, and what may help."""
    hint = "; --scanner-timeout gives it longer" if isinstance(error, ToolTimedOut) else ""
    return f"{error.why}{hint}"


def nothing() -> None:
    """Do nothing."""


def packages_found(  # noqa: PLR0913  (what an answer depends on, and what is done until it comes)
    image: Image,
    scanner: Scanner,
    settings: Settings,
    *,
    full: bool = False,
    timeout: float = syft.SCAN_SECONDS,
    meanwhile: Callable[[], object] = nothing,
) -> Scanned[syft.SyftDocument]:
    """Return what syft finds in an image; raises ToolError.

    It looks at the image's tree alone, so that unless `full` it is given that as one layer; in which layer of
    the image a file stands is known here. `meanwhile` is called in another thread while syft runs, if it has
    to run, and is over when this returns; it may read the image, and whatever comes of it is passed over.
    """
    is_squashed = not full and bool(image.identity.layers)

    def look() -> tuple[bytes, Written]:
        looked_at = _files_of(scanner)
        shown = scan_target(image, settings, full=full, is_looked_at=looked_at, is_squashed=is_squashed)
        # The program is waited for here, where a keyboard's interrupt arrives and ends it.
        with shown as target, ThreadPoolExecutor(1) as company:
            company.submit(meanwhile)
            document = syft.scan(
                scanner,
                f"docker-archive:{target.archive}",
                folder=settings.cache_dir / SCANS,
                name=image.identity.ref.name,
                jobs=settings.jobs,
                timeout=timeout,
            )
        body = _placed(document, image) if is_squashed else msgspec.json.encode(document)
        return body, target.written

    return _kept_or_made(settings, _key(image, "packages", scanner, full), look, syft.parse)


def advisories_found(  # noqa: PLR0913  (what an answer depends on, and how long it may take)
    image: Image,
    scanner: Scanner,
    caches: Path,
    settings: Settings,
    *,
    full: bool = False,
    timeout: float = trivy.SCAN_SECONDS,
    listed: bytes = b"",
) -> Scanned[trivy.TrivyReport]:
    """Return what trivy finds in an image with the database of the folder `caches`.

    `listed` is a CycloneDX document of packages that are in the image where trivy does not look; it answers
    for them, too. Raises ToolError, DatabaseUnusable where that is the database's fault.
    """
    place = _free_place(image)

    def look() -> tuple[bytes, Written]:
        above = {place: listed} if listed else {}
        with scan_target(image, settings, full=full, above=above) as target:
            asked = trivy.TrivyTarget(trivy.TrivyKind.IMAGE, target.archive)
            folder = settings.cache_dir / SCANS
            report = trivy.scan(scanner, asked, caches=caches, folder=folder, timeout=timeout)
        _check_shown(report, target.written)
        return msgspec.json.encode(_of_image(report, image, place)), target.written

    said = hashlib.sha256(listed).hexdigest() if listed else ""
    key = _key(image, "advisories", scanner, full, trivy.database(caches).identity, said)
    return _kept_or_made(settings, key, look, trivy.parse)


def _free_place(image: Image) -> ImagePath:
    """Return a path at which trivy takes a file for a list of packages, and the image has nothing."""
    names = (ImagePath(f"/packages{number}.cdx.json") for number in count())
    return next(name for name in names if image.tree.entry(name) is None)


def _check_shown(report: trivy.TrivyReport, written: Written) -> None:
    """Raise AnswerUnreadable for a report on anything else than the image that was shown."""
    if report.artifact_type != trivy.IMAGE_ARTIFACT:
        raise unreadable(
            (trivy.NAME,), f"it is about a {report.artifact_type[:40]!r}, and an image was shown"
        )
    told = set(report.metadata.diff_ids or ())
    if told and not all(told & {made, meant} for made, meant in written.layers if meant):
        raise unreadable((trivy.NAME,), "it is about another image than the one that was shown")


def _of_image(report: trivy.TrivyReport, image: Image, place: ImagePath) -> trivy.TrivyReport:
    """Return a report on what was shown of an image as one on the image, without the layer of `place`."""
    metadata, layers = report.metadata, len(image.identity.layers)
    diff_ids = metadata.diff_ids[:layers] if metadata.diff_ids and layers else metadata.diff_ids
    results = report.results and tuple(
        msgspec.structs.replace(result, target="") if result.target == place[1:] else result
        for result in report.results
    )
    return msgspec.structs.replace(
        report,
        artifact_name=str(image.identity.ref),
        metadata=msgspec.structs.replace(metadata, diff_ids=diff_ids),
        results=results,
    )


def _placed(document: syft.SyftDocument, image: Image) -> bytes:
    """Return a document as JSON, with the layer that the image has each file in.

    syft names files by path and layer also in what it says of one kind of package.
    """
    layers = image.identity.layers

    def layer_of(path: str, told: str) -> str:
        entry = image.tree.entry(normalise(path))
        return told if entry is None else layers[entry.layer].diff_id

    def in_layer(location: syft.SyftLocation) -> syft.SyftLocation:
        return msgspec.structs.replace(location, layer_id=layer_of(location.path, location.layer_id))

    artifacts = (
        msgspec.structs.replace(
            artifact,
            locations=tuple(in_layer(location) for location in artifact.locations),
            metadata=_in_layers(artifact.metadata, layer_of),
        )
        for artifact in document.artifacts
    )
    files = document.files and tuple(
        msgspec.structs.replace(file, location=in_layer(file.location)) for file in document.files
    )
    return msgspec.json.encode(msgspec.structs.replace(document, artifacts=tuple(artifacts), files=files))


def _in_layers(metadata: msgspec.Raw, layer_of: Callable[[str, str], str]) -> msgspec.Raw:
    """Return what is said of a package in the form of its kind, with the layer of each file in it."""
    text = bytes(metadata)
    if _LAYER.encode() not in text:
        return metadata
    said = msgspec.json.decode(text)
    pending = [said]
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            pending += part
        elif isinstance(part, dict):
            pending += part.values()
            if isinstance(told := part.get(_LAYER), str) and isinstance(path := part.get("path"), str):
                part[_LAYER] = layer_of(path, told)
    return msgspec.Raw(msgspec.json.encode(said))


def _files_of(scanner: Scanner) -> LookedAt:
    try:
        is_later = Version(scanner.version).release[:2] > _KNOWN_SYFT
    except InvalidVersion:
        is_later = True
    return is_scanned_by_later_syft if is_later else is_scanned


def _key(image: Image, question: str, scanner: Scanner, full: bool, *more: str) -> str | None:
    """Return what an answer depends on; None for an image that may be another one the next time."""
    ref = image.identity.ref
    if ref.digest is None or image.gaps or isinstance(image.tree, FolderTree):
        return None
    form = "full" if full else SKINNY_VERSION
    words = (question, _VERSION, ref, form, scanner.version, scanner.identity, *more)
    return hashlib.sha256(msgspec.msgpack.encode(words)).hexdigest()


def _kept_or_made(
    settings: Settings,
    key: str | None,
    look: Callable[[], tuple[bytes, Written]],
    parse: Callable[[bytes], DocumentT],
) -> Scanned[DocumentT]:
    store = FolderStore(settings.cache_dir / SCANS)
    if key is not None and (kept := _kept(store, key, parse)) is not None:
        return Scanned(kept)
    body, written = look()
    for made, meant in written.layers:
        # A diffID is in no text by chance.
        body = body.replace(made.encode(), meant.encode())
    if key is not None and not written.gaps:
        store.put(key, zstandard.ZstdCompressor().compress(body))
    return Scanned(parse(body), written.gaps)


def _kept(store: FolderStore, key: str, parse: Callable[[bytes], DocumentT]) -> DocumentT | None:
    """Return the answer that is kept; None where there is none, or what is there is damaged."""
    packed = store.get(key)
    if packed is None:
        return None
    try:
        if zstandard.frame_content_size(packed) > _MAX_ANSWER:
            return None
        return parse(zstandard.ZstdDecompressor().decompress(packed))
    except (zstandard.ZstdError, AnswerUnreadable):
        return None
