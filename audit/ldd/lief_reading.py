"""What lief reads of one ELF file. It reads hostile files with native code: only `depth_worker` runs it."""

import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import lief

from fleet_audit.audit.model.one_file import (
    Depth,
    DepthNote,
    DepthSegment,
    DepthSymbol,
    DepthVersions,
    Hardening,
)

MAX_LISTED = 5_000
MAX_NOTE = 64
MAX_NAME = 1_024

_CANARIES = frozenset({"__stack_chk_fail", "__stack_chk_fail_local", "__stack_chk_guard"})
_CHECKED = "_chk"

# Functions of glibc with a checked twin of the name __NAME_chk (debug/ of glibc), as far as they are common.
_FORTIFIABLE_NAMES = """
    asprintf confstr dprintf explicit_bzero fdelt fgets fgetws fprintf fread fread_unlocked fwprintf
    getcwd getdomainname getgroups gethostname getlogin_r gets getwd longjmp mbsnrtowcs mbsrtowcs mbstowcs
    memcpy memmove mempcpy memset obstack_printf poll ppoll pread pread64 printf ptsname_r read readlink
    readlinkat realpath recv recvfrom snprintf sprintf stpcpy stpncpy strcat strcpy strlcat strlcpy strncat
    strncpy swprintf syslog ttyname_r vasprintf vdprintf vfprintf vfwprintf vprintf vsnprintf vsprintf
    vswprintf vsyslog vwprintf wcpcpy wcpncpy wcrtomb wcscat wcscpy wcsncat wcsncpy wcsnrtombs wcsrtombs
    wcstombs wctomb wmemcpy wmemmove wmempcpy wmemset wprintf
"""
_FORTIFIABLE = frozenset(_FORTIFIABLE_NAMES.split())

_TAG = lief.ELF.DynamicEntry.TAG
_SEGMENT = lief.ELF.Segment.TYPE
_PERMISSION = lief.ELF.Segment.FLAGS
_DF_TEXTREL, _DF_BIND_NOW, _DF_1_NOW, _DF_1_PIE = 4, 8, 1, 0x08000000


class _Named(Protocol):
    @property
    def name(self) -> str | bytes: ...


class NotRead(Exception):
    """Lief made nothing of the file."""


def read_hardening(body: bytes) -> Hardening:
    """Return what protects the file; raises NotRead."""
    config = lief.ELF.ParserConfig()
    config.parse_relocations = False
    config.parse_notes = False
    config.parse_overlay = False
    return _hardening(_parsed(body, config))


def read_depth(body: bytes) -> Depth:
    """Return everything that is told of one file; raises NotRead."""
    config = lief.ELF.ParserConfig()
    config.parse_overlay = False
    binary = _parsed(body, config)
    imported = [s for s in binary.dynamic_symbols if s.imported and _name(s)]
    exported = [s for s in binary.dynamic_symbols if s.exported and _name(s)]
    return Depth(
        machine=_word(binary.header.machine_type),
        elf_class=_word(binary.header.identity_class),
        elf_type=_word(binary.header.file_type),
        hardening=_hardening(binary),
        entry=binary.header.entrypoint,
        interpreter=_said(lambda: binary.interpreter) if binary.has_interpreter else "",
        soname=_dynamic_text(binary, _TAG.SONAME) or "",
        needed=_needed(binary)[:MAX_LISTED],
        rpath=_dynamic_text(binary, _TAG.RPATH),
        runpath=_dynamic_text(binary, _TAG.RUNPATH),
        build_id=_build_id(binary),
        imported=_symbols(imported),
        imported_total=len(imported),
        exported=_symbols(exported),
        exported_total=len(exported),
        relocations=_relocations(binary),
        segments=tuple(_segment(s) for s in list(binary.segments)[:MAX_LISTED]),
        sections=tuple(_name(s) for s in list(binary.sections)[:MAX_LISTED] if _name(s)),
        notes=tuple(_note(n) for n in list(binary.notes)[:MAX_LISTED]),
        versions_needed=tuple(
            DepthVersions(_name(r), tuple(sorted(_name(a) for a in r.get_auxiliary_symbols())))
            for r in list(binary.symbols_version_requirement)[:MAX_LISTED]
        ),
        versions_defined=_defined(binary),
    )


def _parsed(body: bytes, config: lief.ELF.ParserConfig) -> lief.ELF.Binary:
    lief.logging.disable()
    binary = lief.ELF.parse(io.BytesIO(body), config)
    if binary is None or not len(binary.segments):
        raise NotRead("lief finds no segments in it")
    return binary


def _hardening(binary: lief.ELF.Binary) -> Hardening:
    flags = _dynamic_number(binary, _TAG.FLAGS)
    flags_1 = _dynamic_number(binary, _TAG.FLAGS_1)
    is_bound_now = bool(
        flags & _DF_BIND_NOW or flags_1 & _DF_1_NOW or _dynamic(binary, _TAG.BIND_NOW) is not None
    )
    kinds = {segment.type for segment in binary.segments}
    names = {_name(symbol) for symbol in binary.dynamic_symbols if symbol.imported}
    has_symbols = bool(len(binary.symtab_symbols))
    local = {_name(s) for s in binary.symtab_symbols} if not names else set[str]()
    return Hardening(
        is_pie=_is_pie(binary, flags_1),
        has_executable_stack=_has_executable_stack(binary),
        relro="none" if _SEGMENT.GNU_RELRO not in kinds else "full" if is_bound_now else "partial",
        has_canary=not _CANARIES.isdisjoint(names | local),
        fortified=sum(name.startswith("__") and name.endswith(_CHECKED) for name in names | local),
        fortifiable=len(_FORTIFIABLE & (names | local)),
        has_writable_code=any(
            s.type == _SEGMENT.LOAD and s.has(_PERMISSION.W) and s.has(_PERMISSION.X) for s in binary.segments
        ),
        has_text_relocations=bool(flags & _DF_TEXTREL or _dynamic(binary, _TAG.TEXTREL) is not None),
        is_stripped=not has_symbols,
    )


