"""Writes small ELF files and whole images of them, in memory.

A file has one loaded segment that covers it, so that addresses are offsets.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self, TypedDict, Unpack

from fleet_audit.audit.images.tree import Entry, FileKind, MemoryTree, basename, normalise, parent
from fleet_audit.audit.ldd.reader import read_elf
from fleet_audit.audit.ldd.symbol_table import SymbolTable, read_symbols
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import SharedObject
from fleet_audit.audit.model.identity import ROOT, ImagePath
from fleet_audit.audit.model.image import ImageConfig

LOADER = "/lib64/ld-linux-x86-64.so.2"
X86_64, I386, AARCH64 = 62, 3, 183
FIRST_NEED = 0x100
"""The number of the first needed version; defined ones are numbered from 1."""


class Needs(NamedTuple):
    """Versions that an object needs from one file."""

    file: str
    versions: Sequence[str]
    weak: Sequence[str] = ()


class Symbol(NamedTuple):
    """A dynamic symbol: defined, or wanted from another file. `version` is one that the file names."""

    name: str
    version: str = ""
    is_defined: bool = True
    is_weak: bool = False
    is_hidden: bool = False


def wants(name: str, version: str = "", *, is_weak: bool = False) -> Symbol:
    """Return a symbol that is wanted from another file."""
    return Symbol(name, version, is_defined=False, is_weak=is_weak)


class Facts(TypedDict, total=False):
    """The facts that `elf` takes."""

    needed: Sequence[str]
    soname: str | None
    rpath: str | Sequence[str] | None
    runpath: str | Sequence[str] | None
    interpreter: str | None
    version_needs: Sequence[Needs]
    version_definitions: Sequence[str]
    version_table: bool | None
    flags: int
    flags_1: int
    executable_stack: bool | None
    dynamic: bool
    dlopen_note: bytes | None
    symbols: Sequence[Symbol]
    hash_style: str
    bits: int
    little_endian: bool
    machine: int
    elf_type: int


class _Strings:
    def __init__(self) -> None:
        self.table = b"\0"

    def add(self, text: str) -> int:
        at = len(self.table)
        self.table += text.encode() + b"\0"
        return at


def elf(
    *,
    needed: Sequence[str] = (),
    soname: str | None = None,
    rpath: str | Sequence[str] | None = None,
    runpath: str | Sequence[str] | None = None,
    interpreter: str | None = None,
    version_needs: Sequence[Needs] = (),
    version_definitions: Sequence[str] = (),
    version_table: bool | None = None,
    flags: int = 0,
    flags_1: int = 0,
    executable_stack: bool | None = False,
    dynamic: bool = True,
    dlopen_note: bytes | None = None,
    symbols: Sequence[Symbol] = (),
    hash_style: str = "gnu",
    bits: int = 64,
    little_endian: bool = True,
    machine: int = X86_64,
    elf_type: int = 3,
) -> bytes:
    """Return an ELF file of these facts; lists of directories are joined by colons."""
    order = "<" if little_endian else ">"
    word, dyn = ("Q", "QQ") if bits == 64 else ("I", "II")
    header_size, segment_size = (64, 56) if bits == 64 else (52, 32)
    strings = _Strings()
    entries = [(1, strings.add(name)) for name in needed]
    for tag, text in ((14, soname), (15, _joined(rpath)), (29, _joined(runpath))):
        if text is not None:
            entries.append((tag, strings.add(text)))
    entries += [(tag, value) for tag, value in ((30, flags), (0x6FFFFFFB, flags_1)) if value]
    needs = _version_needs(order, version_needs, strings)
    definitions = _version_definitions(order, version_definitions, strings)

    segments = 2 + dynamic + (interpreter is not None) + (dlopen_note is not None)
    start = header_size + segments * segment_size
    body = b""

    def place(piece: bytes) -> int:
        nonlocal body
        body += b"\0" * (-(start + len(body)) % 8)
        at = start + len(body)
        body += piece
        return at

    table = [(1, 5, 0, -1, 0x1000)]
    stack = {True: 7, False: 6, None: 0}[executable_stack]
    table.append((0x6474E551 if executable_stack is not None else 0, stack, 0, 0, 16))
    if interpreter is not None:
        path = interpreter.encode() + b"\0"
        table.append((3, 4, place(path), len(path), 1))
    if dlopen_note is not None:
        note = struct.pack(f"{order}III", 4, len(dlopen_note), 0x407C0C0A) + b"FDO\0" + dlopen_note
        table.append((4, 4, place(note + b"\0" * (-len(note) % 4)), len(note) + -len(note) % 4, 4))
    if version_needs:
        entries += [(0x6FFFFFFE, place(needs)), (0x6FFFFFFF, len(version_needs))]
    if version_definitions:
        entries += [(0x6FFFFFFC, place(definitions)), (0x6FFFFFFD, len(version_definitions))]
    has_table = bool(version_needs or version_definitions) if version_table is None else version_table
    # Undefined symbols come first, and the others in the order of their buckets.
    found = sorted(symbols, key=lambda s: (s.is_defined, _gnu_hash(s.name) % BUCKETS if s.is_defined else 0))
    if has_table:
        numbers = [0, *(_version_number(s, version_needs, version_definitions) for s in found)]
        entries.append((0x6FFFFFF0, place(struct.pack(f"{order}{len(numbers)}H", *numbers))))
    entries += [
        (tag, place(content)) for tag, content in _symbol_tables(order, bits, found, hash_style, strings)
    ]
    entries += [(5, place(strings.table)), (10, len(strings.table)), (0, 0)]
    if dynamic:
        content = b"".join(struct.pack(order + dyn, *entry) for entry in entries)
        table.append((2, 6, place(content), len(content), 8))

    size = start + len(body)
    head = struct.pack(
        f"{order}HHI{word}{word}{word}IHHHHHH",
        *(elf_type, machine, 1, 0, header_size, 0, 0),
        *(header_size, segment_size, segments, 0, 0, 0),
    )
    ident = b"\x7fELF" + bytes((bits // 32, 1 if little_endian else 2, 1, 0)) + b"\0" * 8
    rows = b"".join(_segment(order, bits, row, size) for row in table)
    return ident + head + rows + body


def _segment(order: str, bits: int, row: tuple[int, int, int, int, int], size: int) -> bytes:
    kind, flags, offset, length, align = row
    length = size if length < 0 else length
    if bits == 64:
        return struct.pack(f"{order}IIQQQQQQ", kind, flags, offset, offset, offset, length, length, align)
    return struct.pack(f"{order}IIIIIIII", kind, offset, offset, offset, length, length, flags, align)


BUCKETS = 2


def _gnu_hash(name: str) -> int:
    found = 5381
    for byte in name.encode():
        found = (found * 33 + byte) & 0xFFFFFFFF
    return found


def _symbol_tables(
    order: str, bits: int, symbols: Sequence[Symbol], hash_style: str, strings: _Strings
) -> list[tuple[int, bytes]]:
    if not symbols:
        return []
    if hash_style == "gnu":
        hashes = (0x6FFFFEF5, _gnu_table(order, bits, symbols))
    else:
        hashes = (4, _sysv_table(order, symbols))
    return [(6, _symbols(order, bits, symbols, strings)), hashes]


def _symbols(order: str, bits: int, symbols: Sequence[Symbol], strings: _Strings) -> bytes:
    found = bytes(24 if bits == 64 else 16)
    for symbol in symbols:
        name, info = strings.add(symbol.name), (2 if symbol.is_weak else 1) << 4 | 2
        section = 7 if symbol.is_defined else 0
        if bits == 64:
            found += struct.pack(f"{order}IBBHQQ", name, info, 0, section, 0x10, 0)
        else:
            found += struct.pack(f"{order}IIIBBH", name, 0x10, 0, info, 0, section)
    return found


def _gnu_table(order: str, bits: int, symbols: Sequence[Symbol]) -> bytes:
    first = 1 + sum(not s.is_defined for s in symbols)
    hashes = [_gnu_hash(s.name) for s in symbols if s.is_defined]
    buckets = [next((first + i for i, h in enumerate(hashes) if h % BUCKETS == b), 0) for b in range(BUCKETS)]
    ends = [i + 1 == len(hashes) or hashes[i + 1] % BUCKETS != h % BUCKETS for i, h in enumerate(hashes)]
    chain = [h & ~1 | end for h, end in zip(hashes, ends, strict=True)]
    head = struct.pack(f"{order}IIII{'Q' if bits == 64 else 'I'}", BUCKETS, first, 1, 0, 0)
    return head + struct.pack(f"{order}{BUCKETS + len(chain)}I", *buckets, *chain)


def _sysv_table(order: str, symbols: Sequence[Symbol]) -> bytes:
    count = len(symbols) + 1
    return struct.pack(f"{order}III{count}I", 1, count, 0, *([0] * count))


def _version_number(symbol: Symbol, needs: Sequence[Needs], definitions: Sequence[str]) -> int:
    if not symbol.version:
        return 1
    if symbol.is_defined:
        return definitions.index(symbol.version) + 1 | (0x8000 if symbol.is_hidden else 0)
    return [name for need in needs for name in (*need.versions, *need.weak)].index(
        symbol.version
    ) + FIRST_NEED


def _joined(directories: str | Sequence[str] | None) -> str | None:
    if directories is None or isinstance(directories, str):
        return directories
    return ":".join(directories)


def _version_needs(order: str, needs: Sequence[Needs], strings: _Strings) -> bytes:
    found = b""
    given = FIRST_NEED
    for index, need in enumerate(needs):
        names = [*((name, 0) for name in need.versions), *((name, 2) for name in need.weak)]
        length = 16 + 16 * len(names)
        following = length if index + 1 < len(needs) else 0
        found += struct.pack(f"{order}HHIII", 1, len(names), strings.add(need.file), 16, following)
        for number, (name, flags) in enumerate(names):
            more = 16 if number + 1 < len(names) else 0
            found += struct.pack(f"{order}IHHII", 0, flags, given + number, strings.add(name), more)
        given += len(names)
    return found


def _version_definitions(order: str, names: Sequence[str], strings: _Strings) -> bytes:
    found = b""
    for index, name in enumerate(names):
        following = 28 if index + 1 < len(names) else 0
        found += struct.pack(f"{order}HHHHIII", 1, index == 0, index + 1, 1, 0, 20, following)
        found += struct.pack(f"{order}II", strings.add(name), 0)
    return found


def facts(body: bytes) -> SharedObject | None:
    """Return what the reader makes of these bytes."""
    return read_elf(lambda offset, length: body[offset : offset + length], len(body))


def symbols_of(body: bytes) -> SymbolTable | None:
    """Return the dynamic symbols of these bytes."""
    return read_symbols(lambda offset, length: body[offset : offset + length], len(body))


class Image(NamedTuple):
    """A small image: its files, their ELF facts, and its configuration."""

    tree: MemoryTree
    elf: Mapping[ImagePath, SharedObject]
    config: ImageConfig

    def world(self) -> World:
        """Return the image as its loaders see it."""
        return World(
            self.tree,
            self.elf,
            self.config.env,
            working_dir=self.config.working_dir,
            symbols=lambda path: symbols_of(self.tree.read(path)),
        )


class ImageBuilder:
    """Collects the files of an image; see `image`."""

    def __init__(self) -> None:
        """Begin with an empty root folder."""
        self._folders: dict[ImagePath, dict[str, Entry]] = {ROOT: {}}
        self._bodies: dict[ImagePath, bytes] = {}
        self._config = ImageConfig()

    def elf(self, path: str, **facts: Unpack[Facts]) -> Self:
        """Put an ELF file at `path`, with the facts that the function `elf` takes."""
        return self.file(path, elf(**facts), mode=0o755)

    def file(self, path: str, body: bytes | str = b"", *, mode: int = 0o644) -> Self:
        """Put any other file."""
        at = normalise(path)
        self._bodies[at] = body.encode() if isinstance(body, str) else body
        entry = Entry(FileKind.FILE, size=len(self._bodies[at]), mode=mode, origin=at)
        return self._put(at, entry)

    def link(self, path: str, target: str) -> Self:
        """Put a symbolic link."""
        return self._put(normalise(path), Entry(FileKind.SYMLINK, link=target, mode=0o777))

    def folder(self, path: str) -> Self:
        """Put an empty folder."""
        self._ensure(normalise(path))
        return self

    def config(self, config: ImageConfig) -> Self:
        """Set the image's configuration."""
        self._config = config
        return self

    def env(self, **variables: str) -> Self:
        """Set the image's environment."""
        self._config = ImageConfig(env=variables)
        return self

    def python(
        self,
        path: str = "/usr/bin/python3",
        *,
        needed: Sequence[str] = (),
        rpath: Sequence[str] | None = None,
        runpath: Sequence[str] | None = None,
    ) -> Self:
        """Put glibc's loader and libc, and a Python interpreter that needs libc and `needed`."""
        self.elf(LOADER, soname="ld-linux-x86-64.so.2")
        self.elf("/lib64/libc.so.6", soname="libc.so.6", version_definitions=["libc.so.6", "GLIBC_2.34"])
        libraries = ["libc.so.6", *needed]
        return self.elf(path, interpreter=LOADER, needed=libraries, rpath=rpath, runpath=runpath)

    def build(self) -> Image:
        """Return the image."""
        tree = MemoryTree(self._folders, lambda entry: self._bodies[entry.origin])
        found = {path: known for path, body in self._bodies.items() if (known := facts(body)) is not None}
        return Image(tree, found, self._config)

    def _put(self, path: ImagePath, entry: Entry) -> Self:
        self._ensure(parent(path))
        self._folders[parent(path)][basename(path)] = entry
        return self

    def _ensure(self, folder: ImagePath) -> None:
        if folder in self._folders:
            return
        self._ensure(parent(folder))
        self._folders[parent(folder)][basename(folder)] = Entry(FileKind.FOLDER, mode=0o755)
        self._folders[folder] = {}


def image() -> ImageBuilder:
    """Begin an image."""
    return ImageBuilder()


def bare() -> ImageBuilder:
    """Begin an image that has glibc's loader."""
    return ImageBuilder().elf(LOADER, soname="ld-linux-x86-64.so.2")
