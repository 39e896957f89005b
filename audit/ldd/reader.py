"""The facts of one ELF file, from its program headers and dynamic segment alone.

Section headers are not looked at: the loader does not use them, and stripped files have none.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from sys import intern
from typing import NamedTuple

import msgspec

from fleet_audit.audit.ldd import layout as elf
from fleet_audit.audit.ldd.layout import LAYOUTS, Layout, Segment
from fleet_audit.audit.ldd.notes import dlopen_sonames, x86_isa_needed
from fleet_audit.audit.ldd.symbol_versions import version_definitions, version_needs
from fleet_audit.audit.ldd.window import BLOCK, Damaged, Read, Window
from fleet_audit.audit.model.elf import SharedObject, VersionNeed
from fleet_audit.audit.model.identity import Soname

MAX_DYNAMIC_ENTRIES = 16_384
MAX_NEEDED = 4_096
MAX_STRING = 64 << 10
MAX_NOTES = 16
NOTE_WITH_A_NAME = 16
PATH_MAX = 4096
SMALLEST_PAGE = 4096
MAX_STRINGS = 1 << 20
"""Bytes of all strings of one file; the largest real files have some ten thousand."""


def read_elf(read: Read, size: int) -> SharedObject | None:
    """Return the facts of a file of `size` bytes, or None where it is not ELF.

    `read(offset, length)` returns that part of the file, shorter only at its end. Never raises for
    what the file holds: a damaged file gives what could be read, and `oddity` and `refusal` say what
    was wrong and why the loader would refuse it.
    """
    head = read(0, min(BLOCK, size))
    if head[:4] != elf.ELF_MAGIC:
        return None
    layout = LAYOUTS.get((head[4], head[5])) if len(head) > 5 else None
    if layout is None or len(head) < layout.header_size:
        return _unreadable(head)
    header = layout.elf_header.unpack_from(head, 16)
    facts = SharedObject(
        elf_class=layout.elf_class, is_little_endian=head[5] == 1, machine=header[1], elf_type=header[0]
    )
    refusal = _header_refusal(head, header, layout)
    try:
        segments = _segments(Window(read, size, 0, head), header, layout)
    except Damaged as e:
        return msgspec.structs.replace(facts, oddity=str(e), refusal=refusal or "cannot read file data")
    return _read_segments(_File(read, size, layout, facts, head), segments, refusal)


class _File(NamedTuple):
    read: Read
    size: int
    layout: Layout
    facts: SharedObject
    head: bytes

    def window(self) -> Window:
        return Window(self.read, self.size, 0, self.head)


def _unreadable(head: bytes) -> SharedObject:
    is_short = len(head) < 52
    why = (
        "the file is shorter than an ELF header" if is_short else "the ELF class or data encoding is unknown"
    )
    return SharedObject(
        elf_class=0,
        is_little_endian=True,
        machine=0,
        elf_type=0,
        oddity=why,
        refusal="file too short" if is_short else "invalid ELF header",
    )


_GNU = 3
"""ELFOSABI_GNU, also called ELFOSABI_LINUX."""

_ABI_MAX = 4
"""LIBC_ABI_MAX of glibc 2.31 to 2.41 (libc-abis)."""


def _header_refusal(head: bytes, header: Sequence[int], layout: Layout) -> str:
    """Repeat the checks of open_verify (elf/dl-load.c) that do not depend on who asks."""
    checks = (
        (head[6] == 1, "ELF file version ident does not match current one"),
        (head[7] in (0, _GNU), "ELF file OS ABI invalid"),
        (head[8] == 0 or (head[7] == _GNU and head[8] < _ABI_MAX), "ELF file ABI version invalid"),
        (not any(head[9:16]), "nonzero padding in e_ident"),
        (header[2] == 1, "ELF file version does not match current one"),
        (header[0] in (elf.ET_DYN, elf.ET_EXEC), "only ET_DYN and ET_EXEC can be loaded"),
        (header[8] == layout.program_header.size, "ELF file's phentsize not the expected size"),
    )
    return next((why for holds, why in checks if not holds), "")


_LOOKED_AT = frozenset({elf.PT_LOAD, elf.PT_DYNAMIC, elf.PT_INTERP, elf.PT_NOTE, elf.PT_GNU_STACK})


def _segments(window: Window, header: Sequence[int], layout: Layout) -> list[Segment]:
    offset, count = header[4], header[9]
    entry = layout.program_header
    table = window.at(offset, count * entry.size, "the program header table")
    a, b, c, d, e = layout.segment_fields
    headers = (t for t in entry.iter_unpack(table) if t[a] in _LOOKED_AT)
    return [Segment(t[a], t[b], t[c], t[d], t[e]) for t in headers]


def _read_segments(file: _File, segments: Sequence[Segment], refusal: str) -> SharedObject:
    by_type = _by_type(segments)
    loads = by_type[elf.PT_LOAD]
    refusal = refusal or _segment_refusal(loads, file.size)
    oddity = "the file ends before its segments do" if refusal == _TRUNCATED else ""
    found: dict[str, object] = {"has_executable_stack": _has_executable_stack(by_type[elf.PT_GNU_STACK])}
    try:
        found["interpreter"] = _interpreter(file, by_type[elf.PT_INTERP])
        _add_notes(found, file, by_type[elf.PT_NOTE])
        _add_dynamic_facts(found, file, by_type[elf.PT_DYNAMIC], loads)
    except Damaged as e:
        oddity = str(e)
        from fleet_audit.audit.ldd.fallback import read_with_pyelftools  # noqa: PLC0415  (20 ms; odd files are rare)

        recovered = read_with_pyelftools(file.read, file.size)
        if recovered is not None:
            found = recovered | found
    is_dynamic = bool(found.get("is_dynamic"))
    if not is_dynamic and file.facts.elf_type == elf.ET_DYN and not oddity:
        refusal = refusal or "object file has no dynamic section"
    return msgspec.structs.replace(file.facts, **found, oddity=oddity, refusal=refusal)


def _by_type(segments: Iterable[Segment]) -> Mapping[int, list[Segment]]:
    found: dict[int, list[Segment]] = {kind: [] for kind in _LOOKED_AT}
    for segment in segments:
        found[segment.type].append(segment)
    return found


_TRUNCATED = "cannot read file data: the file ends before its segments do"


def _segment_refusal(loads: Sequence[Segment], size: int) -> str:
    """Repeat the checks of _dl_map_object_from_fd on PT_LOAD, and name a file that was cut short."""
    if not loads:
        return "object file has no loadable segments"
    for segment in loads:
        if (segment.address - segment.offset) % SMALLEST_PAGE:
            return "ELF load command address/offset not page-aligned"
        # The loader maps such a file, and the process dies of SIGBUS when it touches the missing pages.
        if segment.offset + segment.file_size > size:
            return _TRUNCATED
    return ""


def _has_executable_stack(stacks: Sequence[Segment]) -> bool | None:
    return bool(stacks[-1].flags & elf.PF_X) if stacks else None


def _interpreter(file: _File, interpreters: Sequence[Segment]) -> str | None:
    # The kernel runs nothing whose path does not end where its segment does (fs/binfmt_elf.c).
    if not interpreters or not 2 <= interpreters[0].file_size <= PATH_MAX:
        return None
    found = interpreters[0]
    path = file.window().at(found.offset, found.file_size, "the interpreter's path")
    return text(path.split(b"\0", 1)[0]) if path.endswith(b"\0") else None


def _add_notes(found: dict[str, object], file: _File, notes: Sequence[Segment]) -> None:
    libraries: list[str] = []
    required: list[str] = []
    isa = 0
    window = file.window()
    header, alignment = file.layout.note_header, file.layout.elf_class // 8
    for segment in [s for s in notes if s.file_size <= MAX_STRING][:MAX_NOTES]:
        if segment.file_size > NOTE_WITH_A_NAME:
            content = window.at(segment.offset, segment.file_size, "a note segment")
            named, most = dlopen_sonames(content, header)
            libraries.extend(named)
            required.extend(most)
            isa |= x86_isa_needed(content, header, alignment)
    found["dlopen_notes"] = tuple(libraries)
    found["dlopen_required"] = tuple(required)
    if file.facts.machine in (elf.EM_X86_64, elf.EM_386):
        found["x86_isa_needed"] = isa


class DynamicFile(NamedTuple):
    """What leads to the tables that the dynamic segment names."""

    layout: Layout
    loads: Sequence[Segment]
    values: dict[int, int]

    def offset(self, tag: int, what: str) -> int:
        """Return where the table that an address of the dynamic segment names lies in the file."""
        return file_offset(self.values[tag], self.loads, what)


def dynamic_file(read: Read, size: int) -> DynamicFile | None:
    """Return the dynamic segment of a file, None where there is none; raise `Damaged` where it misleads."""
    head = read(0, min(BLOCK, size))
    layout = LAYOUTS.get((head[4], head[5])) if head[:4] == elf.ELF_MAGIC and len(head) > 5 else None
    if layout is None or len(head) < layout.header_size:
        return None
    header = layout.elf_header.unpack_from(head, 16)
    file = _File(read, size, layout, SharedObject(layout.elf_class, head[5] == 1, header[1], header[0]), head)
    segments = _segments(file.window(), header, layout)
    by_type = _by_type(segments)
    dynamics, loads = by_type[elf.PT_DYNAMIC], by_type[elf.PT_LOAD]
    if not dynamics or dynamics[-1].file_size == 0:
        return None
    return DynamicFile(layout, loads, _dynamic_entries(file, dynamics[-1]).values)


_FILTERS = frozenset({elf.DT_FILTER, elf.DT_AUXILIARY})


class _Dynamic(NamedTuple):
    needed: list[int]
    values: dict[int, int]
    filters: list[tuple[int, int]]


def _dynamic_entries(file: _File, segment: Segment) -> _Dynamic:
    entry = file.layout.dynamic_entry
    length = min(segment.file_size, MAX_DYNAMIC_ENTRIES * entry.size)
    length -= length % entry.size
    table = file.window().at(segment.offset, length, "the dynamic segment")
    needed: list[int] = []
    values: dict[int, int] = {}
    end, need = elf.DT_NULL, elf.DT_NEEDED
    for tag, value in entry.iter_unpack(table):
        if tag == end:
            break
        if tag == need:
            needed.append(value)
        else:
            # The last entry of a tag counts (elf_get_dynamic_info).
            values[tag] = value
    else:
        raise Damaged("the dynamic segment has no end")
    filters: list[tuple[int, int]] = []
    if _FILTERS & values.keys():
        entries = takewhile(lambda found: found[0] != elf.DT_NULL, entry.iter_unpack(table))
        filters = [(tag, value) for tag, value in entries if tag in _FILTERS]
    if len(needed) + len(filters) > MAX_NEEDED:
        raise Damaged(f"the file needs {len(needed) + len(filters)} libraries")
    return _Dynamic(needed, values, filters)


def file_offset(address: int, loads: Sequence[Segment], what: str) -> int:
    """Return where the byte that is loaded at `address` lies in the file; raise `Damaged` if nowhere."""
    for segment in loads:
        if segment.address <= address < segment.address + segment.file_size:
            return segment.offset + address - segment.address
    raise Damaged(f"{what} lies in no loaded segment")


class Strings:
    """The dynamic string table; each string is bounded, and all strings of a file together."""

    __slots__ = ("_known", "_left", "_start", "_window")

    def __init__(self, window: Window, start: int) -> None:
        """Take the table's offset in the file."""
        self._window = window
        self._start = start
        self._left = MAX_STRINGS
        self._known: dict[int, str] = {}

    def at(self, index: int) -> str:
        """Return the string at `index`; raise `Damaged` where there is none."""
        known = self._known.get(index)
        if known is not None:
            return known
        found = self._window.string(self._start + index, MAX_STRING, "a string of the dynamic segment")
        self._left -= len(found)
        if self._left < 0:
            raise Damaged("the strings of the dynamic segment are too long together")
        # Thousands of files name the same libraries and versions.
        self._known[index] = name = intern(text(found))
        return name


