"""For which platform a root is, which no document states: that of its shell, or of its loader."""

import struct
from collections.abc import Iterator
from itertools import islice

from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, join
from fleet_audit.audit.model.identity import ImagePath, Platform

_PROGRAMS = (
    "/bin/sh",
    "/bin/bash",
    "/usr/bin/env",
    "/usr/bin/dpkg",
    "/sbin/ldconfig",
    "/usr/local/bin/python3",
)
"""What nearly every root has, and what starts only on its own machine."""

_FOLDERS = ("/lib64", "/lib", "/usr/lib64", "/usr/lib")
_LOADERS = ("ld-linux", "ld-musl", "ld64.so", "ld.so")
_MAX_LOADERS = 20

_PREFIX = 64
_LITTLE_ENDIAN, _BIG_ENDIAN = 1, 2
_ARM = 40
_ARM_HARD_FLOAT = 0x400
"""EF_ARM_ABI_FLOAT_HARD (ELF for the Arm Architecture, 5.2): Debian's armhf has it, armel has not."""

_ARCHITECTURES = {
    (2, _LITTLE_ENDIAN, 62): "amd64",
    (1, _LITTLE_ENDIAN, 3): "386",
    (2, _LITTLE_ENDIAN, 183): "arm64",
    (1, _LITTLE_ENDIAN, _ARM): "arm",
    (2, _LITTLE_ENDIAN, 21): "ppc64le",
    (2, _BIG_ENDIAN, 21): "ppc64",
    (2, _BIG_ENDIAN, 22): "s390x",
    (2, _LITTLE_ENDIAN, 243): "riscv64",
    (2, _LITTLE_ENDIAN, 258): "loong64",
    (2, _LITTLE_ENDIAN, 8): "mips64le",
}
"""OCI's names by class, data encoding and e_machine (gABI, chapter 4; GOARCH)."""


def platform_of(tree: FileTree) -> Platform | None:
    """Return the platform that a root's programs are built for; None where it has none that tells.

    A root may hold loaders and libraries of several machines (multiarch); its shell is of its own.
    """
    return next((found for path in _tellers(tree) if (found := _platform(_head(tree, path)))), None)


def _tellers(tree: FileTree) -> Iterator[ImagePath]:
    yield from map(ImagePath, _PROGRAMS)
    for folder in _FOLDERS:
        real = tree.realpath(ImagePath(folder))
        names = sorted(tree.listing(real)) if real is not None else []
        loaders = (name for name in names if name.startswith(_LOADERS))
        yield from (join(ImagePath(folder), name) for name in islice(loaders, _MAX_LOADERS))


def _head(tree: FileTree, path: ImagePath) -> bytes:
    real = tree.realpath(path)
    entry = None if real is None else tree.entry(real)
    if real is None or entry is None or entry.kind is not FileKind.FILE:
        return b""
    try:
        return tree.read(real)[:_PREFIX]
    except FileUnreadable:
        return b""


def _platform(head: bytes) -> Platform | None:
    """Return the platform of a file by its ELF header; None where that is none, or of another system."""
    if len(head) < _PREFIX or head[:4] != b"\x7fELF":
        return None
    elf_class, encoding = head[4], head[5]
    order = ">" if encoding == _BIG_ENDIAN else "<"
    (machine,) = struct.unpack_from(f"{order}H", head, 18)
    architecture = _ARCHITECTURES.get((elf_class, encoding, machine))
    if architecture is None:
        return None
    (flags,) = struct.unpack_from(f"{order}I", head, 36 if elf_class == 1 else 48)
    variant = "" if machine != _ARM else "v7" if flags & _ARM_HARD_FLOAT else "v6"
    return Platform("linux", architecture, variant)