def _is_pie(binary: lief.ELF.Binary, flags_1: int) -> bool | None:
    if binary.header.file_type == lief.ELF.Header.FILE_TYPE.EXEC:
        return False
    is_program = bool(flags_1 & _DF_1_PIE) or (binary.has_interpreter and not _has(binary, _TAG.SONAME))
    return True if is_program else None


def _has_executable_stack(binary: lief.ELF.Binary) -> bool:
    # Where a file says nothing, the kernel and the loader give it an executable stack on most machines.
    found = [segment for segment in binary.segments if segment.type == _SEGMENT.GNU_STACK]
    return found[-1].has(_PERMISSION.X) if found else True


def _dynamic(binary: lief.ELF.Binary, tag: lief.ELF.DynamicEntry.TAG) -> lief.ELF.DynamicEntry | None:
    return next((entry for entry in binary.dynamic_entries if entry.tag == tag), None)


def _has(binary: lief.ELF.Binary, tag: lief.ELF.DynamicEntry.TAG) -> bool:
    return _dynamic(binary, tag) is not None


def _dynamic_number(binary: lief.ELF.Binary, tag: lief.ELF.DynamicEntry.TAG) -> int:
    entry = _dynamic(binary, tag)
    return 0 if entry is None else entry.value


def _dynamic_text(binary: lief.ELF.Binary, tag: lief.ELF.DynamicEntry.TAG) -> str | None:
    entry = _dynamic(binary, tag)
    if isinstance(entry, lief.ELF.DynamicSharedObject):
        return _name(entry)
    if isinstance(entry, lief.ELF.DynamicEntryRpath):
        return _said(lambda: entry.rpath)
    if isinstance(entry, lief.ELF.DynamicEntryRunPath):
        return _said(lambda: entry.runpath)
    return None


def _needed(binary: lief.ELF.Binary) -> tuple[str, ...]:
    entries = binary.dynamic_entries
    return tuple(_name(entry) for entry in entries if isinstance(entry, lief.ELF.DynamicEntryLibrary))


def _build_id(binary: lief.ELF.Binary) -> str:
    found = (n for n in binary.notes if n.type == lief.ELF.Note.TYPE.GNU_BUILD_ID)
    note = next(found, None)
    return "" if note is None else bytes(note.description)[:MAX_NOTE].hex()


def _symbols(symbols: Sequence[lief.ELF.Symbol]) -> tuple[DepthSymbol, ...]:
    told = (
        DepthSymbol(
            _name(symbol),
            _version(symbol),
            _word(symbol.type),
            is_weak=symbol.binding == lief.ELF.Symbol.BINDING.WEAK,
        )
        for symbol in symbols
    )
    return tuple(sorted(told, key=lambda symbol: (symbol.name, symbol.version)))[:MAX_LISTED]


def _version(symbol: lief.ELF.Symbol) -> str:
    version = symbol.symbol_version if symbol.has_version else None
    auxiliary = None if version is None else version.symbol_version_auxiliary
    return "" if auxiliary is None else _name(auxiliary)


def _relocations(binary: lief.ELF.Binary) -> dict[str, int]:
    found = Counter(_word(relocation.type) for relocation in binary.relocations)
    return dict(sorted(found.items()))


def _segment(segment: lief.ELF.Segment) -> DepthSegment:
    permissions = ((_PERMISSION.R, "r"), (_PERMISSION.W, "w"), (_PERMISSION.X, "x"))
    return DepthSegment(
        kind=_word(segment.type),
        flags="".join(letter if segment.has(flag) else "-" for flag, letter in permissions),
        offset=segment.file_offset,
        file_size=segment.physical_size,
        memory_size=segment.virtual_size,
    )


def _note(note: lief.ELF.Note) -> DepthNote:
    return DepthNote(_name(note), _word(note.type), bytes(note.description)[:MAX_NOTE].hex())


def _defined(binary: lief.ELF.Binary) -> tuple[str, ...]:
    names = [_first(d.auxiliary_symbols) for d in list(binary.symbols_version_definition)[:MAX_LISTED]]
    return tuple(name for name in names if name)


def _first(names: Iterable[lief.ELF.SymbolVersionAux]) -> str:
    return next((_name(auxiliary) for auxiliary in names), "")


def _word(value: object) -> str:
    """Return the last part of an enumeration's name: ``X86_64_RELATIVE``."""
    return str(value).rpartition(".")[2]


def _name(thing: _Named) -> str:
    return _said(lambda: thing.name)


def _said(say: Callable[[], str | bytes]) -> str:
    """Return a text of lief's, which raises where one is no UTF-8."""
    try:
        return _text(say())
    except UnicodeDecodeError as error:
        return _text(error.object.rstrip(b"\0"))


def _text(raw: str | bytes | memoryview) -> str:
    if isinstance(raw, str):
        return raw.encode("utf-8", "backslashreplace").decode()[:MAX_NAME]
    return bytes(raw).decode("utf-8", "backslashreplace")[:MAX_NAME]
