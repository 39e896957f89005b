"""What ldconfig would write to /etc/ld.so.cache (glibc 2.36: elf/cache.c, elf/ldconfig.c)."""

import fnmatch
import re
import struct
from collections.abc import Iterable
from functools import cmp_to_key

import msgspec

from examples.fleet.builder.elf_soname import is_library_name
from examples.fleet.builder.filesystem import FileSystem
from fleet_audit.audit.apt.debian.control import fields, stanzas

CACHE = "etc/ld.so.cache"

_MAGIC = b"glibc-ld.so.cache1.1"
_LITTLE_ENDIAN = 2
_X86_64_LIBC6 = 0x0303  # FLAG_X8664_LIB64 | FLAG_ELF_LIBC6
_EXTENSION_MAGIC = 0xEAA42174
_HEADER = struct.Struct("<20sIIB3xI12x")
_ENTRY = struct.Struct("<iIIIQ")
_SECTION = struct.Struct("<IIII")
_DEFAULT_FOLDERS = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/lib",
    "/usr/lib64",
    "/usr/lib",
)
_NUMBER = re.compile(r"[0-9]+")


class Library(msgspec.Struct, frozen=True, order=True):
    """One line of ``ldconfig -p``: a name and the path that answers it."""

    name: str
    path: str


def cache_of(files: FileSystem) -> bytes:
    """Return the cache for the folders that /etc/ld.so.conf names, then the loader's own."""
    return encode(libraries(files), generator=_generator(files))


def libraries(files: FileSystem) -> list[Library]:
    """Return what ldconfig finds, in the cache's order; earlier folders win a name."""
    found: dict[str, Library] = {}
    seen: set[str] = set()
    for folder in _folders(files):
        real = files.resolve(folder)
        if real in seen:
            continue
        seen.add(real)
        for name in _names_in(files, real):
            found.setdefault(name, Library(name, f"{folder}/{name}"))
    by_name = cmp_to_key(compare_names)
    return sorted(found.values(), key=lambda library: by_name(library.name), reverse=True)


def encode(entries: Iterable[Library], *, generator: str) -> bytes:
    """Return the file: header, entries, strings, and the extension that names its generator."""
    listed = list(entries)
    strings = bytearray()
    at = _HEADER.size + _ENTRY.size * len(listed)
    table = bytearray()
    for entry in listed:
        key = at + len(strings)
        strings += entry.name.encode() + b"\0"
        value = at + len(strings)
        strings += entry.path.encode() + b"\0"
        table += _ENTRY.pack(_X86_64_LIBC6, key, value, 0, 0)
    padding = -(at + len(strings)) % 4
    extension = at + len(strings) + padding
    header = _HEADER.pack(_MAGIC, len(listed), len(strings), _LITTLE_ENDIAN, extension)
    return header + bytes(table) + bytes(strings) + bytes(padding) + _extension(extension, generator.encode())


def compare_names(left: str, right: str) -> int:
    """Order names as the loader's binary search does: numbers by value (dl-cache.c, _dl_cache_libcmp)."""
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i].isdigit() and right[j].isdigit():
            first, second = _number(left, i), _number(right, j)
            if int(first) != int(second):
                return -1 if int(first) < int(second) else 1
            i, j = i + len(first), j + len(second)
        elif left[i].isdigit() or right[j].isdigit():
            return 1 if left[i].isdigit() else -1
        elif left[i] != right[j]:
            return -1 if left[i] < right[j] else 1
        else:
            i, j = i + 1, j + 1
    return (i < len(left)) - (j < len(right))


def _number(text: str, start: int) -> str:
    match = _NUMBER.match(text, start)
    return match[0] if match else ""


def _extension(offset: int, generator: bytes) -> bytes:
    section = struct.pack("<II", _EXTENSION_MAGIC, 1)
    body_offset = offset + len(section) + _SECTION.size
    return section + _SECTION.pack(0, 0, body_offset, len(generator)) + generator


def _generator(files: FileSystem) -> str:
    for stanza in stanzas([files.read("var/lib/dpkg/status")]):
        found = fields(stanza, ("Package", "Version"))
        if found["Package"] == "libc-bin":
            upstream = found["Version"].partition("-")[0]
            return f"ldconfig (Debian GLIBC {found['Version']}) stable release version {upstream}"
    return "ldconfig (GNU libc) stable release version 2.36"


def _folders(files: FileSystem) -> list[str]:
    return [*_configured(files, "etc/ld.so.conf", depth=0), *_DEFAULT_FOLDERS]


def _configured(files: FileSystem, path: str, *, depth: int) -> list[str]:
    found: list[str] = []
    for raw in files.read(path).decode(errors="replace").splitlines():
        line = raw.partition("#")[0].strip()
        if line.startswith("include") and depth < 4:
            folder, _, pattern = line.split()[1].rpartition("/")
            for name in fnmatch.filter(files.children(folder), pattern):
                found += _configured(files, f"{folder}/{name}", depth=depth + 1)
        elif line.startswith("/"):
            found.append(line.rstrip("/"))
    return found


def _names_in(files: FileSystem, folder: str) -> list[str]:
    names: set[str] = set()
    for name in filter(is_library_name, files.children(folder)):
        target = files.nodes.get(files.resolve(f"{folder}/{name}"))
        if target is not None and target.soname is not None:
            is_link = files.nodes[f"{folder}/{name}"].kind == "symlink"
            names.add(name if is_link and _is_name_of_its_own(name, target.soname) else target.soname)
    return sorted(names)


def _is_name_of_its_own(link: str, soname: str) -> bool:
    # The link that a linker looks for (libGL.so) is listed beside the soname; all others count as the file.
    return link == soname or (link.endswith(".so") and soname.startswith(link))
