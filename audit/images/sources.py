"""Where images come from: one row per transport, in the order in which a bare path is tried."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.images.blobs import ArchiveContainer, FolderContainer
from fleet_audit.audit.images.docker_archive import find_docker_image
from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.images.found import FoundImage, Question
from fleet_audit.audit.images.oci import find_oci_image

_ROOT_FOLDERS = ("etc", "usr", "bin", "lib")
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
"""How gzip and zstd files begin."""


class FoundRoot(msgspec.Struct, frozen=True):
    """A root file system in a folder."""

    folder: Path


class FoundStream(msgspec.Struct, frozen=True):
    """An archive that can only be read front to back: what `engine` sends of `name`."""

    engine: str
    name: str


class FoundPulled(msgspec.Struct, frozen=True):
    """An image of a registry, which has not been asked yet."""


class FoundCompressed(msgspec.Struct, frozen=True):
    """An archive that is compressed as a whole, and so can only be read front to back as well."""

    file: Path


Found = FoundImage | FoundRoot | FoundStream | FoundCompressed | FoundPulled


class ImageSource(msgspec.Struct, frozen=True):
    """One transport. `takes` shows how it is written; `holds` says of a bare path whether it is one.

    `find` raises ImageError, and never anything else, where the place holds no such image.
    """

    transport: str
    takes: str
    holds: Callable[[Path], bool]
    find: Callable[[Question], Found]


def _is_oci_folder(path: Path) -> bool:
    return path.is_dir() and (path / "index.json").is_file()


def _is_root(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_dir() for name in _ROOT_FOLDERS)


def _is_docker_archive(path: Path) -> bool:
    return _archive_holds(path, "manifest.json")


def _is_oci_archive(path: Path) -> bool:
    return _archive_holds(path, "index.json")


def _is_compressed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(_COMPRESSED)
    except OSError:
        return False


def _archive_holds(path: Path, name: str) -> bool:
    if not path.is_file():
        return False
    if _is_compressed(path):
        # What it holds shows only when it is read; either way of reading an archive does that.
        return True
    try:
        return ArchiveContainer(path, ref=str(path), limits=Question(str(path), "").limits).has(name)
    except ImageError:
        return False


def _never(_path: Path) -> bool:
    return False


def _existing(question: Question, *, folder: bool) -> Path:
    path = Path(question.place)
    if not question.place or not os.path.exists(path):
        raise ImageError(question.ref, "there is no such file or folder", "check the path")
    if path.is_dir() != folder:
        is_what = "is a file, not a folder" if folder else "is a folder, not a file"
        raise ImageError(question.ref, is_what, "name the transport that fits it")
    return path


def _find_oci(question: Question) -> FoundImage:
    folder = _existing(question, folder=True)
    return find_oci_image(FolderContainer(folder, ref=question.ref, limits=question.limits), question)


def _find_oci_archive(question: Question) -> Found:
    file = _existing(question, folder=False)
    if _is_compressed(file):
        return FoundCompressed(file)
    return find_oci_image(ArchiveContainer(file, ref=question.ref, limits=question.limits), question)


def _find_docker_archive(question: Question) -> Found:
    file = _existing(question, folder=False)
    if _is_compressed(file):
        return FoundCompressed(file)
    return find_docker_image(ArchiveContainer(file, ref=question.ref, limits=question.limits), question)


def _find_root(question: Question) -> FoundRoot:
    folder = _existing(question, folder=True)
    try:
        os.scandir(folder).close()
    except OSError as e:
        raise ImageError(question.ref, f"cannot be listed ({e.strerror})") from e
    return FoundRoot(folder)


def _find_in_docker(question: Question) -> FoundStream:
    return FoundStream("docker", _engine_name(question))


def _find_in_podman(question: Question) -> FoundStream:
    return FoundStream("podman", _engine_name(question))


def _find_in_registry(question: Question) -> FoundPulled:
    _engine_name(question)
    return FoundPulled()


def _engine_name(question: Question) -> str:
    if not question.place:
        raise ImageError(question.ref, "names no image", "write the image's name behind the colon")
    return question.place


IMAGE_SOURCES: tuple[ImageSource, ...] = (
    ImageSource("oci", "oci:DIR[:TAG]", _is_oci_folder, _find_oci),
    ImageSource("docker-archive", "docker-archive:FILE[:NAME]", _is_docker_archive, _find_docker_archive),
    ImageSource("oci-archive", "oci-archive:FILE[:TAG]", _is_oci_archive, _find_oci_archive),
    ImageSource("dir", "dir:ROOTFS", _is_root, _find_root),
    ImageSource("docker", "docker:NAME", _never, _find_in_docker),
    ImageSource("podman", "podman:NAME", _never, _find_in_podman),
    ImageSource("registry", "registry:HOST/NAME[:TAG][@DIGEST]", _never, _find_in_registry),
)
"""Every transport. Docker's own archives are layouts as well since version 25: they are read as docker's."""

_BY_TRANSPORT = {source.transport: source for source in IMAGE_SOURCES}
_WITHOUT_CHOICE = frozenset({"dir", "docker", "podman", "registry"})
_LATER = frozenset({"docker-daemon", "containers-storage"})


def is_image_reference(text: str) -> bool:
    """Say whether `text` begins with a transport, or names a file or folder that exists (``PATH:CHOICE``)."""
    transport, separator, _ = text.partition(":")
    return (bool(separator) and transport in _BY_TRANSPORT) or os.path.exists(_split_place(text)[0])


def source_of(ref: str) -> tuple[ImageSource, str, str]:
    """Return the source that `ref` names, the place within it, and the choice of an image there.

    Raises UsageError for a transport that is not read, and ImageError for a bare path that holds no image.
    """
    transport, separator, rest = ref.partition(":")
    source = _BY_TRANSPORT.get(transport) if separator else None
    if source is not None:
        if transport in _WITHOUT_CHOICE:
            return source, rest, ""
        place, choice = _split_place(rest)
        return source, str(place) if rest else "", choice
    place, choice = _split_place(ref)
    if transport in _LATER and not os.path.exists(place):
        raise UsageError(
            f"{ref}: {transport}: is not read yet; save the image and name the file ({_forms()})"
        )
    if not os.path.exists(place):
        raise ImageError(ref, "there is no such file or folder", f"an image is named as {_forms()}")
    for candidate in IMAGE_SOURCES:
        if candidate.holds(place):
            return candidate, str(place), choice
    raise ImageError(ref, "holds no image", f"an image is named as {_forms()}")


def _forms() -> str:
    return ", ".join(source.takes for source in IMAGE_SOURCES)


def _split_place(text: str) -> tuple[Path, str]:
    """Split ``PATH:CHOICE``; since both may hold colons, the shortest path that exists wins."""
    if os.path.exists(text):
        return Path(text), ""
    parts = text.split(":")
    for count in range(1, len(parts)):
        place = ":".join(parts[:count])
        if os.path.exists(place):
            return Path(place), ":".join(parts[count:])
    return Path(parts[0]), ":".join(parts[1:])