def _add_dynamic_facts(
    found: dict[str, object], file: _File, dynamics: Sequence[Segment], loads: Sequence[Segment]
) -> None:
    """Add what the dynamic segment says, in the loader's order, so that damage keeps what came before."""
    # A file of debugging symbols keeps the header and none of the content.
    if not dynamics or dynamics[-1].file_size == 0:
        return
    found["is_dynamic"] = True
    needed, values, filters = _dynamic_entries(file, dynamics[-1])
    found["flags"] = values.get(elf.DT_FLAGS, 0)
    found["flags_1"] = values.get(elf.DT_FLAGS_1, 0)
    found["has_version_table"] = elf.DT_VERSYM in values
    if elf.DT_STRTAB not in values:
        raise Damaged("the dynamic segment names no string table")
    strings = Strings(file.window(), file_offset(values[elf.DT_STRTAB], loads, "the string table"))
    found["needed"] = tuple(Soname(strings.at(index)) for index in needed)
    if filters:
        for kind, field in ((elf.DT_FILTER, "filters"), (elf.DT_AUXILIARY, "auxiliaries")):
            found[field] = tuple(Soname(strings.at(index)) for tag, index in filters if tag == kind)
    for tag, name in ((elf.DT_SONAME, "soname"), (elf.DT_RPATH, "rpath"), (elf.DT_RUNPATH, "runpath")):
        if tag in values:
            found[name] = strings.at(values[tag])
    found["version_needs"] = _needs(file, values, loads, strings)
    found["version_definitions"] = _definitions(file, values, loads, strings)


def _needs(
    file: _File, values: dict[int, int], loads: Sequence[Segment], strings: Strings
) -> tuple[VersionNeed, ...]:
    if elf.DT_VERNEED not in values:
        return ()
    start = file_offset(values[elf.DT_VERNEED], loads, "the table of needed versions")
    count = values.get(elf.DT_VERNEEDNUM, 0)
    return version_needs(file.window(), start, count, file.layout, strings.at)


def _definitions(
    file: _File, values: dict[int, int], loads: Sequence[Segment], strings: Strings
) -> tuple[str, ...]:
    if elf.DT_VERDEF not in values:
        return ()
    start = file_offset(values[elf.DT_VERDEF], loads, "the table of defined versions")
    count = values.get(elf.DT_VERDEFNUM, 0)
    return version_definitions(file.window(), start, count, file.layout, strings.at)


def text(raw: bytes) -> str:
    r"""Return bytes of a file as text; what is not UTF-8 stands as ``\xNN``, as in `ImagePath`."""
    return raw.decode("utf-8", "backslashreplace")
